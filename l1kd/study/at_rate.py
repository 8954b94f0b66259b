"""Weights of the correlator judged at equal rate: files in, records out.

What a weight is worth in the trigger is the efficiency for signals at the threshold that keeps the
rate, with the vertex that the trigger finds. Every weighting goes through the same chain: regions,
their slots, final lists, the list of layer 2, jets and sums, in integers.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from l1kd.algorithms import Correlator
from l1kd.algorithms.correlator import SHIPPED
from l1kd.algorithms.region_networks import region_network
from l1kd.algorithms.region_puppi import PuppiCorrelator
from l1kd.algorithms.true_shares import TrueShares
from l1kd.columns import event_index, offsets_from_counts
from l1kd.datasets import Dataset, load_fileset
from l1kd.emulators.array_types import AnyArray, Floats
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import TUNED, tuned_for
from l1kd.emulators.particles.region_puppi import TUNED_PUPPI
from l1kd.errors import ConfigurationError
from l1kd.physics.response import ResponseSample, jet_table, met_table
from l1kd.processors.at_rate import MAX_ABS_ETA, QUANTITIES, AtRateProcessor, Weighting
from l1kd.statistics import ONE_SIGMA, Estimate, bootstrap, resolution_limit
from l1kd.study.engine import Passed, pass_over
from l1kd.study.request import AtRateRequest
from l1kd.study.samples import named_files
from l1kd.study.symmetry import Symmetry, symmetries
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.counts.survival import SpectrumClass
from l1kd.trigger.efficiency.iso_rate import (
    IsoRate,
    efficiency_against_rate,
    iso_rate,
    mean_gain,
    rate_at_efficiency,
)
from l1kd.trigger.efficiency.turn_on import Curve, TurnOn

__all__ = ["Judgement", "judge", "weightings_of"]

EFFICIENCIES = (0.5, 0.7, 0.9)
"""Efficiencies at which rates are compared."""

_PILEUP = "pile-up "
"""Before the mean pile-up in a sample's name."""

GRID = 0.25
"""Spacing of thresholds [GeV]."""

EDGES: Mapping[str, Floats] = {
    "met": np.arange(0.0, 310.0, 20.0),
    "jet": np.arange(0.0, 310.0, 20.0),
    "four_jets": np.arange(0.0, 155.0, 10.0),
    "ht": np.arange(0.0, 810.0, 50.0),
}
"""Bins of the generated quantity, for turn-ons."""


class PileupRow(NamedTuple):
    """Rate of soft collisions of one weighting above a fixed threshold.

    `rates`: {mean pile-up: rate [Hz]}. `growth`: rate at 240 over that at 200, by interpolation of
    the rate's logarithm between the two nearest samples.
    """

    weighting: str
    threshold: float
    rates: dict[float, Estimate]
    growth: Estimate


class Judgement(NamedTuple):
    """What was found.

    Attributes
    ----------
    reference
        The weighting to which gains refer: the better one of the tuned LinPUPPI.
    rows
        {signal: {quantity: {target [Hz]: {weighting: result}}}}.
    curves, rates_hz
        {signal: {weighting: efficiency of MET at each rate}}.
    averaged
        Signals of the mean gain.
    gains
        {target [Hz]: {weighting: gain in MET, averaged over these signals}}.
    rates
        {signal: {quantity: {efficiency: {weighting: (rate, ratio to the reference)}}}}.
    turn_ons
        {signal: {quantity: {weighting: curve at the first target}}}.
    met, jets
        {signal: table of resolutions}.
    counts
        {sample: {weighting: {"fakes", "lost": mean an event}}}.
    pileup
        Growth with pile-up.
    symmetry
        How much weights and MET move under reflections and turns.
    limit_hz
        Rates below are not resolved by the zero bias.
    """

    reference: str
    labels: dict[str, str]
    rows: dict[str, dict[str, dict[float, dict[str, IsoRate]]]]
    curves: dict[str, dict[str, list[Estimate]]]
    rates_hz: list[float]
    averaged: list[str]
    gains: dict[float, dict[str, Estimate]]
    rates: dict[str, dict[str, dict[float, dict[str, tuple[Estimate, Estimate]]]]]
    turn_ons: dict[str, dict[str, dict[str, Curve]]]
    met: dict[str, Any]
    jets: dict[str, Any]
    counts: dict[str, dict[str, dict[str, Estimate]]]
    pileup: list[PileupRow]
    symmetry: list[Symmetry]
    limit_hz: float


