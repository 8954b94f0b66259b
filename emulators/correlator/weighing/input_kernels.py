# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202
"""Kernels that form the inputs of a network from the tracks and neutrals of regions.

Sources lie one after another, so that loops over them become vector instructions.
"""

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.linpuppi.weight_kernels import (
    fiducial,
    inverse_dr2,
    neighbour_sums,
    phi_at_vertex,
)
from l1kd.emulators.correlator.types import HALF_TURN, TURN, wrap
from l1kd.emulators.correlator.weighing.columns import (
    CONES,
    HALF,
    LOGARITHM,
    LOST_BY_ANGLE,
    NAMES,
    ONE,
)
from l1kd.emulators.correlator.weighing.event_met import cosine_and_sine

__all__ = [
    "FIRST_NEUTRAL",
    "NUMBERS",
    "event_sums",
    "fill_inputs",
    "place_histogram",
    "place_sums",
    "work_arrays",
]

LANES = 64
NUMBERS = 8
"""Numbers of an event, as `event_numbers` has them."""
FIRST_NEUTRAL = 64
"""Slots of neutrals are counted from here, those of tracks from 0."""
SMALL, MIDDLE, LARGE = CONES
NEAR_VERTEX = 4
"""Steps of z0: 0.2 cm."""
FAR_FROM_VERTEX = 8
"""Steps of z0: 0.4 cm."""
LARGEST_TRACK = 200
"""Cap on a track's pt in the event's sums: 50 GeV."""
VERTEX, PILEUP, NEUTRAL, EM = range(4)
NONE, KEPT, EVERY = range(3)
"""Which tracks are weighed, as `columns.TRACKS` has it."""
ETA, PHI, PT2, PT, SLOT, IS_EM, PLACE = range(7)
"""Fields of sources; targets have KIND in the place of PT2, and then those below."""
KIND, MUON, DZ, WEIGHT = 2, 7, 8, 9

(
    OWN_PT, ABS_ETA, OWN_EM, TRACK, OWN_MUON, TRACKER, HF, OWN_DZ, OWN_WEIGHT, ALPHA,
    VERTEX_PT, _, _, VERTEX_MAX, PILEUP_PT, _, _, PILEUP_COUNT, NEUTRAL_PT, _, _, NEUTRAL_MAX,
    NEUTRAL_COUNT, EM_PT, PILEUP_ALPHA, NEUTRAL_ALPHA, REGION_PT, _, _, REGION_PILEUP,
    REGION_NEUTRAL, EVENT, _, _, OWN_PLACE, OTHER_PLACE, _, SECOND_PT, _, EVENT_SECOND, MET, _, _,
    TRACK_MET, _, _,
) = range(len(NAMES))  # fmt: skip
"""Positions of the columns."""


@njit(nogil=True, inline="always")
def _log(value):
    """Return the logarithm of a sum, as `LOGARITHM` has it."""
    return np.int16(LOGARITHM[min(np.int64(value), np.int64(65535))])


@njit(nogil=True)
def event_sums(n_events, boards, tracks, counts, region, pv, out, sums) -> None:
    """Add up the tracks near the vertex of every event, and count the others.

    Parameters
    ----------
    n_events : int
        Events of the batch.
    boards : int32[4, 5]
        First row and regions per event of every board type.
    tracks : tuple of int16[rows, slots]
        pt, eta, phi, id, z0, bend.
    counts : int16[rows]
        Tracks in every row.
    region : tuple of int16[rows]
        eta centre, phi centre, eta half width, phi half width.
    pv : int16[rows]
        z0 of the vertex.
    out : int64[n_events, 8]
        Sum of pt, number near the vertex, number elsewhere, and zeros; a track counts in the region
        to which its position belongs.
    sums : int64[n_events, 2]
        Vector sum of those near the vertex, with all their pt, as `event_met.add_momenta` has it.
    """
    for event in range(n_events):
        out[event] = 0
        sums[event] = 0
        for b in range(2):
            begin = boards[b, 0] + event * boards[b, 1]
            for r in range(begin, begin + boards[b, 1]):
                for i in range(counts[r]):
                    if not fiducial(tracks[1][r, i], tracks[2][r, i], region[2][r], region[3][r]):
                        continue
                    if abs(np.int32(tracks[4][r, i]) - np.int32(pv[r])) <= NEAR_VERTEX:
                        pt = np.int64(tracks[0][r, i])
                        out[event, 0] += min(pt, LARGEST_TRACK)
                        out[event, 1] += 1
                        phi = phi_at_vertex(tracks[2][r, i], tracks[3][r, i], tracks[5][r, i])
                        cosine, sine = cosine_and_sine(np.int32(region[1][r]) + phi)
                        sums[event, 0] += pt * cosine
                        sums[event, 1] += pt * sine
                    else:
                        out[event, 2] += 1


