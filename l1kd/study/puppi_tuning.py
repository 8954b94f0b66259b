"""PUPPI's parameters chosen for the trigger's candidates, by efficiency at equal rate.

The figure, and the events, are those by which LinPUPPI is tuned (`l1kd.study.tuning`). What is
tried is the window in dz, the cone, and the threshold on the weighted pt of neutrals of every range
in |eta|. Particles count that have a slot in the region to which they belong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from l1kd.emulators.array_types import Floats, Integers, Mask
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.vertex import VertexFinder
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


def _met(sample: Particles, parameters: RegionPuppi) -> Floats:
    """MET [GeV] of every event."""
    weight = parameters.weights(sample.columns, sample.offsets, sample.vertex)
    n = len(sample.offsets) - 1
    event = np.repeat(np.arange(n), np.diff(sample.offsets))
    momentum = np.where(sample.kept, weight * sample.columns["pt"], 0.0)
    phi = sample.columns["phi"]
    return np.hypot(*(np.bincount(event, momentum * of(phi), n) for of in (np.cos, np.sin)))


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


class _Search:
    """The parameters, and the figure that follows."""

    groups = ("PUPPI",)

    def __init__(
        self, zero_bias: Sequence[Particles], signals: Sequence[Particles], rates: Sequence[float]
    ) -> None:
        self.zero_bias, self.signals, self.rates_hz = zero_bias, signals, rates
        self.weight = np.concatenate([s.weight for s in zero_bias])
        self.parameters = TRIGGER_PUPPI

    def figure(self, parameters: RegionPuppi | None = None) -> float:
        """Figure of the present parameters, or of others."""
        tried = parameters or self.parameters
        met = np.concatenate([_met(s, tried) for s in self.zero_bias])
        signals = [_met(s, tried) for s in self.signals]
        return figure_of_merit((met, self.weight), signals, self.rates_hz)

    def moves(self, _: str) -> list[tuple[str, int, float]]:
        """List the moves of all parameters."""
        return _moves(self.parameters)

    def trial(self, _: str, move: tuple[str, int, float]) -> Trial | None:
        """Move one parameter."""
        name, place, _step = move
        other = _moved(self.parameters, *move)
        if other is None:
            return None
        owner = other if place < 0 else other.config.bins[place]
        where = name if place < 0 else f"{name} of range {place}"
        return Trial(self.figure(other), (where, getattr(owner, name)), other)

    def keep(self, trial: Trial) -> None:
        """Go on from these parameters."""
        self.parameters = trial.kept


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
