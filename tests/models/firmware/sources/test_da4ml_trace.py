"""HGQ2 models that hls4ml cannot convert: through da4ml's own trace, and equal to HGQ2."""

import numpy as np
import pytest

from l1kd.errors import FirmwareError
from l1kd.models import backend, mixed_precision
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.hls.hls import HlsOptions
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.sources import da4ml_trace, sources
from l1kd.models.firmware.sources.emulators import emulator_of
from l1kd.models.firmware.vectors import vectors

pytest.importorskip("hls4ml", reason="hls4ml is not installed")
pytest.importorskip("da4ml", reason="da4ml is not installed")
pytestmark = pytest.mark.usefixtures("tf")

OPTIONS = HlsOptions("Vitis", "xcvu13p-flga2577-2-e", 4.0, "latency", "lookup")


def deep_set(path, **rounding):
    """Write a deep set: the same layers for each of four particles, their sum, and a layer."""
    keras, layers, config = mixed_precision.frameworks()
    from hgq.utils import trace_minmax

    chosen = {"round_mode": "RND", "overflow_mode": "WRAP"} | rounding
    lane = config.QuantizerConfig("kif", "datalane", k0=1, i0=3, f0=4, **chosen)
    with backend.quiet(remarks=True), config.LayerConfigScope(enable_ebops=True):
        keras.utils.set_random_seed(3)
        x = keras.layers.Input((4, 3), name="x")
        each = {"bias_axes": "d", "activation": "relu"}
        h = layers.QEinsumDense("bnc,cd->bnd", (4, 5), iq_conf=lane, name="e0", **each)(x)
        h = layers.QSum(axes=1, scale=0.25, name="mean")(h)
        model = keras.Model(x, layers.QDense(2, name="d")(h), name="deep_set")
        seen = np.random.default_rng(4).normal(0.0, 2.0, (500, 4, 3)).astype(np.float32)
        trace_minmax(model, seen, verbose=0)
        model.save(path)
    return path


def test_a_deep_set_equals_hgq2(tmp_path):
    path = str(deep_set(tmp_path / "model.keras"))
    framework = sources.find(path).framework()
    network = sources.find(path).traced("hls4ml does not convert it")
    raw = vectors.make(network, 3000, 5).raw
    found = framework.predict_raw(network, raw)
    np.testing.assert_array_equal(found, vectors.emulate(network, raw))
    assert len(np.unique(found)) > 50
    assert emulator_of(path).outputs[0].size == 2


def lookup(path):
    """Write a network of lookup tables, and their sum."""
    keras, layers, config = mixed_precision.frameworks()
    held = {"k0": 0, "trainable": False, "heterogeneous_axis": (), "homogeneous_axis": None}
    lane = config.QuantizerConfig(
        "kif", "datalane", i0=3, f0=1, round_mode="TRN", overflow_mode="WRAP", **held
    )
    kept = config.QuantizerConfig(
        "kif", "table", i0=4, f0=3, round_mode="RND", overflow_mode="SAT", **held
    )
    with backend.quiet(remarks=True), config.LayerConfigScope(enable_ebops=True):
        keras.utils.set_random_seed(3)
        x = keras.layers.Input((4,), name="x")
        table = layers.QDenseT(2, iq_conf=lane, toq_conf=kept, subnn_activation="relu", name="t")
        keras.Model(x, table(x), name="lookup").save(path)
    return path


def test_lookup_tables_equal_hgq2(tmp_path):
    """hls4ml would convert them, with types of its own."""
    path = str(lookup(tmp_path / "model.keras"))
    framework, network = sources.find(path).framework(), emulator_of(path)
    raw = vectors.make(network, 3000, 5).raw
    found = framework.predict_raw(network, raw)
    np.testing.assert_array_equal(found, vectors.emulate(network, raw))
    assert len(np.unique(found)) > 10
    with pytest.raises(FirmwareError, match=r"leaves the types around lookup tables \(t\)"):
        sources.find(path).write(OPTIONS, tmp_path / "hls")


