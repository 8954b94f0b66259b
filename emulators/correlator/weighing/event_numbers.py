"""What the whole event tells the networks of its regions, from all of them."""

from collections.abc import Mapping

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers, Shorts
from l1kd.emulators.correlator.linpuppi.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.weighing.event_met import add_momenta, directions
from l1kd.emulators.correlator.weighing.input_kernels import (
    NUMBERS,
    event_sums,
    place_histogram,
    place_sums,
)

__all__ = ["event_numbers"]

_TRACK = ("hwPt", "hwEta", "hwPhi", "hwId", "hwZ0", "hwDPhi")
_REGION = ("hwEtaCenter", "hwPhiCenter", "hwEtaHalfWidth", "hwPhiHalfWidth")


def event_numbers(
    regions: Mapping[str, Mapping[str, AnyArray]],
    n_events: int,
    puppi: Mapping[str, LinPuppi] | None = None,
) -> tuple[Integers, dict[str, Shorts]]:
    """Form the numbers of events, and the one of every track, that networks may read.

    Parameters
    ----------
    regions : mapping of mapping of ndarray
        Output of `Regionizer.run`.
    n_events : int
        Events in them.
    puppi : mapping of LinPuppi, optional
        Configurations by board type, presets where one is missing: those whose MET it is. Without
        it there is none.

    Returns
    -------
    ndarray of int64, shape (n_events, 8)
        Sum of pt (each 50 GeV at most, in 0.25 GeV) and number of the tracks within 0.2 cm of the
        vertex, number of the others, and the largest of the numbers below among the tracks further
        than 0.4 cm from it. A track counts in the region to which it belongs. Then `LOGARITHM` of
        the size of the vector sum of LinPUPPI's candidates, tracks where they come from, and its
        azimuth (pi/720, above -720 and up to 720): MET has this size and the opposite azimuth.
        Both are 0 without `puppi`. The last two are the same of the tracks within 0.2 cm of the
        vertex, each with all its pt.
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
    numbers = np.zeros((n_events, NUMBERS), np.int64)
    of_track = np.zeros_like(tracks[0])
    arguments = (n_events, table, tracks, joined("n_trk"), region, joined("pv_hwZ0"))
    sums = np.zeros((n_events, 2), np.int64)
    event_sums(*arguments, numbers, sums)
    directions(sums, numbers[:, 6:])
    place_sums(*arguments, place_histogram(), of_track, numbers)
    if puppi is not None:
        directions(_momenta(regions, n_events, puppi), numbers[:, 4:6])
    return numbers, {
        b.name: of_track[start : start + b.n_regions * n_events, : b.n_tracks]
        for start, b in zip(first, boards, strict=False)
    }


def _momenta(
    regions: Mapping[str, Mapping[str, AnyArray]], n_events: int, puppi: Mapping[str, LinPuppi]
) -> Integers:
    """Return the sum of LinPUPPI's candidates of every event, int64[n_events, 2]."""
    sums = np.zeros((n_events, 2), np.int64)
    for board in BOARDS:
        inputs = regions[board.name]
        algorithm = puppi.get(board.name) or LinPuppi.preset(board.name)
        found, p = algorithm.run(inputs), algorithm.parameters
        centre = np.asarray(inputs["region_hwPhiCenter"], np.int16)
        if board.n_tracks:
            used = np.minimum(inputs["n_trk"], p.n_track).astype(np.int16)
            pt, phi = found["out_ch_hwPt"], found["out_ch_hwPhi"]
            add_momenta(board.n_regions, pt, phi, used, np.zeros_like(centre), sums)
        phi = np.asarray(inputs["pfne_hwPhi" if board.n_tracks else "calo_hwPhi"], np.int16)
        used = np.minimum(inputs["n_neu"], p.n_in).astype(np.int16)
        add_momenta(board.n_regions, found["out_all_hwPt"], phi, used, centre, sums)
    return sums
