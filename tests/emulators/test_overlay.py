import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from l1kd.emulators.overlay import (
    add_collisions,
    draw_collisions,
    packed,
    poisson_counts,
    uniforms,
)

KEY = np.uint64(0x1234567890ABCDEF)
MASK = (1 << 64) - 1
GAMMA = 0x9E3779B97F4A7C15


def mixed(z):
    """SplitMix64's finaliser in Python's own integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def words_of(image, n):
    """First n random words of an image's stream."""
    state = mixed(int(KEY) ^ mixed((image * GAMMA + 0x94D049BB133111EB) & MASK))
    return [mixed((state + (k + 1) * GAMMA) & MASK) for k in range(n)]


def moved(collision, word):
    """A dense collision, turned and mirrored as the lower half of the word says."""
    turned = np.roll(collision, (((word >> 1) & 0x7FFFFFFF) * 18) >> 31, axis=0)
    return turned[:, ::-1] if word & 1 else turned


@pytest.fixture
def library():
    rng = np.random.default_rng(1)
    sizes = rng.integers(0, 9, 50)
    offset = np.concatenate([[0], np.cumsum(sizes)])
    index = np.concatenate([rng.choice(252, size, replace=False) for size in sizes])
    return offset, index.astype(np.uint8), rng.integers(1, 4000, offset[-1]).astype(np.uint16)


def dense(offset, index, et16):
    out = np.zeros((len(offset) - 1, 252), np.int64)
    out[np.repeat(np.arange(len(out)), np.diff(offset)), index] = et16
    return out.reshape(-1, 18, 14)


def reference(library, counts, first, signal, gain, pedestal, least):
    """The same images, one collision after the other."""
    single = dense(*library)
    images = []
    for i, count in enumerate(counts):
        words = words_of(first + i, count + 1)
        pile = np.zeros((18, 14), np.int64)
        for word in words[:count]:
            pile += moved(single[((word >> 32) * len(single)) >> 32], word)
        extra = moved(signal[(first + i) % len(signal)], words[count]) if len(signal) else 0
        seen = np.floor((gain * pile + extra) / 8 + pedestal * count).astype(np.int64)
        seen[seen < least] = 0
        images.append(np.minimum(seen, 1023))
    return np.array(images)


@pytest.mark.parametrize("with_signal", [False, True])
@pytest.mark.parametrize("scaled", [False, True])
def test_images_are_sums_of_moved_collisions(library, with_signal, scaled):
    counts = np.array([0, 1, 7, 40, 3], np.int64)
    gain = np.linspace(0.5, 1.5, 14) if scaled else np.ones(14)
    pedestal = np.full(14, 0.25) if scaled else np.zeros(14)
    least = np.arange(14) if scaled else np.zeros(14, np.int64)
    none = np.zeros(1, np.int64), np.zeros(0, np.uint8), np.zeros(0, np.uint16)
    signal = library if with_signal else none
    found = add_collisions(
        *packed(*library), counts, 11, KEY, *packed(*signal), gain, pedestal, least
    )  # fmt: skip
    wanted = reference(library, counts, 11, dense(*signal), gain, pedestal, least)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, wanted)
    assert found.max() == 1023  # the fixture reaches the clip


@given(st.data())
def test_packed_collisions_hold_all_energy(data):
    """Every collision is whole chunks of eight words, whatever its size and its energies."""
    sizes = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=8))
    offset = np.concatenate([[0], np.cumsum(sizes)])
    entries = st.lists(st.integers(0, 0xFFFF), min_size=sum(sizes), max_size=sum(sizes))
    et16 = np.array(data.draw(entries), np.uint16)
    index = np.array([(37 * k) % 252 for k in range(sum(sizes))], np.uint8)
    heads, words = packed(offset, index, et16)
    found = np.zeros((len(sizes), 256), np.int64)
    for row, head in enumerate(heads.tolist()):
        own = words[8 * (head >> 16) : 8 * ((head >> 16) + (head & 0xFFFF))]
        np.add.at(found[row], own >> 8, (own & 255).astype(np.int64))
    wanted = dense(offset, index, et16).reshape(-1, 252)
    np.testing.assert_array_equal(found[:, :252], wanted)
    assert not found[:, 252:].any()
    assert len(words) == 8 * sum(head & 0xFFFF for head in heads.tolist())


@pytest.mark.parametrize("size", [1000, 7])
def test_what_an_image_holds_can_be_told_again(size):
    counts = np.array([5, 0, 9], np.int64)
    picks, offsets = draw_collisions(size, counts, 4, KEY)
    wanted = [
        sorted({((word >> 32) * size) >> 32 for word in words_of(4 + i, count)})
        for i, count in enumerate(counts)
    ]
    assert [x.tolist() for x in np.split(picks, offsets[1:-1])] == wanted
    assert offsets[-1] == len(picks)


def test_collisions_turns_and_mirrors_are_uniform():
    offset = np.arange(11, dtype=np.int64)  # ten collisions of one region each
    one = packed(offset, np.zeros(10, np.uint8), np.full(10, 8, np.uint16))
    counts = np.ones(40_000, np.int64)
    none = np.zeros(0, np.uint64), np.zeros(0, np.uint16)
    flat = np.ones(14), np.zeros(14), np.zeros(14, np.int64)
    images = add_collisions(*one, counts, 0, KEY, *none, *flat)
    assert (images.sum(axis=(1, 2)) == 1).all()
    places = images.sum(axis=0)
    assert places[:, 1:13].sum() == 0  # the region is at the edge in eta
    assert stats.chisquare(places[:, [0, 13]].ravel()).pvalue > 1e-3
    picks, _ = draw_collisions(10, counts, 0, KEY)
    assert stats.chisquare(np.bincount(picks, minlength=10)).pvalue > 1e-3


@pytest.mark.parametrize("mu", [0.02, 3.0, 60.0, 140.0, 900.0])
def test_numbers_of_collisions_are_poisson_quantiles(mu):
    uniform = uniforms(20_000, 0, KEY, 2)
    found = poisson_counts(np.full(uniform.size, mu), uniform)
    np.testing.assert_array_equal(found, np.maximum(stats.poisson.ppf(uniform, mu), 0))


def test_no_pile_up_and_the_last_quantile():
    assert poisson_counts(np.zeros(3), np.array([0.0, 0.5, 1 - 2**-53])).tolist() == [0, 0, 0]
    last = poisson_counts(np.array([60.0]), np.array([1 - 2**-53]))
    assert 120 < last[0] < 160


def test_uniform_numbers_are_uniform_and_differ_by_purpose():
    one, other = uniforms(50_000, 0, KEY, 1), uniforms(50_000, 0, KEY, 2)
    assert stats.kstest(one, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.02
    np.testing.assert_array_equal(uniforms(10, 40, KEY, 1), one[40:50])
