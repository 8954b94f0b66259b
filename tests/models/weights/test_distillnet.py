import numpy as np
import onnxruntime
import pytest

from l1kd.models.weights import distillnet, qdistillnet
from l1kd.models.weights.config import QDistillNetConfig


def inputs(n=300, seed=1):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, 16)) * rng.uniform(0.5, 3, 16) + 1).astype(np.float32)


def settings(**changes):
    values = {
        "kind": "qdistillnet",
        "name": "small",
        "version": 1,
        "seed": 1,
        "data": {"folder": ".", "train": ["a.root"], "test": {"b": "b.root"}},
        "inputs": "paper",
        "hidden": (8, 4),
        "optimisation": {"epochs": 4, "batch": 2, "learning_rate": 0.01},
    }
    return QDistillNetConfig.model_validate({**values, **changes})


def test_standardisation_leaves_constant_columns_alone():
    x = inputs()
    x[:, 3] = 5.0
    mean, spread = distillnet.standardise(x)
    scaled = (x - mean) / spread
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-4)
    np.testing.assert_allclose(np.delete(scaled.std(axis=0), 3), 1.0, rtol=1e-4)
    assert spread[3] == 1.0


@pytest.mark.parametrize("hidden", [(12, 6), (16, 16), (7,), (), (33, 17, 5)])
def test_onnx_gives_what_keras_gives_to_every_particle_by_itself(tf, tmp_path, hidden):
    x = inputs()
    model = distillnet.network(hidden, distillnet.standardise(x))
    # batch normalisations that do something
    for _ in range(20):
        model(x, training=True)
    rng = np.random.default_rng(3)
    model.set_weights([np.abs(w) + 0.1 * rng.random(w.shape) for w in model.get_weights()])
    path = tmp_path / "model.onnx"
    distillnet.save_onnx(model, path)
    session = onnxruntime.InferenceSession(str(path))
    found = session.run(None, {"particles": x})[0]
    assert found.shape == (300, 1)
    np.testing.assert_allclose(found, model(x, training=False).numpy(), atol=2e-5)
    assert session.run(None, {"particles": x[:0]})[0].shape == (0, 1)
    if not hidden:
        return
    for first, end in np.sort(rng.integers(0, 300, (200, 2)), axis=1):
        part = session.run(None, {"particles": x[first:end]})[0]
        np.testing.assert_array_equal(part, found[first:end])


def test_the_quantized_network_rounds_its_inputs_as_the_firmware_does(tf):
    model = qdistillnet.network(settings())
    step = 2.0**-7
    x = inputs(20)
    rounded = np.round(x / step) * step
    np.testing.assert_array_equal(model(x).numpy(), model(rounded).numpy())
    huge = np.full((1, 16), 100.0, np.float32)
    largest = np.full((1, 16), 16.0 - step, np.float32)
    np.testing.assert_array_equal(model(huge).numpy(), model(largest).numpy())


def test_pruning_reaches_the_sparsity_asked_for(tf):
    config = settings(sparsity=0.75, prune_until=1.0)
    steps = 10
    model = qdistillnet.prunable(qdistillnet.network(config), config, steps)
    clock = qdistillnet.PruningClock(model)
    x = inputs(16)
    for step in range(config.optimisation.epochs * steps + 1):
        clock.before_step(step)
        model(x, training=True)
    clock.after_epoch(0)
    plain = qdistillnet.stripped(model)
    kernels = [
        layer.kernel_quantizer_internal(layer.kernel).numpy().ravel()
        for layer in plain.layers
        if hasattr(layer, "kernel_quantizer_internal")
    ]
    assert (np.concatenate(kernels) == 0.0).mean() == pytest.approx(0.75, abs=0.03)
    np.testing.assert_array_equal(plain(x).numpy(), model(x, training=False).numpy())


def test_output_is_a_weight(tf):
    weights = qdistillnet.network(settings())(inputs()).numpy()
    assert weights.shape == (300, 1)
    assert ((weights >= 0) & (weights <= 1)).all()
