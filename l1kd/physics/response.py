"""Resolution of MET and jets for several particle weightings of the same events.

The definitions of the field: the resolution of X is half the distance of the quartiles of
(X - X_gen) / X_gen; response-corrected it is that of X / X_gen divided by the median of
X / X_gen. The recoil components are those of `l1kd.physics.met.recoil` with the generated MET
as the invisible boson, their response is -<u_parallel> / <q_T>. Every number has an
interval from resampling events, and the ratio to a reference weighting is taken replica by
replica.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.columns import event_index, offsets_from_counts
from l1kd.emulators.array_types import Floats
from l1kd.errors import InputError
from l1kd.physics.met import recoil
from l1kd.statistics import (
    ONE_SIGMA,
    Blocks,
    Bootstrap,
    Estimate,
    bootstrap,
    checked_weights,
    shared_fraction,
    sorted_quantile,
)

__all__ = [
    "GEN_MET_EDGES",
    "JET_FRACTIONS",
    "JET_PT_EDGES",
    "JET_QUANTITIES",
    "MET_QUANTITIES",
    "MIN_GEN_MET",
    "OUTSIDE",
    "STANDARD",
    "Resampling",
    "ResponseSample",
    "as_table",
    "jet_bins",
    "jet_table",
    "met_bins",
    "met_table",
    "with_ratios",
]

GEN_MET_EDGES = (0.0, 20.0, 40.0, 60.0, 80.0, 120.0, np.inf)
"""Edges [GeV] of the bins of generated MET."""

JET_PT_EDGES = (15.0, 20.0, 30.0, 45.0, 70.0, 110.0, np.inf)
"""Edges [GeV] of the bins of generated jet pt."""

MET_QUANTITIES = (
    "resolution",
    "corrected",
    "response",
    "u_parallel",
    "u_perp",
    "u_response",
    "u_parallel_corrected",
    "u_perp_corrected",
)
"""What `met_table` gives for a weighting; the u widths are in GeV, the rest has no unit."""

JET_QUANTITIES = ("resolution", "corrected", "response", "resolution_with_lost")
"""What `jet_table` gives for a weighting, besides `JET_FRACTIONS`."""

JET_FRACTIONS = ("matched", "lost", "outside")
"""Fractions of generated jets: with a partner, without one, without one within `OUTSIDE` of it."""

OUTSIDE = 0.3
"""A jet whose pt differs from the generated one by a larger share is badly measured."""

MIN_GEN_MET = 1.0
"""Below this generated MET [GeV] no relative resolution is quoted.

It would say how small the number is that one divides by; the recoil components are in GeV.
"""

Table = dict[str, dict[str, dict[str, float | int | None]]]


class Resampling(NamedTuple):
    """How the intervals of a table are made: `statistics.bootstrap`'s parameters."""

    replicas: int = 500
    level: float = ONE_SIGMA
    seed: int = 20260101


STANDARD = Resampling()
"""One standard deviation from 500 replicas."""