def weightings_of(models: Sequence[str] = (), *, towers: bool = True) -> list[Any]:
    """Correlators that are compared: LinPUPPI and PUPPI as preset and tuned, networks, truth."""
    found: list[Any] = [
        _named(Correlator(prefix="L1Preset"), "LinPUPPI, presets"),
        _named(Correlator(prefix="L1Tuned", puppi=TUNED["clusters"]), "LinPUPPI, tuned"),
    ]
    formed = region_network(SHIPPED).clusters
    if formed not in (None, Clusterer()):
        own = Correlator(clusters=formed, prefix="L1TunedOwn", puppi=tuned_for(formed.windows))
        found.append(_named(own, "tuned, same clusters"))
    if towers:
        found += [
            _named(Correlator(clusters=False, prefix="L1PresetTowers"), "presets, towers"),
            _named(
                Correlator(clusters=False, prefix="L1TunedTowers", puppi=TUNED["towers"]),
                "tuned, towers",
            ),
        ]
    if towers:
        found += [
            _named(
                PuppiCorrelator(clusters=False, prefix="L1PuppiFloatTowers"),
                "PUPPI, presets, towers",
            ),
            _named(
                PuppiCorrelator(
                    clusters=False,
                    prefix="L1PuppiFloatTunedTowers",
                    parameters=TUNED_PUPPI["towers"],
                ),
                "PUPPI, tuned, towers",
            ),
        ]
    found += [
        _named(PuppiCorrelator(prefix="L1PuppiFloat"), "PUPPI, presets"),
        _named(
            PuppiCorrelator(prefix="L1PuppiFloatTuned", parameters=TUNED_PUPPI["clusters"]),
            "PUPPI, tuned",
        ),
        _named(Correlator("qdistillnet"), "QDistillNet"),
    ]
    for i, model in enumerate(models):
        found.append(_named(Correlator(model, prefix=f"L1Network{i + 1}"), Path(model).name))
    # the bound is of the same chain: with the network's clusters
    return [*found, _named(TrueShares(formed or False), "true shares (bound)")]


def _named(correlator: Any, label: str) -> Any:
    correlator.label = label
    return correlator


def _columns(passed: Passed, dataset: str) -> dict[str, AnyArray]:
    columns: dict[str, AnyArray] = passed.output(dataset)["columns"].joined()
    return columns


class _Sums:
    """Spectra of every quantity and weighting of the samples."""

    def __init__(self, names: Sequence[str], resampling: Resampling) -> None:
        self.names, self.resampling = list(names), resampling

    def spectra(self, columns: Mapping[str, AnyArray], quantity: str) -> dict[str, Spectrum]:
        return {
            w: Spectrum.of(
                columns[f"{quantity}:{w}"],
                columns["event_weight"],
                step=GRID,
                resampling=self.resampling,
                blocks=columns["event"],
            )
            for w in self.names
        }

    def classes(
        self, zero_bias: Mapping[str, Mapping[str, AnyArray]], quantity: str
    ) -> dict[str, list[SpectrumClass]]:
        found: dict[str, list[SpectrumClass]] = {w: [] for w in self.names}
        for name, columns in zero_bias.items():
            for w, spectrum in self.spectra(columns, quantity).items():
                found[w].append(SpectrumClass(name, spectrum, spectrum.sum_of_weights))
        return found


