"""The mixed-precision student: its form, its symmetries, and its exact way into firmware."""

import numpy as np
import pytest

from l1kd.models import mixed_precision
from l1kd.models.cicada import hgq as cicada_hgq
from l1kd.models.cicada.hgq.layers import convolutional, dense
from l1kd.models.cicada.hgq.quantizers import begin
from l1kd.models.cicada.hgq.rings import rings
from l1kd.models.cicada.hgq.tables import begin_tables, settle_tables, table_inputs, tables


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    mean = 15.0 + 50.0 * (np.abs(np.arange(14) - 6.5) > 6)
    return rng.poisson(mean, (600, 18, 14)).astype(np.uint16)


@pytest.fixture(scope="module", params=[(0.0, 0.0), (0.25, 0.125)], ids=["alone", "smeared"])
def model(tf, images, request):
    pytest.importorskip("hgq", reason="HGQ2 is not installed")
    model = rings(images, (-1.0, 1.5), 4, smear=request.param)
    cicada_hgq.trace(model, images)
    return model


def test_scores_lie_on_the_grid(model, images):
    scores = cicada_hgq.score(model)(images)
    assert scores.shape == (600,)
    np.testing.assert_array_equal(scores * 256, np.round(scores * 256))
    assert ((scores >= 0) & (scores < 256)).all()
    assert np.ptp(scores) > 0


def test_rotations_and_mirror_images_have_the_same_score(model, images):
    score = cicada_hgq.score(model)
    wanted = score(images[:50])
    np.testing.assert_array_equal(score(np.roll(images[:50], 5, axis=1)), wanted)
    np.testing.assert_array_equal(score(images[:50, :, ::-1]), wanted)


def test_ebops_regularisation_changes_the_bits(model, images):
    tf_model = model
    before = mixed_precision.ebops(tf_model)
    assert before > 1000
    mixed_precision.regularise_ebops(model, 1e-4)
    x = images[:64].reshape(-1, 252).astype(np.float32)
    model(x, training=True)
    assert float(sum(model.losses)) == pytest.approx(1e-4 * mixed_precision.ebops(model), rel=0.05)


def test_knots_see_a_region_and_shares_of_its_neighbours(model):
    knots, sums = model.get_layer("knots"), model.get_layer("sums")
    kernel = knots.qkernel.numpy()[0] * 32
    np.testing.assert_array_equal(kernel[:, ::2], kernel[:, 1::2])
    smeared = any(layer.name == "around" for layer in model.layers)
    beside = 0.125 * smeared
    np.testing.assert_array_equal(
        kernel[:, ::2], np.eye(14) + beside * (np.eye(14, k=1) + np.eye(14, k=-1))
    )
    if smeared:
        around = model.get_layer("around").qkernel.numpy()
        wanted = sum(share * np.roll(np.eye(18), k, axis=0) for k, share in
                     ((0, 1.0), (1, 0.25), (-1, 0.25)))  # fmt: skip
        np.testing.assert_array_equal(around, wanted)
    assert (sums.qkernel.numpy().sum(axis=(0, 1)) == 36).all()
    assert not any(v is knots._kernel or v is sums._kernel for v in model.trainable_variables)


def test_edge_images_reach_the_ends():
    edges = cicada_hgq.edge_images()
    assert edges.shape == (5 + 14 + 252, 18, 14)
    assert edges.min() == 0
    assert edges.max() == 1023
    assert (edges[5 + 3, :, 3] == 1023).all()
    assert np.count_nonzero(edges[5 + 3]) == 18
    assert (np.count_nonzero(edges[-252:], axis=(1, 2)) == 1).all()


def test_edge_images_of_residuals_are_wider():
    edges = cicada_hgq.edge_images(11)
    assert edges.shape == cicada_hgq.edge_images().shape
    assert edges.max() == 2047
    assert {0, 1, 1023, 1024} <= set(np.unique(edges[:5]).tolist())


