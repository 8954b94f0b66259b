"""PUPPI in floating point: weights that suppress particles from pile-up.

The algorithm of Bertolini, Harris, Low and Tran, JHEP 10 (2014) 059 (arXiv:1407.6013), with the
parameters and details of Delphes' `RunPUPPI` and of the CMS reconstruction. Every particle gets

    alpha = ln sum (pT_j / dR_j)^2   over its neighbours j in a cone.

Charged particles from pile-up show what alpha looks like there: median and left-sided RMS. A
neutral's weight is the chi-squared probability (one degree of freedom) of its signed distance from
that median; one below the median gets 0. Charged particles get 1 or 0 by their vertex.

`docs/puppi.md` says how the weights compare with Delphes.
"""

import numpy as np

from l1kd.emulators.array_types import (
    AnyFloats,
    AnyIntegers,
    Codes,
    Floats,
    Integers,
    Mask,
    Singles,
)
from l1kd.emulators.particles.grid import periodic
from l1kd.emulators.particles.neighbour_kernels import pt2_over_dr2
from l1kd.emulators.particles.neighbours import check_flat
from l1kd.emulators.particles.puppi_config import (
    CMS_RUN2,
    DELPHES,
    PHASE2,
    EtaBin,
    Pool,
    PuppiConfig,
)
from l1kd.emulators.particles.puppi_kernels import weigh_bin

__all__ = [
    "CHARGED_PILEUP",
    "CHARGED_PV",
    "CMS_RUN2",
    "DELPHES",
    "NEUTRAL",
    "PHASE2",
    "EtaBin",
    "PuppiConfig",
    "charged_association",
    "flagged_association",
    "puppi_weights",
]


NEAREST = 0.01
"""Neighbours closer than this in dR do not enter alpha, as in Delphes and CMS."""

NEUTRAL, CHARGED_PV, CHARGED_PILEUP = 0, 1, 2
"""Codes of the vertex association.

The negative of a charged code stands for a bystander: it gets its weight by its vertex, but is
nobody's neighbour and no part of the statistics (the leptons in the Delphes card).
"""


def charged_association(
    charge: AnyIntegers,
    dz: AnyFloats,
    dz_error: AnyFloats,
    *,
    significance: float = 3.0,
    resolution: float = 0.02,
) -> Codes:
    """Associate charged particles with the primary vertex by their distance along the beam.

    A particle is from the vertex if |dz| <= significance * sqrt(dz_error^2 + resolution^2).

    Parameters
    ----------
    charge
        Charge [e]; 0 is neutral.
    dz
        Longitudinal distance from the primary vertex [cm]. NaN, unmeasured, counts as from the
        vertex: what is not known to be pile-up is kept.
    dz_error
        Its uncertainty [cm]; NaN counts as 0.
    significance
        Largest distance in standard deviations.
    resolution
        Uncertainty of the vertex itself, and room for decays in flight [cm]: `docs/puppi.md`
        says why it is that wide.

    Returns
    -------
    numpy.ndarray
        int8, (n,): `NEUTRAL`, `CHARGED_PV` or `CHARGED_PILEUP`.
    """
    error = np.nan_to_num(np.asarray(dz_error, np.float64), nan=0.0)
    far = np.abs(np.asarray(dz, np.float64)) > significance * np.hypot(error, resolution)
    return flagged_association(charge, far)


def flagged_association(charge: AnyIntegers, pileup: Mask) -> Codes:
    """Associate charged particles by a flag that says pile-up, such as Delphes' `IsRecoPU`.

    Returns int8, (n,): `NEUTRAL`, `CHARGED_PV` or `CHARGED_PILEUP`.
    """
    codes = np.where(np.asarray(pileup, np.bool_), CHARGED_PILEUP, CHARGED_PV)
    return np.where(np.asarray(charge) == 0, NEUTRAL, codes).astype(np.int8)


