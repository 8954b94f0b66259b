import numpy as np
import pytest

from l1kd.datasets import Overlay, RegionLibrary, calibrate, calo_overlay
from l1kd.datasets.overlay import Calibration, suppression_for_occupancy
from l1kd.errors import InputError
from l1kd.trigger.conditions.luminosity import PileupProfile
from tests.l1kd.datasets.overlay.libraries import write_library


@pytest.fixture
def path(tmp_path):
    return write_library(tmp_path / "library.npz")


@pytest.fixture
def library(path):
    return RegionLibrary.read(path)


def test_images_by_path_or_library_are_the_trigger_s(path, library):
    images = calo_overlay(path, 8.0, 50, seed=3)
    assert images.shape == (50, 18, 14)
    assert images.dtype == np.uint16
    np.testing.assert_array_equal(images, calo_overlay(library, 8.0, 50, 3))
    assert (images != calo_overlay(library, 8.0, 50, 4)).any()


def test_the_mean_energy_is_that_of_mu_collisions(library):
    whole = RegionLibrary(library.offset, library.index, library.et16 // 8 * 8)  # nothing floored
    images = calo_overlay(whole, 30.0, 4000, seed=1)
    assert images.mean() == pytest.approx(2.0 * 30.0 * whole.images().mean(), rel=0.01)


def test_an_image_depends_on_its_number_alone(library):
    whole = calo_overlay(library, 5.0, 40, seed=7, signal=library)
    pieces = [calo_overlay(library, 5.0, 8, 7, library, first=first) for first in range(0, 40, 8)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_signal_is_added_once_per_image(library):
    one_region = RegionLibrary(
        np.arange(3), np.array([3 * 14 + 2, 17 * 14 + 13], np.uint8), np.array([1600, 3200], "u2")
    )
    images = calo_overlay(library, 0.0, 5, 1, one_region)
    np.testing.assert_array_equal(images.max(axis=(1, 2)), [200, 400, 200, 400, 200])
    np.testing.assert_array_equal((images > 0).sum(axis=(1, 2)), 1)
    assert set(np.argwhere(images == 400)[:, 2]) <= {0, 13}
    assert set(np.argwhere(images == 200)[:, 2]) <= {2, 11}


def test_mean_pileup_by_image(library):
    mu = np.repeat([0.0, 5.0, 50.0], 300)
    overlay = Overlay(library, mu, 9)
    found = overlay.collisions(900).reshape(3, 300)
    assert found[0].max() == 0
    for row, wanted in zip(found[1:], (5.0, 50.0), strict=True):
        assert row.mean() == pytest.approx(wanted, abs=4 * np.sqrt(wanted / 300))
    with pytest.raises(InputError, match="mu: expected one number"):
        calo_overlay(library, mu, 10, 9)


def test_mean_pileup_by_profile(library):
    profile = PileupProfile.of([40.0, 60.0, 80.0], [3.0, 1.0])
    found = Overlay(library, profile, 2).collisions(20_000)
    assert found.mean() == pytest.approx(0.75 * 50 + 0.25 * 70, rel=0.01)
    # Poisson, and uniform within each bin
    wanted = 55.0 + np.average([50.0**2, 70.0**2], weights=[3, 1]) - 55.0**2 + 20.0**2 / 12
    assert found.var() == pytest.approx(wanted, rel=0.05)


def test_zero_suppression(library):
    plain = calo_overlay(library, 6.0, 30, 5)
    least = np.arange(14)
    found = calo_overlay(library, 6.0, 30, 5, zero_suppression=least)
    np.testing.assert_array_equal(found, np.where(plain < least, 0, plain))
    np.testing.assert_array_equal(
        calo_overlay(library, 6.0, 30, 5, zero_suppression=4), np.where(plain < 4, 0, plain)
    )


def test_suppression_for_an_occupancy(library):
    plain = calo_overlay(library, 30.0, 400, 5)
    least = suppression_for_occupancy(plain, 0.3)
    kept = calo_overlay(library, 30.0, 400, 5, zero_suppression=least) > 0
    share = (kept.mean(axis=(0, 1)) + kept.mean(axis=(0, 1))[::-1]) / 2
    assert (share <= 0.3).all()
    looser = (plain >= least - 1).mean(axis=(0, 1))
    assert ((looser + looser[::-1]) / 2 > 0.3).all()
    with pytest.raises(InputError, match="occupancy"):
        suppression_for_occupancy(plain, 1.0)


def test_what_images_hold(library):
    """A library whose collision i leaves i + 1 GeV: sums tell what an image holds."""
    size = 8
    et = (16 * np.arange(1, size + 1)).astype(np.uint16)
    single = RegionLibrary(np.arange(size + 1), np.zeros(size, np.uint8), et)
    overlay = Overlay(single, 0.4, 4)
    images, found = overlay.images(3000), overlay.blocks(3000)
    assert (found.n_events, found.n_blocks) == (3000, size)
    energy = np.bincount(np.repeat(np.arange(3000), np.diff(found.offsets)), found.block + 1, 3000)
    once = overlay.collisions(3000) == np.diff(found.offsets)  # none held twice
    assert once.mean() > 0.95
    np.testing.assert_array_equal(images.sum(axis=(1, 2))[once], 2 * energy[once])
    later = overlay.blocks(1000, first=2000)
    np.testing.assert_array_equal(later.block, found.block[found.offsets[2000] :])


def test_turns_and_mirrors_leave_the_image_uniform(library):
    places = calo_overlay(library, 10.0, 20_000, 1).sum(axis=0, dtype=np.int64)
    rings = places.sum(axis=0)
    assert np.abs(rings - rings[::-1]).max() < 0.05 * rings.max()
    for ring in places.T:
        assert np.abs(ring / ring.mean() - 1).max() < 0.1


@pytest.mark.parametrize("seed", [-1, 1.5, None, "1", (), (1, -2)])
def test_a_seed_that_is_none_is_refused(library, seed):
    with pytest.raises(InputError, match="as the seed"):
        calo_overlay(library, 1.0, 3, seed)


@pytest.mark.parametrize("least", [1.5, [1, 2], None, -1, [[1], [2, 3]], np.uint64(2**63)])
def test_a_zero_suppression_that_is_none_is_refused(library, least):
    with pytest.raises(InputError, match="zero_suppression: expected one whole number"):
        calo_overlay(library, 1.0, 3, 1, zero_suppression=least)


def test_a_zero_suppression_beyond_32_bits_leaves_nothing(library):
    assert not calo_overlay(library, 9.0, 3, 1, zero_suppression=2**32 + 1).any()


def test_a_mean_that_is_no_number_is_refused(library):
    with pytest.raises(InputError, match="mu: expected one number"):
        calo_overlay(library, "sixty", 3, 1)


@pytest.mark.parametrize("mu", [-1.0, np.nan, np.inf, 1e4])
def test_impossible_pileup_is_refused(library, mu):
    with pytest.raises(InputError, match="mu: expected 0 to 1000"):
        calo_overlay(library, mu, 3, 1)


def test_negative_numbers_are_refused(library):
    with pytest.raises(InputError, match="n, number of images: expected 0 to"):
        calo_overlay(library, 1.0, -1, 1)


def test_calibration_brings_mean_and_spread_to_the_reference(library):
    wanted = Calibration(np.full(14, 1.3), np.full(14, 0.02))
    reference = calo_overlay(library, 200.0, 3000, 1, calibration=wanted)
    found = calibrate(Overlay(library, 200.0, 2), reference, 3000)
    np.testing.assert_allclose(found.gain, 1.3, rtol=0.05)
    np.testing.assert_allclose(found.gain, found.gain[::-1], rtol=1e-12)
    again = calo_overlay(library, 200.0, 3000, 3, calibration=found)
    assert again.mean() == pytest.approx(reference.mean(), rel=0.02)
    assert again.std() == pytest.approx(reference.std(), rel=0.04)


@pytest.mark.parametrize("name", ["gain", "pedestal"])
@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((1, 14)), r"shape \(1, 14\)"),
        (1.0, r"shape \(\)"),
        (np.append(np.ones(13), np.nan), "nan in ring 13"),
        (np.append(-0.1, np.ones(13)), "-0.1 in ring 0"),
        (np.full(14, 1e30), r"1e\+30 in ring 0"),
        (["a"] * 14, "'a'"),
        ([[1.0], [1.0, 2.0]], "2.0"),
        (None, "None"),
    ],
)
def test_a_calibration_that_the_kernel_cannot_use_is_refused(name, values, found):
    rings = {"gain": np.ones(14), "pedestal": np.zeros(14), name: values}
    with pytest.raises(InputError, match=f"calibration: {name}: expected 14 numbers .*{found}"):
        Calibration(**rings)


