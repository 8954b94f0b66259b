"""Every kind of layer that is written must be read back as the same arithmetic."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("hls4ml", reason="hls4ml is not installed")

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Affine, Binary, Gather, Graph, Layer, Lookup, Piecewise
from l1kd.emulators.network.layers import lookups as lowering_tables
from l1kd.emulators.network.layers import pooling as lowering_pooling
from l1kd.emulators.network.layers import tables
from l1kd.emulators.network.layers.dense import window_index
from l1kd.emulators.network.layers.lowering import affine_segments
from l1kd.errors import FirmwareError
from l1kd.models.firmware.hls import hls
from l1kd.models.firmware.hls.layers import layer_list
from l1kd.models.firmware.tools import cpp
from l1kd.models.firmware.vectors import vectors
from tests.models.firmware.networks import dense, make_network, relu

FORM = FixedPoint(7, 3, True, "RND_CONV", "SAT")


def options(strategy="latency", backend="Vitis", top="project"):
    return hls.HlsOptions(backend, "xcvu13p-flga2577-2-e", 4.0, strategy, top)


def read_back(network, folder, **chosen):
    hls.write_project(hls.model_graph(network, options(**chosen)), folder)
    return Network.from_hls_project(folder)


def assert_same(network, other):
    raw = vectors.make(network, 2000, 7).raw
    assert [t.format for t in other.outputs] == [t.format for t in network.outputs]
    np.testing.assert_array_equal(vectors.emulate(other, raw), vectors.emulate(network, raw))


def single(operation, *inputs, kind="layer", **facts):
    layer = Layer("layer", kind, (operation,), **facts)
    return Network(Graph("single", inputs, (operation.output.name,), (layer,)))


@pytest.mark.parametrize("strategy", ["latency", "resource", "distributed_arithmetic"])
@pytest.mark.parametrize("backend", ["Vitis", "Vivado"])
def test_a_dense_network_in_every_strategy(network, tmp_path, strategy, backend):
    assert_same(network, read_back(network, tmp_path, strategy=strategy, backend=backend))


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "pad", "out"),
    [
        ((6, 5, 2), (2, 2), (2, 2), (0, 0), (3, 2)),
        ((5, 4, 1), (3, 3), (1, 1), (1, 1), (5, 4)),
        ((7, 3), (1, 3), (1, 2), (0, 0), (1, 3)),
    ],
)
def test_convolutions_are_found_from_their_windows(tmp_path, shape, kernel, stride, pad, out):
    rng = np.random.default_rng(3)
    image, channels, filters = (1, *shape)[-3:][:2], shape[-1], 3
    index = window_index(image, channels, kernel, stride, pad, out)
    source = Tensor("x", shape, FixedPoint(6, 6, False))
    accumulator = FixedPoint(20, 18)
    result = Tensor("y", (*(out if len(shape) == 3 else out[1:]), filters), accumulator)
    weight = rng.integers(-7, 8, (1, index.shape[1], filters))
    group = np.zeros(len(index), np.int32)
    bias = rng.integers(-9, 9, (1, filters))
    operation = Affine(result, "x", index, group, weight, 2, bias, accumulator)
    network = single(operation, source, formats={"weight": FixedPoint(4, 2)})
    assert_same(network, read_back(network, tmp_path))


def piecewise(output, source, **changes):
    size = output.size
    one, zero = np.ones(size, np.int64), np.zeros(size, np.int64)
    arguments = {
        "index": np.arange(size, dtype=np.int32),
        "threshold": zero,
        "scale_above": one,
        "offset_above": zero,
        "scale_below": one,
        "offset_below": zero,
        "fraction": source.format.fraction,
    }
    return Piecewise(output, source.name, **(arguments | changes))


def test_casts_of_single_elements(tmp_path):
    source = Tensor("x", (4,), FORM)
    formats = tuple(FixedPoint(w, i, True, "RND_CONV", "SAT") for w, i in ((4, 2), (6, 3), (3, 3)))
    operation = piecewise(
        Tensor("y", (4,), FixedPoint(10, 4)),
        source,
        index=np.array([0, 1, -1, 3], np.int32),
        formats=formats,
        choice=np.array([0, 1, 2, 2], np.int32),
    )
    network = single(operation, source)
    assert_same(network, read_back(network, tmp_path))


def test_scales_of_single_elements(tmp_path):
    source = Tensor("x", (3,), FORM)
    scale, offset = np.array([5, -3, 8]), np.array([-40, 0, 17])
    operation = piecewise(
        Tensor("y", (3,), FixedPoint(12, 7, True, "RND", "SAT")),
        source,
        scale_above=scale,
        scale_below=scale,
        offset_above=offset,
        offset_below=offset,
        fraction=source.format.fraction + 2,
    )
    network = single(operation, source)
    assert_same(network, read_back(network, tmp_path))


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_tables_of_functions(tmp_path, name):
    source = Tensor("x", (2,), FixedPoint(12, 5))
    form = FixedPoint(9, 2, True, "RND_CONV", "SAT")
    table = tables.function_table(name, 1024, form)[:, None]
    width = tables.TABLES[name][1]
    shift = source.format.fraction + width.bit_length() - 1
    operation = Lookup(
        Tensor("y", (2,), form), "x", np.arange(2, dtype=np.int32), 1024, shift, True, 512, table,
        np.zeros(2, np.int32),
    )  # fmt: skip
    network = single(operation, source, kind=name, formats={"table": form})
    assert_same(network, read_back(network, tmp_path))


def clipped(source, slope, shift, limits, fraction):
    return affine_segments(
        Tensor("y", source.shape, FixedPoint(9, 4, True, "RND", "SAT")), source, fraction,
        (slope, shift), limits=limits,
    )  # fmt: skip


CLIPS = {
    "relu1": (FixedPoint(9, 4), 1, 0, (0, 32), 5),
    "relu6": (FixedPoint(8, 5, False), 1, 0, (0, 48), 3),
    "hard sigmoid": (FixedPoint(10, 5), 3, 64, (0, 128), 7),
    "hard tanh": (FixedPoint(10, 5), 6, -16, (-128, 128), 7),
}


@pytest.mark.parametrize("name", CLIPS)
def test_clips(tmp_path, name):
    form, *line, limits, fraction = CLIPS[name]
    source = Tensor("x", (3,), form)
    network = single(clipped(source, *line, limits, fraction), source)
    assert_same(network, read_back(network, tmp_path))


def pooled(kind, image, out, kernel, stride, pad):
    """Return a pooling as the emulator has it after reading a firmware folder."""
    form, channels = FixedPoint(7, 3), image[-1]
    source = Tensor("x", image, form)
    size = (1, *image[:-1])[-2:]
    index = window_index(size, channels, kernel, stride, pad, (1, 1, *out[:-1])[-2:])
    output = Tensor("y", out, FixedPoint(6, 3, True, "RND", "SAT"))
    windows = index.reshape(len(index), -1, channels).transpose(0, 2, 1)
    windows = np.ascontiguousarray(windows.reshape(output.size, -1))
    wide = FixedPoint(10, 6) if kind == "Average" else form
    arguments = output, source, windows, wide
    average, largest = lowering_pooling._average, lowering_pooling._largest
    operations = average(*arguments, False, False) if kind == "Average" else largest(*arguments)
    layer = Layer("pool", "pooling", tuple(operations), formats={"accumulator": wide})
    return Network(Graph("single", (source,), (output.name,), (layer,)))


POOLS = [
    ((6, 4, 2), (3, 2, 2), (2, 2), (2, 2), (0, 0)),
    ((5, 7, 1), (2, 3, 1), (3, 2), (2, 2), (0, 0)),
    ((5, 5, 2), (3, 3, 2), (3, 3), (2, 2), (1, 1)),
    ((8, 3), (4, 3), (1, 2), (1, 2), (0, 0)),
    ((4, 3, 2), (2,), (4, 3), (4, 3), (0, 0)),
]


@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("case", POOLS, ids=str)
def test_pools(tmp_path, kind, case):
    network = pooled(kind, *case)
    assert_same(network, read_back(network, tmp_path))


@pytest.mark.heavy
@pytest.mark.parametrize("kind", ["Max", "Average", *CLIPS])
def test_compiled_clips_and_pools(tmp_path, kind):
    if kind in CLIPS:
        form, *line, limits, fraction = CLIPS[kind]
        source = Tensor("x", (3,), form)
        network = single(clipped(source, *line, limits, fraction), source)
    else:
        network = pooled(kind, *POOLS[2])
    hls.write_project(hls.model_graph(network, options()), tmp_path / "project")
    compiled = cpp.compile_project(tmp_path / "project", tmp_path / "build")
    raw = vectors.make(network, 20_000, 3).raw
    np.testing.assert_array_equal(compiled.run(raw), vectors.emulate(network, raw))


class SoftmaxTypes:
    """What the reader of hls4ml's projects asks of a softmax's structure."""

    def __init__(self, **forms):
        self.forms = {name: FixedPoint.parse(form) for name, form in forms.items()}
        self.struct = SimpleNamespace(constants={"exp_table_size": 0, "exp_scale": 1.0}, types={})

    def sizes(self, name):
        form = self.forms["address" if name == "exp_table_size" else "inv_inp_t"]
        return (1 << min(form.width, 10),)

    def format(self, name):
        return self.forms[name]


SOFTMAXES = [("latency", (5,), 5, 1), ("stable", (5,), 5, 1), ("stable", (3, 4), 4, 1)]
SOFTMAXES += [("stable", (3, 4), 3, 4), ("latency", (2, 3, 2), 3, 2)]


def softmax(method, shape, length, inner, table="ap_fixed<18,8,AP_RND,AP_SAT>"):
    """Return a softmax over slices of ``length``, of which ``inner`` are interleaved."""
    size = int(np.prod(shape))
    source = Tensor("x", shape, FixedPoint(9, 4, True))
    norm = FixedPoint(8, 3, False, "RND", "SAT")
    types = SoftmaxTypes(
        exp_table_t=table, inv_table_t="ap_fixed<18,8,AP_RND,AP_SAT>",
        inv_inp_t="ap_fixed<12,6,AP_RND,AP_SAT>", accum_t="ap_fixed<18,8,AP_RND,AP_SAT>",
        inp_norm_t=str(norm), address=str(source.format if method == "latency" else norm),
    )  # fmt: skip
    slices = np.arange(size).reshape(-1, length, inner).transpose(0, 2, 1).reshape(-1, length)
    output = Tensor("y", shape, FixedPoint(10, 1, False, "RND"))
    make = getattr(lowering_tables, f"_softmax_{method}")
    operations = make(types, source, output, slices.astype(np.int32))
    layer = Layer("soft", "softmax", tuple(operations))
    return Network(Graph("soft", (source,), ("y",), (layer,)))


@pytest.mark.parametrize("case", SOFTMAXES, ids=str)
def test_softmax(tmp_path, case):
    network = softmax(*case)
    assert_same(network, read_back(network, tmp_path))
    raw = vectors.make(network, 2000, 7).raw
    assert len(np.unique(vectors.emulate(network, raw))) > 50


@pytest.mark.parametrize(
    "case", [SOFTMAXES[1], pytest.param(SOFTMAXES[4], marks=pytest.mark.heavy)], ids=str
)
def test_compiled_softmax(tmp_path, case):
    network = softmax(*case)
    hls.write_project(hls.model_graph(network, options()), tmp_path / "project")
    compiled = cpp.compile_project(tmp_path / "project", tmp_path / "build")
    raw = vectors.make(network, 20_000, 3).raw
    np.testing.assert_array_equal(compiled.run(raw), vectors.emulate(network, raw))


def test_softmax_of_another_table_is_refused():
    network = softmax(*SOFTMAXES[0], table="ap_fixed<8,6>")
    with pytest.raises(FirmwareError, match="'soft'"):
        layer_list(network)


def test_tables_of_every_input_are_refused():
    source = Tensor("x", (2,), FixedPoint(4, 2))
    values = np.random.default_rng(0).integers(-30, 30, (16, 1))
    operation = Lookup(
        Tensor("y", (2,), FixedPoint(6, 3)), "x", np.arange(2, dtype=np.int32), 1, 0, False, 8,
        values, np.zeros(2, np.int32),
    )  # fmt: skip
    with pytest.raises(FirmwareError, match="its table is not one of hls4ml's functions"):
        layer_list(single(operation, source))


@pytest.mark.parametrize("kind", ["add", "subtract", "multiply", "maximum", "minimum"])
def test_two_inputs_are_joined(tmp_path, kind):
    first, second = Tensor("a", (3,), FORM), Tensor("b", (3,), FixedPoint(5, 3))
    elements = np.arange(3, dtype=np.int32)
    result = Tensor("y", (3,), FixedPoint(14, 8))
    network = single(Binary(result, kind, "a", "b", elements, elements), first, second)
    assert_same(network, read_back(network, tmp_path))


def test_what_hls4ml_has_no_layer_for_is_refused_by_name():
    source = Tensor("x", (3,), FORM)
    order = np.array([2, 0, 1], np.int32)
    network = single(Gather(Tensor("y", (3,), FORM), ("x",), order), source, kind="shuffle")
    with pytest.raises(FirmwareError, match=r"'layer' \(shuffle\).*da4ml or alkaid"):
        layer_list(network)


def test_names_that_hls4ml_reserves_are_changed(tmp_path):
    source = Tensor("input", (4,), FORM)
    layer = dense("a.b", source, 2, None)
    last = relu("output", layer.output, FixedPoint(6, 3, False))
    network = Network(Graph("odd", (source,), (last.output.name,), (layer, last)))
    assert_same(network, read_back(network, tmp_path))


def test_writing_twice_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        graph = hls.model_graph(make_network(), options("distributed_arithmetic"))
        hls.write_project(graph, tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")
         if p.is_file()}
        for n in ("one", "two")
    )  # fmt: skip
    assert one == two
    assert not any(b"/tmp" in text for text in one.values())
