"""LinPUPPI's parameters chosen for given candidates, by efficiency at equal rate.

A reference is fair if it was chosen for the same candidates, on the same events and by the same
figure as what is compared with it. The figure is the efficiency for signals at given zero-bias
rates, found with the vertex that the trigger finds, averaged over rates and signals.

Parameters are changed one after the other, as the firmware holds them; a change stays if the figure
grows. The sums of a region's candidates are those behind the final lists, so that the figure is
what the correlator's MET gives as long as no list overflows.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from l1kd.algorithms import Correlator
from l1kd.algorithms.linpuppi import track_z0
from l1kd.datasets import inspect_file
from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi.neighbourhood import associated_tracks, neighbourhood
from l1kd.emulators.correlator.linpuppi.parameters import PRESETS, LinPuppiParameters
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.regionizer.regionizer import Regionizer
from l1kd.emulators.correlator.tables import WEIGHT
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB
from l1kd.errors import ConfigurationError
from l1kd.formats import first
from l1kd.study.climbing import Climb, Trial, climb

__all__ = [
    "Regions",
    "Sample",
    "Tuned",
    "figure_of_merit",
    "in_region",
    "particles_of",
    "read_regions",
    "tune",
]


STEPS: Final[Mapping[str, tuple[float, ...]]] = {
    "dz": (0.1, -0.1, 0.3, -0.3),
    "pt_cut": (1.0, -1.0, 3.0, -3.0),
    "pt_slope": (0.1, -0.1),
    "pt_slope_photon": (0.1, -0.1),
    "pt_zero": (1.0, -1.0, 4.0, -4.0),
    "pt_zero_photon": (1.0, -1.0, 4.0, -4.0),
    "alpha_slope": (0.3, -0.3),
    "alpha_zero": (1.0, -1.0),
    "alpha_crop": (1.0, -1.0),
    "prior": (1.0, -1.0, 3.0, -3.0),
    "prior_photon": (1.0, -1.0, 3.0, -3.0),
}
"""What is tried, added to each number of a parameter; units as of `LinPuppiParameters`."""

LOWEST: Final[Mapping[str, float]] = {"dz": 0.05, "prior": -10.0, "prior_photon": -10.0}
"""Smallest value of a parameter where it is not 0."""

_FIRST_MUON: Final = 6
"""Identification from which a charged candidate is a muon."""


class Regions(NamedTuple):
    """Inputs of LinPUPPI of one sample: arrays by board type, and the number of events."""

    inputs: dict[str, dict[str, AnyArray]]
    n_events: int


@dataclass(frozen=True)
class Sample:
    """Events of one kind.

    Attributes
    ----------
    regions : Regions
        What LinPUPPI reads.
    weight : ndarray of float64
        Rate [Hz] that each event stands for; only of zero bias.
    """

    regions: Regions
    weight: Floats


@dataclass
class Tuned(Climb):
    """What was found.

    Attributes
    ----------
    parameters : dict of LinPuppiParameters
        By board type.
    """

    parameters: dict[str, LinPuppiParameters] = field(default_factory=dict)


def read_regions(path: str | Path, *, clusters: bool, chunk: int = 200) -> Sample:
    """Read a file and distribute its particles, or the clusters of them, over the regions.

    Raises
    ------
    L1KDError
        If the file cannot be read or has no particles.
    """
    parts: dict[str, list[dict[str, AnyArray]]] = {b.name: [] for b in BOARDS}
    weights, n_events = [], 0
    for particles, offsets, weight in particles_of(path, clusters=clusters, chunk=chunk):
        inputs, _ = Regionizer().run(particles, offsets)
        for name, own in inputs.items():
            parts[name].append(own)
        n_events += len(offsets) - 1
        weights.append(weight)
    joined = {
        name: {key: np.concatenate([p[key] for p in own]) for key in own[0]}
        for name, own in parts.items()
    }
    return Sample(Regions(joined, n_events), np.concatenate(weights).astype(np.float64))


def particles_of(
    path: str | Path, *, clusters: bool, chunk: int = 200
) -> Iterator[tuple[dict[str, AnyArray], Integers, Floats]]:
    """Yield the particles of a file, or tracks and clusters, with offsets and event weights.

    Raises
    ------
    L1KDError
        If the file cannot be read or has no particles.
    """
    file = inspect_file(str(path))
    for start in range(0, file.entries, chunk):
        events = file.open(start, min(start + chunk, file.entries))
        columns = Correlator().prepare_awkward(events)[1]
        offsets = columns.pop("offsets")
        particles: dict[str, AnyArray] = {**columns, "z0": track_z0(columns["z0"])}
        if clusters:
            made = Clusterer().run(particles, offsets)
            particles, offsets = dict(made.particles), made.offsets
        reader = first("event_weight", events)
        weight = np.ones(len(events)) if reader is None else np.asarray(reader.read(events))
        yield particles, offsets, weight.astype(np.float64)


class _Board:
    """What the weights of one board type are a function of, in one sample, for one `dz`."""

    def __init__(self, regions: Regions, parameters: LinPuppiParameters, kind: int) -> None:
        inputs, board = regions.inputs[BOARDS[kind].name], BOARDS[kind]
        self.n_events = regions.n_events
        event = np.repeat(np.arange(regions.n_events), board.n_regions)
        prefix = "calo_" if parameters.forward else "pfne_"
        here = in_region(inputs, prefix, inputs["neu_source"] >= 0)
        self.event = np.broadcast_to(event[:, None], here.shape)[here]
        self.pt = inputs[prefix + "hwPt"][here].astype(np.int64)
        self.turn = _turn(inputs, prefix, here)
        self.em = inputs[prefix + "hwEmID"][here] != 0
        eta = inputs["region_hwEtaCenter"][:, None].astype(np.int64) + inputs[prefix + "hwEta"]
        self.bin = np.searchsorted(parameters.raw().edges, np.abs(eta[here]))
        self.sum = neighbourhood(inputs, parameters)[here[:, : parameters.n_in]]
        self.tracks = np.zeros((regions.n_events, 2))
        if not parameters.forward:
            self.tracks = self._tracks(inputs, parameters, event)

    def _tracks(
        self, inputs: dict[str, AnyArray], parameters: LinPuppiParameters, event: Integers
    ) -> Floats:
        near = associated_tracks(inputs, parameters)
        kept = np.zeros(inputs["trk_hwPt"].shape, dtype=bool)
        slots = near.shape[1]
        # muons stay wherever they come from
        muon = (inputs["pfch_hwId"][:, :slots] >= _FIRST_MUON) & (
            inputs["trk_source"][:, :slots] >= 0
        )
        kept[:, :slots] = near | muon
        kept = in_region(inputs, "trk_", kept)
        bend = np.where(inputs["pfch_hwId"] & 1, inputs["pfch_hwDPhi"], -inputs["pfch_hwDPhi"])
        momentum = inputs["trk_hwPt"][kept] * PT_LSB * _turn(inputs, "trk_", kept, bend)
        place = np.broadcast_to(event[:, None], kept.shape)[kept]
        return np.stack([np.bincount(place, x, self.n_events) for x in momentum], axis=1)

    def vectors(self, parameters: LinPuppiParameters) -> Floats:
        """Sum what leaves the regions, float64[n_events, 2] [GeV], before the lists are cut."""
        raw = parameters.raw()
        cut, *rows = raw.bins[self.bin].T
        slope, zero, prior = (np.where(self.em, rows[i + 3], rows[i]) for i in range(3))
        own = np.clip((slope * (self.pt - zero)) >> 3, -2048, 2047)
        x2 = np.clip(raw.alpha_table()[self.bin, self.sum] + own - prior, -2048, 2047)
        pt = np.minimum((self.pt * WEIGHT[x2 + 2048].astype(np.int64) + 128) >> 8, 8191)
        momentum = np.where(pt >= cut, pt, 0) * PT_LSB * self.turn
        neutral = [np.bincount(self.event, x, self.n_events) for x in momentum]
        return self.tracks + np.stack(neutral, axis=1)


def in_region(inputs: Mapping[str, AnyArray], prefix: str, present: AnyArray) -> AnyArray:
    """Tell which of the objects present belong to their region: lower edges out, upper ones in."""
    found = np.array(present)
    for axis in ("Eta", "Phi"):
        half = inputs[f"region_hw{axis}HalfWidth"][:, None]
        position = inputs[f"{prefix}hw{axis}"][:, : found.shape[1]]
        found &= (-half < position) & (position <= half)
    return found


def _turn(
    inputs: Mapping[str, AnyArray], prefix: str, chosen: AnyArray, bend: AnyArray | int = 0
) -> Floats:
    """Cosine and sine of the global azimuth, of tracks at the vertex."""
    phi = inputs["region_hwPhiCenter"][:, None].astype(np.int64) + inputs[prefix + "hwPhi"] + bend
    angle = phi[chosen] * ETA_PHI_LSB
    return np.stack([np.cos(angle), np.sin(angle)])


def figure_of_merit(
    zero_bias: tuple[Floats, Floats], signals: Sequence[Floats], rates_hz: Sequence[float]
) -> float:
    """Efficiency at equal rate, averaged over rates and signals.

    Parameters
    ----------
    zero_bias
        MET [GeV] and the rate [Hz] that each event stands for.
    signals
        MET [GeV] of each signal.
    rates_hz
        Rates; the threshold of each is the smallest that keeps it.
    """
    met, weight = zero_bias
    order = np.argsort(-met, kind="stable")
    above = np.cumsum(weight[order])
    places = np.searchsorted(above, np.asarray(rates_hz), side="right")
    cuts = met[order][np.minimum(places, met.size - 1)]
    return float(np.mean([[(s > cut).mean() for cut in cuts] for s in signals]))


def _moves(parameters: LinPuppiParameters) -> list[tuple[str, int, float]]:
    """Every parameter, its place if it has one number for each eta bin, and a step."""
    found = []
    for name, steps in STEPS.items():
        if name == "dz" and parameters.forward:
            continue
        value = getattr(parameters, name)
        places = len(value) if isinstance(value, tuple) else 1
        found += [(name, place, step) for place in range(places) for step in steps]
    return found


def _moved(
    parameters: LinPuppiParameters, name: str, place: int, step: float
) -> LinPuppiParameters | None:
    """Parameters after a step; None where the firmware would hold the same, or cannot hold them."""
    value = getattr(parameters, name)
    old = value[place] if isinstance(value, tuple) else value
    new = round(max(old + step, LOWEST.get(name, 0.0)), 3)
    changed = (*value[:place], new, *value[place + 1 :]) if isinstance(value, tuple) else new
    other = parameters.replace(**{name: changed})
    try:
        return other if _raw(other) != _raw(parameters) else None
    except ValueError:
        return None


def _raw(parameters: LinPuppiParameters) -> tuple[Any, ...]:
    raw = parameters.raw()
    return raw.dz, raw.bins.tobytes(), raw.alpha.tobytes()


class _Search:
    """The sums of all samples, board type by board type, and the figure that follows."""

    def __init__(
        self, zero_bias: Sequence[Sample], signals: Sequence[Sample], rates_hz: Sequence[float]
    ) -> None:
        self.samples = [*zero_bias, *signals]
        self.n_zero_bias = len(zero_bias)
        self.weight = np.concatenate([s.weight for s in zero_bias])
        self.rates_hz = tuple(rates_hz)
        self.parameters = dict(PRESETS)
        self.known: dict[tuple[int, int], list[_Board]] = {}
        self.groups = range(len(BOARDS))
        self.sums = [self.vectors(k, PRESETS[BOARDS[k].name]) for k in self.groups]

    def vectors(self, board: int, parameters: LinPuppiParameters) -> list[Floats]:
        """Sum one board type in every sample; neighbours are added up once for each `dz`."""
        key = board, parameters.raw().dz
        if key not in self.known:
            self.known = {k: own for k, own in self.known.items() if k[0] != board}
            self.known[key] = [_Board(s.regions, parameters, board) for s in self.samples]
        return [own.vectors(parameters) for own in self.known[key]]

    def figure(self, board: int = 0, replaced: list[Floats] | None = None) -> float:
        """Figure with the sums of one board type replaced."""
        parts = [replaced if replaced and k == board else own for k, own in enumerate(self.sums)]
        totals = [np.linalg.norm(sum(x), axis=1) for x in zip(*parts, strict=True)]
        zero_bias = np.concatenate(totals[: self.n_zero_bias])
        signals = totals[self.n_zero_bias :]
        return figure_of_merit((zero_bias, self.weight), signals, self.rates_hz)

    def moves(self, board: int) -> list[tuple[str, int, float]]:
        """List the moves of one board type's parameters."""
        return _moves(self.parameters[BOARDS[board].name])

    def trial(self, board: int, move: tuple[str, int, float]) -> Trial | None:
        """Move one parameter of a board type."""
        kind = BOARDS[board].name
        other = _moved(self.parameters[kind], *move)
        if other is None:
            return None
        sums = self.vectors(board, other)
        change = kind, f"{move[0]} {getattr(other, move[0])}"
        return Trial(self.figure(board, sums), change, (board, other, sums))

    def keep(self, trial: Trial) -> None:
        """Go on from these parameters."""
        board, parameters, sums = trial.kept
        self.parameters[BOARDS[board].name] = parameters
        self.sums[board] = sums


def tune(
    zero_bias: Sequence[Sample],
    signals: Sequence[Sample],
    *,
    rates_hz: Sequence[float] = (60e3, 100e3, 170e3, 310e3, 500e3),
    rounds: int = 3,
    seed: int = 20261130,
) -> Tuned:
    """Choose LinPUPPI's parameters of all board types, from the presets on.

    Parameters
    ----------
    zero_bias, signals
        Events that choose; weights of zero bias are rates.
    rates_hz
        Rates of the figure. More than those that count make it smoother.
    rounds
        How often every parameter is tried; the search ends with a round in which nothing stayed.
    seed
        Of the order in which changes are tried.

    Raises
    ------
    ConfigurationError
        If there is no zero bias or no signal.
    """
    if not zero_bias or not signals:
        raise ConfigurationError("tuning needs zero bias and at least one signal")
    search = _Search(zero_bias, signals, rates_hz)
    found = climb(search, rounds=rounds, seed=seed)
    return Tuned(**vars(found), parameters=search.parameters)
