"""Floating-point counterparts of the correlator's algorithms: the same steps in ideal arithmetic.

They read the same raw inputs as the integer emulators, which thereby start from the same numbers,
and differ from them only by what the firmware's words and tables cost.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Integers, Mask
from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi.parameters import LinPuppiParameters
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB, TURN, Z0_LSB

__all__ = ["ht_float", "linpuppi_float", "met_float", "seeded_cone_float"]

Inputs = Mapping[str, AnyArray]
MASS_CONSTITUENTS: Final = 32


def linpuppi_float(inputs: Inputs, parameters: LinPuppiParameters) -> dict[str, AnyArray]:
    """Compute LinPuppi weights of neutrals without rounding or saturation.

    Parameters
    ----------
    inputs : mapping of ndarray of int
        As for `LinPuppi.run`.
    parameters : LinPuppiParameters
        Configuration; the physical values are used as they are.

    Returns
    -------
    dict of ndarray of float64
        Of every neutral slot, shape (n, n_in), 0 where empty: `sum`, of min(pt, pt_max)^2 /
        max(dR, dr_min)^2 in GeV^2; `x2`, the argument of the logistic function; `weight` in [0,
        1]; `pt`, the weighted momentum [GeV].
    """
    p = parameters
    prefix = "calo_" if p.forward else "pfne_"
    n_in = min(p.n_in, inputs[prefix + "hwPt"].shape[1])
    pt, eta, phi = _physical(inputs, prefix, n_in)
    used = (np.arange(n_in) < np.asarray(inputs["n_neu"])[:, None]) & (pt > 0)
    if p.forward:
        is_em = np.asarray(inputs["calo_hwEmID"])[:, :n_in] != 0
        total = _sums(p, (pt, eta, phi), (pt, eta, phi, used), exclude_self=True)
    else:
        is_em = (np.asarray(inputs["pfne_hwId"])[:, :n_in] & 1) == 1
        total = _sums(p, (pt, eta, phi), _sources(inputs, p), exclude_self=False)
    centre = np.asarray(inputs["region_hwEtaCenter"]).astype(np.float64)[:, None] * ETA_PHI_LSB
    edges = [round(e / ETA_PHI_LSB) * ETA_PHI_LSB + 1e-9 for e in p.eta_edges]
    b = np.searchsorted(edges, np.abs(centre + eta))
    x2 = _argument(p, total, pt, b, is_em)
    weight = np.where(used, 1 / (1 + np.exp(-x2)), 0.0)
    return {"sum": total, "x2": x2, "weight": weight, "pt": weight * pt}


def _physical(inputs: Inputs, prefix: str, slots: int) -> tuple[Floats, Floats, Floats]:
    """Return momentum [GeV] and local position of the first slots."""
    steps = (("hwPt", PT_LSB), ("hwEta", ETA_PHI_LSB), ("hwPhi", ETA_PHI_LSB))
    columns = [np.asarray(inputs[prefix + k])[:, :slots] * step for k, step in steps]
    return columns[0], columns[1], columns[2]


def _sources(inputs: Inputs, p: LinPuppiParameters) -> tuple[Floats, Floats, Floats, Mask]:
    """Return the tracks and which of them are associated with the vertex."""
    pt, eta, phi = _physical(inputs, "trk_", p.n_track)
    z0 = np.asarray(inputs["trk_hwZ0"])[:, : p.n_track].astype(np.int64)
    distance = np.abs(z0 - np.asarray(inputs["pv_hwZ0"]).astype(np.int64)[:, None]) * Z0_LSB
    present = np.arange(pt.shape[1]) < np.asarray(inputs["n_trk"])[:, None]
    return pt, eta, phi, present & (pt > 0) & (distance <= p.raw().dz * Z0_LSB + 1e-9)


def _sums(
    p: LinPuppiParameters,
    targets: tuple[Floats, Floats, Floats],
    sources: tuple[Floats, Floats, Floats, Mask],
    *,
    exclude_self: bool,
) -> Floats:
    """Add up the neighbours of every target [GeV^2]."""
    pt, eta, phi, use = sources
    pt2 = np.where(use, np.minimum(pt, p.pt_max) ** 2, 0.0)
    total = np.zeros_like(targets[0])
    for k in range(pt.shape[1]):
        dr2 = (targets[1] - eta[:, [k]]) ** 2 + (targets[2] - phi[:, [k]]) ** 2
        term = np.where(dr2 < p.dr_max**2, pt2[:, [k]] / np.maximum(dr2, p.dr_min**2), 0.0)
        if exclude_self:
            term[:, k] = 0
        total += term
    return total


def _argument(p: LinPuppiParameters, total: Floats, pt: Floats, b: AnyArray, is_em: Mask) -> Floats:
    """Return the argument of the logistic function; an empty neighbourhood counts as 1 GeV^2."""

    def pick(hadron: tuple[float, ...], photon: tuple[float, ...]) -> Floats:
        return np.where(is_em, np.array(photon)[b], np.array(hadron)[b])

    logarithm = np.log(np.where(total > 0, total, 1.0))
    crop = np.array(p.alpha_crop)[b]
    near = np.array(p.alpha_slope)[b] * (logarithm - np.array(p.alpha_zero)[b])
    own = pick(p.pt_slope, p.pt_slope_photon) * (pt - pick(p.pt_zero, p.pt_zero_photon))
    return np.clip(near, -crop, crop) + own - pick(p.prior, p.prior_photon)


def met_float(inputs: Inputs) -> dict[str, Floats]:
    """Compute the missing transverse momentum with exact trigonometry.

    Returns
    -------
    dict of ndarray of float64
        `pt` [GeV], `phi` [rad], `px`, `py` [GeV], shape (n,).
    """
    used = np.arange(inputs["cand_hwPt"].shape[1]) < np.asarray(inputs["n_cand"])[:, None]
    pt = np.where(used, inputs["cand_hwPt"] * PT_LSB, 0.0)
    phi = inputs["cand_hwPhi"] * ETA_PHI_LSB
    return _vector(-(pt * np.cos(phi)).sum(axis=1), -(pt * np.sin(phi)).sum(axis=1))


def ht_float(inputs: Inputs) -> dict[str, Floats]:
    """Compute the scalar and the vector sum of jets with exact trigonometry.

    Returns
    -------
    dict of ndarray of float64
        `sum_pt`, `pt` [GeV], `phi` [rad], `px`, `py` [GeV] of the plain vector sum, shape (n,).
    """
    used = np.arange(inputs["jet_hwPt"].shape[1]) < np.asarray(inputs["n_jets"])[:, None]
    pt = np.where(used, inputs["jet_hwPt"] * PT_LSB, 0.0)
    phi = inputs["jet_hwPhi"] * ETA_PHI_LSB
    vector = _vector((pt * np.cos(phi)).sum(axis=1), (pt * np.sin(phi)).sum(axis=1))
    return {"sum_pt": pt.sum(axis=1), **vector}


def _vector(px: Floats, py: Floats) -> dict[str, Floats]:
    return {"pt": np.hypot(px, py), "phi": np.arctan2(py, px), "px": px, "py": py}


def seeded_cone_float(inputs: Inputs, jets: SeededCone) -> dict[str, AnyArray]:
    """Cluster cone jets with exact division, trigonometry and mass.

    Parameters
    ----------
    inputs : mapping of ndarray of int
        As for `SeededCone.run`.
    jets : SeededCone
        Configuration; the cone is used as it is. The mass takes the 32 constituents of highest
        momentum, as the firmware does.

    Returns
    -------
    dict of ndarray
        `n_jets` int64 (n,); `pt` [GeV], `eta`, `phi` (as the firmware, not wrapped), `mass` [GeV]
        float64 and `n_constituents` int64, (n, n_jets), in the order of finding.
    """
    n = len(inputs["n_cand"])
    found = np.zeros((4, n, jets.n_jets))
    counts = np.zeros((n, jets.n_jets), dtype=np.int64)
    raw = [np.asarray(inputs[f"cand_{k}"]).astype(np.int64) for k in ("hwPt", "hwEta", "hwPhi")]
    n_cand = np.asarray(inputs["n_cand"]).astype(np.int64)
    n_jets = np.zeros(n, dtype=np.int64)
    _cones(n_cand, *raw, (jets.cone / ETA_PHI_LSB) ** 2, jets.mass, found, counts, n_jets)
    names = ("pt", "eta", "phi", "mass")
    return {"n_jets": n_jets, **dict(zip(names, found, strict=True)), "n_constituents": counts}


@njit(nogil=True)
def _cones(
    n_cand: Integers, pt: Integers, eta: Integers,
    phi: Integers, cone2: float, mass: bool, out: Floats,
    counts: Integers, n_jets: Integers,
) -> None:  # fmt: skip
    """Find the jets of all events; distances on the raw grid are exact."""
    for event in range(len(n_cand)):
        rest = np.arange(n_cand[event])
        while len(rest) and n_jets[event] < out.shape[2]:
            j = n_jets[event]
            seed = rest[np.argmax(pt[event][rest])]
            deta = eta[event][rest] - eta[event, seed]
            dphi = phi[event][rest] - phi[event, seed]
            dphi = np.where(dphi > 720, dphi - TURN, np.where(dphi < -720, dphi + TURN, dphi))
            inside = deta * deta + dphi * dphi < cone2
            own = pt[event][rest[inside]] * PT_LSB
            e, f = deta[inside] * ETA_PHI_LSB, dphi[inside] * ETA_PHI_LSB
            total = own.sum()
            shift = (own * e).sum() / total if total > 0 else 0.0
            turn = (own * f).sum() / total if total > 0 else 0.0
            out[0, event, j] = total
            out[1, event, j] = eta[event, seed] * ETA_PHI_LSB + shift
            out[2, event, j] = phi[event, seed] * ETA_PHI_LSB + turn
            if mass:
                top = np.argsort(-own, kind="mergesort")[:MASS_CONSTITUENTS]
                p, e, f = own[top], e[top], f[top]
                m2 = (p * np.cosh(e)).sum() ** 2 - (p * np.cos(f)).sum() ** 2
                m2 -= (p * np.sin(f)).sum() ** 2 + (p * np.sinh(e)).sum() ** 2
                out[3, event, j] = np.sqrt(max(m2, 0.0))
            counts[event, j] = len(own)
            n_jets[event] = j + 1
            rest = rest[~inside]
