"""Jets, HT and MET of images, by an independent calculation."""

import numpy as np
import pytest

from l1kd.emulators.image_sums import image_sums


def reference(image):
    """One region after the other."""
    x = image.astype(float) * 0.5
    excess = x - x.mean(axis=0)
    sums = np.zeros((18, 14))
    for phi in range(18):
        for eta in range(14):
            for dphi in (-1, 0, 1):
                for deta in (-1, 0, 1):
                    if 0 <= eta + deta < 14:
                        sums[phi, eta] += excess[(phi + dphi) % 18, eta + deta]
    jets = []
    for phi in range(18):
        for eta in range(14):
            around = {
                (dphi, deta): sums[(phi + dphi) % 18, eta + deta]
                for dphi in (-1, 0, 1)
                for deta in (-1, 0, 1)
                if (dphi, deta) != (0, 0) and 0 <= eta + deta < 14
            }
            own = sums[phi, eta]
            if all(own > x if at < (0, 0) else own >= x for at, x in around.items()):
                jets.append(own)
    angle = 2 * np.pi * (np.arange(18) + 0.5) / 18
    met = np.hypot((x.sum(axis=1) * np.cos(angle)).sum(), (x.sum(axis=1) * np.sin(angle)).sum())
    return max(jets), sum(jet for jet in jets if jet >= 30.0), met


def test_sums_of_busy_images():
    rng = np.random.default_rng(1)
    # multiples of 36 counts: means of rings are whole numbers of GeV, and sums exact
    images = 36 * (rng.poisson(2.0, (12, 18, 14)) + 9 * (rng.random((12, 18, 14)) > 0.98))
    images = images.astype(np.uint16)
    found = image_sums(images)
    wanted = np.array([reference(image) for image in images])
    for k, name in enumerate(("jet", "HT", "MET")):
        np.testing.assert_allclose(found[name], wanted[:, k], rtol=1e-12, atol=1e-9)


def test_two_equal_windows_are_one_jet():
    image = np.zeros((1, 18, 14), np.uint16)
    image[0, 5, 6] = 200  # nine windows hold it alone
    found = image_sums(image)
    assert found["jet"][0] == found["HT"][0]
    assert found["jet"][0] == pytest.approx(100.0, abs=3 * 3 * 100 / 18)
    assert found["MET"][0] == pytest.approx(100.0)


def test_no_images_have_no_sums():
    found = image_sums(np.zeros((0, 18, 14), np.uint16))
    assert {name: (x.shape, x.dtype) for name, x in found.items()} == dict.fromkeys(
        ("jet", "HT", "MET"), ((0,), np.dtype(np.float64))
    )
