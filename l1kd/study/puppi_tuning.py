"""PUPPI's parameters chosen for the trigger's candidates, by efficiency at equal rate.

The figure, and the events, are those by which LinPUPPI is tuned (`l1kd.study.tuning`). What is
tried is the window in dz, the cone, and the threshold on the weighted pt of neutrals of every range
in |eta|. Particles count that have a slot in the region to which they belong.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Integers, Mask
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.vertex import VertexFinder
from l1kd.emulators.particles.puppi import CHARGED_PV, EtaBin
from l1kd.emulators.particles.region_puppi import TRIGGER_PUPPI, RegionPuppi
from l1kd.errors import ConfigurationError
from l1kd.study.climbing import Climb, Trial, climb
from l1kd.study.tuning import figure_of_merit, in_region, particles_of

__all__ = ["Particles", "TunedPuppi", "read_particles", "tune_puppi"]

STEPS: Final = {
    "dz": (0.05, -0.05, 0.2),
    "dz_eta2": (0.03, -0.03, 0.1),
    "cone": (0.05, -0.05, 0.1),
    "neutral_pt_min": (0.5, -0.5, 2.0, -2.0),
}
"""What is tried, added to a parameter [cm, dR, GeV]."""


class Particles(NamedTuple):
    """Particles of one sample.

    `columns`: pt, eta, phi, charge, pid, z0; `kept`: whether a particle has a slot; `vertex`: z0 of
    every event's vertex [cm]; `weight`: rate [Hz] of every event of zero bias.
    """

    columns: dict[str, Any]
    offsets: Integers
    kept: Mask
    vertex: Floats
    weight: Floats


@dataclass
class TunedPuppi(Climb):
    """What was found: as of `Climb`, and the parameters."""

    parameters: RegionPuppi = TRIGGER_PUPPI


def read_particles(path: str | Path, *, clusters: bool) -> Particles:
    """Read a file, find the vertices, and see which particles or clusters have a slot.

    Raises
    ------
    L1KDError
        If the file cannot be read or has no particles.
    """
    parts = []
    for columns, offsets, weight in particles_of(path, clusters=clusters):
        inputs, _ = Regionizer().run(columns, offsets)
        kept = np.zeros(offsets[-1], dtype=bool)
        for own in inputs.values():
            neutral = "pfne_" if "pfne_hwPt" in own else "calo_"
            for prefix, source in ((neutral, "neu_source"), ("trk_", "trk_source")):
                if source in own:
                    kept[own[source][in_region(own, prefix, own[source] >= 0)]] = True
        vertex = np.asarray(VertexFinder().run(columns, offsets).z0, np.float64)
        parts.append((columns, np.diff(offsets), kept, vertex, weight))
    columns = {name: np.concatenate([p[0][name] for p in parts]) for name in parts[0][0]}
    sizes, kept, vertex, weight = (np.concatenate([p[i] for p in parts]) for i in range(1, 5))
    return Particles(columns, np.concatenate([[0], np.cumsum(sizes)]), kept, vertex, weight)


class _Neutrals(NamedTuple):
    """Neutrals of one range in |eta| with a slot: weighted pt, its components [GeV], and event."""

    pt: Floats
    x: Floats
    y: Floats
    event: Integers

    def above(self, cut: float, n_events: int) -> Floats:
        """Sum those above the threshold, float64[n_events, 2] [GeV]."""
        kept = self.pt >= cut
        event = self.event[kept]
        return np.stack([np.bincount(event, v[kept], n_events) for v in (self.x, self.y)], axis=1)


def _event(sample: Particles) -> Integers:
    return np.repeat(np.arange(len(sample.offsets) - 1), np.diff(sample.offsets))


def _components(columns: Mapping[str, Any], chosen: AnyArray, pt: Floats) -> tuple[Floats, Floats]:
    phi = columns["phi"][chosen]
    return pt * np.cos(phi), pt * np.sin(phi)


def _tracks(sample: Particles, parameters: RegionPuppi) -> Floats:
    """Sum the charged particles of the vertex, float64[n_events, 2] [GeV]."""
    event, columns = _event(sample), sample.columns
    codes = parameters.association(columns, columns["z0"] - sample.vertex[event])
    mine = np.flatnonzero(sample.kept & (np.abs(codes) == CHARGED_PV))
    parts = _components(columns, mine, columns["pt"][mine].astype(np.float64))
    return np.stack([np.bincount(event[mine], v, len(sample.vertex)) for v in parts], axis=1)


def _neutrals(sample: Particles, parameters: RegionPuppi, place: int) -> _Neutrals:
    """Weigh the neutrals of one range in |eta|, from what is within a cone of it."""
    own, columns = parameters.config.bins[place], sample.columns
    size = np.abs(columns["eta"])
    near = (size >= own.eta_min - own.cone) & (size <= own.eta_max + own.cone)
    if own.charged_neighbours and own.pool != "all":
        # neutrals are nobody's neighbours here
        near &= sample.kept | (columns["charge"] != 0)
    event = _event(sample)[near]
    some = {name: column[near] for name, column in columns.items()}
    offsets = np.searchsorted(event, np.arange(len(sample.vertex) + 1))
    # a particle on an edge belongs to the first range that has it
    low = np.nextafter(own.eta_min, np.inf) if place else own.eta_min
    alone = replace(own, eta_min=low, neutral_pt_min=0.0)
    only = replace(parameters, config=replace(parameters.config, bins=(alone,)))
    weight = only.weights(some, offsets, sample.vertex)
    mine = np.flatnonzero((some["charge"] == 0) & sample.kept[near] & (weight > 0.0))
    pt = weight[mine].astype(np.float64) * some["pt"][mine]
    return _Neutrals(pt, *_components(some, mine, pt), event[mine])


def _moves(parameters: RegionPuppi) -> list[tuple[str, int, float]]:
    ranges = range(len(parameters.config.bins))
    return [
        (name, place, step)
        for name, steps in STEPS.items()
        for place in (ranges if name in ("cone", "neutral_pt_min") else (-1,))
        for step in steps
    ]


def _moved(parameters: RegionPuppi, name: str, place: int, step: float) -> RegionPuppi | None:
    """Parameters after a step; None where a number would leave its range."""
    owner: Any = parameters if place < 0 else parameters.config.bins[place]
    new = round(getattr(owner, name) + step, 3)
    if new < (0.05 if name in ("dz", "cone") else 0.0):
        return None
    if place < 0:
        return replace(parameters, **{name: new})
    return parameters.with_bin(place, **{name: new})


class _Sums(NamedTuple):
    """What MET is made of, by sample: tracks, and the neutrals of every range in |eta|."""

    tracks: list[Floats]
    neutrals: dict[int, list[_Neutrals]]

    def met(self, sample: int, parameters: RegionPuppi) -> Floats:
        """MET [GeV] of every event of a sample."""
        total = self.tracks[sample]
        for place, own in enumerate(parameters.config.bins):
            neutrals = self.neutrals[place][sample]
            total = total + neutrals.above(own.neutral_pt_min, len(total))
        return np.hypot(*total.T)


class _Search:
    """The parameters, what MET is made of, and the figure that follows."""

    groups = ("PUPPI",)

    def __init__(
        self, zero_bias: Sequence[Particles], signals: Sequence[Particles], rates: Sequence[float]
    ) -> None:
        self.samples, self.rates_hz = [*zero_bias, *signals], rates
        self.weight = np.concatenate([s.weight for s in zero_bias])
        self.n_zero_bias = len(zero_bias)
        self.parameters, self.sums = TRIGGER_PUPPI, _Sums([], {})
        self.sums = self._weighed(TRIGGER_PUPPI, -1, range(len(TRIGGER_PUPPI.config.bins)))

    def _weighed(self, parameters: RegionPuppi, place: int, anew: Iterable[int]) -> _Sums:
        """Weigh some ranges anew, and the tracks where the change has no place."""
        tracks = self.sums.tracks if place >= 0 else [_tracks(s, parameters) for s in self.samples]
        neutrals = {k: [_neutrals(s, parameters, k) for s in self.samples] for k in anew}
        return _Sums(tracks, {**self.sums.neutrals, **neutrals})

    def figure(self, parameters: RegionPuppi | None = None, sums: _Sums | None = None) -> float:
        """Figure of the present parameters, or of others."""
        tried, of = parameters or self.parameters, sums or self.sums
        every = [of.met(sample, tried) for sample in range(len(self.samples))]
        zero_bias = np.concatenate(every[: self.n_zero_bias])
        signals = every[self.n_zero_bias :]
        return figure_of_merit((zero_bias, self.weight), signals, self.rates_hz)

    def moves(self, _: str) -> list[tuple[str, int, float]]:
        """List the moves of all parameters."""
        return _moves(self.parameters)

    def trial(self, _: str, move: tuple[str, int, float]) -> Trial | None:
        """Move one parameter."""
        name, place, _step = move
        other = _moved(self.parameters, *move)
        if other is None:
            return None
        bins = other.config.bins
        anew = [k for k, own in enumerate(bins) if k == place or (place < 0 and _by_vertex(own))]
        sums = self._weighed(other, place, anew if name != "neutral_pt_min" else ())
        owner = other if place < 0 else bins[place]
        where = name if place < 0 else f"{name} of range {place}"
        return Trial(self.figure(other, sums), (where, getattr(owner, name)), (other, sums))

    def keep(self, trial: Trial) -> None:
        """Go on from these parameters."""
        self.parameters, self.sums = trial.kept


def _by_vertex(own: EtaBin) -> bool:
    """Tell whether the window in dz decides on the weights of neutrals."""
    return own.charged_neighbours or own.pool == "charged_pileup"


def tune_puppi(
    zero_bias: Sequence[Particles],
    signals: Sequence[Particles],
    *,
    rates_hz: Sequence[float] = (60e3, 100e3, 170e3, 310e3, 500e3),
    rounds: int = 3,
    seed: int = 20261130,
) -> TunedPuppi:
    """Choose PUPPI's parameters, from `TRIGGER_PUPPI` on.

    Parameters
    ----------
    zero_bias, signals, rates_hz, rounds, seed
        As for `l1kd.study.tuning.tune`.

    Raises
    ------
    ConfigurationError
        If there is no zero bias or no signal.
    """
    if not zero_bias or not signals:
        raise ConfigurationError("tuning needs zero bias and at least one signal")
    search = _Search(zero_bias, signals, rates_hz)
    found = climb(search, rounds=rounds, seed=seed)
    return TunedPuppi(**vars(found), parameters=search.parameters)
