"""QKeras with its own defaults: read and equal in every bit, or refused in one line."""

import shutil

import numpy as np
import pytest

from l1kd.errors import FirmwareError
from l1kd.models import backend
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.sources.declared import declared_constants
from l1kd.models.firmware.sources.emulators import emulator_of
from l1kd.models.firmware.vectors import vectors

pytest.importorskip("hls4ml", reason="hls4ml is not installed")
pytestmark = pytest.mark.usefixtures("tf")


def dense(kernel, *, bias="same", activation=None, extra=None, end=None):
    """Return a network 8 - 6 - 3; quantizers as strings, as QKeras reads them."""
    keras, q = backend.keras(), backend.qkeras()
    bias = "quantized_bits(6,0,alpha=1)" if bias == "same" else bias
    stack = [
        keras.layers.Input((8,), name="x"),
        q.QActivation("quantized_bits(8,3,alpha=1)", name="fixed"),
        q.QDense(6, kernel_quantizer=kernel, bias_quantizer=bias, name="d0"),
        *([extra()] if extra else []),
        q.QActivation(activation or "quantized_relu(6,3)", name="r0"),
        q.QDense(3, kernel_quantizer=kernel, bias_quantizer=bias, name="d1"),
        *([end()] if end else []),
    ]
    return keras.Sequential(stack, name="small")


def convolution():
    keras, q = backend.keras(), backend.qkeras()
    bits = {"kernel_quantizer": "quantized_bits(6,0)", "bias_quantizer": "quantized_bits(6,0)"}
    stack = [
        keras.layers.Input((5, 5, 1), name="x"),
        q.QActivation("quantized_bits(8,3,alpha=1)", name="fixed"),
        q.QConv2D(3, (3, 3), **bits, name="c0"),
        q.QBatchNormalization(name="bn"),
        q.QActivation("quantized_relu(6,2)", name="r0"),
        keras.layers.Flatten(name="flat"),
        q.QDense(2, **bits, name="d1"),
    ]
    return keras.Sequential(stack, name="small")


def symmetric():
    """Input, weights and activations without the lowest value."""
    keras, q = backend.keras(), backend.qkeras()
    bits = {"kernel_quantizer": "quantized_bits(5,0,1,alpha=1)"}
    stack = [
        keras.layers.Input((8,), name="x"),
        q.QActivation("quantized_bits(6,1,1,alpha=1)", name="fixed"),
        q.QDense(6, bias_quantizer="quantized_bits(5,0,1,alpha=1)", name="d0", **bits),
        q.QActivation("quantized_bits(4,1,1,alpha=1)", name="r0"),
        q.QDense(3, bias_quantizer="quantized_bits(5,0,1,alpha=1)", name="d1", **bits),
        q.QActivation("quantized_bits(4,1,1,alpha=1)", name="end"),
    ]
    return keras.Sequential(stack, name="small")


def folded(quantizer="quantized_bits(8,2,alpha=1)", **options):
    """A normalisation that QKeras folds into the convolution before it quantizes."""
    keras, q = backend.keras(), backend.qkeras()
    bits = {"kernel_quantizer": quantizer, "bias_quantizer": "quantized_bits(8,3,alpha=1)"}
    stack = [
        keras.layers.Input((5, 5, 2), name="x"),
        q.QActivation("quantized_bits(8,3,alpha=1)", name="fixed"),
        q.QConv2DBatchnorm(3, (3, 3), name="c0", **bits, **options),
        q.QActivation("quantized_relu(6,3)", name="r0"),
    ]
    return keras.Sequential(stack, name="small")


def image(*layers, shape=(6, 6, 2)):
    """Return a network of an image: the layers, a rectifier, and a dense layer."""
    keras, q = backend.keras(), backend.qkeras()
    bits = {"kernel_quantizer": "quantized_bits(6,0)", "bias_quantizer": "quantized_bits(6,0)"}
    stack = [
        keras.layers.Input(shape, name="x"),
        q.QActivation("quantized_bits(8,3,alpha=1)", name="fixed"),
        *(make() for make in layers),
        keras.layers.Flatten(name="flat"),
        q.QDense(2, **bits, name="d1"),
    ]
    return keras.Sequential(stack, name="small")


def by_channel(kind, *sizes, **options):
    roles = ("depthwise", "pointwise") if kind.startswith("QSeparable") else ("depthwise",)
    scaled = {f"{role}_quantizer": "quantized_bits(6,0)" for role in (*roles, "bias")}
    return layer(kind, *sizes, name="c0", **scaled, **options)


