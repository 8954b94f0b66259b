"""Models of the training frameworks: built, and their own prediction compared."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from l1kd.errors import FirmwareError, UnreadableFileError
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.hls.hls import HlsOptions
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.proof.proof import framework_layer
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.sources.emulators import emulator_of
from l1kd.models.firmware.sources.frameworks import declare
from tests.models.firmware import framework_models as models

pytest.importorskip("hls4ml", reason="hls4ml is not installed")
pytest.importorskip("onnx", reason="onnx is not installed")
DECLARED = {"default": {"result": "ap_fixed<16,6>"}}


def built(path, tmp_path, backend="da4ml", **options):
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    options = BuildOptions(backend, vectors=1000, synthesize=False, **options)
    return build(str(path), tmp_path / f"{path.stem}-{backend}", options).proof.compared


@pytest.mark.usefixtures("unproved")
def test_qonnx_is_built_and_equals_its_own_arithmetic(tmp_path):
    compared = built(models.onnx_model(tmp_path / "model.onnx"), tmp_path)
    for name in ("QONNX", checks.READ_BACK):
        assert compared[name] == {"vectors": 1000, "mismatches": 0}


@pytest.mark.heavy
@pytest.mark.parametrize("backend", ["vitis", "da4ml"])
@pytest.mark.parametrize(
    ("write", "file", "name"),
    [
        (models.qkeras_model, "model.h5", "QKeras"),
        (models.hgq_model, "model.keras", "HGQ2"),
        (models.hgq_sigmoid, "model.keras", "HGQ2"),
        (models.onnx_model, "model.onnx", "QONNX"),
    ],
)
@pytest.mark.usefixtures("tf")
def test_quantized_models_equal_their_framework(write, file, name, backend, tmp_path):
    compared = built(write(tmp_path / file), tmp_path, backend)
    expected = [name, checks.CPP, checks.READ_BACK]
    for party in [*expected, checks.RTL] if backend == "da4ml" else expected:
        assert compared[party] == {"vectors": 1000, "mismatches": 0}


@pytest.mark.heavy
@pytest.mark.parametrize("file", ["model.h5", "model.keras", "model.onnx"])
@pytest.mark.usefixtures("tf", "unsimulated")
def test_models_in_floating_point_need_declared_types(file, tmp_path):
    path = tmp_path / file
    if path.suffix == ".onnx":
        models.onnx_model(path, quantized=False)
    else:
        models.plain_model(path)
    with pytest.raises(FirmwareError, match=r"floating.point.*--precision default="):
        built(path, tmp_path)
    compared = built(path, tmp_path, precisions=DECLARED)
    assert compared[checks.CPP] == {"vectors": 1000, "mismatches": 0}
    assert "floating point" in compared[checks.FRAMEWORK]["skipped"]


@pytest.mark.usefixtures("unsimulated")
def test_a_weight_that_differs_is_found_in_its_layer(tmp_path):
    from onnx import numpy_helper

    path = models.onnx_model(tmp_path / "model.onnx")
    found = sources.find(str(path))
    found.write(hls_options(), tmp_path / "hls")
    network = sources.find(str(tmp_path / "hls")).network
    model = found.framework()
    raw = np.random.default_rng(5).integers(-128, 128, (50, 4))
    np.testing.assert_array_equal(model.predict_raw(network, raw), network.predict_raw(raw))
    for tensor in model.plain.graph.initializer:
        if tensor.name == "w1":
            wrong = numpy_helper.to_array(tensor) + 0.125
            tensor.CopyFrom(numpy_helper.from_array(wrong, "w1"))
    wrong = (model.predict_raw(network, raw) != network.predict_raw(raw)).any(axis=1)
    assert wrong.sum() > 25
    layers = framework_layer(network, model, raw[wrong])
    assert set(layers) == {"m1"}


@pytest.mark.parametrize(
    ("precisions", "expected"),
    [
        ({}, "ap_fixed<18,8>"),
        ({"d1": {"result": "ap_ufixed<12,0>"}}, "ap_ufixed<12,0>"),
        (
            {"d1_sigmoid": {"result": "ap_ufixed<9,0,AP_RND,AP_SAT>"}},
            "ap_ufixed<9,0,AP_RND,AP_SAT>",
        ),
        ({"default": {"result": "ap_fixed<16,6>"}}, "ap_fixed<16,6>"),
    ],
)
@pytest.mark.usefixtures("tf")
def test_the_type_of_a_last_sigmoid_is_declared(precisions, expected, tmp_path):
    """HGQ2 leaves it open, and hls4ml takes 127 bits."""
    path = models.hgq_sigmoid(tmp_path / "model.keras")
    (output,) = emulator_of(str(path), precisions).outputs
    assert str(output.format) == expected


def hls_options():
    return HlsOptions("Vitis", "xcvu13p-flga2577-2-e", 4.0, "latency", "small")


def test_declared_types_reach_their_layers():
    layers = {"d0": {"Precision": {"weight": "auto"}}, "out": {}}
    types = {"result": "ap_ufixed<9,1>", "table": "ap_ufixed<10,1>"}
    declare(layers, {"out": types, "default": {"result": "ap_fixed<8,4>"}}, hls_options())
    assert layers["out"] == {"Precision": {"result": "ap_ufixed<9,1>"}, "TableT": "ap_ufixed<10,1>"}
    assert layers["d0"]["Strategy"] == "latency"
    with pytest.raises(FirmwareError, match="names layer 'd1'; the model has d0, out"):
        declare(layers, {"d1": types}, hls_options())


def keras_file(path, config):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.10.0"}))
    return path


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"module": "keras.layers", "class_name": "Lambda", "config": {}}, "Lambda layer"),
        ({"class_name": "__lambda__", "config": {"value": "4wEAAAA="}}, "Lambda layer"),
        ({"module": "subprocess", "class_name": "Popen", "config": {}}, "module 'subprocess'"),
    ],
)
def test_models_with_code_are_refused_before_they_are_loaded(layer, message, tmp_path):
    config = {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
    with pytest.raises(FirmwareError, match=message):
        sources.find(str(keras_file(tmp_path / "model.keras", config)))
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
    with pytest.raises(FirmwareError, match=message):
        sources.find(str(tmp_path / "model.h5"))


def test_damaged_models_are_refused(tmp_path):
    whole = models.onnx_model(tmp_path / "model.onnx").read_bytes()
    for size in (0, 100, len(whole) // 2):
        (tmp_path / "model.onnx").write_bytes(whole[:size])
        with pytest.raises((UnreadableFileError, FirmwareError), match=r"model\.onnx"):
            sources.find(str(tmp_path / "model.onnx"))
    keras = keras_file(tmp_path / "model.keras", {"class_name": "Sequential"}).read_bytes()
    (tmp_path / "model.keras").write_bytes(keras[: len(keras) // 2])
    with pytest.raises(UnreadableFileError, match="no Keras model"):
        sources.find(str(tmp_path / "model.keras"))
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file["kernel"] = np.zeros(3)
    with pytest.raises(UnreadableFileError, match="weights without a model"):
        sources.find(str(tmp_path / "model.h5"))


def test_quantizers_whose_parameters_are_computed_are_refused(tmp_path):
    import onnx

    path = models.onnx_model(tmp_path / "model.onnx")
    model = onnx.load(str(path))
    node = next(node for node in model.graph.node if node.op_type == "Quant")
    next(part for part in node.attribute if part.name == "rounding_mode").s = b"DITHER"
    onnx.save(model, str(path))
    with pytest.raises(FirmwareError, match="rounding ROUND or FLOOR or CEIL, found DITHER"):
        sources.find(str(path))


def test_models_of_a_processors_integers_are_refused_with_a_remedy(tmp_path):
    import onnx
    from onnx import helper, numpy_helper

    path = models.onnx_model(tmp_path / "model.onnx")
    model = onnx.load(str(path))
    constants = {"scale": np.float32(0.125), "zero": np.int8(0)}
    model.graph.initializer.extend(
        numpy_helper.from_array(np.array(value), name) for name, value in constants.items()
    )
    name = model.graph.input[0].name
    for kind, reads, gives in (
        ("QuantizeLinear", [name, "scale", "zero"], "whole"),
        ("DequantizeLinear", ["whole", "scale", "zero"], "again"),
    ):
        model.graph.node.insert(0, helper.make_node(kind, reads, [gives]))
    onnx.save(model, str(path))
    with pytest.raises(FirmwareError, match=r"by QuantizeLinear.*export_qonnx") as error:
        sources.find(str(path))
    assert len(str(error.value)) < 300