def test_a_calibration_of_whole_numbers_is_one(library):
    whole = Calibration([2] * 14, [0] * 14)
    twice = Calibration(np.full(28, 2.0)[::2], np.zeros(14))
    np.testing.assert_array_equal(
        calo_overlay(library, 9.0, 20, 1, calibration=whole),
        calo_overlay(library, 9.0, 20, 1, calibration=twice),
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calibration": 5}, "expected a Calibration or None as the calibration, found 5"),
        ({"calibration": {"gain": [1.0] * 14}}, "expected a Calibration or None"),
        ({"library": None}, "path of its file as the library, found None"),
        ({"library": 5}, "path of its file as the library, found 5"),
        ({"library": np.zeros(3)}, "path of its file as the library"),
        ({"signal": 7}, "path of its file as the signal, found 7"),
        ({"n": 2.5}, "n, number of images: expected a whole number, found 2.5"),
        ({"n": "5"}, "n, number of images: expected a whole number, found '5'"),
        ({"n": None}, "n, number of images: expected a whole number, found None"),
        ({"n": True}, "n, number of images: expected a whole number, found True"),
        ({"n": 10**15}, "expected 0 to 100000000, found 1000000000000000; make at most"),
        ({"first": 1.5}, "first, number of the first image: expected a whole number, found 1.5"),
        ({"first": -1}, "first, number of the first image: expected 0 to"),
        ({"first": 2**63}, "first, number of the first image: expected 0 to"),
        ({"mu": [[1.0], [1.0, 2.0]]}, "mu: expected one number, one for each image or a profile"),
        ({"mu": None}, "mu: expected one number"),
        ({"mu": PileupProfile(np.array([0.0, 1.0]), np.ones(2))}, "n shares between n . 1 edges"),
        ({"mu": PileupProfile(np.array([2.0, 1.0]), np.ones(1))}, "ascending edges"),
        ({"mu": PileupProfile(np.array([1.0, 2.0]), np.array([np.nan]))}, "shares of the profile"),
        ({"mu": PileupProfile(np.array([1.0, 2e3]), np.ones(1))}, "mu: expected 0 to 1000"),
        ({"seed": [[1], [1, 2]]}, "as the seed"),
    ],
)
def test_what_is_no_argument_is_refused(library, change, message):
    with pytest.raises(InputError, match=message):
        calo_overlay(**{"library": library, "mu": 1.0, "n": 3, "seed": 1, **change})


