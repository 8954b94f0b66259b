"""Events that share collisions of a library: coverage, effective numbers, what is resolved."""

import numpy as np
import pytest

from l1kd import statistics
from l1kd.errors import InputError
from l1kd.statistics import Blocks

MU, LIBRARY, EVENTS = 10, 400, 2000


def zero_bias(generator, hard=0.02, soft=0.0):
    """Overlay crossings of a new library: what passes, and what each crossing holds.

    A crossing passes if one of its collisions is hard, and for no reason at all with probability
    `soft`.
    """
    is_hard = generator.uniform(size=LIBRARY) < hard
    counts = generator.poisson(MU, EVENTS)
    picks = generator.integers(0, LIBRARY, counts.sum())
    event = np.repeat(np.arange(EVENTS), counts)
    passed = np.bincount(event, is_hard[picks], EVENTS) > 0
    passed |= generator.uniform(size=EVENTS) < soft
    return passed, Blocks.of(picks, np.concatenate([[0], np.cumsum(counts)]))


@pytest.mark.parametrize(("hard", "soft"), [(0.05, 0.0), (0.02, 0.1), (0.0, 0.05)])
def test_interval_of_a_shared_library_covers(hard, soft):
    """The truth is that of all libraries; the naive interval knows one only."""
    generator = np.random.default_rng(20)
    truth = 1.0 - (1.0 - soft) * np.exp(-MU * hard)
    shared = naive = 0
    trials = 400
    for _ in range(trials):
        passed, blocks = zero_bias(generator, hard, soft)
        low, high = statistics.shared_fraction(passed, blocks).estimate[1:3]
        shared += low <= truth <= high
        low, high = statistics.clopper_pearson(passed.sum(), EVENTS)
        naive += low <= truth <= high
    assert 0.60 < shared / trials < 0.78
    if hard:
        assert naive / trials < 0.50


def test_one_collision_in_many_crossings_is_one_cause():
    generator = np.random.default_rng(2)
    counts = np.full(EVENTS, MU)
    picks = generator.integers(0, LIBRARY, counts.sum())
    passed = (picks == 7).reshape(EVENTS, MU).any(axis=1)
    assert passed.sum() > 30
    found = statistics.shared_fraction(passed, Blocks.of(picks, np.arange(EVENTS + 1) * MU))
    assert found.n_causes == pytest.approx(1.0, abs=0.1)
    assert not found.resolved
    # one of 400 collisions: the interval is that of one event in forty
    low, high = statistics.clopper_pearson(1, LIBRARY / MU)
    assert found.estimate.low == pytest.approx(float(low), rel=0.15)
    assert found.estimate.high == pytest.approx(float(high), rel=0.15)


def test_nothing_shared_is_clopper_and_pearsons_interval():
    passed = np.arange(50) < 6
    found = statistics.shared_fraction(passed, Blocks.of(np.arange(50)))
    low, high = statistics.clopper_pearson(6, 50)
    assert found.estimate[:3] == pytest.approx((0.12, float(low), float(high)))
    assert found.n_effective == pytest.approx(50.0)
    assert found.n_causes == pytest.approx(6.0)
    assert found.resolved


def test_copies_of_events_count_once():
    passed = np.repeat(np.arange(50) < 6, 9)
    found = statistics.shared_fraction(passed, Blocks.of(np.repeat(np.arange(50), 9)))
    assert found.n_effective == pytest.approx(50.0, rel=1e-9)
    low, high = statistics.clopper_pearson(6, 50)
    assert found.estimate[1:3] == pytest.approx((float(low), float(high)))


def test_nothing_passing_is_limited_by_the_library():
    passed, blocks = zero_bias(np.random.default_rng(3), hard=0.0)
    found = statistics.shared_fraction(passed, blocks)
    each = blocks.block.size / EVENTS
    assert found.n_effective == pytest.approx(blocks.n_blocks / each)
    limit = statistics.clopper_pearson(0, found.n_effective)[1]
    assert found.estimate[:3] == (0.0, 0.0, pytest.approx(float(limit)))
    assert found.n_causes == 0.0


def test_weights_enter():
    passed = np.array([True, False, False, False])
    found = statistics.shared_fraction(passed, Blocks.of(np.arange(4)), [3.0, 1.0, 1.0, 1.0])
    assert found.estimate.value == 0.5
    assert found.n_effective == pytest.approx(36.0 / 12.0)
    signed = statistics.shared_fraction(passed, Blocks.of(np.arange(4)), [1.0, -1.0, 2.0, 2.0])
    assert signed.estimate.value == 0.25
    with pytest.raises(InputError, match="add up"):
        statistics.shared_fraction(passed, Blocks.of(np.arange(4)), [-3.0, 1.0, 1.0, 1.0])


