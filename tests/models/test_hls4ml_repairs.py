"""hls4ml beside NumPy 2, Keras 3 and QKeras: plain calls give the model's own bits."""

import re

import numpy as np
import pytest

from l1kd.emulators.network import Network
from l1kd.models import backend

pytest.importorskip("hls4ml", reason="hls4ml is not installed")
pytestmark = pytest.mark.usefixtures("tf")


@pytest.mark.parametrize("power", range(-3, 5))
def test_plain_calls_take_a_qkeras_model_with_any_scale(power, tmp_path):
    keras, qkeras = backend.keras(), backend.qkeras()
    hls4ml = backend.hls4ml()
    assert backend.hls4ml() is hls4ml
    quantizer = qkeras.quantized_bits(6, 0)
    model = keras.Sequential(
        [
            keras.layers.Input((4,), name="x"),
            qkeras.QActivation(qkeras.quantized_bits(8, 3), name="fixed"),
            qkeras.QDense(3, kernel_quantizer=quantizer, use_bias=False, name="d"),
        ]
    )
    weight = np.random.default_rng(1).uniform(-0.9, 0.9, (4, 3))
    model.set_weights([weight * [2.0**power, 1.0, 0.5]])
    with backend.quiet(remarks=True):
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        config["LayerName"]["x"]["Precision"]["result"] = "ap_fixed<8,4>"
        config["LayerName"]["d_alpha"] = {"Precision": "auto"}
        converted = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend="Vitis", output_dir=str(tmp_path)
        )
        network = Network.from_hls_model(converted)
    raw = np.random.default_rng(2).integers(-128, 128, (500, 4))
    values = network.inputs[0].format.to_float(raw)
    expected = model.predict(values, verbose=0)
    np.testing.assert_array_equal(network.predict(values), expected)
    quantizer(backend.tensorflow().constant(model.get_weights()[0]))
    assert quantizer.scale.numpy().ravel()[0] == 2.0**power


def test_models_of_keras_3_are_left_to_its_parser(tmp_path):
    from l1kd.models import mixed_precision

    keras, _, _ = mixed_precision.frameworks()
    hls4ml = backend.hls4ml()
    model = keras.Sequential([keras.layers.Input((3,), name="x"), keras.layers.Dense(2, name="d")])
    with backend.quiet(remarks=True):
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    assert {"x", "d"} <= set(config["LayerName"])


def test_a_layer_softmax_declares_the_types_that_it_uses(tmp_path):
    layers = backend.keras().layers
    model = backend.keras().Sequential([layers.Input((3,), name="x"), layers.Softmax(name="end")])
    hls4ml = backend.hls4ml()
    with backend.quiet(remarks=True):
        config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
        converted = hls4ml.converters.convert_from_keras_model(
            model, hls_config=config, backend="Vitis", output_dir=str(tmp_path)
        )
        converted.write()
    (used,) = re.findall(
        r"nnet::softmax<.*, (\w+)>", (tmp_path / "firmware" / "myproject.cpp").read_text()
    )
    assert f"struct {used} :" in (tmp_path / "firmware" / "parameters.h").read_text()
