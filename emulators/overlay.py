"""Calorimeter images as sums of single collisions: the kernels behind `l1kd.datasets.calo_overlay`.

A collision is a sparse list of regions. Image `i` draws its collisions from a random stream of its
own, which depends on the key and `i` alone: images can be made in any order, in pieces and by
several threads, and what each was made of can be told again without being stored.
"""

import math

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Floats, Images, Indices, Integers
from l1kd.emulators.calorimeter import MAX_REGION_COUNTS, N_ETA, N_PHI
from l1kd.emulators.compilation import njit

__all__ = [
    "SIXTEENTHS",
    "add_collisions",
    "draw_collisions",
    "packed",
    "poisson_counts",
    "uniforms",
]

Packed = NDArray[np.uint32]

SIXTEENTHS = 8
"""Units of a library, 1/16 GeV, in one count of 0.5 GeV."""
_CELLS = N_PHI * N_ETA
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def packed(index: NDArray[np.uint8], et16: NDArray[np.uint16]) -> Packed:
    """Put region number (upper half) and E_T in 1/16 GeV (lower half) into one word."""
    return (index.astype(np.uint32) << np.uint32(16)) | et16.astype(np.uint32)


@njit(nogil=True)
def _mixed(state: np.uint64) -> np.uint64:
    """Scramble a counter: the finaliser of SplitMix64 (Steele, Lea and Flood 2014)."""
    z = (state ^ (state >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


@njit(nogil=True)
def _stream(key: np.uint64, image: int) -> np.uint64:
    """First state of the random stream of an image."""
    return _mixed(key ^ _mixed(np.uint64(image) * _GAMMA + _SECOND))


@njit(nogil=True)
def uniforms(n: int, first: int, key: np.uint64, purpose: int) -> Floats:
    """Give images `first` to `first + n - 1` a random number in [0, 1) each, for a purpose."""
    values = np.empty(n)
    own = _mixed(key + np.uint64(purpose) * _GAMMA)
    for i in range(n):
        values[i] = (_stream(own, first + i) >> np.uint64(11)) * (1.0 / 9007199254740992.0)
    return values


@njit(nogil=True)
def poisson_counts(mean: Floats, uniform: Floats) -> Integers:
    """Numbers of collisions: Poisson quantiles of uniform random numbers, int64[n].

    The sum over probabilities begins ten standard deviations below the mean.
    """
    counts = np.zeros(len(mean), np.int64)
    for i in range(len(mean)):
        mu = mean[i]
        if mu <= 0.0:
            continue
        k = max(0, int(mu - 10.0 * math.sqrt(mu) - 10.0))
        probability = math.exp(k * math.log(mu) - mu - math.lgamma(k + 1.0))
        below = probability
        while below <= uniform[i] and (probability > 1e-18 or k < mu):
            k += 1
            probability *= mu / k
            below += probability
        counts[i] = k
    return counts


@njit(nogil=True)
def _pick(word: np.uint64, size: int) -> np.uint64:
    """Choose one of `size` by the upper half of a random word."""
    return ((word >> np.uint64(32)) * np.uint64(size)) >> np.uint64(32)


@njit(nogil=True)
def _place(word: np.uint64) -> np.uint64:
    """Turn and mirroring by the lower half of a random word, as a place in the unrolled image.

    The unrolled image is twice round in phi, once for each sense of eta, so that no region needs
    arithmetic of its own.
    """
    half = (word >> np.uint64(1)) & np.uint64(0x7FFFFFFF)
    turn = (half * np.uint64(N_PHI)) >> np.uint64(31)
    return turn * np.uint64(N_ETA) + (word & np.uint64(1)) * np.uint64(2 * _CELLS)


@njit(nogil=True)
def _add(unrolled: Indices, words: Packed, begin: int, end: int, place: np.uint64) -> None:
    # unsigned all the way: signed positions would be checked for counting from the end
    j = np.uint64(begin)
    while j < np.uint64(end):
        word = np.uint64(words[j])
        unrolled[place + (word >> np.uint64(16))] += np.int32(word & np.uint64(0xFFFF))
        j += np.uint64(1)


@njit(nogil=True)
def _pile_up(
    unrolled: Indices, offset: Integers, words: Packed, state: np.uint64, count: int,
    begin: Integers, end: Integers, place: NDArray[np.uint64],
) -> np.uint64:  # fmt: skip
    """Add `count` random collisions; return the state of the stream behind them."""
    size = len(offset) - 1
    for k in range(count):  # all places first: the memory then looks them up side by side
        state += _GAMMA
        word = _mixed(state)
        pick = _pick(word, size)
        begin[k], end[k] = offset[pick], offset[pick + np.uint64(1)]
        place[k] = _place(word)
    # one word of each, for the same reason: what is read of them is kept from being optimised away
    fetched, last = np.uint32(0), np.uint64(max(len(words), 1) - 1)
    for k in range(count):
        if len(words):
            fetched ^= words[min(np.uint64(begin[k]), last)]
    unrolled[4 * _CELLS] = np.int32(fetched & np.uint32(0xFFFF))
    for k in range(count):
        _add(unrolled, words, begin[k], end[k], place[k])
    return state


@njit(nogil=True)
def _folded(unrolled: Indices, phi: int, eta: int) -> np.int32:
    """E_T of a region, from its four places in the unrolled image."""
    here, mirrored = phi * N_ETA + eta, phi * N_ETA + N_ETA - 1 - eta
    return (
        unrolled[here]
        + unrolled[here + _CELLS]
        + unrolled[2 * _CELLS + mirrored]
        + unrolled[3 * _CELLS + mirrored]
    )


@njit(nogil=True)
def _count(
    pile: Indices, extra: Indices, number: int, gain: Floats, pedestal: Floats, least: Integers,
    image: Images,
) -> None:  # fmt: skip
    """Count the E_T of a crossing of `number` collisions as the trigger does."""
    for phi in range(N_PHI):
        for eta in range(N_ETA):
            energy = gain[eta] * _folded(pile, phi, eta) + _folded(extra, phi, eta)
            count = np.int64(energy * (1.0 / SIXTEENTHS) + pedestal[eta] * number)
            if count < least[eta]:
                image[phi, eta] = 0
            elif count > MAX_REGION_COUNTS:
                image[phi, eta] = MAX_REGION_COUNTS
            else:
                image[phi, eta] = count


@njit(nogil=True)
def add_collisions(
    offset: Integers, words: Packed, counts: Integers, first: int, key: np.uint64,
    signal_offset: Integers, signal_words: Packed, gain: Floats, pedestal: Floats, least: Integers,
) -> Images:  # fmt: skip
    """Sum collisions into images and count them as the trigger does.

    Parameters
    ----------
    offset, words
        int64[n_library + 1] and `packed` regions of the library of pile-up.
    counts
        int64[n], collisions of each image, drawn with replacement, each turned by a random number
        of regions in phi and mirrored in eta at random.
    first
        Number of the first image in its stream of images.
    key
        uint64, of the stream.
    signal_offset, signal_words
        Library of signal events, image `i` gets event ``i % m``, turned and mirrored at random;
        an offset of one entry means none.
    gain, pedestal
        float64[14] factor on the pile-up's E_T, and float64[14] counts that each of its collisions
        adds to every region.
    least
        int64[14], counts below read zero.

    Returns
    -------
    uint16[n, 18, 14], counts of 0.5 GeV: floor, clipped at 1023.
    """
    n = len(counts)
    images = np.empty((n, N_PHI, N_ETA), np.uint16)
    # one place more than there are regions, for what is only fetched
    pile, extra = np.empty(4 * _CELLS + 1, np.int32), np.zeros(4 * _CELLS, np.int32)
    largest = counts.max() if n else 0
    begin, end = np.empty(largest, np.int64), np.empty(largest, np.int64)
    place = np.empty(largest, np.uint64)
    n_signal = len(signal_offset) - 1
    for i in range(n):
        pile[:] = 0
        state = _pile_up(pile, offset, words, _stream(key, first + i), counts[i], begin, end, place)
        if n_signal > 0:
            extra[:] = 0
            event = (first + i) % n_signal
            where = _place(_mixed(state + _GAMMA))
            _add(extra, signal_words, signal_offset[event], signal_offset[event + 1], where)
        _count(pile, extra, counts[i], gain, pedestal, least, images[i])
    return images


@njit(nogil=True)
def draw_collisions(
    size: int, counts: Integers, first: int, key: np.uint64
) -> tuple[Integers, Integers]:
    """Tell which collisions of a library of `size` the images of `add_collisions` hold.

    Returns
    -------
    (picks, offsets): image `i` holds the collisions ``picks[offsets[i]:offsets[i + 1]]``, rising,
    each named once however often it was drawn. int64[m] and int64[n + 1].
    """
    picks = np.empty(counts.sum(), np.int64)
    offsets = np.zeros(len(counts) + 1, np.int64)
    position = 0
    for i in range(len(counts)):
        state = _stream(key, first + i)
        drawn = np.empty(counts[i], np.int64)
        for k in range(counts[i]):
            state += _GAMMA
            drawn[k] = np.int64(_pick(_mixed(state), size))
        drawn.sort()
        for k in range(counts[i]):
            if k == 0 or drawn[k] != drawn[k - 1]:
                picks[position] = drawn[k]
                position += 1
        offsets[i + 1] = position
    return picks[:position].copy(), offsets