def test_an_overlay_and_its_collisions_are_checked_alike(path, library):
    with pytest.raises(InputError, match="expected a RegionLibrary as the library"):
        Overlay(path, 1.0, 1)
    for method in (Overlay(library, 1.0, 1).collisions, Overlay(library, 1.0, 1).blocks):
        with pytest.raises(InputError, match="n, number of images"):
            method(2.5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((0, 18, 14), "u2"), "expected one image or more.*, found none"),
        (np.zeros((5, 18, 7), "u2"), r"shape \(n_events, 18, 14\), found"),
        (np.zeros((18, 14), "u2"), r"shape \(n_events, 18, 14\), found"),
        (np.zeros((5, 18, 14)), "expected uint16 regions"),
        (np.full((5, 18, 14), 5000, "u2"), "clipped at 1023, as the trigger does, found 5000"),
        ([[1, 2]], "expected an array of regions"),
    ],
)
def test_images_that_are_none_are_refused(library, images, message):
    with pytest.raises(InputError, match=f"suppression_for_occupancy: .*{message}"):
        suppression_for_occupancy(images, 0.3)
    with pytest.raises(InputError, match=f"calibrate: .*{message}"):
        calibrate(Overlay(library, 200.0, 2), images, 10)


@pytest.mark.parametrize("share", [0, "0.3", None, float("nan")])
def test_an_occupancy_that_is_no_share_is_refused(library, share):
    with pytest.raises(InputError, match="occupancy: expected a share"):
        suppression_for_occupancy(calo_overlay(library, 9.0, 5, 1), share)


def test_images_that_do_not_fluctuate_give_no_scale(library):
    reference = calo_overlay(library, 9.0, 5, 1)
    for mu, n in ((0.0, 10), (9.0, 0)):
        with pytest.raises(InputError, match=f"calibrate: {n} overlaid images .* do not fluctuate"):
            calibrate(Overlay(library, mu, 2), reference, n)
