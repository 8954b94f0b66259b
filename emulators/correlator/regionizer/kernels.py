# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202
"""Kernels that digitize particles, distribute them over the regions and collect candidates."""

from math import asin, floor, sinh

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.types import global_phi

__all__ = ["LOSSES", "collect", "digitize", "distribute", "regionize"]

LOSSES = (
    "outside",
    "soft_tracks",
    "forward_muons",
    "regionizer_tracks",
    "regionizer_neutrals",
    "puppi_tracks",
    "final_sort",
    "layer2_list",
)
OUTSIDE, SOFT, FORWARD_MUONS, FULL_TRACKS, FULL_NEUTRALS, UNREAD_TRACKS, FINAL, LIST = range(8)

DROPPED, HADRON, PHOTON, TRACK, TRACK_EM, TRACK_MUON = range(6)
LSB = np.float32(np.pi / 720)
# half the field times 0.3, times the radius of the barrel and the depth of the endcap [GeV]
BARREL_BEND = 0.3 * 3.81 / 2 * 1.29
ENDCAP_BEND = 0.3 * 3.81 / 2 * 3.2
BARREL_END = 1.479


@njit(nogil=True, inline="always")
def _round(x):
    """Round to the nearest integer, halves away from zero."""
    return floor(x + 0.5) if x >= 0 else -floor(0.5 - x)


@njit(nogil=True)
def _bend(pt, eta):
    """Return the azimuth in raw steps that a track turns by up to the calorimeter, 7 bits."""
    if abs(eta) < BARREL_END:
        angle = asin(min(BARREL_BEND / pt, 1.0))
    else:
        angle = ENDCAP_BEND / (pt * sinh(abs(eta)))
    return min(_round(angle / LSB), 127)


@njit(nogil=True)
def digitize(start, stop, particles, limits, words, kind, lost) -> None:
    """Convert the particles of one event to hardware units.

    Parameters
    ----------
    start, stop : int
        The particles of the event.
    particles : tuple of arrays
        pt, eta, phi float64; charge, pid int8; z0 float64.
    limits : tuple of float
        Smallest momentum [GeV] and largest absolute eta of a track.
    words : int16[6, n]
        pt, eta, phi at the calorimeter, id, z0, bend; filled from 0 on.
    kind : int8[n]
        How the particle enters.
    lost : int64[8]
        Losses of the event.
    """
    pt, eta, phi, charge, pid, z0 = particles
    for i in range(start, stop):
        k = i - start
        kind[k] = DROPPED
        raw = min(_round(pt[i] * 4), 16383)
        raw_eta = _round(np.float64(np.float32(eta[i]) / LSB)) if abs(eta[i]) < 6 else 2000
        if raw == 0 or abs(raw_eta) > 1260:
            lost[OUTSIDE] += 1
            continue
        raw_phi = _round(np.float64(np.float32(phi[i]) / LSB))
        raw_phi = (raw_phi + 719) % 1440 - 719
        words[0, k] = raw
        words[1, k] = raw_eta
        words[2, k] = raw_phi
        words[4, k] = 0
        words[5, k] = 0
        em = pid[i] == 3 or pid[i] == 6
        if charge[i] == 0 or abs(eta[i]) > limits[1]:
            if pid[i] == 2:
                lost[FORWARD_MUONS] += 1
                continue
            em = em or pid[i] == 1
            words[3, k] = 1 if em else 0
            kind[k] = PHOTON if em else HADRON
            continue
        if pt[i] < limits[0]:
            lost[SOFT] += 1
            continue
        positive = charge[i] > 0
        flavour = pid[i] if pid[i] == 1 or pid[i] == 2 else 0
        bend = _bend(pt[i], eta[i])
        words[2, k] = global_phi(raw_phi - bend if positive else raw_phi + bend)
        words[3, k] = 2 + 2 * flavour + (1 if positive else 0)
        words[4, k] = min(max(_round(z0[i] * 20), -512), 511)
        words[5, k] = bend
        kind[k] = TRACK + flavour