def puppi_weights(
    pt: AnyFloats,
    eta: AnyFloats,
    phi: AnyFloats,
    association: Codes,
    offsets: Integers,
    n_vertices: AnyIntegers,
    config: PuppiConfig = PHASE2,
    *,
    mass: AnyFloats | None = None,
) -> Singles:
    """Compute the PUPPI weight of every particle.

    Parameters
    ----------
    pt, eta, phi
        Flat columns [GeV, -, rad] of all events.
    association
        `NEUTRAL`, `CHARGED_PV`, `CHARGED_PILEUP`, or the negative of a charged code for a
        bystander: int8, (n,).
    offsets
        First particle of every event and, last, their number: int64, (n_events + 1,).
    n_vertices
        Number of vertices of every event, (n_events,), for the threshold on neutrals.
    config
        Parameters: `PHASE2`, `DELPHES`, `CMS_RUN2` or your own.
    mass
        Masses [GeV], (n,); read only if `config.eta_as_rapidity`.

    Returns
    -------
    numpy.ndarray
        float32, (n,), from 0 to 1. In a bin without any pool (no pile-up at all) every neutral
        above the threshold gets 1, as in Delphes and CMS.

    Raises
    ------
    ValueError
        If columns and offsets do not fit, values are NaN or infinite, pT is negative, a code is
        unknown, or masses are needed and not given.
    """
    edges = check_flat(offsets, pt=pt, eta=eta, phi=phi, association=association)
    codes = np.asarray(association, np.int8)
    vertices = np.asarray(n_vertices)
    if vertices.shape != (len(edges) - 1,):
        raise ValueError(f"n_vertices has shape {vertices.shape} for {len(edges) - 1} events")
    if (np.asarray(pt) < 0.0).any() or (codes < -CHARGED_PILEUP).any() or (codes > 2).any():
        raise ValueError("pt must not be negative and association must lie from -2 to 2")
    pt, eta, angle = np.asarray(pt, np.float64), np.asarray(eta, np.float64), periodic(phi)
    true_eta = _pseudorapidity(pt, eta, mass, edges) if config.eta_as_rapidity else eta
    abs_true_eta = np.abs(true_eta)
    own_bin = _bin_of(np.abs(eta), config)
    pool_bin = _bin_of(abs_true_eta, config) if config.eta_as_rapidity else own_bin
    counted = np.maximum(1, np.floor(config.vertex_efficiency * vertices))
    weights = np.where(np.abs(codes) == CHARGED_PV, 1.0, 0.0).astype(np.float32)
    roles = []
    for number, eta_bin in enumerate(config.bins):
        neutral = (codes == NEUTRAL) & (own_bin == number)
        if eta_bin.pool_eta_max is None:
            region = pool_bin == number
        else:
            region = abs_true_eta < eta_bin.pool_eta_max
        inside = region & (pt >= eta_bin.pool_pt_min)
        roles.append((neutral, *_pool(codes, inside, eta_bin.pool)))
    geometry = (pt, eta, angle, true_eta, edges)
    alphas = _alphas(geometry, codes, roles, config)
    for eta_bin, role in zip(config.bins, roles, strict=True):
        weigh_bin(
            alphas[eta_bin.cone, eta_bin.charged_neighbours],
            pt,
            role,
            edges,
            eta_bin.neutral_pt_min + counted * eta_bin.neutral_pt_slope,
            (config.weight_min, eta_bin.median_scale, eta_bin.rms_scale),
            weights,
        )
    return weights


def _alphas(
    geometry: tuple[AnyFloats, AnyFloats, Floats, AnyFloats, Integers],
    codes: Codes,
    roles: list[tuple[Mask, Mask, Mask]],
    config: PuppiConfig,
) -> dict[tuple[float, bool], Floats]:
    """Return alpha by cone and neighbours, computed once for all bins that share them."""
    targets: dict[tuple[float, bool], Mask] = {}
    for eta_bin, (neutral, pool, signal) in zip(config.bins, roles, strict=True):
        around = (eta_bin.cone, eta_bin.charged_neighbours)
        targets[around] = neutral | pool | signal | targets.get(around, np.False_)
    alphas = {}
    for (cone, charged_neighbours), wanted in targets.items():
        alpha = np.zeros(len(codes))
        sources = codes == CHARGED_PV if charged_neighbours else codes >= NEUTRAL
        pt2_over_dr2(*geometry, sources, wanted, cone, NEAREST, alpha)
        # Without neighbours alpha stays 0, which later stands for the median.
        np.log(alpha, out=alpha, where=alpha > 0.0)
        alphas[cone, charged_neighbours] = alpha
    return alphas


def _bin_of(abs_eta: AnyFloats, config: PuppiConfig) -> Codes:
    """Return the number of the first bin that has a particle, -1 where none has."""
    result = np.full(len(abs_eta), -1, np.int8)
    for number, eta_bin in reversed(list(enumerate(config.bins))):
        result[(abs_eta >= eta_bin.eta_min) & (abs_eta <= eta_bin.eta_max)] = number
    return result


def _pool(codes: Codes, inside: Mask, pool: Pool) -> tuple[Mask, Mask]:
    """Return what stands for pile-up, and what is known to be from the primary vertex."""
    if pool == "charged_pileup":
        return inside & (codes == CHARGED_PILEUP), inside & (codes == CHARGED_PV)
    return inside & (codes >= (CHARGED_PV if pool == "charged" else NEUTRAL)), np.zeros_like(inside)


def _pseudorapidity(
    pt: AnyFloats, rapidity: AnyFloats, mass: AnyFloats | None, edges: Integers
) -> Floats:
    """Return the pseudorapidity of particles of given rapidity."""
    if mass is None:
        raise ValueError("config.eta_as_rapidity needs the mass of every particle")
    check_flat(edges, mass=mass)
    # Beyond 50 both are the same to all digits that matter, and the exponential ends at 700.
    y = np.clip(rapidity, -50.0, 50.0)
    ratio = np.divide(np.asarray(mass, np.float64), pt, out=np.zeros_like(pt), where=pt > 0.0)
    result: Floats = np.arcsinh(np.sqrt(1.0 + ratio * ratio) * np.sinh(y))
    return result