def place_histogram() -> np.ndarray:
    """Allocate the histogram of `place_sums`: all z0 of 16 bits, and a window beyond either end."""
    return np.zeros((1 << 16) + 2 * NEAR_VERTEX, np.int32)


@njit(nogil=True)
def place_sums(n_events, boards, tracks, counts, region, pv, histogram, places, out) -> None:
    """Tell how hard the place in z of every track is.

    Parameters
    ----------
    n_events, boards, tracks, counts, region, pv : as for `event_sums`
    histogram : int32[...]
        `place_histogram`, all 0 before and after.
    places : int16[rows, slots]
        Logarithm of the sum of pt of the event's tracks, each as `event_sums` counts it, within
        0.2 cm of every track.
    out : int64[n_events, 8]
        The fourth column gets the largest of those further than 0.4 cm from the vertex, among
        tracks in the region to which they belong.
    """
    for event in range(n_events):
        for b in range(2):
            begin = boards[b, 0] + event * boards[b, 1]
            for r in range(begin, begin + boards[b, 1]):
                for i in range(counts[r]):
                    if fiducial(tracks[1][r, i], tracks[2][r, i], region[2][r], region[3][r]):
                        step = np.int64(tracks[4][r, i]) + (1 << 15) + NEAR_VERTEX
                        histogram[step] += min(np.int32(tracks[0][r, i]), LARGEST_TRACK)
        most = np.int64(0)
        for b in range(2):
            begin = boards[b, 0] + event * boards[b, 1]
            for r in range(begin, begin + boards[b, 1]):
                for i in range(counts[r]):
                    first = np.int64(tracks[4][r, i]) + (1 << 15)
                    total = np.int32(0)
                    for step in range(2 * NEAR_VERTEX + 1):
                        total += histogram[first + step]
                    places[r, i] = _log(total)
                    far = abs(np.int32(tracks[4][r, i]) - np.int32(pv[r])) > FAR_FROM_VERTEX
                    if far and fiducial(
                        tracks[1][r, i], tracks[2][r, i], region[2][r], region[3][r]
                    ):
                        most = max(most, np.int64(places[r, i]))
        out[event, 3] = most
        for b in range(2):
            begin = boards[b, 0] + event * boards[b, 1]
            for r in range(begin, begin + boards[b, 1]):
                for i in range(counts[r]):
                    histogram[np.int64(tracks[4][r, i]) + (1 << 15) + NEAR_VERTEX] = 0


def work_arrays() -> tuple:
    """Allocate sources, targets, sums around them, densities, places, sizes and totals by kind."""
    return (
        np.zeros((4, 7, LANES), np.int32),
        np.zeros((10, LANES), np.int32),
        np.zeros((4, 5, LANES), np.int32),
        np.zeros((3, LANES), np.int32),
        np.zeros((4, LANES), np.int32),
        np.zeros((2, 4), np.int64),
    )


@njit(nogil=True, inline="always")
def _add_source(sources, sizes, kind, eta, phi, pt, slot, is_em, place, pt2_max):
    m = sizes[0, kind]
    sources[kind, ETA, m] = eta
    sources[kind, PHI, m] = phi
    sources[kind, PT2, m] = min((pt * pt) >> 5, pt2_max)
    sources[kind, PT, m] = pt
    sources[kind, SLOT, m] = slot
    sources[kind, IS_EM, m] = is_em
    sources[kind, PLACE, m] = place
    sizes[0, kind] += pt != 0
    sizes[1, kind] += pt