def judge(request: AtRateRequest, weightings: Sequence[Weighting] | None = None) -> Judgement:
    """Run the weightings over the samples and compare them at equal rate.

    Raises
    ------
    ConfigurationError
        If there is no signal or no zero bias, or names are used twice.
    """
    chosen = list(
        weightings_of(request.models, towers=request.towers) if weightings is None else weightings
    )
    datasets, roles = _datasets(request)
    # what is zero bias and a pile-up sample as well is run once
    same = {name: _twin(name, datasets, roles) for name in datasets}
    passed = pass_over(
        {name: own for name, own in datasets.items() if same[name] == name},
        lambda name, dataset, first: AtRateProcessor(chosen),
        request,
        request.status,
    )
    columns = {name: _columns(passed, same[name]) for name in datasets}
    of_role = {
        role: {name: columns[name] for name, its in roles.items() if its == role}
        for role in ("signal", "zero bias", "pileup")
    }
    names = [w.name for w in chosen]
    sums = _Sums(names, Resampling(request.replicas))
    targets = [1e3 * t for t in request.targets]
    met = sums.classes(of_role["zero bias"], "met")
    signals = {name: sums.spectra(own, "met") for name, own in of_role["signal"].items()}
    averaged = {name: signals[name] for name in _averaged(request, signals)}
    reference = _reference(met, averaged, targets[0], names)
    rows, rates, turn_ons = _compared(sums, of_role, targets, reference)
    rates_hz = np.geomspace(min(targets) / 2.0, max(targets) * 5.0, 30).tolist()
    first_signal = next(iter(request_files(request)))
    return Judgement(
        reference=reference,
        labels={w.name: str(getattr(w, "label", w.name)) for w in chosen},
        rows=rows,
        curves={s: efficiency_against_rate(met, own, rates_hz) for s, own in signals.items()},
        rates_hz=rates_hz,
        averaged=list(averaged),
        gains={t: mean_gain(met, averaged, t, reference) for t in targets},
        rates=rates,
        turn_ons=turn_ons,
        met={s: met_table(_responses(c, names), reference=reference)
             for s, c in of_role["signal"].items()},
        jets={s: jet_table(_responses(c, names), gen_pt_range=(30.0, np.inf),
                           max_abs_eta=MAX_ABS_ETA, reference=reference)
              for s, c in of_role["signal"].items()},
        counts={s: _counts(c, names) for s, c in columns.items() if roles[s] != "pileup"},
        pileup=_pileup(of_role["pileup"], sums, rows, targets[0], request.replicas),
        symmetry=symmetries(first_signal, chosen),
        limit_hz=resolution_limit(
            sum(c.rate_hz for c in met[reference]),
            max(c.spectrum.n_events for c in met[reference]),
            request.mean_pileup if request.library else 0.0,
            request.library or 1,
        ),
    )  # fmt: skip


def request_files(request: AtRateRequest) -> list[str]:
    """Files of the signals, in the order given."""
    return [file for own in named_files([str(f) for f in request.fileset or ()]).values()
            for file in own]  # fmt: skip


def _datasets(request: AtRateRequest) -> tuple[dict[str, Dataset], dict[str, str]]:
    """Find the samples and their roles."""
    given = {
        "signal": named_files([str(f) for f in request.fileset or ()]),
        "zero bias": named_files(request.zero_bias),
        "pileup": named_files(request.pileup),
    }
    for role in ("signal", "zero bias"):
        if not given[role]:
            raise ConfigurationError(
                f"weights at equal rate: no {role}; give signals as files and --zero-bias"
            )
    made: dict[str, Any] = {}
    roles: dict[str, str] = {}
    for role, samples in given.items():
        for name, files in samples.items():
            own = f"{_PILEUP}{name}" if role == "pileup" else name
            if own in made:
                raise ConfigurationError(f"sample {own!r} comes twice: every name once")
            made[own], roles[own] = {"files": list(files)}, role
    return load_fileset(made), roles


