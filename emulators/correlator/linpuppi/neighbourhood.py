# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202
"""The sums over neighbours alone: what LinPuppi's weights are a function of.

They depend on the cones, the cap on momenta and the distance from the vertex, and on no other
parameter: who tries many of these forms the sums once.
"""

from collections.abc import Mapping

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Mask
from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.linpuppi.parameters import LinPuppiParameters
from l1kd.emulators.correlator.linpuppi.weight_kernels import inverse_dr2, neighbour_sums

__all__ = ["associated_tracks", "neighbourhood"]

_LARGEST_SUM = 4095


def associated_tracks(inputs: Mapping[str, AnyArray], parameters: LinPuppiParameters) -> Mask:
    """Tell which tracks of regions belong to the vertex, bool of the shape of the slots read.

    Parameters
    ----------
    inputs, parameters
        As for `LinPuppi`, of a board type with tracks.
    """
    z0 = inputs["trk_hwZ0"][:, : parameters.n_track].astype(np.int64)
    near = np.abs(z0 - inputs["pv_hwZ0"].astype(np.int64)[:, None]) <= parameters.raw().dz
    present = np.arange(z0.shape[1]) < inputs["n_trk"][:, None]
    return near & present


def neighbourhood(inputs: Mapping[str, AnyArray], parameters: LinPuppiParameters) -> Indices:
    """Add up the neighbours of every neutral, as LinPuppi does.

    Parameters
    ----------
    inputs, parameters
        As for `LinPuppi`.

    Returns
    -------
    ndarray of int32, shape (n, n_in)
        Sums of pt^2/dR^2 in 1/64, saturated at 4095; 0 in empty slots.
    """
    p, raw = parameters, parameters.raw()
    prefix = "calo_" if p.forward else "pfne_"
    neutral = tuple(inputs[prefix + k][:, : p.n_in] for k in ("hwPt", "hwEta", "hwPhi"))
    counts = np.minimum(inputs["n_neu"], neutral[0].shape[1])
    cones = (raw.dr2_min, raw.dr2_max, min((raw.pt_max * raw.pt_max) >> 5, 32767))
    sums = np.zeros(neutral[0].shape, dtype=np.int32)
    if p.forward:
        use = np.arange(neutral[0].shape[1]) < counts[:, None]
        _add(counts, neutral, neutral, use, cones, True, sums)
        return sums
    track = tuple(inputs["trk_" + k][:, : p.n_track] for k in ("hwPt", "hwEta", "hwPhi"))
    _add(counts, neutral, track, associated_tracks(inputs, p), cones, False, sums)
    return sums


@njit(nogil=True, error_model="numpy")
def _add(counts, neutral, source, use, cones, itself, sums):
    dr2_min, dr2_max, pt2_max = cones
    target = np.zeros((2, 64), np.int32)
    used = np.zeros((3, 64), np.int32)
    found = np.zeros(64, np.int32)
    inverse = inverse_dr2(np.int32(dr2_min >> 5))
    for r in range(len(counts)):
        n, m = counts[r], 0
        for i in range(n):
            target[0, i] = neutral[1][r, i]
            target[1, i] = neutral[2][r, i]
        for i in range(source[0].shape[1]):
            pt = np.int32(source[0][r, i])
            used[0, m] = source[1][r, i]
            used[1, m] = source[2][r, i]
            used[2, m] = min((pt * pt) >> 5, pt2_max)
            m += use[r, i] & ((pt != 0) | itself)
        neighbour_sums(n, m, dr2_min, dr2_max, target, used, found)
        for i in range(n):
            own = min((used[2, i] * inverse) >> 10, _LARGEST_SUM) if itself else 0
            sums[r, i] = min(found[i] - own, _LARGEST_SUM)