@njit(nogil=True)
def _sources(r, n_trk, n_neu, track, neutral, pv, setup, sources, sizes):
    """Sort the objects of a region by kind; `sizes` gets their numbers and sums of pt."""
    sizes[:] = 0
    pt2_max, dz_cut = setup[4], setup[5]
    for i in range(n_trk):
        near = abs(np.int32(track[3][r, i]) - pv) <= dz_cut
        kind = VERTEX if near else PILEUP
        pt = np.int32(track[0][r, i])
        eta, phi, place = track[1][r, i], track[2][r, i], track[4][r, i]
        _add_source(sources, sizes, kind, eta, phi, pt, i, 0, place, pt2_max)
    for i in range(n_neu):
        eta, phi, pt = neutral[1][r, i], neutral[2][r, i], np.int32(neutral[0][r, i])
        is_em = neutral[3][r, i] != 0
        slot = FIRST_NEUTRAL + i
        _add_source(sources, sizes, NEUTRAL, eta, phi, pt, slot, is_em, 0, pt2_max)
        if is_em:
            _add_source(sources, sizes, EM, eta, phi, pt, slot, 1, 0, pt2_max)


@njit(nogil=True, inline="always")
def _add_target(target, n, eta, phi, kind, pt, slot, is_em):
    target[ETA, n] = eta
    target[PHI, n] = phi
    target[KIND, n] = kind
    target[PT, n] = pt
    target[SLOT, n] = slot
    target[IS_EM, n] = is_em
    target[PLACE, n] = 0
    target[MUON, n] = 0
    target[DZ, n] = 0


@njit(nogil=True)
def _targets(r, n_trk, n_neu, track, label, neutral, puppi, region, pv, setup, with_tracks, target):
    """List the candidates of a region that are weighed; return how many."""
    kept, weight = puppi
    n = 0
    for i in range(n_neu):
        eta, phi, pt = neutral[1][r, i], neutral[2][r, i], np.int32(neutral[0][r, i])
        _add_target(target, n, eta, phi, NEUTRAL, pt, FIRST_NEUTRAL + i, neutral[3][r, i] != 0)
        target[WEIGHT, n] = weight[r, i]
        n += fiducial(eta, phi, region[2][r], region[3][r]) & (pt != 0)
    if with_tracks != NONE:
        for i in range(n_trk):
            if with_tracks == EVERY:
                inside = fiducial(track[1][r, i], track[2][r, i], region[2][r], region[3][r])
                weighed = inside & (track[0][r, i] != 0)
            else:
                weighed = kept[r, i] != 0
            if not weighed:
                continue
            distance = abs(np.int32(track[3][r, i]) - pv)
            kind = VERTEX if distance <= setup[5] else PILEUP
            pt, flavour = np.int32(track[0][r, i]), label[r, i] >> 1
            _add_target(target, n, track[1][r, i], track[2][r, i], kind, pt, i, flavour == 2)
            target[MUON, n] = flavour == 3
            target[DZ, n] = min(distance, 63)
            target[PLACE, n] = track[4][r, i]
            target[WEIGHT, n] = 256 if kept[r, i] else 0
            n += 1
    return n


@njit(nogil=True)
def _cone_sums(n, m, target, source, sums):
    """Add up m sources around every target, the target itself left out.

    `sums` int32[5, 64] gets the pt in the small, middle and large cone, the largest pt in the
    middle one and the number in the large one. Each is a reduction over the sources, so that
    nothing is stored inside the loop and it becomes vector instructions.
    """
    eta, phi, pt, slot = source[ETA], source[PHI], source[PT], source[SLOT]
    for lane in range(n):
        own_eta, own_phi, own_slot = target[ETA, lane], target[PHI, lane], target[SLOT, lane]
        small, middle, large, most, number = (
            np.int32(0), np.int32(0), np.int32(0), np.int32(0), np.int32(0),
        )  # fmt: skip
        for k in range(m):
            deta, dphi = np.int32(own_eta - eta[k]), np.int32(own_phi - phi[k])
            dr2 = np.int32(np.int32(deta * deta) + np.int32(dphi * dphi))
            dr2 = np.int32(LARGE) if slot[k] == own_slot else dr2
            near = pt[k] if dr2 < MIDDLE else np.int32(0)
            small += pt[k] if dr2 < SMALL else np.int32(0)
            middle += near
            large += pt[k] if dr2 < LARGE else np.int32(0)
            most = max(most, near)
            number += np.int32(1) if dr2 < LARGE else np.int32(0)
        sums[0, lane] = small
        sums[1, lane] = middle
        sums[2, lane] = large
        sums[3, lane] = most
        sums[4, lane] = number


