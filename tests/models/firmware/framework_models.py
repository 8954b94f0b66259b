"""Small models of every framework that `l1kd build` reads."""

import numpy as np

from l1kd.models import backend, mixed_precision


def onnx_model(path, *, quantized=True):
    """Write a network 4 - 3 - 2 with QONNX ``Quant`` nodes, or in floating point."""
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(1)
    nodes, tensors = [], []

    def tensor(name, values):
        tensors.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def quant(name, scale, bits, signed):
        if not quantized:
            return name
        reads = [name, *(tensor(f"{name}_{k}", v) for k, v in enumerate((scale, 0.0, bits)))]
        options = {"signed": signed, "narrow": 0, "rounding_mode": "ROUND"}
        node = helper.make_node(
            "Quant", reads, [f"{name}q"], domain="qonnx.custom_op.general", **options
        )
        nodes.append(node)
        return f"{name}q"

    value = quant("x", 1 / 16, 8, 1)
    for number, shape in enumerate([(4, 3), (3, 2)]):
        weight = quant(tensor(f"w{number}", rng.normal(size=shape)), 1 / 16, 6, 1)
        bias = quant(tensor(f"b{number}", rng.normal(size=shape[1])), 1 / 16, 8, 1)
        nodes.append(
            helper.make_node("Gemm", [value, weight, bias], [f"y{number}"], name=f"g{number}")
            if not quantized
            else helper.make_node("MatMul", [value, weight], [f"m{number}"], name=f"m{number}")
        )
        if quantized:
            nodes.append(helper.make_node("Add", [f"m{number}", bias], [f"y{number}"]))
        if not number:
            nodes.append(helper.make_node("Relu", ["y0"], ["r0"], name="relu0"))
            value = quant("r0", 1 / 8, 6, 0)
    info = [
        [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", size])]
        for name, size in (("x", 4), ("y1", 2))
    ]
    graph = helper.make_graph(nodes, "net", *info, tensors)
    domains = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), path)
    return path


def qkeras_model(path):
    """Write a QKeras network 4 - 3 - 1 with a sigmoid."""
    layers, q = backend.keras().layers, backend.qkeras()

    def bits(width, integer):
        return q.quantized_bits(width, integer, alpha=1.0, symmetric=0)

    stack = [
        layers.Input((4,), name="x"),
        q.QActivation(bits(8, 3), name="fixed"),
        q.QDense(3, kernel_quantizer=bits(6, 1), bias_quantizer=bits(8, 2), name="d0"),
        q.QActivation(q.quantized_relu(6, 3), name="r0"),
        q.QDense(1, kernel_quantizer=bits(6, 1), bias_quantizer=bits(8, 2), name="d1"),
        layers.Activation("sigmoid", name="out"),
    ]
    return _saved(backend.keras().Sequential(stack, name="small"), path)


def plain_model(path):
    """Write a Keras network 4 - 3 - 2 in floating point: Keras 2 as ``.h5``, else Keras 3."""
    keras = backend.keras() if path.suffix == ".h5" else mixed_precision.frameworks()[0]
    layers = keras.layers
    stack = [
        layers.Input((4,), name="x"),
        layers.Dense(3, activation="relu", name="d0"),
        layers.Dense(2, name="d1"),
    ]
    return _saved(keras.Sequential(stack, name="small"), path)


def _saved(model, path):
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    with backend.quiet():
        model.save(path)
    return path


def hgq_sigmoid(path):
    """Write the network with a sigmoid at its end."""
    return hgq_model(path, "sigmoid")


def hgq_model(path, activation=None):
    """Write an HGQ2 network 4 - 3 - 2."""
    keras, layers, config = mixed_precision.frameworks()
    from hgq.utils import trace_minmax

    lane = config.QuantizerConfig(
        "kif", "datalane", k0=1, i0=3, f0=4, round_mode="RND_CONV", overflow_mode="SAT"
    )
    with backend.quiet(), config.LayerConfigScope(enable_ebops=True):
        keras.utils.set_random_seed(3)
        stack = [
            keras.layers.Input((4,), name="x"),
            layers.QDense(3, activation="relu", iq_conf=lane, name="d0"),
            layers.QDense(2, activation=activation, name="d1"),
        ]
        model = keras.Sequential(stack, name="small")
        seen = np.random.default_rng(4).normal(0.0, 2.0, (500, 4)).astype(np.float32)
        trace_minmax(model, seen, verbose=0)
        model.save(path)
    return path
