"""Turn-on curves: counting, merging, fits that find what was put in, interpolation, scalings."""

import json
import math

import awkward as ak
import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import ConfigurationError, InputError, UnreadableFileError
from l1kd.statistics import Estimate, clopper_pearson
from l1kd.trigger.efficiency.scalings import ScalingLine, fit_line, read_scalings, write_scalings
from l1kd.trigger.efficiency.turn_on import SHAPES, Curve, TurnOn, crossing, fit
from l1kd.trigger.menus import open_menu

EDGES = np.linspace(0.0, 200.0, 41)
RISE = {
    "erf": scipy.special.erf,
    "tanh": np.tanh,
    "arctan": lambda z: np.arctan(z) * 2.0 / np.pi,
}


def made(shape, n=40_000, plateau=0.97, middle=60.0, width=20.0, seed=11):
    """A curve from objects that pass with the probability of a shape."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(0.0, 200.0, n)
    passed = generator.random(n) < plateau / 2.0 * (1.0 + RISE[shape]((x - middle) / width))
    return TurnOn.of(x, np.where(passed, 100.0, -np.inf), EDGES).curve(50.0)


def test_efficiency_is_counted_in_bins():
    reference = [5.0, 15.0, 15.0, 15.0, 25.0, 99.0]
    online = [1.0, 20.0, 5.0, -np.inf, 20.0, 50.0]
    found = TurnOn.of(reference, online, [0, 10, 20, 30, 40])
    curve = found.curve(20.0)
    assert found.outside == 1
    assert found.n == 5
    np.testing.assert_array_equal(curve.value, [0.0, 1 / 3, 1.0, np.nan])
    low, high = clopper_pearson([0, 1, 1], [1, 3, 1])
    np.testing.assert_allclose(curve.low[:3], low, atol=1e-12)
    np.testing.assert_allclose(curve.high[:3], high)
    assert curve.centres.tolist() == [5.0, 15.0, 25.0, 35.0]


objects = st.tuples(
    st.floats(-10.0, 50.0), st.floats(0.0, 90.0) | st.just(-math.inf), st.sampled_from([0.5, 1.0])
)


@given(st.lists(objects, max_size=40), st.randoms(), st.floats(0.0, 90.0))
def test_any_partition_gives_the_same_curves(sample, random, threshold):
    def of(part):
        columns = [[row[i] for row in part] for i in range(3)]
        return TurnOn.of(*columns[:2], [0.0, 10.0, 30.0], columns[2])

    cut = random.randint(0, len(sample))
    shuffled = random.sample(sample, len(sample))
    merged = of(shuffled[:cut]) + of(shuffled[cut:])
    assert merged == of(sample)
    mine, theirs = merged.curve(threshold), of(sample).curve(threshold)
    np.testing.assert_array_equal(mine.low, theirs.low)
    np.testing.assert_array_equal(mine.high, theirs.high)


@pytest.mark.parametrize("shape", SHAPES)
def test_fit_finds_what_was_put_in(shape):
    found = fit(made(shape), shape)
    for number, true in ((found.plateau, 0.97), (found.middle, 60.0), (found.width, 20.0)):
        error = (number.high - number.low) / 2.0
        assert abs(number.value - true) < 4.0 * error
        assert error < 0.08 * true
    assert found.p_value > 0.01
    half = found.point(0.97 / 2)
    assert abs(half.value - 60.0) < 4.0 * (half.high - half.low) / 2.0
    assert found(half.value) == pytest.approx(0.97 / 2)


def test_a_wrong_shape_shows_in_the_goodness():
    curve = made("arctan", n=400_000)
    assert fit(curve, "erf").p_value < 1e-3
    assert fit(curve, "arctan").p_value > 1e-3


def test_intervals_of_the_fit_cover():
    inside = 0
    for seed in range(40):
        found = fit(made("erf", n=4000, seed=seed), "erf")
        point = found.point(0.9)
        true = 60.0 + 20.0 * scipy.special.erfinv(2 * 0.9 / 0.97 - 1)
        inside += point.low <= true <= point.high
    assert 18 <= inside <= 37  # 27.3 expected, four standard deviations either way


def test_points_above_the_plateau_do_not_exist():
    curve = made("erf", plateau=0.8)
    assert math.isnan(fit(curve, "erf").point(0.95).value)
    assert math.isnan(crossing(curve, 0.95).value)
    assert crossing(curve, 0.95).high == math.inf


def test_crossing_by_straight_lines():
    value = np.array([0.0, 0.25, 0.75, 1.0])
    curve = Curve(
        np.array([0.0, 10, 20, 30, 40]), value, value - 0.1, value + 0.1, value * 0 + 9, 4
    )
    found = crossing(curve, 0.5)
    assert found.value == pytest.approx(20.0)
    assert found.low < 20.0 < found.high
    assert found.low == pytest.approx(18.0)


def test_crossing_averages_bins_that_fall():
    value = np.array([0.0, 0.6, 0.4, 1.0])
    curve = Curve(np.arange(5.0), value, value, value, np.full(4, 10.0), 4)
    assert crossing(curve, 0.5).value == pytest.approx(1.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_crossing_and_fit_agree(shape):
    curve = made(shape)
    by_line, by_fit = crossing(curve, 0.5), fit(curve, shape).point(0.5)
    assert by_line.value == pytest.approx(by_fit.value, abs=3.0)


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(ConfigurationError, match="shape 'step'"):
        fit(made("erf"), "step")
    with pytest.raises(InputError, match="1 bins with objects"):
        fit(TurnOn.of([1.0, 2.0], [1.0, -1.0], [0, 10]).curve(0.0))
    flat = TurnOn.of(np.arange(200.0), np.ones(200), EDGES).curve(0.0)
    with pytest.raises(InputError, match="nothing to fit"):
        fit(flat)
    with pytest.raises(ConfigurationError, match="must ascend"):
        TurnOn([10, 0])
    with pytest.raises(InputError, match="references are NaN"):
        TurnOn.of([np.nan], [1.0], [0, 1])
    with pytest.raises(InputError, match="different bins"):
        TurnOn([0, 1]) + TurnOn([0, 2])
    with pytest.raises(InputError, match="negative weights"):
        TurnOn.of([0.5], [1.0], [0, 1], [-1.0]).curve(0.0)


def test_state_makes_the_same_turn_on():
    found = TurnOn.of([5.0, 15.0, 99.0], [1.0, -np.inf, 2.0], [0, 10, 20], [1.0, 2.0, 1.0])
    header, arrays = found.state()
    assert TurnOn.from_state(json.loads(json.dumps(header)), arrays) == found
    with pytest.raises(InputError, match="lacks"):
        TurnOn.from_state(header, {"edges": arrays["edges"]})


def points(slope, offset, thresholds, error=0.5):
    return {
        x: Estimate(slope * x + offset, slope * x + offset - error, slope * x + offset + error, 9)
        for x in thresholds
    }


def test_line_through_exact_points():
    line = fit_line(points(1.28, 17.3, [20.0, 40.0, 80.0]), 0.95)
    assert (line.slope, line.offset) == (pytest.approx(1.28), pytest.approx(17.3))
    assert line.chi2 == pytest.approx(0.0, abs=1e-12)
    assert line.p_value == pytest.approx(1.0)
    assert line.online(line.offline(33.0)) == pytest.approx(33.0)
    assert line.error(40.0) < line.error(200.0)


def test_points_without_an_interval_do_not_count():
    bad = {100.0: Estimate(1.0, -math.inf, 2.0, 1), 120.0: Estimate(math.nan, 0.0, 1.0, 1)}
    line = fit_line(points(1.0, 5.0, [20.0, 40.0]) | bad)
    assert line.slope == pytest.approx(1.0)
    assert math.isnan(line.p_value)
    with pytest.raises(InputError, match="0 of 2 thresholds"):
        fit_line(bad)


def test_scaling_of_turn_ons_closes():
    # online is (offline - 10) / 1.2 with a resolution: the line comes back
    generator = np.random.default_rng(5)
    offline = generator.uniform(0.0, 200.0, 60_000)
    online = (offline - 10.0) / 1.2 + generator.normal(0.0, 1.0, offline.size)
    turn_on = TurnOn.of(offline, online, np.linspace(0.0, 200.0, 101))
    found = {t: fit(turn_on.curve(t)).point(0.5) for t in (40.0, 70.0, 100.0)}
    line = fit_line(found, 0.5)
    assert line.slope == pytest.approx(1.2, abs=0.02)
    assert line.offset == pytest.approx(10.0, abs=1.0)


def test_scalings_written_and_read(tmp_path):
    line = ScalingLine(1.2759, 17.33)
    path = write_scalings(tmp_path / "scalings.json", {"L1puppiJetSC4": {"barrel": line}})
    assert read_scalings(path) == {"L1puppiJetSC4": {"barrel": line}}
    path.write_text('{"TkMu": {"tight": {"all": {"slope": 1.64, "offset": 37.05}}}}')
    assert read_scalings(path)["TkMu/tight"]["all"].offline(100.0) == pytest.approx(201.05)


def test_a_menu_applies_the_scaling(tmp_path):
    write_scalings(tmp_path / "own.json", {"Met": {"inclusive": ScalingLine(1.5, 10.0)}})
    (tmp_path / "menu.yaml").write_text(
        "name: scaled\nscalings: own.json\n"
        "objects: {MET: {collection: Met, scaling: Met/default}}\n"
        "seeds: {L1_MET100: {legs: {met: {object: MET, offline: 100}}}}\n"
    )
    menu = open_menu(tmp_path / "menu.yaml")
    events = ak.zip({"Met": ak.zip({"pt": [59.9, 60.0, 80.0]})}, depth_limit=1)
    assert menu.evaluate(events)["L1_MET100"].tolist() == [False, True, True]


@pytest.mark.parametrize(
    "text",
    [
        '{"MET": 3}',
        '{"M": {"d": {"all": {"slope": 1.0}}}}',
        '{"a": {"b": {"c": {"slope": 0}}}}',
        "[]",
    ],
)
def test_wrong_scalings_are_refused(tmp_path, text):
    path = tmp_path / "scalings.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="slope"):
        read_scalings(path)
    path.write_text("{")
    with pytest.raises(ConfigurationError, match="is not JSON"):
        read_scalings(path)
    with pytest.raises(UnreadableFileError):
        read_scalings(tmp_path / "absent.json")