@njit(nogil=True)
def _places_around(n, m, target, source, least, sums):
    """Look at the places in z of m tracks around every target, the target itself left out.

    `sums` int32[4, 64] gets the largest logarithm in the middle and in the large cone, and there
    the pt of the tracks where it is no less than `least`.
    """
    eta, phi, pt, slot, place = source[ETA], source[PHI], source[PT], source[SLOT], source[PLACE]
    for lane in range(n):
        own_eta, own_phi, own_slot = target[ETA, lane], target[PHI, lane], target[SLOT, lane]
        most, most_large, middle, large = np.int32(0), np.int32(0), np.int32(0), np.int32(0)
        for k in range(m):
            deta, dphi = np.int32(own_eta - eta[k]), np.int32(own_phi - phi[k])
            dr2 = np.int32(np.int32(deta * deta) + np.int32(dphi * dphi))
            dr2 = np.int32(LARGE) if slot[k] == own_slot else dr2
            hard = pt[k] if place[k] >= least else np.int32(0)
            most = max(most, place[k] if dr2 < MIDDLE else np.int32(0))
            most_large = max(most_large, place[k] if dr2 < LARGE else np.int32(0))
            middle += hard if dr2 < MIDDLE else np.int32(0)
            large += hard if dr2 < LARGE else np.int32(0)
        sums[0, lane] = most
        sums[1, lane] = most_large
        sums[2, lane] = middle
        sums[3, lane] = large


@njit(nogil=True)
def _density(n, m, kind, target, source, setup, sums):
    """Add up pt^2/dR^2 as LinPuppi does, and take away the term of the target itself."""
    neighbour_sums(n, m, setup[2], setup[3], target, source, sums)
    inverse = inverse_dr2(np.int32(setup[2] >> 5))
    for lane in range(n):
        if target[KIND, lane] == kind:
            pt = target[PT, lane]
            pt2 = np.int32(min((pt * pt) >> 5, setup[4]))
            sums[lane] -= min(np.int32(pt2 * inverse) >> 10, np.int32(4095))


@njit(nogil=True)
def _neighbourhood(n, setup, wanted, event, work):
    """Form the sums around the targets of one region that are wanted."""
    sources, target, sums, densities, places, sizes = work
    for kind in range(4):
        if wanted[kind]:
            _cone_sums(n, sizes[0, kind], target, sources[kind], sums[kind])
    for number in range(3):
        if wanted[4 + number]:
            kind = NEUTRAL if number == 0 and setup[0] == 0 else number
            _density(
                n, sizes[0, kind], kind, target, sources[kind], setup, densities[number]
            )  # fmt: skip
    if wanted[7]:
        least = np.int32(_log(event[0])) - np.int32(HALF)
        _places_around(n, sizes[0, PILEUP], target, sources[PILEUP], least, places)


@njit(nogil=True, inline="always")
def _seen_from(met, azimuth):
    """Return the parts of a MET away from and towards a candidate.

    `azimuth` is the candidate's without that of the sum, which MET opposes.
    """
    apart = abs(azimuth)
    if apart > HALF_TURN:
        apart = abs(TURN - apart)
    away = max(met - np.int32(LOST_BY_ANGLE[min(apart, HALF_TURN - apart)]), 0)
    return (away, 0) if 2 * apart <= HALF_TURN else (0, away)


