"""Plots: what is drawn, labels with units, legends off the data, files that repeat exactly."""

import hist
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from l1kd import plots
from l1kd.physics import response
from l1kd.physics.response import Resampling, ResponseSample
from l1kd.trigger.rates.curves import NORMALISATIONS, rate_curve

WEIGHTINGS = ("none", "puppi", "qdistillnet", "delphes_puppi")
HL_LHC = NORMALISATIONS["hl_lhc"]


@pytest.fixture(scope="module")
def sample():
    generator = np.random.default_rng(1)
    gen_met = generator.normal(0.0, 50.0, (2, 120))
    met = {w: gen_met + generator.normal(0.0, 10.0, (2, 120)) for w in WEIGHTINGS}
    gen_pt = generator.exponential(30.0, 300) + 15.0
    jets = {w: gen_pt * generator.normal(1.0, 0.2, 300) for w in WEIGHTINGS}
    jets["puppi"][:20] = np.nan
    event = np.sort(generator.integers(0, 120, 300))
    return ResponseSample(gen_met, met, np.ones(120), gen_pt, np.zeros(300), event, jets)


@pytest.fixture(scope="module")
def bins(sample):
    return response.met_bins(sample, resampling=Resampling(replicas=20))


def legend_labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def legend_is_off_the_data(figure):
    figure.canvas.draw()
    boxes = [legend.get_window_extent() for legend in figure.legends]
    return all(not box.overlaps(a.get_window_extent()) for box in boxes for a in figure.axes)


def nothing_is_cut_off(figure):
    """Whether every label, title and tick of a framed figure lies within it."""
    figure.canvas.draw()
    whole = figure.bbox.padded(1.0)
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    across = all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in boxes)
    return across and all(whole.y0 <= box.y0 and box.y1 <= whole.y1 for box in boxes)


def many(sample, times=10):
    """Return the sample several times over, enough for histograms."""
    n = sample.weight.size
    return ResponseSample(
        np.tile(sample.gen_met, times),
        {w: np.tile(x, times) for w, x in sample.met.items()},
        np.tile(sample.weight, times),
        np.tile(sample.gen_jet_pt, times),
        np.tile(sample.gen_jet_eta, times),
        np.concatenate([sample.gen_jet_event + n * i for i in range(times)]),
        {w: np.tile(x, times) for w, x in sample.jet_pt.items()},
    )


@pytest.mark.parametrize("draw", [plots.met_response, plots.jet_response])
def test_response_distributions(sample, draw):
    figure = draw(many(sample))
    assert legend_labels(figure) == [plots.LABELS[w] for w in WEIGHTINGS]
    assert legend_is_off_the_data(figure)
    assert nothing_is_cut_off(figure)
    axes = figure.axes[0]
    assert axes.get_ylim()[0] == 0.0
    assert "gen" in axes.get_xlabel()
    # the steps of every weighting, and the band of their uncertainty
    assert len(axes.patches) == 2 * len(WEIGHTINGS)


@pytest.mark.parametrize("draw", [plots.met_response, plots.jet_response])
def test_few_entries_are_points_and_quartiles(sample, draw):
    figure = draw(sample)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == [plots.LABELS[w] for w in WEIGHTINGS]
    assert nothing_is_cut_off(figure)
    of_jets = draw is plots.jet_response
    x = sample.jet_response("puppi") if of_jets else sample.relative_met("puppi")
    box = axes.patches[WEIGHTINGS.index("puppi")]
    wanted = np.nanquantile(x, [0.25, 0.75])
    np.testing.assert_allclose([box.get_x(), box.get_x() + box.get_width()], wanted)
    sizes = [text.get_text() for text in axes.texts]
    assert sizes == (["300", "280", "300", "300"] if of_jets else ["120"] * 4)


