"""The logic-gate student: what is trained is what runs."""

import itertools
from functools import partial

import numpy as np
import pytest

from l1kd.models.cicada import logic
from l1kd.models.cicada.config import Encoding, GateSizes
from l1kd.models.cicada.logic.encoding import levels_of_couples, pairs_of_regions
from l1kd.models.cicada.logic.gates import (
    PASS,
    _coefficients,
    chosen,
    mixed,
    reweighted_weights,
    start_logits,
)

LIMITS = np.array([8, 24, 64, 200])
"""Of four bits a region."""


SEED = 3


@pytest.fixture(scope="module")
def pairs_hot():
    """Number of pairs of neighbours that are hot together, in 600 images."""
    return np.random.default_rng(4).integers(0, 12, 600)


@pytest.fixture(scope="module")
def images(pairs_hot):
    """Images with hot pairs, and with as many as 39 pairs of which one region is hot."""
    rng = np.random.default_rng(1)
    images = rng.poisson(4.0, (600, 252)).astype(np.uint16)
    pairs = pairs_of_regions()
    for image, hot in zip(images, pairs_hot, strict=True):
        order = rng.permutation(len(pairs))
        alone = order[hot : hot + rng.integers(0, 40)]
        image[pairs[order[:hot]]] = 100
        image[pairs[alone, rng.integers(0, 2, len(alone))]] = 100
    return images.reshape(600, 18, 14)


@pytest.fixture(scope="module")
def wanted(pairs_hot):
    """A score of what neighbours show together: no sum over single regions is as good."""
    return (100.0 + 6.0 * pairs_hot).astype(np.float32)


def trained(tf, images, wanted, sizes, steps=160):
    tf.keras.utils.set_random_seed(SEED)  # as every training does: the dense network draws from it
    model = logic.KernelModel(len(LIMITS), sizes, SEED)
    seen = logic.couples(images, LIMITS, sizes.overlapping)
    model.start(seen, wanted)
    optimiser = tf.keras.optimizers.Adam(0.1)
    variables = model.module().trainable_variables

    def step(soft):
        with tf.GradientTape() as tape:
            score = model.score(seen, tf.constant(0.5), soft)
            loss = tf.reduce_mean(tf.abs(score - wanted))
        return tape.gradient(loss, variables)

    steps_of = {soft: tf.function(partial(step, soft)) for soft in (True, False)}
    for number in range(steps):
        gradients = steps_of[number < steps // 2]()
        optimiser.apply_gradients(zip(gradients, variables, strict=True))
    return model


def distance(model, images, wanted):
    """Mean absolute difference to the score, in units of what its median leaves."""
    seen = logic.couples(images, LIMITS, model.sizes.overlapping)
    found = model.settle(seen, wanted).score(seen)
    return np.abs(found - wanted).mean() / np.abs(wanted - np.median(wanted)).mean()


def test_encodings_are_powers_of_two_or_given():
    assert Encoding(exponents=(3, 5)).limits == (8, 32)
    assert Encoding(representation="thermometer", thresholds=(3, 9)).limits == (3, 9)
    for wrong in ({"thresholds": (3, 9)}, {"representation": "thermometer"}, {"exponents": (4, 4)}):
        with pytest.raises(ValueError, match="thresholds"):
            Encoding(**wrong)


def test_every_region_is_in_one_pair_of_neighbours():
    pairs = pairs_of_regions()
    assert sorted(pairs.ravel()) == list(range(252))
    phi, eta = pairs // 14, pairs % 14
    assert (phi[:, 1] == phi[:, 0] + 1).all()
    assert (eta[:, 1] == eta[:, 0]).all()
    every = pairs_of_regions(overlapping=True)
    np.testing.assert_array_equal(every.reshape(18, 14, 2)[::2].reshape(-1, 2), pairs)
    assert [tuple(pair) for pair in every[[0, 14, 251]]] == [(0, 14), (14, 28), (251, 13)]


def test_couples_count_pairs_by_their_levels(images):
    seen = logic.couples(images, LIMITS)
    assert seen.shape == (600, 25)
    assert (seen.sum(axis=1) == 126).all()
    first, second = (images.reshape(600, -1)[:, x] for x in pairs_of_regions().T)
    for i, j in itertools.product(range(5), range(5)):
        ends = [0, *LIMITS, 1 << 16]
        both = (first >= ends[i]) & (first < ends[i + 1])
        both &= (second >= ends[j]) & (second < ends[j + 1])
        np.testing.assert_array_equal(seen[:, 5 * i + j], both.sum(axis=1))


def test_overlapping_pairs_are_counted_wherever_an_image_is_turned(images):
    seen = logic.couples(images, LIMITS, overlapping=True)
    assert (seen.sum(axis=1) == 252).all()
    turned, mirrored = np.roll(images, 5, axis=1), images[:, :, ::-1]
    for other in (turned, mirrored):
        np.testing.assert_array_equal(logic.couples(other, LIMITS, overlapping=True), seen)
    assert (logic.couples(turned, LIMITS) != logic.couples(images, LIMITS)).any()


def test_levels_are_thermometers():
    bits = levels_of_couples(2)
    assert bits.tolist() == [
        [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1],
        [1, 0, 0, 0], [1, 0, 1, 0], [1, 0, 1, 1],
        [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1],
    ]  # fmt: skip


def test_coefficients_are_the_functions():
    for table, (none, a, b, both) in enumerate(_coefficients()):
        for index in range(4):
            x, y = index >> 1, index & 1
            assert none + a * x + b * y + both * x * y == (table >> index) & 1


def test_gates_begin_as_wires_and_are_soft_or_one(tf):
    rng = np.random.default_rng(2)
    logits = tf.constant(start_logits(np.full((3, 2), PASS), 16, rng))
    soft = chosen(tf, logits, 1.0, True)
    np.testing.assert_allclose(tf.reduce_sum(soft, axis=-1), 1.0, rtol=1e-5)
    assert 0.2 < float(tf.reduce_max(soft)) < 0.5
    cold = chosen(tf, logits, 0.05, True)
    assert float(tf.reduce_min(tf.reduce_max(cold, axis=-1))) > 0.99
    hard = chosen(tf, logits, 1.0, False)
    a, b = (tf.constant(x, tf.float32) for x in ([[0.0, 1.0]] * 3, [[1.0, 0.0]] * 3))
    np.testing.assert_allclose(mixed(tf, hard, a, b), a, atol=1e-6)


def test_reweighted_weights_follow_most_images():
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2, (3000, 6)).astype(np.uint8)
    weight = np.array([1.5, -0.25, 3.0, 0.0, 2.0625, -4.0])
    wanted = (bits @ weight + 100.5).astype(np.float32)
    wanted[::20] += 500.0  # what squares would follow, absolute differences do not
    found, offset = reweighted_weights(bits, wanted, 1 / 16)
    np.testing.assert_allclose(found, weight, atol=0.13)
    assert offset == pytest.approx(100.5, abs=0.13)
    np.testing.assert_array_equal(found * 16, np.round(found * 16))


