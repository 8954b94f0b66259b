"""Rules that the adapters of all particle formats share: classes, units, checks."""

from collections.abc import Callable

import numpy as np

from l1kd._edge import Array, require_finite
from l1kd.errors import InputError

__all__ = [
    "FORWARD_ETA",
    "MM_TO_CM",
    "PID",
    "PID_NAMES",
    "Column",
    "energy_of",
    "pid_of_charged",
    "pid_of_neutral",
    "require_momentum",
    "wrapped",
]

Column = Callable[[], Array]

PID_NAMES = (
    "charged hadron",
    "electron",
    "muon",
    "photon",
    "neutral hadron",
    "forward hadron",
    "forward e.m.",
    "other",
)
PID = {name: number for number, name in enumerate(PID_NAMES)}

FORWARD_ETA = 3.0
"""|eta| from which a Delphes neutral is called forward, as CMS calls its forward calorimeter."""

MM_TO_CM = 0.1
_PI_BELOW = np.nextafter(np.float32(np.pi), np.float32(0.0))


def wrapped(phi: Array) -> Array:
    """Azimuth in (-pi, pi] as float32; Delphes' rounded values can lie 1e-3 outside."""
    wide = np.asarray(phi, np.float64)
    turned = wide - 2.0 * np.pi * np.ceil((wide - np.pi) / (2.0 * np.pi))
    return np.clip(turned.astype(np.float32), -_PI_BELOW, _PI_BELOW)


def pid_of_charged(pdg_id: Array) -> Array:
    """Class of a charged particle; a trigger tells electrons and muons from the rest."""
    magnitude = np.abs(pdg_id)
    return np.select(
        [magnitude == 11, magnitude == 13], [PID["electron"], PID["muon"]], PID["charged hadron"]
    )


def pid_of_neutral(is_photon: Array, eta: Array) -> Array:
    """Class of a neutral particle of a source that has no forward types of its own."""
    forward = np.abs(eta) > FORWARD_ETA
    return np.where(
        is_photon,
        np.where(forward, PID["forward e.m."], PID["photon"]),
        np.where(forward, PID["forward hadron"], PID["neutral hadron"]),
    )


def require_momentum(values: Array, where: str) -> Array:
    """Return transverse momenta [GeV] that are finite and not negative.

    Raises
    ------
    InputError
        Naming `where` and the first value that is neither.
    """
    require_finite(values, where)
    if (values < 0).any():
        first = int(np.flatnonzero(values < 0)[0])
        raise InputError(
            f"{where}: expected pt >= 0 GeV, found {values[first]} at position {first}; "
            "mask these events or mend the file"
        )
    return values


def energy_of(pt: Array, eta: Array, mass: Array) -> Array:
    """Energy [GeV] in double precision: cosh of a forward particle is large."""
    momentum = pt.astype(np.float64) * np.cosh(eta.astype(np.float64))
    return np.hypot(momentum, mass)