def test_variance_is_that_of_the_block_bootstrap():
    """One block an event: equal to drawing blocks."""
    generator = np.random.default_rng(5)
    block = generator.integers(0, 80, 1000)
    d = generator.normal(0.0, 1.0, 80)[block] + generator.normal(0.0, 1.0, 1000)
    d -= d.mean()
    drawn = statistics.poisson_multiplicities(np.arange(80), 4000)[:, :].astype(np.float64)
    replicas = np.bincount(block, d, 80) @ drawn
    expected = replicas.var()
    assert statistics.shared_variance(d, Blocks.of(block)) == pytest.approx(expected, rel=0.06)


def test_covariance_of_two_scores_is_positive_and_symmetric():
    generator = np.random.default_rng(9)
    blocks = zero_bias(generator)[1]
    d = generator.normal(size=(3, EVENTS))
    covariance = statistics.shared_covariance(d, blocks)
    np.testing.assert_allclose(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance - d @ d.T).min() > -1e-6
    assert np.all(np.diag(covariance) >= (d * d).sum(axis=1) * (1.0 - 1e-12))


def test_blocks_hold_every_pair_once():
    blocks = Blocks.of([5, 5, 9, 9, 7], [0, 2, 2, 5])
    assert blocks.block.tolist() == [0, 1, 2]
    assert blocks.offsets.tolist() == [0, 1, 1, 3]
    assert (blocks.n_blocks, blocks.n_events) == (3, 3)


def test_samples_of_one_library_follow_each_other():
    first, second = Blocks.of([3, 1], [0, 2], 9), Blocks.of([8], [0, 0, 1], 9)
    both = first.followed_by(second)
    assert both.block.tolist() == [1, 3, 8]
    assert both.offsets.tolist() == [0, 2, 2, 3]
    assert (both.n_blocks, both.n_events) == (9, 3)
    with pytest.raises(InputError, match="9 and 8"):
        first.followed_by(Blocks.of([3], None, 8))
    with pytest.raises(InputError, match="library of 3"):
        Blocks.of([3], None, 3)


@pytest.mark.parametrize(
    ("ids", "offsets"), [([0.5], None), ([1, 2], [0, 1]), ([1, 2], [1, 2]), ([1, 2], [0, 3, 2])]
)
def test_blocks_must_fit(ids, offsets):
    with pytest.raises(InputError, match="blocks"):
        Blocks.of(ids, offsets)


def test_lengths_must_fit():
    with pytest.raises(InputError, match="decisions"):
        statistics.shared_fraction([True], Blocks.of([1, 2]))
    with pytest.raises(InputError, match="deviations"):
        statistics.shared_variance([0.5], Blocks.of([1, 2]))


def test_no_events():
    found = statistics.shared_fraction([], Blocks.of(np.zeros(0, np.int64)))
    assert np.isnan(found.estimate.value)
    assert statistics.independent_events(Blocks.of(np.zeros(0, np.int64))) == 0.0


def test_resolution_limit_is_one_event_or_one_collision():
    assert statistics.resolution_limit(31.04e6, 50) == pytest.approx(620.8e3)
    assert statistics.resolution_limit(31.04e6, 20_000, 140.0, 30_000) == pytest.approx(
        144.9e3, 1e-3
    )
    with pytest.raises(InputError, match="0 events"):
        statistics.resolution_limit(31.04e6, 0)


def test_the_unit_of_the_weights_does_not_matter():
    passed, blocks = zero_bias(np.random.default_rng(6), 0.02, 0.1)
    weights = np.random.default_rng(7).uniform(0.5, 2.0, EVENTS)
    one = statistics.shared_fraction(passed, blocks, weights)
    other = statistics.shared_fraction(passed, blocks, 1e6 * weights)
    assert other.estimate == pytest.approx(one.estimate)
    assert other.n_effective == pytest.approx(one.n_effective)
    assert one.estimate.value == pytest.approx(np.average(passed, weights=weights))


def test_everything_passing_is_limited_by_the_library_and_nothing_has_no_size():
    _, blocks = zero_bias(np.random.default_rng(3), hard=0.0)
    found = statistics.shared_fraction(np.ones(EVENTS, bool), blocks)
    assert found.n_effective == pytest.approx(statistics.independent_events(blocks))
    assert found.estimate.high == 1.0
    empty = statistics.shared_fraction([], Blocks.of(np.zeros(0, np.int64)))
    assert (empty.estimate.n, empty.n_effective, empty.n_causes) == (0, 0.0, 0.0)


def test_weights_limit_the_size_where_nothing_passes():
    found = statistics.shared_fraction([False] * 4, Blocks.of(np.arange(4)), [3.0, 1.0, 1.0, 1.0])
    assert found.n_effective == pytest.approx(36.0 / 12.0)
