import numpy as np
import pytest

from l1kd.errors import InputError
from l1kd.models.cicada.overlay import (
    Calibration,
    RegionLibrary,
    calibrate,
    collisions,
    count,
    overlay,
    pileup,
)


def write_library(path, n=60, seed=1):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 6, n)
    offset = np.concatenate(([0], np.cumsum(sizes)))
    index = np.concatenate([rng.choice(252, size, replace=False) for size in sizes])
    np.savez(
        path,
        region_offset=offset.astype(np.int32),
        region_index=index.astype(np.uint8),
        region_et16=rng.integers(1, 400, offset[-1]).astype(np.uint16),
        lsb_gev=1 / 16,
    )
    return path


@pytest.fixture
def library(tmp_path):
    return RegionLibrary.read(write_library(tmp_path / "library.npz"))


def test_images_hold_all_energy(library):
    images = library.images()
    assert images.shape == (60, 18, 14)
    assert images.sum(dtype=np.float64) == pytest.approx(library.et.sum(dtype=np.float64))


def test_parts_are_disjoint_and_complete(library):
    parts = [library.part(0.0, 0.5), library.part(0.5, 0.8), library.part(0.8, 1.0)]
    assert [len(part) for part in parts] == [30, 18, 12]
    whole = np.concatenate([part.images() for part in parts])
    np.testing.assert_array_equal(whole, library.images())


def test_pileup_is_the_sum_of_turned_and_mirrored_collisions(library):
    images, number = pileup(library, 40, 5.0, np.random.default_rng(3))
    rng = np.random.default_rng(3)
    wanted_number = rng.poisson(5.0, 40)
    total = wanted_number.sum()
    picks = rng.integers(0, len(library), total)
    turns = rng.integers(0, 18, total)
    mirrors = rng.integers(0, 2, total)
    single = library.images().astype(np.float64)
    wanted = np.zeros((40, 18, 14))
    owner = np.repeat(np.arange(40), wanted_number)
    for event, pick, turn, mirror in zip(owner, picks, turns, mirrors, strict=True):
        image = np.roll(single[pick], turn, axis=0)
        wanted[event] += image[:, ::-1] if mirror else image
    np.testing.assert_array_equal(number, wanted_number)
    np.testing.assert_allclose(images, wanted, rtol=1e-5, atol=1e-4)


def test_counts_are_floored_and_clipped():
    np.testing.assert_array_equal(
        count(np.array([-1.0, 0.99, 1.0, 1022.9, 5000.0])), [0, 0, 1, 1022, 1023]
    )


def test_a_signal_is_added_once_per_image(library):
    signal = np.zeros((2, 18, 14), np.float32)
    signal[0, 3, 2], signal[1, 17, 13] = 100.0, 200.0
    empty = RegionLibrary(np.zeros(2, np.int64), np.empty(0, np.uint8), np.empty(0, np.float32))
    rng = np.random.default_rng(1)
    images = overlay(empty, 5, 3.0, rng, Calibration.identity(), signal)
    np.testing.assert_array_equal(images.max(axis=(1, 2)), [200, 400, 200, 400, 200])
    np.testing.assert_array_equal((images > 0).sum(axis=(1, 2)), 1)
    columns = np.argwhere(images == 400)[:, 2]
    assert set(columns) <= {0, 13}


@pytest.mark.parametrize("n", [7, 5000])
@pytest.mark.parametrize("with_signal", [False, True])
def test_collisions_are_those_that_the_images_hold(n, with_signal):
    """A library whose collision i leaves i + 1 GeV: sums tell what an image holds."""
    size = 8
    single = RegionLibrary(
        np.arange(size + 1), np.zeros(size, np.uint8), np.arange(1.0, size + 1, dtype=np.float32)
    )
    signal = np.zeros((1, 18, 14), np.float32) if with_signal else None
    wanted = Calibration.identity()
    images = overlay(single, n, 0.4, np.random.default_rng(4), wanted, signal)
    found = collisions(single, n, 0.4, np.random.default_rng(4), signal=with_signal)
    assert (found.n_events, found.n_blocks) == (n, size)
    energy = np.bincount(np.repeat(np.arange(n), np.diff(found.offsets)), found.block + 1, n)
    counted = images.sum(axis=(1, 2)) / 2.0
    once = np.diff(found.offsets) <= 1
    # an image that holds one collision twice names it once
    assert np.mean(counted[once] == energy[once]) > 0.95
    assert np.all(counted >= energy)
    assert np.all((counted == 0) == (np.diff(found.offsets) == 0))


def test_the_same_seed_gives_the_same_images(library):
    first, second, third = (
        overlay(library, 20, 8.0, np.random.default_rng(seed), Calibration.identity())
        for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


def test_calibration_brings_mean_and_spread_to_the_reference(library):
    wanted = Calibration(np.full(14, 1.3), np.full(14, 4.0))
    reference = overlay(library, 3000, 40.0, np.random.default_rng(1), wanted)
    found = calibrate(library, 40.0, np.random.default_rng(2), reference, 3000)
    np.testing.assert_allclose(found.gain, 1.3, rtol=0.05)
    np.testing.assert_allclose(found.gain, found.gain[::-1], rtol=1e-12)
    again = overlay(library, 3000, 40.0, np.random.default_rng(3), found)
    assert again.mean() == pytest.approx(reference.mean(), rel=0.02)
    assert again.std() == pytest.approx(reference.std(), rel=0.04)


def test_another_file_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(InputError, match="no region library"):
        RegionLibrary.read(tmp_path / "other.npz")
