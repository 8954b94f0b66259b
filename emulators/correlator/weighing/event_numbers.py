"""What the whole event tells the networks of its regions, from the regions' tracks."""

from collections.abc import Mapping

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers, Shorts
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.weighing.input_kernels import (
    event_sums,
    place_histogram,
    place_sums,
)

__all__ = ["event_numbers"]

_TRACK = ("hwPt", "hwEta", "hwPhi", "hwId", "hwZ0")
_REGION = ("hwEtaCenter", "hwPhiCenter", "hwEtaHalfWidth", "hwPhiHalfWidth")


def event_numbers(
    regions: Mapping[str, Mapping[str, AnyArray]], n_events: int
) -> tuple[Integers, dict[str, Shorts]]:
    """Form the numbers of events, and the one of every track, that networks may read.

    Parameters
    ----------
    regions : mapping of mapping of ndarray
        Output of `Regionizer.run`.
    n_events : int
        Events in them.

    Returns
    -------
    ndarray of int64, shape (n_events, 4)
        Sum of pt (each 50 GeV at most, in 0.25 GeV) and number of the tracks within 0.2 cm of the
        vertex, number of the others, and the largest of the numbers below among the tracks further
        than 0.4 cm from it. A track counts in the region to which it belongs.
    dict of ndarray of int16, shape (regions, slots)
        For the board types with tracks: of every track `LOGARITHM` of the pt of the event's tracks
        within 0.2 cm of its z0. Slots that are not used have 0.
    """
    boards = [b for b in BOARDS if b.n_tracks]
    given = [regions[b.name] for b in boards]
    width = max(b.n_tracks for b in boards)
    first = np.cumsum([0, *(b.n_regions * n_events for b in boards)])
    table = np.array([(a, b.n_regions) for a, b in zip(first, boards, strict=False)], np.int32)

    def joined(name: str) -> Shorts:
        return np.concatenate([np.asarray(inputs[name], np.int16) for inputs in given])

    def widened(name: str) -> Shorts:
        parts = [np.asarray(inputs[name], np.int16) for inputs in given]
        return np.concatenate([np.pad(p, ((0, 0), (0, width - p.shape[1]))) for p in parts])

    tracks = tuple(widened(f"pfch_{name}") for name in _TRACK)
    region = tuple(joined(f"region_{name}") for name in _REGION)
    numbers = np.zeros((n_events, 4), np.int64)
    of_track = np.zeros_like(tracks[0])
    arguments = (n_events, table, tracks, joined("n_trk"), region, joined("pv_hwZ0"))
    event_sums(*arguments, numbers)
    place_sums(*arguments, place_histogram(), of_track, numbers)
    return numbers, {
        b.name: of_track[start : start + b.n_regions * n_events, : b.n_tracks]
        for start, b in zip(first, boards, strict=False)
    }
