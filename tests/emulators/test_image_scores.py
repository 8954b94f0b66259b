from fractions import Fraction

import numpy as np
import pytest

from l1kd.emulators.image_scores import (
    CHI2_FRACTION,
    chi2_of_rings,
    chi2_of_rings_raw,
    hottest_region,
    rms_of_regions,
    sum_of_regions,
)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    busy = rng.poisson(9.0, (40, 18, 14)) + 200 * (rng.random((40, 18, 14)) > 0.99)
    edges = [np.zeros((18, 14)), np.full((18, 14), 1023), np.eye(18, 14) * 1023]
    one = np.zeros((18, 14))
    one[4, 13] = 1
    return np.concatenate([busy, edges, [one]]).astype(np.uint16)


def exact_chi2(image):
    """In fractions: sum over rings of (x - m)^2 / m."""
    rings = []
    for ring in image.astype(int).T.tolist():
        mean = Fraction(sum(ring), 18)
        rings.append(sum((x - mean) ** 2 for x in ring) / mean if mean else Fraction(0))
    return rings


def test_sum_hottest_and_rms(images):
    flat = images.reshape(len(images), -1).astype(np.float64)
    np.testing.assert_array_equal(sum_of_regions(images), flat.sum(axis=1))
    np.testing.assert_array_equal(hottest_region(images), flat.max(axis=1))
    np.testing.assert_allclose(rms_of_regions(images), flat.std(axis=1), rtol=1e-6, atol=1e-6)


def test_chi2_of_rings(images):
    wanted = [float(sum(exact_chi2(image)) / 252) for image in images]
    found = chi2_of_rings(images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_chi2_in_integers_is_exact(images):
    """Sixteen times the chi-squared of each ring, floored, added."""
    wanted = [sum(int(16 * ring) for ring in exact_chi2(image)) for image in images]
    assert chi2_of_rings_raw(images).tolist() == wanted


def test_chi2_in_integers_follows_the_real_one_and_fits_its_type(images):
    raw = chi2_of_rings_raw(images)
    scaled = raw * 2.0**-CHI2_FRACTION * 256 / 252
    np.testing.assert_allclose(scaled, chi2_of_rings(images), atol=14 / 16 / 252 + 1e-4)
    largest = np.zeros((1, 18, 14), np.uint16)
    largest[0, 0] = 1023  # all of a ring in one region
    assert 1 << 21 < chi2_of_rings_raw(largest)[0] < 1 << 22


@pytest.mark.parametrize("score", [chi2_of_rings, chi2_of_rings_raw, rms_of_regions])
def test_scores_do_not_depend_on_turns_and_mirrors(images, score):
    np.testing.assert_array_equal(score(np.roll(images, 5, axis=1)), score(images))
    mirrored = np.ascontiguousarray(images[:, :, ::-1])
    np.testing.assert_allclose(score(mirrored), score(images), rtol=1e-6)
