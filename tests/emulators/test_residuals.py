from fractions import Fraction

import numpy as np
import pytest

from l1kd.emulators.residuals import residual_images, scale_table


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(3)
    mean = rng.uniform(0, 40, (60, 1, 1))
    busy = rng.poisson(mean, (60, 18, 14)) + 300 * (rng.random((60, 18, 14)) > 0.99)
    single = np.zeros((2, 18, 14))
    single[0, 3, 4], single[1, 17, 0] = 1, 1023
    edges = [np.zeros((1, 18, 14)), np.full((1, 18, 14), 1023), single]
    return np.minimum(np.concatenate([busy, *edges]), 1023).astype(np.uint16)


def factor(total, regions, power):
    """Entry of the table by its definition: the sum's first five bits, at the middle."""
    if total == 0:
        return round(2**22 / 144)
    size = total.bit_length()
    step = Fraction(2) ** (size - 5)
    middle = (total // step + Fraction(1, 2)) * step
    return round(2**22 / (144 * max(float(middle) / regions, 1.0) ** power))


@pytest.mark.parametrize("by_ring", [False, True])
@pytest.mark.parametrize("power", [0.0, 0.35, 0.5])
def test_residuals_by_their_definition(images, power, by_ring):
    found = residual_images(images, scale_table(power, 36 if by_ring else 252), by_ring)
    for image, residual in zip(images.astype(int), found, strict=True):
        sums = [int(image[:, [ring, 13 - ring]].sum()) for ring in range(7)]
        for eta in range(14):
            ring = sums[min(eta, 13 - eta)]
            scale = factor(*((ring, 36) if by_ring else (sum(sums), 252)), power)
            exact = [max(36 * x - ring, 0) * scale / 2**17 for x in image[:, eta].tolist()]
            wanted = [min(int(np.floor(x + 0.5)), 2047) for x in exact]
            assert residual[:, eta].tolist() == wanted
    assert by_ring or found.max() == 2047


def test_residuals_are_what_is_above_the_mean_over_the_pile_up(images):
    found = residual_images(images, scale_table(0.35, 252), False) / 32
    x = images.astype(np.float64)
    ring = (x.mean(axis=1) + x.mean(axis=1)[:, ::-1]) / 2
    pile_up = np.maximum(x.mean(axis=(1, 2)), 1.0)[:, None, None]
    wanted = np.maximum(x - ring[:, None], 0) / pile_up**0.35 / 4
    kept = wanted < 63.5
    # the table's steps: half of 1/16 of the sum, to the power of 0.35, and half a step
    np.testing.assert_allclose(found[kept], wanted[kept], rtol=0.012, atol=1 / 60)


def test_residuals_turn_and_mirror_with_the_image(images):
    table = scale_table(0.5, 252)
    plain = residual_images(images, table, False)
    moved = residual_images(np.roll(images, 7, axis=1)[:, :, ::-1].copy(), table, False)
    np.testing.assert_array_equal(moved, np.roll(plain, 7, axis=1)[:, :, ::-1])


def test_the_table_falls_and_fits_fifteen_bits():
    table = scale_table(0.35, 252)
    assert table[0] == table[1] == round(2**22 / 144) < 1 << 15
    assert (np.diff(table) <= 0).all()
    assert table[-1] > 100  # a part in a hundred or better
