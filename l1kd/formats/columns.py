"""Rules that the adapters of all particle formats share: classes, units, masses."""

from collections.abc import Callable

import numpy as np

from l1kd.emulators.array_types import AnyArray

__all__ = [
    "FORWARD_ETA",
    "MM_TO_CM",
    "PID",
    "PID_NAMES",
    "Column",
    "class_of",
    "energy_of",
    "mass_of",
    "pid_of_charged",
    "pid_of_neutral",
    "wrapped",
]

Column = Callable[[], AnyArray]

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


def wrapped(phi: AnyArray) -> AnyArray:
    """Azimuth in (-pi, pi] as float32; Delphes' rounded values can lie 1e-3 outside."""
    wide = np.asarray(phi, np.float64)
    turned = wide - 2.0 * np.pi * np.ceil((wide - np.pi) / (2.0 * np.pi))
    return np.clip(turned.astype(np.float32), -_PI_BELOW, _PI_BELOW)


_CLASSES = {
    11: PID["electron"],
    13: PID["muon"],
    22: PID["photon"],
    **dict.fromkeys((130, 310, 2112), PID["neutral hadron"]),
    1: PID["forward hadron"],
    2: PID["forward e.m."],
}


def class_of(pdg_id: AnyArray, charge: AnyArray) -> AnyArray:
    """Class of a CMS particle-flow candidate: 1 and 2 are its forward hadrons and photons."""
    magnitude = np.abs(pdg_id)
    out = np.where(charge != 0, PID["charged hadron"], PID["other"])
    for code, pid in _CLASSES.items():
        out[magnitude == code] = pid
    return out


def pid_of_charged(pdg_id: AnyArray) -> AnyArray:
    """Class of a charged particle; a trigger tells electrons and muons from the rest."""
    magnitude = np.abs(pdg_id)
    return np.select(
        [magnitude == 11, magnitude == 13], [PID["electron"], PID["muon"]], PID["charged hadron"]
    )


def pid_of_neutral(is_photon: AnyArray, eta: AnyArray) -> AnyArray:
    """Class of a neutral particle of a source that has no forward types of its own."""
    forward = np.abs(eta) > FORWARD_ETA
    return np.where(
        is_photon,
        np.where(forward, PID["forward e.m."], PID["photon"]),
        np.where(forward, PID["forward hadron"], PID["neutral hadron"]),
    )


_MASSES = {11: 0.000511, 13: 0.10566, 321: 0.49368, 2212: 0.93827}
"""Masses [GeV] of charged particles that are no pions."""
_PION_MASS = 0.13957


def mass_of(pdg_id: AnyArray) -> AnyArray:
    """Masses [GeV] of charged particles by their identity, float64; the unknown are pions."""
    magnitude = np.abs(pdg_id)
    out = np.full(magnitude.shape, _PION_MASS)
    for code, mass in _MASSES.items():
        out[magnitude == code] = mass
    return out


def energy_of(pt: AnyArray, eta: AnyArray, mass: AnyArray) -> AnyArray:
    """Energy [GeV] in double precision: cosh of a forward particle is large."""
    momentum = pt.astype(np.float64) * np.cosh(eta.astype(np.float64))
    return np.hypot(momentum, mass)