class ResponseSample(NamedTuple):
    """Measured and generated quantities of n events with m generated jets, for each weighting.

    `gen_met`: float64[2, n], components [GeV]. `met`: the same for each weighting.
    `weight`: float64[n], event weights. `gen_jet_pt` [GeV], `gen_jet_eta`: float64[m].
    `gen_jet_event`: int64[m]. `jet_pt`: float64[m] for each weighting, pt [GeV] of the matched
    jet, NaN where none matched.
    """

    gen_met: Floats
    met: Mapping[str, Floats]
    weight: Floats
    gen_jet_pt: Floats
    gen_jet_eta: Floats
    gen_jet_event: NDArray[np.int64]
    jet_pt: Mapping[str, Floats]

    @classmethod
    def from_columns(cls, columns: Mapping[str, NDArray[Any]]) -> "ResponseSample":
        """Build from the columns that `ResolutionProcessor` accumulates.

        Per event `gen_met_px`, `gen_met_py`, `event_weight`, `n_gen_jets` and for each weighting w
        `met_px:w`, `met_py:w`; per generated jet `gen_jet_pt`, `gen_jet_eta` and `jet_pt:w`.
        """
        checked_weights(columns["event_weight"], len(columns["event_weight"]))
        named = [name.partition(":")[2] for name in columns if name.startswith("met_px:")]
        counts = np.asarray(columns["n_gen_jets"], dtype=np.int64)
        met = {w: np.stack([columns[f"met_px:{w}"], columns[f"met_py:{w}"]]) for w in named}
        return cls(
            np.stack([columns["gen_met_px"], columns["gen_met_py"]]).astype(np.float64),
            {w: x.astype(np.float64) for w, x in met.items()},
            np.asarray(columns["event_weight"], dtype=np.float64),
            np.asarray(columns["gen_jet_pt"], dtype=np.float64),
            np.asarray(columns["gen_jet_eta"], dtype=np.float64),
            event_index(offsets_from_counts(counts)),
            {w: np.asarray(columns[f"jet_pt:{w}"], dtype=np.float64) for w in named},
        )

    def relative_met(self, weighting: str, min_gen_met: float = MIN_GEN_MET) -> Floats:
        """(MET - gen) / gen of each event, float64[n]; NaN below min_gen_met [GeV] and at zero."""
        generated = np.hypot(*self.gen_met)
        measured = np.hypot(*self.met[weighting])
        ratio = np.full(generated.size, np.nan)
        large = (generated > 0.0) & (generated >= min_gen_met)
        np.divide(measured, generated, out=ratio, where=large)
        return ratio - 1.0

    def jet_response(self, weighting: str) -> Floats:
        """Measured over generated pt of each generated jet, float64[m]; NaN if none matched."""
        return self.jet_pt[weighting] / self.gen_jet_pt


class _Quartiles:
    """Quartiles of one sample under any multiplicity of its events, sorted once."""

    def __init__(self, values: Floats, event: NDArray[np.int64], weight: Floats) -> None:
        order = np.argsort(values, kind="stable")
        self.values, self.event, self.weight = values[order], event[order], weight[event[order]]

    def __call__(self, multiplicity: NDArray[np.int64]) -> Floats:
        repeats = multiplicity[self.event].astype(np.float64)
        return sorted_quantile(self.values, np.array([0.25, 0.5, 0.75]), self.weight, repeats)


def _shape(quartiles: Floats) -> tuple[float, float, float]:
    """Resolution, response-corrected resolution and median of a response."""
    low, median, high = quartiles
    width = (high - low) / 2.0
    return width, width / median if median > 0.0 else np.nan, median


def _met_statistic(
    sample: ResponseSample, weighting: str, events: NDArray[np.int64], min_gen_met: float
) -> Callable[[NDArray[np.int64]], list[float]]:
    """Make the function from multiplicities of the selected events to `MET_QUANTITIES`."""
    x, y = sample.met[weighting][:, events]
    gen_x, gen_y = sample.gen_met[:, events]
    u = recoil(x, y, gen_x, gen_y)
    weight, event = sample.weight[events], np.arange(events.size)
    large = np.flatnonzero(u.q_t >= min_gen_met)
    response = _Quartiles(np.hypot(x, y)[large] / u.q_t[large], large, weight)
    balance = _Quartiles(u.parallel + u.q_t, event, weight)
    across = _Quartiles(u.perpendicular, event, weight)

    def statistic(multiplicity: NDArray[np.int64]) -> list[float]:
        share = multiplicity * weight
        moved = float(share @ u.q_t)
        scale = -float(share @ u.parallel) / moved if moved > 0.0 else np.nan
        along, perpendicular = _shape(balance(multiplicity))[0], _shape(across(multiplicity))[0]
        corrected = (along / scale, perpendicular / scale) if scale > 0.0 else (np.nan, np.nan)
        return [*_shape(response(multiplicity)), along, perpendicular, scale, *corrected]

    return statistic


