"""Particles of CMS formats: PFNano and FastPUPPI's perfNano."""

import warnings
from functools import cache
from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import Array, flat, has_branch, offsets_of, read, require_finite
from l1kd.formats.columns import PID, Column, energy_of, require_momentum, wrapped

__all__ = ["REFUSALS", "perfnano_candidates", "pfnano_candidates"]

REFUSALS = {
    "PFCand": (
        "central NanoAOD (v15) stores 'PFCand' already multiplied by the PUPPI weight and holds "
        "only the constituents of AK8 jets, so no weight computed from it is right; use PFNano "
        "made with all candidates ('PFCands')"
    ),
    "L1puppiMET": (
        "Phase-2 L1Nano holds trigger objects ('L1puppiMET', jets, sums) and no candidates; it "
        "serves rates, not weights"
    ),
    "L1puppiJetSC4": (
        "Phase-2 L1Nano holds trigger objects ('L1puppiJetSC4', sums) and no candidates; it serves "
        "rates, not weights"
    ),
    "L1EmulCaloTower": "this customised L1 NANO holds calorimeter towers and no candidates",
    "L1UnpackedCaloTower": "this customised L1 NANO holds calorimeter towers and no candidates",
    "Regions": "this ntuple holds calorimeter regions and no candidates",
    "SimRegions": "this ntuple holds calorimeter regions and no candidates",
}


_CMS_PID = {
    11: PID["electron"],
    13: PID["muon"],
    22: PID["photon"],
    130: PID["neutral hadron"],
    1: PID["forward hadron"],
    2: PID["forward e.m."],
}


def _pid_of_cms(pdg_id: Array, charge: Array) -> Array:
    """Class of a CMS particle-flow candidate: 1 and 2 are its forward hadrons and photons."""
    magnitude = np.abs(pdg_id)
    out = np.where(charge != 0, PID["charged hadron"], PID["other"])
    for code, pid in _CMS_PID.items():
        out[magnitude == code] = pid
    return out


def pfnano_candidates(events: ak.Array) -> tuple[Array, dict[str, Column]]:
    """PFNano `PFCands`; d0 and dz of -1 with an error of -1 mean that there is no track.

    Some productions keep only the constituents of jets: sums over such candidates, and so PUPPI's
    alpha and the missing momentum, are not those of the event. A warning says so.
    """
    if _only_jet_constituents(events):
        warnings.warn(
            "PFCands: every candidate of these events is the constituent of a jet, so the file "
            "was probably made with jet constituents only; weights and missing momentum need all "
            "candidates",
            stacklevel=2,
        )
    return _cms(events, "PFCands", {"d0": ("d0", "d0Err"), "dz": ("dz", "dzErr")})


def perfnano_candidates(events: ak.Array, name: str) -> tuple[Array, dict[str, Column]]:
    """Candidates of FastPUPPI's perfNano, `L1PFCands` before or `L1PuppiCands` after LinPUPPI.

    Their z0 is that of the detector; dz is relative to `L1PV_z0`, and unknown without it.
    """
    offsets, columns = _cms(events, name, {"d0": ("dxy", None), "dz": ("z0", None)})
    if "dz" in columns:
        absolute = columns["dz"]
        columns["dz"] = lambda: np.where(
            columns["charge"]() != 0, absolute() - _primary_vertex(events, offsets), np.float32(0)
        )
    return offsets, columns


def _primary_vertex(events: ak.Array, offsets: Array) -> Array:
    """Return z0 [cm] of the first trigger vertex for every charged particle's event."""
    if not has_branch(events, "L1PV", "z0"):
        return np.full(offsets[-1], np.nan, np.float32)
    z0 = read(events, "L1PV", "z0")
    first = ak.fill_none(ak.firsts(z0), np.nan) if z0.ndim == 2 else z0
    return np.repeat(np.asarray(ak.to_numpy(first), np.float32), np.diff(offsets))


def _only_jet_constituents(events: ak.Array) -> bool:
    """Whether the jets of these events refer to every candidate (False where none are stored)."""
    jets = [j for j in ("JetPFCands", "FatJetPFCands") if has_branch(events, j, "pFCandsIdx")]
    if not jets or len(events) == 0:
        return False
    counts = ak.to_numpy(ak.num(read(events, "PFCands", "pt"), axis=1))
    if not counts.any():
        return False
    first = np.concatenate([[0], np.cumsum(counts)])
    used = np.zeros(first[-1], np.bool_)
    for jet in jets:
        index = read(events, jet, "pFCandsIdx")
        position = flat(index, np.int64) + np.repeat(first[:-1], ak.to_numpy(ak.num(index)))
        used[position[(position >= 0) & (position < len(used))]] = True
    return bool(used.all())


def _cms(
    events: ak.Array, name: str, tracking: dict[str, tuple[str, str | None]]
) -> tuple[Array, dict[str, Column]]:
    """Columns of CMS candidates; `tracking` names the branches of d0 and dz and their errors."""
    offsets = offsets_of(read(events, name, "pt"))

    @cache
    def column(branch: str, dtype: Any = np.float32) -> Array:
        return require_finite(flat(read(events, name, branch), dtype), f"{name}.{branch}")

    def charge() -> Array:
        if has_branch(events, name, "charge"):
            return column("charge", np.int8)
        pdg_id = column("pdgId", np.int32)
        magnitude = np.abs(pdg_id)
        lepton = (magnitude == 11) | (magnitude == 13)
        return np.where(lepton, -np.sign(pdg_id), np.sign(pdg_id) * (magnitude == 211)).astype(
            np.int8
        )

    def tracked(branch: str | None, error: str | None) -> Array:
        """Return a track parameter [cm]: 0 for neutrals, NaN for the charged without a track."""
        charged = charge() != 0
        if branch is None or not has_branch(events, name, branch):
            return np.where(charged, np.float32(np.nan), np.float32(0.0))
        values = column(branch)
        if error is not None:
            values = np.where(column(error) < 0, np.float32(np.nan), values)
        return np.where(charged, values, np.float32(0.0))

    columns: dict[str, Column] = {
        "pt": lambda: require_momentum(column("pt"), f"{name}.pt"),
        "eta": lambda: column("eta"),
        "phi": lambda: wrapped(column("phi")),
        "energy": lambda: energy_of(column("pt"), column("eta"), column("mass")).astype(np.float32),
    }
    if has_branch(events, name, "charge") or has_branch(events, name, "pdgId"):
        columns["charge"] = charge
        columns["d0"] = lambda: tracked(*tracking["d0"])
        columns["dz"] = lambda: tracked(*tracking["dz"])
        columns["dz_error"] = lambda: tracked(tracking["dz"][1], tracking["dz"][1])
    if has_branch(events, name, "pdgId"):
        columns["pid"] = lambda: _pid_of_cms(column("pdgId", np.int32), charge()).astype(np.uint8)
    if has_branch(events, name, "puppiWeight"):
        columns["puppi_weight"] = lambda: column("puppiWeight")
    return offsets, columns