@njit(nogil=True)
def _descending(pt, kind, n, order, spare, count):
    """Sort the particles that enter by descending momentum, equal ones as they come.

    Two passes of a radix sort with seven bits each. Returns how many enter.
    """
    m = 0
    for i in range(n):
        order[m] = i
        m += kind[i] != DROPPED
    for shift in (0, 7):
        count[:] = 0
        for k in range(m):
            count[127 - ((pt[order[k]] >> shift) & 127)] += 1
        total = 0
        for digit in range(128):
            size = count[digit]
            count[digit] = total
            total += size
        for k in range(m):
            digit = 127 - ((pt[order[k]] >> shift) & 127)
            spare[count[digit]] = order[k]
            count[digit] += 1
        order, spare = spare, order
    return m


@njit(nogil=True, inline="always")
def _put(objects, row, slot, source, pt, deta, dphi, label):
    """Write what tracks and neutrals have in common into a slot."""
    fields, index, count = objects
    fields[0][row, slot] = pt
    fields[1][row, slot] = deta
    fields[2][row, slot] = dphi
    fields[3][row, slot] = label
    index[row, slot] = source
    count[row] = slot + 1


@njit(nogil=True)
def distribute(event, start, m, order, words, kind, slices, boards, tracks, neutrals, lost) -> None:
    """Copy the particles of one event, in order, into every region that holds their position.

    Parameters
    ----------
    event : int
        Position of the event in the batch.
    start, m : int
        Index of the event's first particle; number of particles that enter.
    order, words, kind
        Sorted particles and their hardware values.
    slices : tuple
        Eta slices int8[4096, 3] and azimuthal slices int8[1441, 2] by position; int32[12, 4] eta
        centre, eta half width, board type and first region within it, of every eta slice.
    boards : int32[4, 5]
        First row, regions per event, slots for tracks and for neutrals, tracks that LinPuppi
        reads, of every board type.
    tracks : tuple
        Tuple of int16[rows, slots] pt, eta, phi, id, z0, bend; int32 source; int16[rows] number.
    neutrals : tuple
        Tuple of int16[rows, slots] pt, eta, phi, em; source; number, for all board types.
    lost : int64[8]
        Losses of the event.
    """
    eta_slices, phi_slices, geometry = slices
    for k in range(m):
        i = order[k]
        eta, phi = np.int64(words[1, i]), np.int64(words[2, i])
        for a in range(3):
            s = eta_slices[eta + 2048, a]
            if s < 0:
                break
            deta, half, b = eta - geometry[s, 0], geometry[s, 1], geometry[s, 2]
            first = boards[b, 0] + event * boards[b, 1] + geometry[s, 3]
            for c in range(2):
                f = phi_slices[phi + 720, c]
                if f < 0:
                    break
                dphi = phi - 160 * np.int64(f)
                dphi = dphi + 1440 if dphi < -720 else dphi
                inside = (-half < deta) & (deta <= half) & (dphi > -80) & (dphi <= 80)
                row = first + f
                if kind[i] >= TRACK and b < 2:
                    slot = np.int64(tracks[2][row])
                    if slot >= boards[b, 2]:
                        lost[FULL_TRACKS] += inside
                        continue
                    lost[UNREAD_TRACKS] += inside & (slot >= boards[b, 4])
                    _put(tracks, row, slot, start + i, words[0, i], deta, dphi, words[3, i])
                    tracks[0][4][row, slot] = words[4, i]
                    tracks[0][5][row, slot] = words[5, i]
                elif kind[i] == TRACK_MUON:
                    lost[FORWARD_MUONS] += inside
                else:
                    slot = np.int64(neutrals[2][row])
                    if slot >= boards[b, 3]:
                        lost[FULL_NEUTRALS] += inside
                        continue
                    em = kind[i] == PHOTON or kind[i] == TRACK_EM
                    _put(neutrals, row, slot, start + i, words[0, i], deta, dphi, em)


