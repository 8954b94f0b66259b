"""Models with nodes of QONNX: equal to an evaluation by qonnx' rules in every bit."""

import shutil

import numpy as np
import pytest

from l1kd.errors import FirmwareError, UnreadableFileError
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.sources.emulators import emulator_of
from l1kd.models.firmware.vectors import vectors

pytest.importorskip("onnx", reason="onnx is not installed")
from tests.models.firmware.sources.qonnx import models


@pytest.mark.parametrize("name", models.MODELS)
def test_the_integers_are_those_of_qonnx(name, tmp_path):
    path = models.write(name, tmp_path / "model.onnx")
    network = emulator_of(str(path))
    (tensor,), (output,) = network.inputs, network.outputs
    raw = vectors.make(network, 10_000, 5).raw
    found = output.format.to_float(network.predict_raw(raw)).reshape(len(raw), -1)
    rows = tensor.format.to_float(raw).reshape(len(raw), *tensor.shape)
    np.testing.assert_array_equal(found, models.evaluate(path, rows).reshape(len(raw), -1))
    assert len(np.unique(found, axis=0)) > 4


@pytest.mark.parametrize("name", models.MODELS)
def test_the_reference_of_the_proof_gives_the_same(name, tmp_path):
    found = sources.find(str(models.write(name, tmp_path / "model.onnx")))
    framework, network = found.framework(), found.network
    raw = vectors.make(network, 500, 6).raw
    np.testing.assert_array_equal(
        framework.predict_raw(network, raw), vectors.emulate(network, raw)
    )
    traced = network.trace(*vectors.split(network, raw))
    layers = framework.trace(network, raw, list(traced))
    assert layers
    for layer in network.graph.layers:
        if layer.name in layers:
            values = layer.output.format.to_float(traced[layer.name]).reshape(len(raw), -1)
            np.testing.assert_array_equal(values, layers[layer.name], layer.name)


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["vitis", "da4ml", "alkaid"])
@pytest.mark.parametrize("name", models.MODELS)
def test_models_are_built_and_proved(name, backend, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    path = models.write(name, tmp_path / "model.onnx")
    options = BuildOptions(backend, vectors=10_000, synthesize=False)
    if backend == "vitis" and name in NO_HLS:
        with pytest.raises(FirmwareError, match="no counterpart in hls4ml"):
            build(str(path), tmp_path / "built", options)
        return
    compared = build(str(path), tmp_path / "built", options).proof.compared
    parties = [checks.CPP] if backend == "vitis" else [checks.RTL]
    for party in ("QONNX", *parties):
        assert compared[party] == {"vectors": 10_000, "mismatches": 0}


NO_HLS = ("roundings", "bipolar", "image", "joined")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.quant("x", 0.1, 8), r"scale 0\.1 is no power of two.*FixedPoint"),
        (lambda w: "x", r"which bits input 'x' has.*--precision x\.result="),
        (lambda w: w.quant("x", 1.0, 8, mode="DITHER"), "ROUND or FLOOR or CEIL, found DITHER"),
        (lambda w: w.quant("x", 1.0, 8.5), r"1 to 32 bits, found 8\.5"),
        (lambda w: w.trunc("x", 1.0, 0.0), "5 or 7 inputs, not 3"),
    ],
)
def test_what_has_no_integers_is_refused_in_one_line(change, message, tmp_path):
    w = models.Writer(1)
    path = w.save(tmp_path / "model.onnx", w.linear(change(w), 6, 3))
    with pytest.raises(FirmwareError, match=message) as error:
        sources.find(str(path))
    assert len(str(error.value).splitlines()) == 1


def test_weights_without_a_quantizer_are_refused(tmp_path):
    w = models.Writer(1)
    h = w.node("MatMul", w.quant("x", 1 / 16, 8), w.random(6, 3))
    path = w.save(tmp_path / "model.onnx", h)
    with pytest.raises(FirmwareError, match="its weights need more than 20 bits; quantize them"):
        sources.find(str(path))


def test_the_type_of_an_input_may_be_declared(tmp_path):
    w = models.Writer(1)
    path = w.save(tmp_path / "model.onnx", w.linear("x", 6, 3))
    for precision in ({"x": {"result": "ap_fixed<9,4>"}}, {"default": {"result": "ap_fixed<9,4>"}}):
        network = sources.find(str(path), precision).network
        assert str(network.inputs[0].format) == "ap_fixed<9,4>"


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
def test_files_of_pytorch_are_refused_with_the_way_to_export_them(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"PK")
    with pytest.raises(UnreadableFileError, match=r"torch\.onnx\.export") as error:
        sources.find(str(path))
    assert len(str(error.value).splitlines()) == 1
