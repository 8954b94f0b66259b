"""Weights of whole regions of one board type, slot by slot: what a stream of the firmware gives."""

from collections.abc import Mapping

import numpy as np

from l1kd.emulators.array_types import AnyArray, Shorts
from l1kd.emulators.correlator.linpuppi.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.weighing.columns import OF_PLACES, ONE, mode_of, numbers_of
from l1kd.emulators.correlator.weighing.former import wanted_sums
from l1kd.emulators.correlator.weighing.input_kernels import (
    FIRST_NEUTRAL,
    NUMBERS,
    fill_inputs,
    work_arrays,
)
from l1kd.emulators.correlator.weighing.network_weight import NetworkWeight

__all__ = ["region_weights"]

EVERYWHERE = 513
"""Half width of a region to which every local position belongs."""


def region_weights(
    board: str,
    puppi: LinPuppi,
    weight: NetworkWeight,
    inputs: Mapping[str, AnyArray],
    events: AnyArray,
) -> tuple[Shorts, Shorts]:
    """Weigh every slot of regions, also those that lie in the overlap.

    Parameters
    ----------
    board : str
        Board type.
    puppi : LinPuppi
        Its configuration.
    weight : NetworkWeight
        The network.
    inputs : mapping of ndarray of int
        `eta_centre`, `pv` (n,); `trk_pt`, `trk_eta`, `trk_phi`, `trk_id`, `trk_z0` (n, tracks) and
        `neu_pt`, `neu_eta`, `neu_phi`, `neu_em` (n, neutrals); a slot without pt is empty. Where
        the network reads any of `columns.OF_PLACES` also `trk_z_pt` (n, tracks), see
        `event_numbers`.
    events : ndarray of int64, shape (n, 8)
        The numbers of the event to which each region belongs, see `event_numbers`, but azimuths
        are relative to the region's centre.

    Returns
    -------
    neutrals, tracks : ndarray of int16, shape (n, slots)
        Weights in 1/256; 0 in empty slots. Tracks that the network does not weigh have 256 if
        LinPUPPI keeps them, else 0.

    Raises
    ------
    ValueError
        If there is not one row of numbers for every region.
    """
    (kind,) = (k for k, b in enumerate(BOARDS) if b.name == board)
    p, n = puppi.parameters, len(inputs["pv"])
    if np.shape(events) != (n, NUMBERS):
        raise ValueError(
            f"events: expected shape ({n}, {NUMBERS}), the numbers of the event of every region, "
            f"found {np.shape(events)}"
        )

    def shorts(name: str) -> Shorts:
        return np.ascontiguousarray(inputs[name], dtype=np.int16)

    neutral = tuple(shorts(f"neu_{f}") for f in ("pt", "eta", "phi", "em"))
    track = tuple(shorts(f"trk_{f}") for f in ("pt", "eta", "phi", "z0"))
    label = shorts("trk_id")
    with_places = any(name in OF_PLACES for name in weight.names)
    places = shorts("trk_z_pt") if with_places else np.zeros_like(label)
    wide = np.full(n, EVERYWHERE, dtype=np.int16)
    region = (shorts("eta_centre"), np.zeros_like(wide), wide, wide)
    full = [np.full(n, f.shape[1], dtype=np.int16) for f in (track[0], neutral[0])]
    counts = (shorts("pv"), *full)
    charged = (*track[:3], label, track[3], *[np.zeros_like(label)] * 4)
    kept = np.zeros(label.shape, dtype=np.int8)
    result = tuple(np.zeros((3, n, p.n_in), dtype=np.int16))
    given = () if p.forward else track
    puppi.weigh(given, charged, (*neutral, neutral[3]), region, counts, kept, result)
    slots = np.zeros((neutral[0].size + label.size, 3), dtype=np.int16)
    values = np.zeros((len(slots), len(weight.names)), dtype=np.int16)
    flags = (ONE * (not p.forward), ONE * (board == "hf"))
    chosen = np.array(numbers_of(weight.names), dtype=np.int64)
    m = fill_inputs(
        kind, 1, (*track, places) if track[0].shape[1] else (*neutral, neutral[3]), label, neutral,
        region, counts, puppi.setup, (kept, result[0]), flags, np.asarray(events, np.int64),
        mode_of(weight.tracks), chosen, wanted_sums(weight.names), work_arrays(), (values, slots),
        0,
    )  # fmt: skip
    given_weights = weight.weigh(values[:m])
    neutrals, tracks = np.zeros_like(neutral[0]), kept.astype(np.int16) * np.int16(256)
    row, slot = slots[:m, 1].astype(np.int64), slots[:m, 2].astype(np.int64)
    is_neutral = slot >= FIRST_NEUTRAL
    neutrals[row[is_neutral], slot[is_neutral] - FIRST_NEUTRAL] = given_weights[is_neutral]
    if weight.tracks != "none":
        tracks[row[~is_neutral], slot[~is_neutral]] = given_weights[~is_neutral]
    return neutrals, tracks