def attention(path):
    """Write a block of attention among three particles, with softmax by tables."""
    return transformer(path, "QMultiHeadAttention", {"fuse": "none"})


def linear_attention(path):
    """Write attention to two sums of the particles, with what a transformer has around it."""
    return transformer(path, "QLinformerAttention", {"lin_kv_proj_dim": 2}, whole=True)


def transformer(path, kind, options, *, whole=False):
    """Write attention, and if it is to be ``whole`` what is added to it, and a dense layer each."""
    keras, layers, config = mixed_precision.frameworks()
    from hgq.utils import trace_minmax

    lane = config.QuantizerConfig(
        "kif", "datalane", k0=1, i0=2, f0=3, round_mode="RND", overflow_mode="WRAP"
    )
    with backend.quiet(remarks=True), config.LayerConfigScope(enable_ebops=True):
        keras.utils.set_random_seed(3)
        x = keras.layers.Input((3, 3), name="x")
        h = layers.QEinsumDense("bnc,cd->bnd", (3, 3), iq_conf=lane, name="e0")(x)
        seen = getattr(layers, kind)(num_heads=1, key_dim=2, name="mha", **options)(h, h, h)
        h = layers.QAdd(iq_confs=(lane, lane), name="add")([h, seen]) if whole else seen
        if whole:
            each = {"bias_axes": "d", "activation": "relu", "iq_conf": lane}
            h = layers.QEinsumDense("bnc,cd->bnd", (3, 4), name="e1", **each)(h)
        model = keras.Model(x, layers.QSum(axes=1, scale=0.25, name="mean")(h), name="attention")
        seen = np.random.default_rng(4).normal(0.0, 2.0, (500, 3, 3)).astype(np.float32)
        trace_minmax(model, seen, verbose=0)
        model.save(path)
    return path


@pytest.mark.heavy
@pytest.mark.parametrize("make", [attention, linear_attention])
def test_attention_equals_hgq2(make, tmp_path):
    path = str(make(tmp_path / "model.keras"))
    framework = sources.find(path).framework()
    network = sources.find(path).traced("hls4ml does not convert it")
    raw = vectors.make(network, 10_000, 5).raw
    found = framework.predict_raw(network, raw)
    np.testing.assert_array_equal(found, vectors.emulate(network, raw))
    assert len(np.unique(found)) > 50


@pytest.mark.heavy
@pytest.mark.parametrize("tool", ["da4ml", "alkaid"])
@pytest.mark.parametrize("make", [deep_set, attention, linear_attention])
def test_they_are_built_and_proved(make, tool, tmp_path):
    pytest.importorskip(tool)
    path = make(tmp_path / "model.keras")
    options = BuildOptions(tool, vectors=10_000, synthesize=False)
    compared = build(str(path), tmp_path / "built", options).proof.compared
    for party in ("HGQ2", checks.RTL):
        assert compared[party] == {"vectors": 10_000, "mismatches": 0}
    assert "da4ml's own trace" in compared[checks.CPP]["skipped"]


def test_what_da4ml_cannot_round_is_refused_in_one_line(tmp_path):
    path = deep_set(tmp_path / "model.keras", overflow_mode="SAT", round_mode="RND_CONV")
    with pytest.raises(FirmwareError, match=r"no way; da4ml rounds as TRN or RND.*'WRAP'"):
        sources.find(str(path)).traced("no way")


def test_a_list_that_is_read_wrongly_is_not_used(tmp_path, monkeypatch):
    path = deep_set(tmp_path / "model.keras")
    read = da4ml_trace.Network.from_operation_list

    class Other:
        def __init__(self, network):
            self.network = network

        def predict(self, values):
            return self.network.predict(values) + 1.0

    monkeypatch.setattr(da4ml_trace.Network, "from_operation_list", lambda path: Other(read(path)))
    with pytest.raises(FirmwareError, match="1000 of 1000 rows differ, so that it is not used"):
        sources.find(str(path)).traced("no way")
