"""Calorimeter images as sums of single collisions: the kernels behind `l1kd.datasets.calo_overlay`.

A collision is a sparse list of regions. Image `i` draws its collisions from a random stream of its
own, which depends on the key and `i` alone: images can be made in any order, in pieces and by
several threads, and what each was made of can be told again without being stored.
"""

import math

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Floats, Images, Indices, Integers, Offsets
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

Heads = NDArray[np.uint64]
Entries = NDArray[np.uint16]

SIXTEENTHS = 8
"""Units of a library, 1/16 GeV, in one count of 0.5 GeV."""
_CELLS = N_PHI * N_ETA
_CHUNK = 8
"""Entries that are added without asking whether one is left."""
_AT_ONCE = 4
"""Chunks of a collision that are noted without asking how many it has."""
_MOST = 255
"""Units of E_T that a word holds; what is more takes several words."""
_LENGTH_BITS = np.uint64(16)
_LENGTH_MASK = np.uint64((1 << 16) - 1)
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def packed(
    offset: Offsets, index: NDArray[np.uint8], et16: NDArray[np.uint16]
) -> tuple[Heads, Entries]:
    """Lay out collisions as the overlay's kernel reads them.

    A word is a region's number (upper byte) and up to 255 units of its E_T (lower byte). A
    collision is whole chunks of eight words, so that short and long ones run through the same
    code: a branch that depends on a length drawn at random would be guessed wrong for each.

    Parameters
    ----------
    offset
        int64[n + 1], collision `i` owns the entries ``offset[i]:offset[i + 1]``.
    index, et16
        Region ``iphi * 14 + ieta`` and E_T in 1/16 GeV of each entry.

    Returns
    -------
    heads : numpy.ndarray, shape (n,), uint64
        Number of a collision's first chunk, times 2**16, plus its number of chunks.
    words : numpy.ndarray, uint16
    """
    parts = np.maximum(-(-et16.astype(np.int64) // _MOST), 1)
    begin = np.concatenate([[0], np.cumsum(parts)])
    entry = np.repeat(np.arange(len(parts)), parts)
    left = et16[entry].astype(np.int64) - _MOST * (np.arange(begin[-1]) - begin[entry])
    start = begin[offset]
    sizes = np.diff(start)
    chunks = -(-sizes // _CHUNK)
    first = np.cumsum(chunks) - chunks
    # words that fill a chunk add nothing, each to another place: adding to one place is a queue
    words = (np.arange(_CHUNK * chunks.sum()) % _CHUNK << 8).astype(np.uint16)
    place = np.arange(len(left)) + np.repeat(_CHUNK * first - start[:-1], sizes)
    words[place] = index[entry].astype(np.uint16) << 8 | np.minimum(left, _MOST).astype(np.uint16)
    return first.astype(np.uint64) << _LENGTH_BITS | chunks.astype(np.uint64), words


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
def _add(unrolled: Indices, words: Entries, begin: np.uint64, place: np.uint64) -> None:
    """Add a chunk of a collision."""
    # unsigned all the way: signed positions would be checked for counting from the end
    for k in range(_CHUNK):
        word = np.uint64(words[begin + np.uint64(k)])
        unrolled[place + (word >> np.uint64(8))] += np.int32(word & np.uint64(_MOST))


@njit(nogil=True)
def _pile_up(
    unrolled: Indices, heads: Heads, words: Entries, drawn: NDArray[np.uint64],
    begin: NDArray[np.uint64], place: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Add the collisions that random words choose, turn and mirror."""
    n = np.uint64(0)
    for word in drawn:  # all places first: the memory then looks them up side by side
        head = heads[_pick(word, len(heads))]
        first, chunks, where = head >> _LENGTH_BITS, head & _LENGTH_MASK, _place(word)
        # a few chunks whether they are there or not: the next collision writes over the others
        for k in range(_AT_ONCE):
            begin[n + np.uint64(k)] = (first + np.uint64(k)) * np.uint64(_CHUNK)
            place[n + np.uint64(k)] = where
        for k in range(_AT_ONCE, chunks):
            begin[n + np.uint64(k)] = (first + np.uint64(k)) * np.uint64(_CHUNK)
            place[n + np.uint64(k)] = where
        n += chunks
    # one word of each, for the same reason: what is read of them is kept from being optimised away
    fetched = np.uint16(0)
    for k in range(n):
        fetched ^= words[begin[k]]
    unrolled[4 * _CELLS] = np.int32(fetched)
    for k in range(n):
        _add(unrolled, words, begin[k], place[k])


@njit(nogil=True)
def _fold(unrolled: Indices, image: Indices) -> None:
    """E_T of the regions, each from its four places in the unrolled image."""
    for phi in range(N_PHI):
        for eta in range(N_ETA):
            here, mirrored = phi * N_ETA + eta, phi * N_ETA + N_ETA - 1 - eta
            image[here] = (
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
    """Count the E_T of a crossing of `number` collisions as the trigger does, 252 of everything."""
    for region in range(_CELLS):
        energy = gain[region] * pile[region] + extra[region]
        seen = energy * (1.0 / SIXTEENTHS) + pedestal[region] * number
        count = np.int32(seen if seen < MAX_REGION_COUNTS else MAX_REGION_COUNTS)
        image[region] = count if count >= least[region] else 0


@njit(nogil=True)
def add_collisions(
    heads: Heads, words: Entries, counts: Integers, first: int, key: np.uint64,
    signal_heads: Heads, signal_words: Entries, gain: Floats, pedestal: Floats, least: Integers,
) -> Images:  # fmt: skip
    """Sum collisions into images and count them as the trigger does.

    Parameters
    ----------
    heads, words
        The library of pile-up as `packed` lays it out.
    counts
        int64[n], collisions of each image, drawn with replacement, each turned by a random number
        of regions in phi and mirrored in eta at random.
    first
        Number of the first image in its stream of images.
    key
        uint64, of the stream.
    signal_heads, signal_words
        Library of signal events, image `i` gets event ``i % m``, turned and mirrored at random;
        one of no events means none.
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
    images = np.empty((n, _CELLS), np.uint16)
    # one place more than there are regions, for what is only fetched
    unrolled = np.empty(4 * _CELLS + 1, np.int32)
    pile, extra = np.empty(_CELLS, np.int32), np.zeros(_CELLS, np.int32)
    of_ring = np.arange(_CELLS) % N_ETA
    gains, pedestals, leasts = gain[of_ring], pedestal[of_ring], least[of_ring]
    largest = counts.max() if n else 0
    longest = np.int64((heads & _LENGTH_MASK).max())
    begin = np.empty(largest * longest + _AT_ONCE, np.uint64)
    drawn, place = np.empty(largest, np.uint64), np.empty(len(begin), np.uint64)
    for i in range(n):
        state, count = _stream(key, first + i), counts[i]
        for k in range(count):
            drawn[k] = _mixed(state + np.uint64(k + 1) * _GAMMA)
        unrolled[:] = 0
        _pile_up(unrolled, heads, words, drawn[:count], begin, place)
        _fold(unrolled, pile)
        if len(signal_heads) > 0:
            unrolled[:] = 0
            head = signal_heads[(first + i) % len(signal_heads)]
            where = _place(_mixed(state + np.uint64(count + 1) * _GAMMA))
            for k in range(head & _LENGTH_MASK):
                begin_of = ((head >> _LENGTH_BITS) + np.uint64(k)) * np.uint64(_CHUNK)
                _add(unrolled, signal_words, begin_of, where)
            _fold(unrolled, extra)
        _count(pile, extra, count, gains, pedestals, leasts, images[i])
    return images.reshape((n, N_PHI, N_ETA))


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
