"""How much weights and MET move when an event is reflected or turned."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from l1kd.algorithms.correlator import Correlator
from l1kd.datasets import inspect_file
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.correlator.chain import CorrelatorResult
from l1kd.emulators.correlator.types import PT_LSB

__all__ = ["Symmetry", "symmetries"]

SECTOR = 2.0 * np.pi / 9.0
"""Azimuth of a region: turned by it, the regions are the same."""
TOWER = np.pi / 36.0
"""Azimuth of a tower; regions are different ones after a turn by it."""


class Symmetry(NamedTuple):
    """Change of one weighting under one transformation.

    Attributes
    ----------
    weighting, transformation
        Which.
    largest_weight, mean_weight
        Largest and mean change of a particle's weight.
    largest_met, mean_met
        Of MET [GeV].
    """

    weighting: str
    transformation: str
    largest_weight: float
    mean_weight: float
    largest_met: float
    mean_met: float


Columns = Mapping[str, AnyArray]


def _reflected(columns: Columns) -> dict[str, AnyArray]:
    """Change the sign of eta and of the positions along the beam."""
    return {**columns, "eta": -columns["eta"], "z0": -columns["z0"]}


def _turned(angle: float) -> Callable[[Columns], dict[str, AnyArray]]:
    def turn(columns: Columns) -> dict[str, AnyArray]:
        phi = columns["phi"].astype(np.float64) + angle
        return {**columns, "phi": ((phi + np.pi) % (2 * np.pi) - np.pi).astype(np.float32)}

    return turn


TRANSFORMATIONS: Mapping[str, Callable[[Columns], dict[str, AnyArray]]] = {
    "eta to -eta": _reflected,
    "turned by a sector": _turned(SECTOR),
    "turned by a tower": _turned(TOWER),
}


def symmetries(path: str | Path, weightings: Sequence[Any], n_events: int = 50) -> list[Symmetry]:
    """Run the first events of a file as they are, reflected, and turned.

    Parameters
    ----------
    path
        File.
    weightings
        Correlators; others are left out, since what they read cannot be turned here.
    n_events
        How many events.
    """
    file = inspect_file(str(path))
    events = file.open(0, min(n_events, file.entries))
    found = []
    for weighting in weightings:
        if type(weighting) is not Correlator:
            continue
        columns = weighting.prepare_awkward(events)[1]
        usual = weighting._correlate(**columns)
        for name, move in TRANSFORMATIONS.items():
            found.append(
                _change(weighting.name, name, usual, weighting._correlate(**move(columns)))
            )
    return found


def _change(
    weighting: str, transformation: str, usual: CorrelatorResult, moved: CorrelatorResult
) -> Symmetry:
    weight = np.abs(usual.weights - moved.weights)
    met = np.abs(usual.met["met_hwPt"].astype(int) - moved.met["met_hwPt"]) * PT_LSB
    return Symmetry(
        weighting,
        transformation,
        float(weight.max(initial=0.0)),
        float(weight.mean()),
        float(met.max(initial=0.0)),
        float(met.mean()),
    )