def relu(name="r0"):
    return layer("QActivation", "quantized_relu(6,2)", name=name)


def nested():
    """A model within a model."""
    keras, q = backend.keras(), backend.qkeras()
    inner = [q.QDense(5, kernel_quantizer=ONE, bias_quantizer=ONE, name="d0"), relu()()]
    stack = [
        keras.layers.Input((7,), name="x"),
        q.QActivation("quantized_bits(8,3,alpha=1)", name="fixed"),
        keras.Sequential(inner, name="inner"),
        q.QDense(2, kernel_quantizer=ONE, bias_quantizer=ONE, name="d1"),
    ]
    return keras.Sequential(stack, name="small")


def wide():
    """Sums of 36 bits, which a rectifier in single precision would round twice."""
    keras, q = backend.keras(), backend.qkeras()
    bits = {"bias_quantizer": "quantized_bits(16,6,alpha=1)"}
    stack = [
        keras.layers.Input((7,), name="x"),
        q.QActivation("quantized_bits(16,6,alpha=1)", name="fixed"),
        q.QDense(9, kernel_quantizer="quantized_bits(16,2,alpha=1)", **bits, name="d0"),
        q.QActivation("quantized_relu(16,6)", name="r0"),
        q.QDense(3, kernel_quantizer="quantized_bits(12,0)", **bits, name="d1"),
    ]
    return keras.Sequential(stack, name="small")


def functional():
    """Quantizers as objects in a functional model, which HDF5 files hold as dictionaries."""
    keras, q = backend.keras(), backend.qkeras()
    bits = {"kernel_quantizer": "quantized_bits(6,0)", "bias_quantizer": "quantized_bits(6,0)"}
    x = keras.layers.Input((4,), name="x")
    found = q.QActivation(q.quantized_bits(8, 3, alpha=1), name="fixed")(x)
    found = q.QDense(3, **bits, name="d0")(found)
    found = q.QActivation(q.quantized_relu(6, 2), name="r0")(found)
    found = q.QDense(3, **bits, name="d1")(found)
    return keras.Model(x, q.QActivation("quantized_relu(6)", name="end")(found), name="small")


def sequential_objects():
    q = backend.qkeras()
    relu = q.quantized_relu(6, 3)
    return dense(ONE, activation=relu, end=lambda: q.QActivation(q.quantized_bits(8, 3, alpha=1)))


def layer(kind, *arguments, **options):
    """Return a function that makes a layer of Keras or QKeras."""

    def made():
        home = backend.qkeras() if kind.startswith("Q") else backend.keras().layers
        return getattr(home, kind)(*arguments, **options)

    return made


ONE = "quantized_bits(6,0,alpha=1)"
MODELS = {
    "quantized_bits(6,0)": lambda: dense("quantized_bits(6,0)", bias="quantized_bits(6,0)"),
    "auto_po2": lambda: dense("quantized_bits(6,0,alpha='auto_po2')"),
    "integer bits": lambda: dense("quantized_bits(7,2)"),
    "quantized_po2": lambda: dense("quantized_po2(4)"),
    "quantized_po2 with a limit": lambda: dense("quantized_po2(4,1)"),
    "ternary()": lambda: dense("ternary()"),
    "binary()": lambda: dense("binary()"),
    "ternary(alpha=1)": lambda: dense("ternary(alpha=1)"),
    "binary(alpha=1)": lambda: dense("binary(alpha=1)"),
    "stochastic_ternary()": lambda: dense("stochastic_ternary()"),
    "stochastic_binary()": lambda: dense("stochastic_binary()"),
    "QBatchNormalization()": lambda: dense(ONE, extra=layer("QBatchNormalization", name="bn")),
    "BatchNormalization()": lambda: dense(ONE, extra=layer("BatchNormalization", name="bn")),
    "bias without quantizer": lambda: dense(ONE, bias=None),
    "auto_po2 and a bias without quantizer": lambda: dense("quantized_bits(6,0)", bias=None),
    "quantized_tanh": lambda: dense(ONE, activation="quantized_tanh(8)"),
    "quantized_sigmoid": lambda: dense(ONE, activation="quantized_sigmoid(8)"),
    "quantized_bits activation": lambda: dense(ONE, activation="quantized_bits(6,2,alpha=1)"),
    "softmax layer": lambda: dense(ONE, end=layer("Softmax", name="end")),
    "softmax": lambda: dense(ONE, end=layer("Activation", "softmax", name="end")),
    "tanh": lambda: dense(ONE, end=layer("Activation", "tanh", name="end")),
    "convolution": convolution,
    "symmetric": symmetric,
    "QConv2DBatchnorm": folded,
    "QConv2DBatchnorm, auto_po2, no bias": lambda: folded("quantized_bits(6,0)", use_bias=False),
    "kernels of one bit": lambda: dense("quantized_bits(1,0,alpha=1)"),
    "averages": lambda: image(relu(), layer("AveragePooling2D", 2, name="p")),
    "averages of all": lambda: image(
        relu(), layer("GlobalAveragePooling2D", name="p"), shape=(4, 4, 3)
    ),
    "maxima of all": lambda: image(relu(), layer("GlobalMaxPooling2D", name="p")),
    "QDepthwiseConv2D": lambda: image(by_channel("QDepthwiseConv2D", 3), relu()),
    "QSeparableConv2D": lambda: image(by_channel("QSeparableConv2D", 3, 3), relu()),
    "nested": nested,
    "wide sums": wide,
    "functional": functional,
    "objects": sequential_objects,
}


