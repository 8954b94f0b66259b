"""Sums over the neighbours of every particle in the eta-phi plane.

Particles of an event are sorted into cells at least as wide as the cone (counting sort, phi
periodic), so that all neighbours of a particle lie in its own and the eight surrounding cells.
The work is proportional to particles plus pairs of particles in adjacent cells.

Events lie one behind the other in flat columns; event ``i`` owns the particles
``offsets[i]:offsets[i + 1]``. Neighbours are always of the same event.
"""

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import (
    AnyFloats,
    AnyIntegers,
    Floats,
    Integers,
    Mask,
    Offsets,
    Singles,
)
from l1kd.emulators.particles.grid import periodic
from l1kd.emulators.particles.neighbour_kernels import pt2_over_dr2, pt_in_cones

__all__ = ["check_flat", "sum_pt2_over_dr2", "sum_pt_in_cones"]


def check_flat(offsets: npt.ArrayLike, **columns: npt.ArrayLike) -> Offsets:
    """Check that flat columns and offsets belong together, and return the offsets as int64.

    Parameters
    ----------
    offsets
        First particle of every event and, last, the number of particles: (n_events + 1,).
    columns
        Columns of one value per particle, by name. Floating-point ones must be finite.

    Raises
    ------
    ValueError
        If the offsets do not rise from 0 to the length of every column, or a value is NaN or
        infinite. The message names the column.
    """
    edges = np.asarray(offsets, dtype=np.int64)
    if edges.ndim != 1 or len(edges) == 0 or edges[0] != 0 or (np.diff(edges) < 0).any():
        raise ValueError("offsets must be one-dimensional and rise from 0")
    for name, values in columns.items():
        column = np.asarray(values)
        if column.shape != (edges[-1],):
            raise ValueError(f"{name} has shape {column.shape}, the offsets end at {edges[-1]}")
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            raise ValueError(f"{name} contains NaN or infinity")
    return edges


def sum_pt2_over_dr2(
    pt: AnyFloats,
    eta: AnyFloats,
    phi: AnyFloats,
    offsets: Offsets,
    *,
    sources: Mask,
    targets: Mask,
    radius: float,
    nearest: float = 0.01,
    distance_eta: AnyFloats | None = None,
) -> Floats:
    """Sum (pT / dR)^2 over the sources in a cone around every target.

    This is the exponential of PUPPI's alpha.

    Parameters
    ----------
    pt, eta, phi
        Flat columns [GeV, -, rad]; phi may be in any period.
    offsets
        First particle of every event: int64, (n_events + 1,).
    sources, targets
        Which particles are summed, and for which the sum is wanted: bool, (n,).
    radius
        Size of the cone in dR; its edge belongs to it.
    nearest
        Sources closer than this do not count: the particle itself, and what a division by
        almost nothing would blow up. Must be above 0.
    distance_eta
        Pseudorapidity for the distance in the sum, where it differs from the coordinate `eta`
        that decides what is in the cone (Delphes, `puppi.DELPHES`). The same where not given.

    Returns
    -------
    numpy.ndarray
        float64, (n,): the sum, 0 without neighbours and for what is no target.

    Raises
    ------
    ValueError
        If columns and offsets do not fit or are not finite, or a size is not positive.
    """
    if not (radius > 0.0 and nearest > 0.0):
        raise ValueError(f"radius and nearest must be positive, not {radius} and {nearest}")
    edges = check_flat(offsets, pt=pt, eta=eta, phi=phi, sources=sources, targets=targets)
    if distance_eta is not None:
        check_flat(edges, distance_eta=distance_eta)
    result = np.zeros(edges[-1])
    coordinate = np.asarray(eta, np.float64)
    pt2_over_dr2(
        np.asarray(pt, np.float64),
        coordinate,
        periodic(phi),
        coordinate if distance_eta is None else np.asarray(distance_eta, np.float64),
        edges,
        np.asarray(sources, np.bool_),
        np.asarray(targets, np.bool_),
        float(radius),
        float(nearest),
        result,
    )
    return result


def sum_pt_in_cones(
    pt: AnyFloats,
    eta: AnyFloats,
    phi: AnyFloats,
    group: AnyIntegers,
    offsets: Offsets,
    *,
    radii: tuple[float, ...],
    n_groups: int,
) -> Singles:
    """Sum the pT of every particle's neighbours, by kind of neighbour and size of cone.

    Parameters
    ----------
    pt, eta, phi
        Flat columns [GeV, -, rad]; phi may be in any period.
    group
        Kind of every particle, 0 to `n_groups` - 1; negative: its pT is counted nowhere.
    offsets
        First particle of every event: int64, (n_events + 1,).
    radii
        Sizes of the cones in dR, rising; the edge belongs to the cone.
    n_groups
        Number of kinds.

    Returns
    -------
    numpy.ndarray
        float32, (n, n_groups, len(radii)): sums [GeV] without the particle itself.

    Raises
    ------
    ValueError
        If columns and offsets do not fit or are not finite, a group is too large, or the radii
        are not positive and rising.
    """
    edges = check_flat(offsets, pt=pt, eta=eta, phi=phi, group=group)
    sizes = np.asarray(radii, np.float64)
    if len(sizes) == 0 or sizes[0] <= 0.0 or (np.diff(sizes) <= 0.0).any():
        raise ValueError(f"radii must be positive and rising, not {radii}")
    kinds = _groups(group, n_groups)
    result = np.zeros((edges[-1], n_groups, len(sizes)), np.float32)
    pt_in_cones(
        np.asarray(pt, np.float64),
        np.asarray(eta, np.float64),
        periodic(phi),
        kinds,
        edges,
        sizes * sizes,
        n_groups,
        result,
    )
    return result


def _groups(group: AnyIntegers, n_groups: int) -> Integers:
    kinds = np.asarray(group, np.int64)
    if n_groups < 1 or (len(kinds) and kinds.max() >= n_groups):
        raise ValueError(f"group must be below n_groups = {n_groups}")
    return kinds