def test_response_counts_are_those_of_the_sample(sample):
    figure = plots.jet_response(many(sample), edges=[0.0, 1.0, 10.0])
    counts = figure.axes[0].patches[0].get_data().values
    response_ = sample.jet_response("none")
    assert counts.tolist() == [10 * (response_ < 1.0).sum(), 10 * (response_ >= 1.0).sum()]


def test_bins_of_few_entries_are_not_drawn(bins):
    few = [{**row, "table": {"puppi": dict(row["table"]["puppi"])}} for row in bins]
    for n, row in zip((9, 10, 9, 12, 9, 9), few, strict=True):
        row["table"]["puppi"]["corrected"] = {"value": 0.3, "low": 0.2, "high": 0.4, "n": n}
    above = plots.resolution_versus(few, variable="x [GeV]").axes[0]
    (points,) = above.containers
    assert points.lines[0].get_xdata().tolist() == [1.5, 3.5]


def test_resolution_in_bins(bins):
    figure = plots.resolution_versus(bins, variable="generated missing $p_T$ [GeV]")
    above, below = figure.axes
    assert "[GeV]" in below.get_xlabel()
    assert "PUPPI" in below.get_ylabel()
    assert [t.get_text() for t in below.get_xticklabels()][-1] == r"$\infty$"
    assert len(above.containers) == len(WEIGHTINGS)
    assert len(below.containers) == len(WEIGHTINGS) - 2  # neither the reference nor none
    assert above.get_ylim()[0] == 0.0
    assert legend_is_off_the_data(figure)


def test_resolution_without_values_or_bins(bins):
    empty = {"value": None, "low": None, "high": None, "n": 0}
    blank = [{"low": 0.0, "high": 20.0, "table": {"puppi": {"corrected": empty}}}]
    assert isinstance(plots.resolution_versus(blank, variable="x [GeV]"), Figure)
    assert isinstance(plots.resolution_versus([], variable="x [GeV]"), Figure)


def test_rates(tmp_path):
    values = np.random.default_rng(3).exponential(10.0, 500)
    curves = {"puppi": rate_curve(values, np.linspace(0, 150, 61), HL_LHC)}
    figure = plots.rate_versus_threshold(curves, variable="MET [GeV]", norm=HL_LHC)
    axes = figure.axes[0]
    assert axes.get_ylabel() == "rate [kHz]"
    assert axes.get_xlabel() == "threshold on MET [GeV]"
    assert axes.get_yscale() == "log"
    assert any("750" in text.get_text() for text in axes.texts)
    (arrow,) = axes.containers
    x, y = (float(v[0]) for v in arrow.lines[0].get_data())
    assert y * 1e3 == curves["puppi"].high[-1]
    assert x < axes.get_xlim()[1]
    assert nothing_is_cut_off(figure)
    plots.save(figure, tmp_path, "rates")


def test_the_arrow_of_the_last_threshold_is_not_cropped():
    curves = {"puppi": rate_curve([1.0, 2.0], [0.0, 1.0, 2.5], HL_LHC)}
    axes = plots.rate_versus_threshold(curves, variable="x [GeV]", norm=HL_LHC).axes[0]
    assert float(axes.containers[0].lines[0].get_xdata()[0]) == 2.5 < axes.get_xlim()[1]


def test_efficiency_and_scores(tmp_path):
    generator = np.random.default_rng(4)
    zero_bias, top = generator.normal(60, 5, 400), generator.normal(80, 10, 100)
    figure = plots.efficiency_versus_rate(zero_bias, {"top pairs": top}, HL_LHC)
    curve = figure.axes[0].lines[0]
    assert curve.get_xdata()[0] == pytest.approx(HL_LHC.input_hz / 400 / 1e3)
    assert curve.get_ydata()[0] == (top >= zero_bias.max()).mean()
    assert curve.get_ydata()[-1] == (top >= zero_bias.min()).mean()
    weighted = plots.efficiency_versus_rate(
        zero_bias, {"top pairs": top}, HL_LHC, {"top pairs": np.full(100, 3.0)}
    )
    np.testing.assert_allclose(weighted.axes[0].lines[0].get_ydata(), curve.get_ydata())
    scores = plots.score_distributions({"minimum bias": zero_bias, "top pairs": top})
    assert legend_labels(scores) == ["minimum bias (400)", "top pairs (100)"]
    assert isinstance(plots.score_distributions({"nothing": []}), Figure)
    plots.save(scores, tmp_path, "scores")