def test_exports_exactly(model, images, tmp_path):
    network, export = cicada_hgq.export(model, images, tmp_path / "hls", tmp_path / "network.npz")
    assert export["vectors"] == len(images) + len(cicada_hgq.edge_images())
    assert export["mismatches_keras_emulator"] == export["mismatches_firmware_emulator"] == 0
    assert network.inputs[0].format.width == 10
    assert network.outputs[0].format.width <= 16
    # nothing overflows on images that tracing never saw
    wild = np.random.default_rng(2).integers(0, 1024, (500, 18, 14)).astype(np.uint16)
    emulated = network.predict(wild.reshape(-1, 252))[:, 0]
    np.testing.assert_array_equal(emulated, cicada_hgq.score(model)(wild))


@pytest.mark.parametrize("build", ["rings", "convolutional", "dense"])
def test_first_weights_follow_a_logarithm_of_a_sum(tf, build):
    """What stands out of a region decides, where knots or filters have a bias."""
    pytest.importorskip("hgq", reason="HGQ2 is not installed")
    rng = np.random.default_rng(2)
    images = rng.integers(0, 40, (800, 18, 14)).astype(np.uint16)
    images[::2, 4, 6] += rng.integers(100, 900, 400).astype(np.uint16)
    wanted = (60.0 + 10.0 * np.log1p(images.max(axis=(1, 2)))).astype(np.float32)
    model = {
        "rings": lambda: rings(images, (3.0,), 5, 11, 100.0),
        "convolutional": lambda: convolutional(4, images, 5, 11, 100.0),
        "dense": lambda: dense(5, 11, 100.0),
    }[build]()
    begin(model, images, wanted, 1)
    scores = cicada_hgq.score(model)(images)
    correlation = np.corrcoef(scores, wanted)[0, 1]
    assert correlation > (0.5 if build == "dense" else 0.8)


@pytest.fixture(scope="module")
def residuals():
    """Numbers of 11 bits, mostly small, and a region that stands out of every other image."""
    rng = np.random.default_rng(2)
    images = rng.exponential(30.0, (800, 18, 14)).clip(0, 2047).astype(np.uint16)
    images[::2, 4, 6] += rng.integers(100, 900, 400).astype(np.uint16)
    return images


@pytest.fixture
def of_tables(tf, residuals):
    pytest.importorskip("hgq", reason="HGQ2 is not installed")
    squares = np.square(residuals.reshape(800, -1) / 128.0).sum(axis=1)
    wanted = (60.0 + 10.0 * np.log1p(squares)).astype(np.float32)
    model = tables(8, 7, 11, 100.0)
    begin_tables(model, residuals, wanted)
    return model, wanted


def test_tables_begin_with_squares_and_a_logarithm(of_tables, residuals):
    model, wanted = of_tables
    scores = cicada_hgq.score(model)(residuals)
    assert np.corrcoef(scores, wanted)[0, 1] > 0.98
    assert np.abs(scores - wanted).mean() < 1.0
    np.testing.assert_array_equal(scores * 8, np.round(scores * 8))
    # one table for all regions
    np.testing.assert_array_equal(cicada_hgq.score(model)(np.roll(residuals, 5, axis=1)), scores)


def test_settled_tables_are_far_from_the_edges_of_rounding(of_tables):
    model, _ = of_tables
    before = {name: model.get_layer(name).module.get_weights()[-1] for name in ("region", "score")}
    settle_tables(model)
    for name, size, shape in (("region", 128, (-1, 1, 1, 1, 1, 1)), ("score", 2048, (-1, 1, 1, 1))):
        layer, inputs = model.get_layer(name), table_inputs(model, name)
        assert len(np.unique(inputs)) == size
        steps = 8.0 * np.asarray(layer.module(inputs.reshape(shape))).ravel()
        assert np.abs(steps - np.floor(steps) - 0.5).min() > 5e-4
        assert np.abs(layer.module.get_weights()[-1] - before[name]).max() <= 1 / 16


def test_tables_export_exactly(of_tables, residuals, tmp_path):
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    model, _ = of_tables
    network, export = cicada_hgq.export_tables(model, residuals, tmp_path / "network.npz", 11)
    assert export["mismatches_keras_emulator"] == 0
    assert export["vectors"] == 800 + len(cicada_hgq.edge_images()) + 2048 + 20_000
    assert network.inputs[0].format.width == 7