@pytest.mark.parametrize(("depth", "overlapping"), [(1, False), (2, False), (3, False), (2, True)])
def test_gates_equal_the_model(tf, images, wanted, depth, overlapping):
    sizes = GateSizes(kernels=6, depth=depth, levels=20, overlapping=overlapping)
    model = trained(tf, images, wanted, sizes)
    seen = logic.couples(images, LIMITS, overlapping)
    settled = model.settle(seen, wanted)
    network = settled.network(LIMITS, 11)
    assert len(network.stages[0].layers) == depth
    wild = np.random.default_rng(7).integers(0, 2048, (300, 18, 14)).astype(np.uint16)
    for some in (images, wild, np.zeros((1, 18, 14), np.uint16), np.full((1, 18, 14), 2047)):
        found = network.predict(some.reshape(-1, 252).astype(np.int64))[:, 0]
        score = settled.score(logic.couples(some.astype(np.uint16), LIMITS, overlapping))
        np.testing.assert_array_equal(found, score)
    # the table makes the score follow the teacher more closely than its mean does
    assert distance(model, images, wanted) < 0.8


def test_connections_and_functions_are_learned_unless_held(tf, images, wanted):
    left = {}
    for learned in (True, False):
        sizes = GateSizes(kernels=8, depth=2, levels=20, learned=learned)
        before = logic.KernelModel(len(LIMITS), sizes, SEED).tables()
        model = trained(tf, images, wanted, sizes)
        same = [np.array_equal(a, b) for a, b in zip(before, model.tables(), strict=True)]
        assert same == [not learned] * 3
        left[learned] = distance(model, images, wanted)
    # gates that begin as wires count single regions; learned ones see what two show together
    assert left[True] < 0.4 < 0.6 < left[False]


def test_checkpoints_hold_every_variable(tf, images, wanted, tmp_path):
    sizes = GateSizes(kernels=4, depth=2, levels=8)
    model = trained(tf, images, wanted, sizes, 4)
    tf.train.Checkpoint(model=model.module()).write(str(tmp_path / "gates"))
    other = logic.KernelModel(len(LIMITS), sizes, 9)
    status = tf.train.Checkpoint(model=other.module()).read(str(tmp_path / "gates"))
    status.assert_existing_objects_matched()
    seen = logic.couples(images, LIMITS)
    np.testing.assert_array_equal(model.score(seen).numpy(), other.score(seen).numpy())
