"""All plots of an evaluation, each with its title and caption."""

from collections.abc import Iterator, Mapping

from l1kd.algorithms.puppi import Association
from l1kd.models.evaluation.drawn import Drawn
from l1kd.models.evaluation.plots import cost, resolution
from l1kd.models.evaluation.plots import weights as weights_plots
from l1kd.models.evaluation.plots.style import Looks, looks, of_test
from l1kd.processors.particles import NO_PILEUP
from l1kd.report.page import Drawing
from l1kd.report.summary import ResolutionStudy, Summary

__all__ = ["drawings"]

_PAIRED = (
    "Bars are bootstrap intervals of 68%; the gain's events are paired, and its axis ends at 100% "
    "either way."
)


def _maps(drawn: Drawn, a: str, look: Looks) -> Iterator[Drawing]:
    for key, sums, label, title in (
        ("map_weight", drawn.weight, "sum of weights", "Sums of weights"),
        ("map_momentum", drawn.momentum, r"sum of weight $\times$ $p_T$", "Sums of weighted pt"),
    ):
        yield Drawing(
            key,
            a,
            f"{title} against no pile-up",
            "Cells of eta and phi, all events together, divided by the same events without "
            "pile-up. White is right, red too much, blue too little; above each map the sums over "
            "all cells compared.",
            True,
            weights_plots.ratio_maps(sums, look, label),
        )


def _met(study: ResolutionStudy, look: Looks) -> Iterator[Drawing]:
    tables, a = study, study.association
    gen = r"generated MET [GeV]"
    for key, bins, variable, title in (
        ("met_by_gen_met", tables.met_bins, gen, "MET resolution and generated MET"),
        (
            "met_by_vertices",
            tables.met_by_vertices,
            "vertices",
            "MET resolution and pile-up",
        ),
    ):
        figure = resolution.versus(bins, look, variable)
        yield Drawing(key, a, title, _PAIRED, True, figure)
    figure = resolution.versus(
        tables.met_bins,
        look,
        r"$q_T$ [GeV]",
        ("u_response", "u_parallel_corrected", "u_perp_corrected"),
    )
    caption = (
        "Along and across the generated MET, whose size is qT. Widths are divided by "
        f"the response. {_PAIRED}"
    )
    yield Drawing("recoil", a, "Recoil against qT", caption, True, figure)


def _jets(study: ResolutionStudy, look: Looks) -> Iterator[Drawing]:
    tables, a = study, study.association
    for key, bins, variable, title in (
        ("jets_by_pt", tables.jet_bins, r"generated jet $p_T$ [GeV]", "Jet resolution and pt"),
        ("jets_by_eta", tables.jets_by_eta, r"generated jet $|\eta|$", "Jet resolution and eta"),
        ("jets_by_vertices", tables.jets_by_vertices, "vertices", "Jet resolution and pile-up"),
    ):
        figure = resolution.versus(bins, look, variable)
        caption = f"Anti-kt jets of radius 0.4, matched within dR < 0.4. {_PAIRED}"
        yield Drawing(key, a, title, caption, True, figure)


def _rest(summary: Summary, study: ResolutionStudy, drawn: Drawn, look: Looks) -> Iterator[Drawing]:
    a, rows = study.association, study.met
    scales = {w: row["u_response"].value or float("nan") for w, row in rows.items()}
    for name, sample in drawn.backgrounds.items():
        figure = cost.fake_met_tails(sample, scales, look)
        yield Drawing(
            f"tails_{name}",
            a,
            f"Fake MET in {name}",
            "Size of measured minus generated MET; on the right the measured one is "
            "divided by the weighting's response in the test sample. Bands are Clopper-Pearson "
            "intervals, of the effective number of events where these have weights.",
            True,
            figure,
        )
    tables = [s.networks for s in summary.importance if s.association == a]
    for name, table in (item for each in tables for item in each.items()):
        figure = cost.importance(table, look[name].colour)
        yield Drawing(
            f"importance_{name}".replace(" ", "_"),
            a,
            f"Importance of inputs: {name}",
            "Each input shuffled over all particles: what the response-corrected resolutions and "
            "the weights' mean absolute error lose. Paired bootstrap intervals.",
            True,
            figure,
        )


def _associated(
    summary: Summary, study: ResolutionStudy, drawn: Drawn, look: Looks
) -> Iterator[Drawing]:
    a = study.association
    (weights,) = [s for s in summary.weights if s.association == a]
    yield Drawing(
        "weights",
        a,
        "Distributions of the weights",
        "Charged and neutral particles, hard and pile-up by the larger share of their true energy. "
        "Bars are the statistical uncertainty of the counts.",
        True,
        weights_plots.weight_histograms(weights.histograms, look),
    )
    if NO_PILEUP in drawn.momentum:
        yield from _maps(drawn, a, look)
    if drawn.event:
        figure = weights_plots.event_map(drawn.event, look)
        caption = "The event of the largest generated MET; weighted pt in cells."
        yield Drawing("event", a, "One event", caption, True, figure)
    caption = "Bars are the statistical uncertainty of the counts."
    figure = resolution.responses(drawn.test, look)
    yield Drawing("responses", a, "Responses", caption, True, figure)
    yield from _met(study, look)
    yield from _jets(study, look)
    yield from _rest(summary, study, drawn, look)


def drawings(summary: Summary, drawn: Mapping[Association, Drawn]) -> Iterator[Drawing]:
    """Draw an evaluation, plot by plot.

    Parameters
    ----------
    summary : Summary
        Its numbers.
    drawn : mapping
        What `measure` gave beside them.
    """
    look = looks(summary)
    yield Drawing(
        "gains",
        "",
        "Gain over PUPPI",
        "PUPPI with the same charged association is the reference; paired bootstrap intervals of "
        "68%. Black lines: what Bal et al. report for their network of that kind on their samples.",
        True,
        resolution.gains(summary, look),
    )
    for study in of_test(summary):
        name: Association = "dz" if study.association == "dz" else "truth"
        yield from _associated(summary, study, drawn[name], look)
    if any(network.latency for network in summary.networks):
        yield Drawing(
            "latency",
            "",
            "Time against batch size",
            "Processor time on this machine, medians and quartiles. Students: one thread, ready "
            "input rows. A teacher reads whole events.",
            False,
            cost.latencies(summary, look),
        )
