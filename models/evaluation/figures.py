"""All figures of an evaluation, each with its title and caption."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from matplotlib.figure import Figure

from l1kd.algorithms.puppi import Association
from l1kd.models.evaluation import figures_cost, figures_resolution, figures_weights
from l1kd.models.evaluation.evaluate import Drawn
from l1kd.models.evaluation.maps import Maps
from l1kd.models.evaluation.measure import NO_PILEUP
from l1kd.models.evaluation.schema import AssociationRecord, Evaluation
from l1kd.models.evaluation.style import Looks, looks

__all__ = ["Drawing", "drawings"]

_PAIRED = (
    "Bars are bootstrap intervals of 68%; the gain's events are paired, and its axis ends at 100% "
    "either way."
)


class Drawing(NamedTuple):
    """A figure of the page."""

    key: str
    association: str
    title: str
    caption: str
    wide: bool
    figure: Figure

    @property
    def file(self) -> str:
        """Name of its files, without extension."""
        return "_".join(filter(None, (self.key, self.association)))


def _maps(maps: Maps, a: str, look: Looks) -> Iterator[Drawing]:
    for key, sums, label, title in (
        ("map_weight", maps.weight, "sum of weights", "Sums of weights"),
        ("map_momentum", maps.momentum, r"sum of weight $\times$ $p_T$", "Sums of weighted pt"),
    ):
        yield Drawing(
            key,
            a,
            f"{title} against no pile-up",
            "Cells of eta and phi, all events together, divided by the same events without "
            "pile-up. White is right, red too much, blue too little; above each map the sums over "
            "all cells compared.",
            True,
            figures_weights.ratio_maps(sums, look, label),
        )


def _met(record: AssociationRecord, look: Looks) -> Iterator[Drawing]:
    tables, a = record.samples["test"], record.association
    gen = r"generated missing $p_T$ [GeV]"
    for key, bins, variable, title in (
        ("met_by_gen_met", tables.met_by_gen_met, gen, "MET resolution and generated MET"),
        (
            "met_by_vertices",
            tables.met_by_vertices,
            "vertices",
            "MET resolution and pile-up",
        ),
    ):
        figure = figures_resolution.versus(bins, look, variable)
        yield Drawing(key, a, title, _PAIRED, True, figure)
    figure = figures_resolution.versus(
        tables.met_by_gen_met,
        look,
        r"$q_T$ [GeV]",
        ("u_response", "u_parallel_corrected", "u_perp_corrected"),
    )
    caption = (
        "Along and across the generated missing momentum, whose size is qT. Widths are divided by "
        f"the response. {_PAIRED}"
    )
    yield Drawing("recoil", a, "Recoil against qT", caption, True, figure)


def _jets(record: AssociationRecord, look: Looks) -> Iterator[Drawing]:
    tables, a = record.samples["test"], record.association
    for key, bins, variable, title in (
        ("jets_by_pt", tables.jets_by_pt, r"generated jet $p_T$ [GeV]", "Jet resolution and pt"),
        ("jets_by_eta", tables.jets_by_eta, r"generated jet $|\eta|$", "Jet resolution and eta"),
        ("jets_by_vertices", tables.jets_by_vertices, "vertices", "Jet resolution and pile-up"),
    ):
        figure = figures_resolution.versus(bins, look, variable)
        caption = f"Anti-kt jets of radius 0.4, matched within dR < 0.4. {_PAIRED}"
        yield Drawing(key, a, title, caption, True, figure)


def _rest(record: AssociationRecord, drawn: Drawn, look: Looks) -> Iterator[Drawing]:
    a = record.association
    rows = record.samples["test"].met
    scales = {w: row["u_response"].value or float("nan") for w, row in rows.items()}
    for name, sample in drawn.backgrounds.items():
        figure = figures_cost.fake_met_tails(sample, scales, look)
        yield Drawing(
            f"tails_{name}",
            a,
            f"Fake missing momentum in {name}",
            "Size of measured minus generated missing momentum; on the right the measured one is "
            "divided by the weighting's response in the test sample. Bands are Clopper-Pearson "
            "intervals, of the effective number of events where these have weights.",
            True,
            figure,
        )
    for name, table in record.importance.items():
        figure = figures_cost.importance(table, look[name].colour)
        yield Drawing(
            f"importance_{name}".replace(" ", "_"),
            a,
            f"Importance of inputs: {name}",
            "Each input shuffled over all particles: what the response-corrected resolutions and "
            "the weights' mean absolute error lose. Paired bootstrap intervals.",
            True,
            figure,
        )


def _associated(record: AssociationRecord, drawn: Drawn, look: Looks) -> Iterator[Drawing]:
    a = record.association
    yield Drawing(
        "weights",
        a,
        "Distributions of the weights",
        "Charged and neutral particles, hard and pile-up by the larger share of their true energy. "
        "Bars are the statistical uncertainty of the counts.",
        True,
        figures_weights.weight_histograms(record.weights, look),
    )
    if NO_PILEUP in drawn.maps.momentum:
        yield from _maps(drawn.maps, a, look)
    if drawn.event is not None:
        figure = figures_weights.event_map(drawn.event, look)
        caption = "The event of the largest generated missing momentum; weighted pt in cells."
        yield Drawing("event", a, "One event", caption, True, figure)
    caption = "Bars are the statistical uncertainty of the counts."
    figure = figures_resolution.responses(drawn.test, look)
    yield Drawing("responses", a, "Responses", caption, True, figure)
    yield from _met(record, look)
    yield from _jets(record, look)
    yield from _rest(record, drawn, look)


def drawings(evaluation: Evaluation, drawn: Mapping[Association, Drawn]) -> Iterator[Drawing]:
    """Draw an evaluation, figure by figure.

    Parameters
    ----------
    evaluation : Evaluation
        Its numbers.
    drawn : mapping
        What `measure` gave beside them.
    """
    look = looks(evaluation)
    yield Drawing(
        "gains",
        "",
        "Gain over PUPPI",
        "PUPPI with the same charged association is the reference; paired bootstrap intervals of "
        "68%. Black lines: what Bal et al. report for their network of that kind on their samples.",
        True,
        figures_resolution.gains(evaluation, look),
    )
    for record in evaluation.associations:
        name: Association = "dz" if record.association == "dz" else "truth"
        yield from _associated(record, drawn[name], look)
    if any(model.latency for model in evaluation.models):
        yield Drawing(
            "latency",
            "",
            "Time against batch size",
            "Processor time on this machine, medians and quartiles. Students: one thread, ready "
            "input rows. A teacher reads whole events.",
            False,
            figures_cost.latencies(evaluation, look),
        )