def _averaged(request: AtRateRequest, signals: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the signals of the mean gain."""
    unknown = [name for name in request.mean_of if name not in signals]
    if unknown:
        raise ConfigurationError(
            f"mean of {', '.join(unknown)}: there are the signals {', '.join(signals)}"
        )
    return request.mean_of or tuple(signals)


def _twin(name: str, datasets: Mapping[str, Dataset], roles: Mapping[str, str]) -> str:
    """Name of the zero-bias sample of the same files, or the sample's own."""
    if roles[name] != "pileup":
        return name
    files = list(datasets[name].files)
    found = [n for n, own in datasets.items() if roles[n] == "zero bias"]
    return next((n for n in found if list(datasets[n].files) == files), name)


def _reference(
    background: Mapping[str, Sequence[SpectrumClass]],
    signals: Mapping[str, Mapping[str, Spectrum]],
    target: float,
    names: Sequence[str],
) -> str:
    """Return the better of the tuned LinPUPPI, by MET at the first target; or the first one."""
    tuned = [name for name in names if name.startswith("L1Tuned")]
    if len(tuned) < 2:
        return tuned[0] if tuned else names[0]
    gain = mean_gain(background, signals, target, tuned[0])
    return max(tuned, key=lambda name: gain[name].value if name in gain else 0.0)


def _compared(
    sums: _Sums,
    of_role: Mapping[str, Mapping[str, Mapping[str, AnyArray]]],
    targets: Sequence[float],
    reference: str,
) -> tuple[Any, Any, Any]:
    """Efficiencies at equal rate, rates at equal efficiency, and turn-ons."""
    rows: dict[str, Any] = {s: {} for s in of_role["signal"]}
    rates: dict[str, Any] = {s: {} for s in of_role["signal"]}
    turn_ons: dict[str, Any] = {s: {} for s in of_role["signal"]}
    for quantity in QUANTITIES:
        background = sums.classes(of_role["zero bias"], quantity)
        for signal, columns in of_role["signal"].items():
            spectra = sums.spectra(columns, quantity)
            rows[signal][quantity] = found = {
                t: iso_rate(background, spectra, t, reference) for t in targets
            }
            rates[signal][quantity] = {
                e: rate_at_efficiency(background, spectra, e, reference) for e in EFFICIENCIES
            }
            turn_ons[signal][quantity] = {
                w: TurnOn.of(_generated(columns, quantity), columns[f"{quantity}:{w}"],
                             EDGES[quantity]).curve(found[targets[0]][w].threshold.value)
                for w in sums.names
            }  # fmt: skip
    return rows, rates, turn_ons


def _generated(columns: Mapping[str, AnyArray], quantity: str) -> Floats:
    """Return the generated value of a quantity."""
    if quantity == "met":
        return np.hypot(columns["gen_met_px"], columns["gen_met_py"])
    return np.asarray(columns[f"gen_{quantity}"], np.float64)


def _responses(columns: Mapping[str, AnyArray], names: Sequence[str]) -> ResponseSample:
    """Gather what resolutions are made of."""
    counts = np.asarray(columns["n_gen_jets"], np.int64)
    met = {w: np.stack([columns[f"met_px:{w}"], columns[f"met_py:{w}"]]) for w in names}
    return ResponseSample(
        np.stack([columns["gen_met_px"], columns["gen_met_py"]]),
        met,
        np.asarray(columns["event_weight"], np.float64),
        np.asarray(columns["gen_jet_pt"], np.float64),
        np.asarray(columns["gen_jet_eta"], np.float64),
        event_index(offsets_from_counts(counts)),
        {w: np.asarray(columns[f"jet_pt:{w}"], np.float64) for w in names},
    )


def _mean(values: AnyArray, weights: AnyArray) -> Estimate:
    """Weighted mean with the interval of its bootstrap."""
    x, w = np.asarray(values, np.float64), np.asarray(weights, np.float64)
    found = bootstrap(lambda m: [(m * w) @ x / max(float(m @ w), 1e-300)], x.size, replicas=200)
    return Estimate(float(found.value[0]), float(found.low[0]), float(found.high[0]), x.size)


def _counts(
    columns: Mapping[str, AnyArray], names: Sequence[str]
) -> dict[str, dict[str, Estimate]]:
    """Fake jets and candidates without a place in a list, per event."""
    weight = columns["event_weight"]
    return {
        w: {kind: _mean(columns[f"{kind}:{w}"], weight) for kind in ("fakes", "lost")}
        for w in names
    }


def _pileup(
    samples: Mapping[str, Mapping[str, AnyArray]],
    sums: _Sums,
    rows: Mapping[str, Any],
    target: float,
    replicas: int,
) -> list[PileupRow]:
    """Rates of soft collisions above the threshold of the first target, against pile-up."""
    if len(samples) < 2:
        return []
    at = {float(name.removeprefix(_PILEUP)): own for name, own in samples.items()}
    found = next(iter(rows.values()))["met"][target]
    levels = sorted(at)
    low, high = _around(levels)
    share = (240.0 - low) / (high - low)
    table = []
    for w in sums.names:
        cut = found[w].threshold.value
        drawn = {}
        for mu in levels:
            own = at[mu]
            passing = (own[f"met:{w}"] >= cut) * own["event_weight"]
            n = sums.resampling.multiplicities(own["event"]).T.astype(np.float64)
            every = np.vstack([np.ones(passing.size), n])
            drawn[mu] = (every @ passing) * passing.size / every.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = (drawn[high] / drawn[low]) ** share
            growth *= (drawn[low] / drawn[200.0]) if low != 200.0 and 200.0 in drawn else 1.0
        table.append(PileupRow(w, cut, {mu: _from(x) for mu, x in drawn.items()}, _from(growth)))
    return table


def _around(levels: Sequence[float]) -> tuple[float, float]:
    """Return the two levels between which, or beyond which, 240 lies."""
    below = [x for x in levels if x <= 240.0] or levels[:1]
    above = [x for x in levels if x > 240.0] or levels[-1:]
    low, high = below[-1], above[0]
    return (levels[-2], levels[-1]) if low == high else (low, high)


def _from(drawn: Floats) -> Estimate:
    """Nominal value and percentiles of the replicas behind it."""
    rest = drawn[1:][np.isfinite(drawn[1:])]
    tail = (1.0 - ONE_SIGMA) / 2.0
    if not rest.size:
        return Estimate(float(drawn[0]), 0.0, float("inf"), 0)
    low, high = np.quantile(rest, [tail, 1.0 - tail])
    return Estimate(float(drawn[0]), float(low), float(high), drawn.size - 1)