def saved(name, path):
    """Save a model with weights of several magnitudes, so that scales differ."""
    keras = backend.keras()
    keras.backend.clear_session()
    with backend.quiet():
        model = MODELS[name]() if isinstance(name, str) else name()
        rng = np.random.default_rng(list(MODELS).index(name) if isinstance(name, str) else 0)
        weights = [rng.normal(size=w.shape) * 2.0 ** rng.integers(-2, 2) for w in
                   model.get_weights()]  # fmt: skip
        named = zip(weights, model.weights, strict=True)
        model.set_weights([abs(w) + 0.1 if "variance" in v.name else w for w, v in named])
        model.save(path)
    return path


@pytest.mark.parametrize("name", MODELS)
def test_the_firmware_computes_what_qkeras_computes(name, tmp_path):
    path = saved(name, tmp_path / "model.h5")
    framework = sources.find(str(path)).framework()
    network = emulator_of(str(path))
    given = vectors.make(network, 3000, 5)
    found = framework.predict_raw(network, given.raw)
    np.testing.assert_array_equal(found, vectors.emulate(network, given.raw))
    assert len(np.unique(found, axis=0)) > 5


@pytest.mark.parametrize(
    "name", ["symmetric", "QConv2DBatchnorm", "quantized_bits(6,0)", "functional"]
)
def test_the_reference_is_what_the_saved_model_computes(name, tmp_path):
    """Quantizers written into the weights change nothing but the precision of sums."""
    path = saved(name, tmp_path / "model.h5")
    custom = {}
    backend.qkeras().utils._add_supported_quantized_objects(custom)
    with backend.quiet():
        model = backend.keras().models.load_model(path, custom_objects=custom, compile=False)
        x = np.random.default_rng(3).integers(-64, 64, (200, *model.input_shape[1:])) / 16
        (found,) = sources.find(str(path)).framework().evaluate([x])
        np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=2e-5)


def test_tables_inside_a_model_are_no_bits_of_qkeras(tmp_path):
    def recurrent():
        keras, q = backend.keras(), backend.qkeras()
        bits = dict.fromkeys(("kernel_quantizer", "recurrent_quantizer", "bias_quantizer"), ONE)
        tables = {"activation": "tanh", "recurrent_activation": "sigmoid"}
        cell = q.QLSTM(3, **bits, state_quantizer=ONE, name="cell", **tables)
        return keras.Sequential([keras.layers.Input((4, 2), name="x"), cell], name="small")

    types = {"x": {"result": "ap_fixed<8,4>"}}
    found = sources.find(str(saved(recurrent, tmp_path / "model.h5")), types)
    assert found.framework is None
    assert found.why_no_framework == (
        "QKeras computes tanh in layer 'cell' in floating point, firmware takes a table"
    )
    assert emulator_of(str(tmp_path / "model.h5"), types).outputs[0].size == 3


@pytest.mark.parametrize(
    ("options", "exact"),
    [
        ({"pool_size": 3}, False),
        ({"pool_size": 2}, True),
        ({"pool_size": 2, "strides": 1, "padding": "same"}, True),
        ({"pool_size": 4, "padding": "same"}, False),
        ({"pool_size": 4, "strides": 2}, True),
    ],
)
def test_averages_of_other_than_powers_of_two_are_no_bits_of_qkeras(options, exact, tmp_path):
    path = saved(
        lambda: image(relu(), layer("AveragePooling2D", **options, name="p")), tmp_path / "m.h5"
    )
    found = sources.find(str(path))
    assert (found.framework is not None) == exact
    if not exact:
        assert found.why_no_framework == (
            "QKeras computes averages in layer 'p' in floating point, firmware rounds them"
        )