@njit(nogil=True)
def _row(lane, region, flags, work, event, with_places, row):
    """Write every column of one candidate; `region` is the centre in eta and in phi."""
    _, target, sums, densities, places, sizes = work
    row[OWN_PT] = _log(target[PT, lane])
    row[ABS_ETA] = min(abs(wrap(np.int32(region[0]) + target[ETA, lane], 12)) >> 3, 255)
    row[OWN_EM] = ONE * target[IS_EM, lane]
    row[TRACK] = ONE if target[KIND, lane] != NEUTRAL else 0
    row[OWN_MUON] = ONE * target[MUON, lane]
    row[TRACKER] = flags[0]
    row[HF] = flags[1]
    row[OWN_DZ] = target[DZ, lane]
    row[OWN_WEIGHT] = target[WEIGHT, lane]
    for number in range(3):
        place = ALPHA if number == 0 else PILEUP_ALPHA + number - 1
        row[place] = _log(densities[number, lane])
    for kind in range(3):
        place = VERTEX_PT if kind == VERTEX else (PILEUP_PT if kind == PILEUP else NEUTRAL_PT)
        for cone in range(3):
            row[place + cone] = _log(sums[kind, cone, lane])
        row[REGION_PT + kind] = _log(sizes[1, kind])
    row[VERTEX_MAX] = _log(sums[VERTEX, 3, lane])
    row[NEUTRAL_MAX] = _log(sums[NEUTRAL, 3, lane])
    row[PILEUP_COUNT] = sums[PILEUP, 4, lane]
    row[NEUTRAL_COUNT] = sums[NEUTRAL, 4, lane]
    row[EM_PT] = _log(sums[EM, 1, lane])
    row[REGION_PILEUP] = sizes[0, PILEUP]
    row[REGION_NEUTRAL] = sizes[0, NEUTRAL]
    for number in range(3):
        row[EVENT + number] = _log(event[number])
    row[OWN_PLACE] = target[PLACE, lane]
    if with_places:
        for number in range(2):
            row[OTHER_PLACE + number] = places[number, lane]
            row[SECOND_PT + number] = _log(places[2 + number, lane])
    row[EVENT_SECOND] = event[3]
    for place, number in ((MET, 4), (TRACK_MET, 6)):
        row[place] = event[number]
        azimuth = np.int32(region[1]) + target[PHI, lane] - np.int32(event[number + 1])
        row[place + 1], row[place + 2] = _seen_from(np.int32(event[number]), azimuth)


@njit(nogil=True)
def fill_inputs(
    board, event_rows, track, label, neutral, region, counts, setup, puppi, flags, events,
    with_tracks, chosen, wanted, work, out, m,
):  # fmt: skip
    """Write the inputs of all candidates that are weighed, of one board type in a batch.

    Parameters
    ----------
    board, event_rows : int
        Number of the board type, regions per event.
    track, neutral : tuple of int16[n, slots]
        pt, eta, phi, z0, output of `place_sums`; pt, eta, phi, isEM.
    label : int16[n, slots]
        Identification of tracks.
    region, counts, setup : as for `weigh_tracker`
        Setup with no tracks: counts but the number of neutrals are not read.
    puppi : tuple of int8[n, slots], int16[n, slots]
        Which tracks LinPuppi keeps, and its weights of neutrals.
    flags : tuple of int
        Values of `tracker` and `hf`.
    events : int64[n_events, 8]
        Output of `event_sums`, `place_sums` and `event_met.directions`.
    with_tracks : int
        Which tracks are weighed, by its position in `columns.TRACKS`.
    chosen : int64[n_chosen]
        Positions of the columns to write.
    wanted : bool[8]
        Sums that these need: cones of the three kinds and of electromagnetic neutrals, densities,
        places in z.
    work : tuple
        `work_arrays`.
    out : tuple
        int16[rows, n_chosen] and int16[rows, 3] board type, row, slot, written from m on.

    Returns
    -------
    int
        The first row that is not written.
    """
    values, places = out
    n_track, n_in = setup[0], setup[1]
    row = np.empty(len(NAMES), np.int16)
    for r in range(region[0].shape[0]):
        n_trk = min(counts[1][r], n_track) if n_track > 0 else 0
        n_neu = min(counts[2][r], n_in)
        pv = np.int32(counts[0][r]) if n_track > 0 else np.int32(0)
        n = _targets(
            r, n_trk, n_neu, track, label, neutral, puppi, region, pv, setup, with_tracks, work[1]
        )
        if n == 0:
            continue
        event = events[r // event_rows]
        _sources(r, n_trk, n_neu, track, neutral, pv, setup, work[0], work[5])
        _neighbourhood(n, setup, wanted, event, work)
        for lane in range(n):
            _row(lane, (region[0][r], region[1][r]), flags, work, event, wanted[7], row)
            for c in range(len(chosen)):
                values[m, c] = row[chosen[c]]
            places[m, 0] = board
            places[m, 1] = r
            places[m, 2] = work[1][SLOT, lane]
            m += 1
    return m
