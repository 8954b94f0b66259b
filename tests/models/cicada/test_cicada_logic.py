"""The logic-gate student: what is trained is what runs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.models.cicada import logic as cicada_logic
from l1kd.models.cicada.config import GateSizes

SIZES = GateSizes(
    quantiles=(0.2, 0.5, 0.8, 0.95, 0.99, 2.0), paired=3, features=2, levels=8, gates=24
)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    mean = 15.0 + 50.0 * (np.abs(np.arange(14) - 6.5) > 6)
    images = rng.poisson(mean, (700, 18, 14)).astype(np.uint16)
    images[::7, 3, 5] += 300
    return images


@pytest.fixture(scope="module")
def limits(images):
    return cicada_logic.thresholds(images, SIZES.quantiles)


@pytest.fixture
def model(tf, images, limits):
    model = cicada_logic.GateModel(limits, SIZES, 3)
    counts = model.counts(cicada_logic.patterns(images, limits)).numpy()
    rng = np.random.default_rng(4)
    weight = rng.normal(size=(counts.shape[1], 2)).astype(np.float32)
    model.start_features(weight, np.zeros(2, np.float32), counts @ weight)
    return model


def test_thresholds_rise_and_fit_one_table(limits):
    assert limits.shape == (7, 6)
    assert (np.diff(limits, axis=1) > 0).all()
    for limit in limits.ravel():
        # bits between the first and the last that is set: comparisons need no more
        assert int(limit).bit_length() - (int(limit) & -int(limit)).bit_length() < 5
    assert (limits[0] > limits[3]).all()


def test_patterns_count_pairs(images, limits):
    seen = cicada_logic.patterns(images, limits)
    assert seen.shape == (700, 7, 6, 3)
    for ring, level in ((0, 1), (6, 4)):
        bits = images[:, :, [ring, 13 - ring]] >= limits[ring, level]
        np.testing.assert_array_equal(seen[:, ring, level, 0], bits[:, ::2].sum(axis=(1, 2)))
        np.testing.assert_array_equal(seen[:, ring, level, 1], bits[:, 1::2].sum(axis=(1, 2)))
        both = bits[:, ::2] & bits[:, 1::2]
        np.testing.assert_array_equal(seen[:, ring, level, 2], both.sum(axis=(1, 2)))


def test_coefficients_are_the_functions():
    coefficients = cicada_logic._coefficients()
    for table, (none, a, b, both) in enumerate(coefficients):
        for index in range(4):
            x, y = index >> 1, index & 1
            assert none + a * x + b * y + both * x * y == (table >> index) & 1


@given(st.integers(-(1 << 20), 1 << 20))
def test_digits_make_the_number(number):
    found = cicada_logic.digits(number)
    assert sum(sign << exponent for sign, exponent in found) == number
    exponents = [exponent for _, exponent in found]
    assert all(b - a >= 2 for a, b in itertools.pairwise(exponents))


def test_refit_finds_the_weights():
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2, (3000, 6)).astype(np.uint8)
    weight = np.array([1.5, -0.25, 3.0, 0.0, 2.0625, -4.0])
    wanted = (bits @ weight + 100.5).astype(np.float32)
    wanted[::20] += 500.0  # what squares would follow, absolute differences do not
    found, offset = cicada_logic.refit(bits, wanted)
    np.testing.assert_allclose(found, weight, atol=0.13)
    assert offset == pytest.approx(100.5, abs=0.13)
    np.testing.assert_array_equal(found * 16, np.round(found * 16))


def scores(model, images):
    return model.score(cicada_logic.patterns(images, model.limits)).numpy()


def test_gates_equal_the_model(tf, model, images):
    seen = cicada_logic.patterns(images, model.limits)
    wanted = np.random.default_rng(6).normal(140.0, 10.0, len(images)).astype(np.float32)
    optimiser = tf.keras.optimizers.Adam(0.2)
    model.set_score(*cicada_logic.refit(model.bits(seen).numpy().astype(np.uint8), wanted))
    start = model.state()
    for _ in range(6):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(model.score(seen) - wanted))
        gradients = tape.gradient(loss, model.trainable_variables)
        assert all(np.isfinite(gradient.numpy()).all() for gradient in gradients)
        optimiser.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    model.set_score(*cicada_logic.refit(model.bits(seen).numpy().astype(np.uint8), wanted))
    assert any((model.state()[name] != start[name]).any() for name in ("first", "second", "third"))
    network = cicada_logic.to_network(model)
    wild = np.random.default_rng(7).integers(0, 1024, (300, 18, 14)).astype(np.uint16)
    for some in (images, wild, np.zeros((1, 18, 14), np.uint16), np.full((1, 18, 14), 1023)):
        emulated = network.predict(some.reshape(-1, 252))[:, 0]
        np.testing.assert_array_equal(emulated, scores(model, some))
    features, _ = network.trace(images.reshape(-1, 252).astype(np.int64))
    np.testing.assert_array_equal(features, model.features(seen).numpy())


def test_checkpoints_hold_every_variable(tf, model, limits, tmp_path):
    tf.train.Checkpoint(model=model.module()).write(str(tmp_path / "gates"))
    other = cicada_logic.GateModel(limits, SIZES, 9)
    status = tf.train.Checkpoint(model=other.module()).read(str(tmp_path / "gates"))
    status.assert_existing_objects_matched()
    for mine, theirs in zip(model.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
