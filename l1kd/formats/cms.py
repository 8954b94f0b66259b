"""CMS formats: PFNano, FastPUPPI's perfNano, and L1 NANO with its towers, regions and objects."""

import warnings
from functools import cache, partial
from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import by_event, flat, has_branch, offsets_of, read
from l1kd.columns import offsets_from_counts
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.calorimeter import N_PHI, image_from_regions, image_from_towers
from l1kd.errors import InputError, MissingBranchError
from l1kd.formats.columns import Column, class_of, energy_of, mass_of, wrapped
from l1kd.formats.format import Format, Reader
from l1kd.formats.schemas import TriggerNanoSchema, TriggerPFNanoSchema
from l1kd.validation import (
    ANGLE,
    CHARGE,
    CODE,
    COUNT,
    ETA,
    FINITE,
    MASS,
    PT,
    Limits,
    check,
    column,
    file_of,
    track_column,
)

__all__ = ["NANOAOD", "PERFNANO", "PFNANO"]

VERTICES = ("L1PV", "L1Vertex", "L1Vtx")
"""Names of the trigger's vertices in perfNano; FastPUPPI's producers write the last two."""

_REFUSALS = {
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


def pfnano_candidates(events: ak.Array) -> tuple[AnyArray, dict[str, Column]]:
    """PFNano `PFCands`; d0 and dz of -1 with an error of -1 mean that there is no track.

    Some productions keep only the constituents of jets: sums over such candidates, and so PUPPI's
    alpha and the MET, are not those of the event. A warning says so.
    """
    if _only_jet_constituents(events):
        warnings.warn(
            "PFCands: every candidate of these events is the constituent of a jet, so the file "
            "was probably made with jet constituents only; weights and MET need all "
            "candidates",
            stacklevel=2,
        )
    return _cms(events, "PFCands", {"d0": ("d0", "d0Err"), "dz": ("dz", "dzErr")})


def perfnano_candidates(events: ak.Array, name: str) -> tuple[AnyArray, dict[str, Column]]:
    """Candidates of FastPUPPI's perfNano, `L1PFCands` before or `L1PuppiCands` after LinPUPPI.

    Their z0 is that of the detector; dz is relative to the first vertex of the trigger
    (`VERTICES`), and unknown without vertices.
    """
    offsets, columns = _cms(events, name, {"d0": ("dxy", None), "dz": ("z0", None)})
    if "dz" in columns:
        absolute = columns["z0"] = columns["dz"]
        columns["dz"] = lambda: np.where(
            columns["charge"]() != 0, absolute() - _primary_vertex(events, offsets), np.float32(0)
        )
    return offsets, columns


def _vertices(events: ak.Array) -> str | None:
    """Name of the collection of the trigger's vertices, None if there is none."""
    return next((name for name in VERTICES if has_branch(events, name, "z0")), None)


def _primary_vertex(events: ak.Array, offsets: AnyArray) -> AnyArray:
    """Return z0 [cm] of the first trigger vertex for every charged particle's event."""
    name = _vertices(events)
    if name is None:
        return np.full(offsets[-1], np.nan, np.float32)
    z0 = read(events, name, "z0")
    if z0.ndim == 2:
        check(flat(z0, np.float64), FINITE, f"{name}.z0", file_of(events))
        # an event without a vertex has no distance to it
        z0 = ak.fill_none(ak.firsts(z0), np.nan)
    return np.repeat(np.asarray(ak.to_numpy(z0), np.float32), np.diff(offsets))


def _trigger_vertex_count(events: ak.Array) -> AnyArray:
    """Count the trigger's vertices of every event, int64."""
    z0 = read(events, str(_vertices(events)), "z0")
    return np.asarray(ak.to_numpy(ak.num(z0)) if z0.ndim == 2 else np.ones(len(z0)), np.int64)


def _npvs(events: ak.Array) -> AnyArray:
    """Return the number of reconstructed vertices of every event, int64."""
    values = np.asarray(ak.to_numpy(read(events, "PV", "npvs")))
    check(values, COUNT, "PV.npvs", file_of(events))
    return values.astype(np.int64)


def _only_jet_constituents(events: ak.Array) -> bool:
    """Whether the jets of these events refer to every candidate (False where none are stored)."""
    jets = [j for j in ("JetPFCands", "FatJetPFCands") if has_branch(events, j, "pFCandsIdx")]
    if not jets or len(events) == 0:
        return False
    counts = ak.to_numpy(ak.num(read(events, "PFCands", "pt"), axis=1))
    if not counts.any():
        return False
    first = offsets_from_counts(counts)
    used = np.zeros(first[-1], np.bool_)
    for jet in jets:
        index = read(events, jet, "pFCandsIdx")
        position = flat(index, np.int64) + np.repeat(first[:-1], ak.to_numpy(ak.num(index)))
        used[position[(position >= 0) & (position < len(used))]] = True
    return bool(used.all())


def _cms(
    events: ak.Array, name: str, tracking: dict[str, tuple[str, str | None]]
) -> tuple[AnyArray, dict[str, Column]]:
    """Columns of CMS candidates; `tracking` names the branches of d0 and dz and their errors."""
    offsets = offsets_of(read(events, name, "pt"))

    charged_known = has_branch(events, name, "charge") or has_branch(events, name, "pdgId")

    @cache
    def stored(branch: str, limits: Limits, dtype: Any = np.float32) -> AnyArray:
        return column(events, name, branch, limits, dtype)

    def pdg_id() -> AnyArray:
        return stored("pdgId", CODE, np.int32)

    @cache
    def charge() -> AnyArray:
        if has_branch(events, name, "charge"):
            return stored("charge", CHARGE, np.int8)
        magnitude = np.abs(pdg_id())
        lepton = (magnitude == 11) | (magnitude == 13)
        return np.where(lepton, -np.sign(pdg_id()), np.sign(pdg_id()) * (magnitude == 211)).astype(
            np.int8
        )

    def energy() -> AnyArray:
        if has_branch(events, name, "mass"):
            mass = stored("mass", MASS)
        elif has_branch(events, name, "pdgId"):
            mass = np.where(charge() != 0, mass_of(pdg_id()), 0.0)
        else:
            raise MissingBranchError(
                f"branch '{name}.mass' is missing, and '{name}.pdgId' which could give the mass "
                "too; produce the file with one of them"
            )
        return energy_of(stored("pt", PT), stored("eta", ETA), mass).astype(np.float32)

    def tracked(branch: str | None, error: str | None) -> AnyArray:
        """Return a track parameter [cm]: 0 for neutrals, NaN for the charged without a track."""
        charged = charge() != 0
        if branch is None or not has_branch(events, name, branch):
            return np.where(charged, np.float32(np.nan), np.float32(0.0))
        measured = charged
        if error is not None and has_branch(events, name, error):
            errors = track_column(events, name, error, charged)
            measured = charged & ~(errors < 0)
        values = track_column(events, name, branch, measured)
        return np.where(charged, values, np.float32(0.0))

    columns: dict[str, Column] = {
        "pt": lambda: stored("pt", PT),
        "eta": lambda: stored("eta", ETA),
        "phi": lambda: wrapped(stored("phi", ANGLE)),
        "energy": energy,
    }
    if charged_known:
        columns["charge"] = charge
        columns["d0"] = lambda: tracked(*tracking["d0"])
        columns["dz"] = lambda: tracked(*tracking["dz"])
        columns["dz_error"] = lambda: tracked(tracking["dz"][1], tracking["dz"][1])
    if has_branch(events, name, "pdgId"):
        columns["pid"] = lambda: class_of(pdg_id(), charge()).astype(np.uint8)
    if has_branch(events, name, "puppiWeight"):
        columns["puppi_weight"] = lambda: stored("puppiWeight", FINITE)
    return offsets, columns


def _whole(events: ak.Array, name: str, branch: str, low: int, high: int) -> AnyArray:
    limits = Limits(low, high, "", whole=True)
    return column(events, name, branch, limits, np.int64)


def _trigger_towers(events: ak.Array, name: str) -> AnyArray:
    iet = _whole(events, name, "iet", 0, 2**31 - 1)
    ieta = _whole(events, name, "ieta", -41, 41)
    iphi = _whole(events, name, "iphi", 1, 72)
    if (ieta == 0).any():
        raise InputError(
            f"{name}.ieta: expected 1 to 41 on either side, found 0 at position "
            f"{int(np.flatnonzero(ieta == 0)[0])}; there is no such tower"
        )
    return image_from_towers(iet, ieta, iphi, offsets_of(read(events, name, "iet")))


def _regions(events: ak.Array, name: str) -> AnyArray:
    et = _whole(events, name, "et", 0, 2**31 - 1)
    ieta = _whole(events, name, "ieta", 0, 21)
    iphi = _whole(events, name, "iphi", 0, N_PHI - 1)
    return image_from_regions(et, ieta, iphi, offsets_of(read(events, name, "et")))


def _gen_met(events: ak.Array, name: str) -> ak.Array:
    size, azimuth = (by_event(read(events, name, b), np.float64) for b in ("pt", "phi"))
    check(size, PT, f"{name}.pt", file_of(events))
    check(azimuth, ANGLE, f"{name}.phi", file_of(events))
    return ak.zip({"pt": size, "phi": azimuth})


def _gen_jets(events: ak.Array) -> ak.Array:
    branches = {"pt": PT, "eta": ETA, "phi": ANGLE}
    if has_branch(events, "GenJet", "mass"):
        branches["mass"] = MASS
    columns = {b: column(events, "GenJet", b, limits, np.float64) for b, limits in branches.items()}
    columns.setdefault("mass", np.zeros_like(columns["pt"]))
    return ak.unflatten(ak.zip(columns), ak.num(read(events, "GenJet", "pt")))


def _event_weight(events: ak.Array) -> AnyArray:
    return by_event(events["genWeight"], np.float64)


def _readers(names: tuple[str, ...], read_it: Any) -> tuple[Reader, ...]:
    return tuple(Reader(name, (name,), partial(read_it, name=name)) for name in names)


PFNANO = Format(
    name="pfnano",
    tree="Events",
    schema=TriggerPFNanoSchema,
    marks=("nPFCands",),
    candidates=(Reader("PFCands", ("PFCands",), pfnano_candidates),),
    vertices=(Reader("PV.npvs", ("PV.npvs",), _npvs),),
)
"""NanoAOD with particle-flow candidates."""

PERFNANO = Format(
    name="perfnano",
    tree="Events",
    schema=TriggerNanoSchema,
    marks=("nL1PFCands", "nL1PuppiCands"),
    candidates=_readers(("L1PFCands", "L1PuppiCands"), perfnano_candidates),
    gen_met=_readers(("genMetCentral",), _gen_met),
    vertices=tuple(Reader(name, (f"{name}.z0",), _trigger_vertex_count) for name in VERTICES),
)
"""FastPUPPI's ntuple of the Level-1 correlator's candidates."""

NANOAOD = Format(
    name="nanoaod",
    tree="Events",
    schema=TriggerNanoSchema,
    regions=(
        *_readers(("Regions", "SimRegions"), _regions),
        *_readers(("L1UnpackedCaloTower", "L1EmulCaloTower"), _trigger_towers),
    ),
    gen_met=_readers(("GenMET",), _gen_met),
    gen_jets=(Reader("GenJet", ("GenJet.pt",), _gen_jets),),
    event_weight=(Reader("genWeight", ("genWeight",), _event_weight),),
    refusals=_REFUSALS,
)
"""Every other NanoAOD-like file: L1 NANO with towers, ntuples with regions, trigger objects."""