def test_weights(tmp_path):
    histogram = hist.Hist(
        hist.axis.StrCategory(["puppi"], name="weighting"),
        hist.axis.StrCategory(["charged hadron", "photon"], name="kind"),
        hist.axis.StrCategory(["hard", "pile-up", "unknown"], name="origin"),
        hist.axis.Regular(50, 0.0, 1.0, name="value"),
        storage=hist.storage.Int64(),
    )
    histogram.fill("puppi", "photon", "hard", np.linspace(0.0, 0.99, 200))
    histogram.fill("puppi", "photon", "pile-up", np.linspace(0.0, 0.3, 200))
    groups = {"charged": ("charged hadron",), "photons": ("photon",)}
    figure = plots.weight_histograms(histogram, groups=groups)
    assert [axes.get_title() for axes in figure.axes] == ["charged", "photons"]
    assert legend_labels(figure) == ["PUPPI, hard", "PUPPI, pile-up"]
    plots.save(figure, tmp_path, "weights")


def test_event_display_leaves_out_what_a_weight_drops():
    pt, eta, phi = np.array([10.0, 5.0, 1.0]), np.array([0.0, 1.0, -2.0]), np.array([0.0, 1.0, 2.0])
    figure = plots.event_display(pt, eta, phi, {"none": None, "puppi": [1.0, 0.5, 0.0]})
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "no weight: 16 GeV, 3 particles"
    assert titles[1].endswith("2 particles")
    assert len(figure.axes[1].collections[0].get_offsets()) == 2
    assert isinstance(plots.event_display([], [], [], {"none": None}), Figure)
    assert isinstance(plots.event_display([], [], [], {}), Figure)


def test_files_repeat_exactly_and_leave_nothing_behind(sample, tmp_path):
    first = plots.save(plots.met_response(sample), tmp_path / "a", "met", dpi=50)
    second = plots.save(plots.met_response(sample), tmp_path / "b", "met", dpi=50)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size > 1000
    assert first[0].suffix == ".svg"
    assert pyplot.get_fignums() == []


def test_names_are_drawn_letter_by_letter(tmp_path):
    odd = "a $\\frac$ b_1 100%"
    figure = plots.score_distributions({odd: [1.0, 2.0], "_hidden": [1.0, 3.0]})
    assert len(legend_labels(figure)) == 2
    plots.save(figure, tmp_path, "odd", dpi=50)  # mathematics in it would be an error
    assert isinstance(plots.event_display([1.0], [0.0], [0.0], {odd: None}), Figure)


def test_unknown_weightings_are_drawn_under_their_own_name():
    assert plots.label_of("mine") == "mine"
    curves = {"mine": rate_curve([1.0, 2.0], [0.0, 1.0], HL_LHC)}
    figure = plots.rate_versus_threshold(curves, variable="x [GeV]", norm=HL_LHC)
    assert legend_labels(figure) == ["mine"]


def test_a_picture_has_the_dots_that_were_asked_for(tmp_path):
    figure = plots.rate_versus_threshold(
        {"puppi": rate_curve([1.0, 2.0], [1.0], NORMALISATIONS["hl_lhc"])},
        variable="MET [GeV]",
        norm=NORMALISATIONS["hl_lhc"],
    )
    width = figure.get_size_inches()[0]
    _, png = plots.save(figure, tmp_path, "rates", dpi=150)
    content = png.read_bytes()
    assert int.from_bytes(content[16:20], "big") == round(150 * width)
