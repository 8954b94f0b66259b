"""The loss on efficiency at equal rate."""

import numpy as np
import pytest

from l1kd.models.correlator.config import RateLossConfig
from l1kd.models.correlator.crossings import REGIONS, TRACKER
from l1kd.models.correlator.rate_loss import RateLoss

KHZ = 1e3


def batch(tf, n_events=400, per_event=5, seed=2):
    """Zero bias of 40 MHz in the first half of the events, a harder signal in the second."""
    generator = np.random.default_rng(seed)
    n = n_events * per_event
    event = np.repeat(np.arange(n_events), per_event)
    signal = np.arange(n_events) >= n_events // 2
    pt = generator.exponential(10.0, n) * (1 + 2 * signal[event])
    phi = generator.uniform(-np.pi, np.pi, n)
    share = generator.random(n)
    columns = (pt, pt * np.cos(phi), pt * np.sin(phi), share, share, np.zeros(n))
    hertz = np.where(signal, 0.0, 40e6 / (n_events // 2))
    part = np.where(signal, 1.0 / (n_events // 2), 0.0)
    tensors = [tf.constant(x, tf.float32) for x in columns]
    region = np.arange(n) % per_event + REGIONS * event
    return (*tensors, tf.constant(region, tf.int32), tf.constant(event, tf.int32),
            *(tf.constant(x, tf.float32) for x in (hertz, part, part)),
            tf.zeros((0, 2), tf.int32), tf.zeros((0, 2)))  # fmt: skip


def efficiency_only(rates=(10_000.0,)):
    return RateLossConfig(rates=rates, share=0.0, only_shares=0)


def test_the_threshold_keeps_the_rate(tf):
    loss = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    given = batch(tf)
    loss.of(tf.ones_like(given[0]), *given)
    _, px, py, _, _, _, _, event, hertz = (x.numpy() for x in given[:9])
    met = np.hypot(np.bincount(event, px), np.bincount(event, py))
    threshold = float(loss.thresholds[0][0])
    assert hertz[np.sqrt(met**2 + 1) > threshold].sum() <= 10_000 * KHZ
    assert hertz[np.sqrt(met**2 + 1) >= threshold * 0.999].sum() > 10_000 * KHZ - hertz.max()


def test_mixed_crossings_have_one_tracker_and_another_calorimeter(tf):
    loss = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    x, y = tf.constant([[3.0, 0.0], [0.0, 4.0]]), tf.zeros((2, 2))
    turns = tf.constant([[1.0, 0.0], [0.0, 1.0]])
    mx, my = loss._mixed(x, y, tf.constant([[0, 1], [0, 1]]), turns)
    assert mx.numpy() == pytest.approx([7.0, 3.0])
    assert my.numpy() == pytest.approx([0.0, 4.0])


def test_mixed_crossings_share_the_rate(tf):
    """Copies of every event, at another azimuth, leave the threshold where it was."""
    plain = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    mixed = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    *given, _, _ = batch(tf)
    n = len(given[8]) // 2
    own = np.repeat(np.arange(n), 2)
    pairs, turns = tf.constant(np.stack([own, own], 1), tf.int32), tf.constant([[1.0, 0.0]] * 2 * n)
    weight = tf.ones_like(given[0])
    first = float(plain.of(weight, *given, pairs[:0], turns[:0]))
    assert float(mixed.of(weight, *given, pairs, turns)) == pytest.approx(first, abs=1e-5)
    assert float(mixed.thresholds[0][0]) == pytest.approx(float(plain.thresholds[0][0]))


def test_scaling_all_weights_gains_nothing(tf):
    """The threshold moves with the weights, so that their common scale has no gradient."""
    loss = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    given = batch(tf)
    scale = tf.Variable(1.0)
    with tf.GradientTape() as tape:
        value = loss.of(scale * tf.ones_like(given[0]), *given)
    slope = float(tape.gradient(value, scale))
    fixed = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    with tf.GradientTape(persistent=True) as tape:
        weight = tf.ones_like(given[0])
        tape.watch(weight)
        value = fixed.of(weight, *given)
    each = tape.gradient(value, weight).numpy()
    assert abs(slope) < 0.05 * np.abs(each).sum()


def test_better_weights_have_a_smaller_loss(tf):
    """Zero bias alone is weighed down: the same threshold's rate, more of the signal above it."""
    given = batch(tf)
    of_signal = tf.cast(tf.gather(given[9] > 0, given[7]), tf.float32)
    plain = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    better = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    first = float(plain.of(tf.ones_like(given[0]), *given))
    second = float(better.of(0.5 + 0.5 * of_signal, *given))
    assert second < first - 0.05


def test_neutrals_below_the_cut_do_not_count(tf):
    loss = RateLoss(lambda x: x, efficiency_only(), pt_cut=2.0)
    weighted = tf.constant([0.1, 2.0, 50.0])
    kept = loss._kept(weighted, tf.constant([1.0, 1.0, 1.0])).numpy()
    assert kept == pytest.approx([0.0, 0.5, 1.0], abs=0.03)
    assert loss._kept(weighted, tf.zeros(3)).numpy() == pytest.approx(np.ones(3))


def test_only_single_weights_count_at_the_beginning(tf):
    loss = RateLoss(lambda x: x, RateLossConfig(rates=(10_000.0,)), pt_cut=0.0)
    given = batch(tf)
    loss.only_shares.assign(True)
    assert float(loss.of(given[3], *given)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss.thresholds[0][0]) < 0.0
    # what is learned is the target, whatever the truth is
    given = (*given[:4], 1.0 - given[4], *given[5:])
    assert float(loss.of(given[4], *given)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss.of(given[3], *given)) > 1.0


def test_ht_is_the_sum_of_the_trackers_hard_regions(tf):
    loss = RateLoss(lambda x: x, efficiency_only(), pt_cut=0.0)
    region = tf.constant([0, 0, 1, TRACKER, REGIONS + 2], tf.int32)
    weighted = tf.constant([40.0, 30.0, 5.0, 100.0, 60.0])
    assert loss._ht(weighted, region, 2).numpy() == pytest.approx([70.0, 60.0], rel=0.01)


def test_the_efficiency_of_ht_has_a_threshold_and_a_factor_of_its_own(tf):
    given = batch(tf)
    one = RateLossConfig(rates=(10_000.0,), share=0.0, only_shares=0, ht=1.0)
    losses = [RateLoss(lambda x: x, x, pt_cut=0.0) for x in (efficiency_only(), one)]
    values = [float(loss.of(tf.ones_like(given[0]), *given)) for loss in losses]
    assert values[1] < values[0] - 0.1
    assert float(losses[0].thresholds[1][0]) < 0.0
    assert float(losses[1].thresholds[1][0]) > 0.0
    assert float(losses[1].thresholds[0][0]) == float(losses[0].thresholds[0][0])


def held(tf, weight, pt, phi, region, listed=110, **factors):
    """Return the terms that hold one signal event to a measurement; everything in it is true."""
    n = len(pt)
    pt, phi = np.asarray(pt, float), np.asarray(phi, float)
    columns = (pt, pt * np.cos(phi), pt * np.sin(phi), np.ones(n), np.ones(n))
    given = [tf.constant(x, tf.float32) for x in columns]
    whole = [tf.constant(np.asarray(x), tf.int32) for x in (region, np.zeros(n))]
    loss = RateLoss(
        lambda x: x, RateLossConfig(share=0.0, only_shares=0, listed=listed, **factors), 0.0
    )
    passing = tf.constant(np.broadcast_to(weight, n), tf.float32)
    x, y = (tf.reshape(tf.reduce_sum(passing * p), (1,)) for p in given[1:3])
    return float(loss._held(passing, (x, y), (*given, *whole), tf.constant([1.0])))


def test_the_response_is_held_near_one_from_both_sides(tf):
    event = {"pt": [300.0, 200.0], "phi": [0.0, 0.1], "region": [0, 1], "response": 2.0}
    assert held(tf, 1.0, **event) == pytest.approx(0.0, abs=1e-6)
    high, low = held(tf, 1.5, **event), held(tf, 0.5, **event)
    assert high == pytest.approx(2.0 * 0.5**2, rel=0.02)
    assert low == pytest.approx(high, rel=1e-3)


def test_what_one_region_gains_does_not_mend_what_another_loses(tf):
    event = {"pt": [100.0, 100.0], "phi": [0.0, 0.0], "regions": 1.0}
    together = held(tf, [1.5, 0.5], region=[0, 0], **event)
    apart = held(tf, [1.5, 0.5], region=[0, 1], **event)
    assert together == pytest.approx(0.0, abs=1e-6)
    assert apart == pytest.approx(2 * (np.hypot(50.0, 10.0) - 10.0) / 300.0, rel=1e-4)


def test_candidates_beyond_the_list_cost(tf):
    event = {"pt": np.full(60, 5.0), "phi": np.zeros(60), "region": np.zeros(60), "crowding": 1.0}
    assert held(tf, 1.0, listed=60, **event) == pytest.approx(0.0, abs=1e-6)
    assert held(tf, 1.0, listed=40, **event) == pytest.approx(0.5, rel=1e-3)
    assert held(tf, 0.0, listed=40, **event) == pytest.approx(0.0, abs=1e-6)