def _jet_statistic(
    sample: ResponseSample, weighting: str, jets: NDArray[np.int64]
) -> Callable[[NDArray[np.int64]], list[float]]:
    """Make the function from multiplicities of all events to `JET_QUANTITIES` of these jets."""
    response, event = sample.jet_response(weighting)[jets], sample.gen_jet_event[jets]
    found = np.isfinite(response)
    matched = _Quartiles(response[found], event[found], sample.weight)
    everything = _Quartiles(np.where(found, response, 0.0), event, sample.weight)

    def statistic(multiplicity: NDArray[np.int64]) -> list[float]:
        return [*_shape(matched(multiplicity)), _shape(everything(multiplicity))[0]]

    return statistic


def _table(
    statistics: Mapping[str, Callable[[NDArray[np.int64]], list[float]]],
    names: Sequence[str],
    n_events: int,
    sizes: Mapping[str, Mapping[str, int]],
    reference: str,
    resampling: Resampling,
) -> Table:
    """Bootstrap all weightings together and add the ratios of their widths to the reference's."""
    weightings = list(statistics)

    def everything(multiplicity: NDArray[np.int64]) -> Floats:
        numbers = np.array([statistics[w](multiplicity) for w in weightings])
        return with_ratios(numbers, names, weightings, reference)

    replicas, level, seed = resampling
    result = bootstrap(everything, n_events, replicas=replicas, level=level, seed=seed)
    return as_table(result, names, sizes, reference)


def _widths(names: Sequence[str]) -> list[int]:
    """Places of the quantities of which ratios are taken."""
    return [i for i, name in enumerate(names) if not name.endswith("response")]


def with_ratios(
    numbers: Floats, names: Sequence[str], weightings: Sequence[str], reference: str
) -> Floats:
    """Add the ratios of widths to the reference's, if it is there, behind numbers[..., w, name]."""
    if reference not in weightings:
        return numbers
    widths = numbers[..., _widths(names)]
    against = list(weightings).index(reference)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = widths / widths[..., [against], :]
    return np.concatenate([numbers, ratios], axis=-1)


def as_table(
    result: Bootstrap,
    names: Sequence[str],
    sizes: Mapping[str, Mapping[str, int]],
    reference: str,
) -> Table:
    """Turn numbers[w, name], and ratios as of `with_ratios`, into a table.

    `sizes` names the number of entries behind each quantity of each weighting, in their order.
    """
    columns = [(name, name) for name in names]
    if reference in sizes:
        columns += [(f"{names[i]}_ratio", names[i]) for i in _widths(names)]
    return {
        w: {
            name: Estimate(
                float(result.value[row, column]),
                float(result.low[row, column]),
                float(result.high[row, column]),
                size[quantity],
            ).as_dict()
            for column, (name, quantity) in enumerate(columns)
        }
        for row, (w, size) in enumerate(sizes.items())
    }


def met_table(
    sample: ResponseSample,
    *,
    gen_met_range: tuple[float, float] = (0.0, np.inf),
    reference: str = "puppi",
    resampling: Resampling = STANDARD,
    min_gen_met: float = MIN_GEN_MET,
) -> Table:
    """Missing-momentum resolution of each weighting, with its interval and ratio to a reference.

    Events whose generated MET is zero have no direction and are excluded.

    Parameters
    ----------
    sample
        Events with at least one weighting.
    gen_met_range
        Bin of generated MET [GeV], [low, high).
    reference
        Weighting of which the ratios are taken; without it in the sample there are no ratios.
    resampling
        Parameters of the bootstrap.
    min_gen_met
        Events with less generated MET [GeV] do not enter the relative quantities
        (`resolution`, `corrected`, `response`); they do enter the recoil's.

    Returns
    -------
    JSON-ready {weighting: {quantity: {value, low, high, n}}}, quantities of `MET_QUANTITIES` and
    `<quantity>_ratio` for the widths; n is the number of events.
    """
    generated = np.hypot(*sample.gen_met)
    low, high = gen_met_range
    events = np.flatnonzero((generated > 0.0) & (generated >= low) & (generated < high))
    functions = {w: _met_statistic(sample, w, events, min_gen_met) for w in sample.met}
    large = int((generated[events] >= min_gen_met).sum())
    relative = ("resolution", "corrected", "response")
    size = {name: large if name in relative else events.size for name in MET_QUANTITIES}
    sizes = dict.fromkeys(functions, size)
    return _table(functions, MET_QUANTITIES, events.size, sizes, reference, resampling)