@pytest.mark.heavy
@pytest.mark.parametrize("backend_name", ["vitis", "da4ml"])
@pytest.mark.parametrize("name", MODELS)
def test_everything_is_proved(name, backend_name, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    path = saved(name, tmp_path / "model.h5")
    options = BuildOptions(backend_name, vectors=10_000, synthesize=False)
    compared = build(str(path), tmp_path / "built", options).proof.compared
    rtl = [checks.RTL] if backend_name == "da4ml" else []
    for party in ("QKeras", checks.CPP, checks.READ_BACK, *rtl):
        assert compared[party]["mismatches"] == 0, party
        assert compared[party]["vectors"] == 10_000


REFUSED = {
    "quantized_relu_po2": (
        lambda: dense(ONE, activation="quantized_relu_po2(4,4)"),
        r"layer 'r0': hls4ml has no firmware for the activation quantized_relu_po2; use ",
    ),
    "quantized_po2 activation": (
        lambda: dense(ONE, activation="quantized_po2(4)"),
        r"no firmware for the activation quantized_po2",
    ),
    "quantized_hswish": (
        lambda: dense(ONE, activation=backend.qkeras().quantizers.quantized_hswish(8, 2)),
        r"QKeras cannot read its own quantized_hswish",
    ),
    "bernoulli": (lambda: dense("bernoulli()"), r"no weights of bernoulli; use "),
    "alpha='auto'": (
        lambda: dense("quantized_bits(6,0,alpha='auto')"),
        r"layer 'd0', kernel: quantized_bits with alpha='auto'.*alpha='auto_po2'",
    ),
    "bias of powers of two": (
        lambda: dense(ONE, bias="quantized_po2(4)"),
        r"layer 'd0', bias: hls4ml's C\+\+ .* does not compile; use quantized_bits",
    ),
    "alpha=0.3": (
        lambda: dense("quantized_bits(6,0,alpha=0.3)"),
        r"scale 0.3, which is no power of two; use alpha=1",
    ),
    "negative slope": (
        lambda: dense(ONE, activation="quantized_relu(6,3,negative_slope=0.25)"),
        r"layer 'r0'.*use negative_slope=0",
    ),
    "a symmetric activation of a layer": (
        lambda: dense(
            ONE,
            extra=layer(
                "QDense",
                6,
                kernel_quantizer=ONE,
                bias_quantizer=ONE,
                activation="quantized_bits(6,2,1,alpha=1)",
            ),
        ),
        r"hls4ml ignores that quantized_bits is symmetric; use symmetric=0, or a QActivation",
    ),
    "no quantizer": (
        lambda: dense(None),
        r"layer 'd0', kernel: it has no quantizer, so that nothing says which bits it has; use ",
    ),
    "use_sigmoid": (
        lambda: dense(ONE, activation="quantized_relu(6,3,1)"),
        r"ignores use_sigmoid of quantized_relu",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_hls4ml_would_build_otherwise_is_refused_in_one_line(name, tmp_path):
    make, message = REFUSED[name]
    path = saved(make, tmp_path / "model.h5")
    with pytest.raises(FirmwareError, match=message) as error:
        sources.find(str(path))
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 400


def test_constants_of_the_firmware_must_be_near_those_of_the_model(tmp_path):
    path = saved("BatchNormalization()", tmp_path / "model.h5")
    framework = sources.find(str(path)).framework()
    network = emulator_of(str(path))
    assert list(declared_constants(network, framework.model, set())) == ["bn"]
    norm = framework.model.get_layer("bn")
    gamma, *rest = norm.get_weights()
    norm.set_weights([gamma + 0.1, *rest])
    with pytest.raises(FirmwareError, match=r"layer 'bn': a factor .* 0\.1 away .*--precision bn"):
        list(declared_constants(network, framework.model, set()))


def test_a_weight_that_differs_is_noticed(tmp_path):
    path = saved("quantized_bits(6,0)", tmp_path / "model.h5")
    framework = sources.find(str(path)).framework()
    network = emulator_of(str(path))
    kernel, bias = framework.model.get_layer("d1").get_weights()
    kernel[2, 1] += 2.0**-5
    framework.model.get_layer("d1").set_weights([kernel, bias])
    raw = vectors.make(network, 500, 5).raw
    wrong = framework.predict_raw(network, raw) != vectors.emulate(network, raw)
    assert wrong[:, 1].sum() > 50
    assert not wrong[:, [0, 2]].any()