@njit(nogil=True)
def regionize(
    first, last, offsets, particles, limits, vertices, slices, boards, tracks, neutrals, pv, lost
) -> None:
    """Digitize, sort and distribute the particles of events first to last.

    `vertices` int16[n_events] holds the raw z0 of the primary vertex; `pv` int16[rows] receives it
    for every region with tracks, `lost` int64[n_events, 8] the losses.
    """
    longest = 0
    for event in range(first, last):
        longest = max(longest, offsets[event + 1] - offsets[event])
    words = np.empty((6, longest + 1), np.int16)
    kind = np.empty(longest + 1, np.int8)
    order, spare = np.empty(longest + 1, np.int32), np.empty(longest + 1, np.int32)
    count = np.empty(128, np.int64)
    tracks[2][:] = 0
    neutrals[2][:] = 0
    for event in range(first, last):
        start, stop = offsets[event], offsets[event + 1]
        digitize(start, stop, particles, limits, words, kind, lost[event])
        m = _descending(words[0], kind, stop - start, order, spare, count)
        e = event - first
        for b in range(2):
            begin = boards[b, 0] + e * boards[b, 1]
            pv[begin : begin + boards[b, 1]] = vertices[event]
        distribute(e, start, m, order, words, kind, slices, boards, tracks, neutrals, lost[event])


@njit(nogil=True)
def collect(
    first, last, sequence, boards, n_track, final, tracks, neutrals, track_weights, weights, out,
    lost,
) -> None:  # fmt: skip
    """Write the candidates of events first to last in the order of layer 2, and the weights.

    Parameters
    ----------
    sequence : int16[n, 3]
        Board type, region and slot in the order of arrival.
    boards, n_track : int32[4, 5], tracks that LinPuppi reads by board type
        Rows as in `distribute`.
    final : tuple
        Tuple of int16[rows, 18] pt, eta, phi, weight; int8[rows, 18] id; int16[rows] number;
        int16[rows, 18] slot of origin; int16[rows] number before the crop.
    tracks, neutrals : int32[rows, slots]
        Source particles.
    track_weights : int16[rows, slots]
        Weights of tracks, 1/256.
    weights : float32[particles]
        Weight of every source particle, zeros on entry.
    out : tuple
        Tuple of int16[n_events, 128] pt, eta, phi, weight; int8[n_events, 128] id;
        int16[n_events] number; int64[n_events, 128] source particle.
    lost : int64[n_events, 8]
        Losses.
    """
    fields, labels, number, origin, passing = final
    for event in range(first, last):
        for b in range(boards.shape[0]):
            begin = boards[b, 0] + (event - first) * boards[b, 1]
            for row in range(begin, begin + boards[b, 1]):
                lost[event, FINAL] += passing[row] - number[row]
        n = 0
        for k in range(sequence.shape[0]):
            b = sequence[k, 0]
            row = boards[b, 0] + (event - first) * boards[b, 1] + sequence[k, 1]
            slot = sequence[k, 2]
            if slot >= number[row] or fields[0][row, slot] == 0:
                continue
            place = np.int64(origin[row, slot])
            charged = place < n_track[b]
            source = tracks[row, place] if charged else neutrals[row, place - n_track[b]]
            weight = track_weights[row, place] if charged else fields[3][row, slot]
            weights[source] = np.float32(weight) / np.float32(256)
            if n == out[1].shape[1]:
                lost[event, LIST] += 1
                continue
            out[0][0][event, n] = fields[0][row, slot]
            out[0][1][event, n] = fields[1][row, slot]
            out[0][2][event, n] = fields[2][row, slot]
            out[0][3][event, n] = weight
            out[1][event, n] = labels[row, slot]
            out[3][event, n] = source
            n += 1
        out[2][event] = n