def jet_table(
    sample: ResponseSample,
    *,
    gen_pt_range: tuple[float, float] = (0.0, np.inf),
    max_abs_eta: float = np.inf,
    reference: str = "puppi",
    resampling: Resampling = STANDARD,
) -> Table:
    """Jet resolution of each weighting, with its interval and ratio to a reference.

    Parameters
    ----------
    sample, reference, resampling
        As for `met_table`; jets are drawn with their event.
    gen_pt_range, max_abs_eta
        Bin of the generated jet: pt [GeV] in [low, high) and abs(eta) < max_abs_eta.

    Returns
    -------
    JSON-ready {weighting: {quantity: {value, low, high, n}}}: the `JET_QUANTITIES`, the ratios of
    widths, and the `JET_FRACTIONS` of generated jets. `resolution_with_lost` is the width of all
    generated jets, those without a partner with a response of zero. `outside` are the jets that
    are lost or off by more than `OUTSIDE`. Fractions are weighted; their intervals know that the
    jets of an event are not independent (`statistics.shared_fraction`). n is the number of
    generated jets, for the first three quantities that of matched jets.
    """
    low, high = gen_pt_range
    inside = (sample.gen_jet_pt >= low) & (sample.gen_jet_pt < high)
    jets = np.flatnonzero(inside & (np.abs(sample.gen_jet_eta) < max_abs_eta))
    functions = {w: _jet_statistic(sample, w, jets) for w in sample.jet_pt}
    found = {w: np.isfinite(sample.jet_response(w)[jets]) for w in functions}
    sizes = {
        w: dict.fromkeys(JET_QUANTITIES, int(matched.sum())) | {"resolution_with_lost": jets.size}
        for w, matched in found.items()
    }
    n_events = sample.weight.size
    table = _table(functions, JET_QUANTITIES, n_events, sizes, reference, resampling)
    event = sample.gen_jet_event[jets]
    blocks, weight = Blocks.of(event), sample.weight[event]
    for w, numbers in table.items():
        with np.errstate(invalid="ignore"):
            good = np.abs(sample.jet_response(w)[jets] - 1.0) <= OUTSIDE
        for name, chosen in zip(JET_FRACTIONS, (found[w], ~found[w], ~good), strict=True):
            fraction = shared_fraction(chosen, blocks, weight, resampling.level)
            numbers[name] = fraction.estimate.as_dict()
    return table


def met_bins(
    sample: ResponseSample, edges: Sequence[float] = GEN_MET_EDGES, **options: Any
) -> list[dict[str, Any]]:
    """`met_table` in bins of generated MET [GeV].

    Returns
    -------
    JSON-ready [{"low", "high" (None if open), "table"}], one entry a bin.
    """
    return _bins(lambda inside: met_table(sample, gen_met_range=inside, **options), edges)


def jet_bins(
    sample: ResponseSample, edges: Sequence[float] = JET_PT_EDGES, **options: Any
) -> list[dict[str, Any]]:
    """`jet_table` in bins of generated jet pt [GeV], in the form of `met_bins`."""
    return _bins(lambda inside: jet_table(sample, gen_pt_range=inside, **options), edges)


def _bins(
    table: Callable[[tuple[float, float]], Table], edges: Sequence[float]
) -> list[dict[str, Any]]:
    """Fill one table for each pair of neighbouring edges."""
    if len(edges) < 2 or np.any(np.diff(edges) <= 0):
        raise InputError(f"bins: need rising edges, got {list(edges)}")
    return [
        {"low": low, "high": high if np.isfinite(high) else None, "table": table((low, high))}
        for low, high in pairwise(edges)
    ]
