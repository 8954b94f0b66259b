"""Sums in cells of eta and phi, and the distance from the event without pile-up."""

from itertools import pairwise

import numpy as np
import pytest

from l1kd.columns import offsets_from_counts
from l1kd.physics.maps import ETA_EDGES, cell_sums, cells_by_event, distance_table


@pytest.fixture
def particles():
    generator = np.random.default_rng(5)
    counts = generator.integers(5, 40, 12)
    n = counts.sum()
    eta = generator.uniform(-5.5, 5.5, n).astype(np.float32)
    phi = generator.uniform(-np.pi, np.pi, n).astype(np.float32)
    pt = generator.exponential(5.0, n).astype(np.float32)
    return eta, phi, pt, offsets_from_counts(counts)


def test_cells_hold_everything_within_their_edges(particles):
    eta, phi, pt, _ = particles
    inside = np.abs(eta) <= ETA_EDGES[-1]
    assert cell_sums(eta, phi, pt).sum() == pytest.approx(pt[inside].sum(), rel=1e-6)
    assert cell_sums(eta, phi, np.ones(len(eta))).shape == (34, 34)
    assert cell_sums([], [], []).sum() == 0.0


def test_azimuths_that_files_round_beyond_pi_are_kept():
    assert cell_sums([0.0, 0.0], [3.1416, -3.1416], [1.0, 2.0]).sum() == 3.0


def test_every_event_has_its_own_cells(particles):
    eta, phi, pt, offsets = particles
    cells = cells_by_event(eta, phi, pt, offsets)
    expected = [pt[a:b].sum(dtype=float) for a, b in pairwise(offsets)]
    np.testing.assert_allclose(cells.sum(axis=1), expected, rtol=1e-6)
    alone = cells_by_event(*(x[offsets[3] : offsets[4]] for x in (eta, phi, pt)),
                           np.array([0, offsets[4] - offsets[3]]))  # fmt: skip
    np.testing.assert_array_equal(alone[0], cells[3])


def test_distance_is_the_median_and_its_ratio_is_paired():
    generator = np.random.default_rng(6)
    puppi = generator.uniform(1.0, 2.0, 60)
    empty = puppi.copy()
    empty[7] = np.nan  # an event that is empty without pile-up
    found = distance_table({"puppi": empty, "half": empty / 2})
    known = np.delete(puppi, 7)
    assert found["puppi"]["distance"]["value"] == pytest.approx(np.median(known))
    assert found["puppi"]["distance"]["n"] == 59
    ratio = found["half"]["distance_ratio"]
    assert ratio["value"] == ratio["low"] == ratio["high"] == pytest.approx(0.5)
