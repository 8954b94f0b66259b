"""The models that are compared with their compiled firmware, by name; see `graphs.py`.

Run as a module to write them, in a process of its own that loads hls4ml but not Keras:
``python -m tests.emulators.network.graph_cases FOLDER NAME...``
"""

import sys
import warnings
from pathlib import Path

import numpy as np

from tests.emulators.network.graphs import ACCUMULATORS, RESULTS, WEIGHTS, Model, window

# By rank: size, kernel, stride, same padding.
WINDOWS = {
    1: (((7,), (3,), (1,), False), ((6,), (3,), (2,), True), ((5,), (1,), (1,), False)),
    2: (
        ((4, 3), (2, 3), (1, 1), True),
        ((5, 4), (3, 2), (2, 1), False),
        ((2, 3), (1, 1), (1, 1), False),
    ),
}


def add_convolution(model, kind, geometry, channels, filters):
    size, kernel, _, _ = geometry
    rank = len(size)
    x = model.input((*size, channels))
    shape = {**window(*geometry), "n_chan": channels, "n_filt": filters}
    bias = model.values(filters, spread=2)
    if kind == "Conv":
        w = model.values(*kernel, channels, filters)
        model.layer(f"{kind}{rank}D", x, weight_data=w, bias_data=bias, **shape)
        return
    w = model.values(*kernel, channels, 1)
    if kind == "DepthwiseConv":
        shape["n_filt"] = channels
        bias = bias[:1].repeat(channels) + np.arange(channels)
        model.layer(f"{kind}{rank}D", x, depthwise_data=w, bias_data=bias, depth_multiplier=1,
                    **shape)  # fmt: skip
        return
    n = model.count
    forms = {
        "depthwise": WEIGHTS[n % 4],
        "pointwise": WEIGHTS[(n + 1) % 4],
        "depthwise_accum": ACCUMULATORS[n % 6],
        "pointwise_accum": ACCUMULATORS[(n + 3) % 6],
        "depthwise_result": RESULTS[(n + 2) % 7],
    }
    p = model.values(*(1,) * rank, channels, filters)
    model.layer(f"{kind}{rank}D", x, forms, depthwise_data=w, pointwise_data=p, bias_data=bias,
                depth_multiplier=1, **shape)  # fmt: skip


def convolutions(rank, kinds=("Conv", "DepthwiseConv", "SeparableConv"), **options):
    """One rank in a model: hls4ml's headers of both ranks exclude each other."""
    model = Model(seed=rank, **options)
    for kind in kinds:
        for i, geometry in enumerate(WINDOWS[rank]):
            add_convolution(model, kind, geometry, 2, (2, 3)[i % 2])
    return model


def recurrent(steps=4, **options):
    """LSTM and GRU with every activation, all states or the last one, both directions."""
    model = Model(seed=3, **options)
    for number, kind in enumerate(("LSTM", "GRU", "LSTM", "GRU", "LSTM", "GRU")):
        matrices, n_in, n_out = (4 if kind == "LSTM" else 3), 2, 3
        common = ("fixed<14,5>", "fixed<12,5,RND,SAT>", "fixed<16,6>")[number // 2]
        x = model.input((steps, n_in), common if kind == "LSTM" else None)
        extra = {"recurrent_bias_data": model.values(matrices * n_out)}
        if number in (3, 4):
            extra["pytorch"] = True
        elif kind == "LSTM":
            extra = {}
        forms = {
            "recurrent_weight": WEIGHTS[number % 4],
            "recurrent_bias": "fixed<8,3>",
            "accum": ("fixed<18,8>", "fixed<14,6,RND,SAT>", "fixed<13,5>")[number % 3],
        }
        if kind == "LSTM":
            # hls4ml's code compiles only where these types are equal.
            forms |= {"accum": common, "result": common}
        activation = ("tanh", "relu", "sigmoid")[number % 3]
        model.layer(
            kind,
            x,
            forms,
            {"Static": number > 1},
            n_in=n_in,
            n_out=n_out,
            n_timesteps=steps,
            activation=activation,
            recurrent_activation=("sigmoid", "tanh", "relu")[number // 2],
            return_sequences=number % 2 == 0,
            return_state=False,
            pass_initial_states=False,
            direction="forward",
            time_major=False,
            weight_data=model.values(n_in, matrices * n_out),
            recurrent_weight_data=model.values(n_out, matrices * n_out),
            bias_data=model.values(matrices * n_out),
            **extra,
        )
    return model


def bidirectional(steps=3):
    model = Model(seed=4)
    for number, kinds in enumerate((("LSTM", "GRU"), ("GRU", "GRU"), ("LSTM", "LSTM"))):
        n_in, n_out = 2, (2, 3)
        arrays = {}
        for direction, kind, size in zip(("forward", "backward"), kinds, n_out, strict=True):
            columns = (4 if kind == "LSTM" else 3) * size
            arrays |= {
                f"{direction}_name": direction,
                f"{direction}_class_name": kind,
                f"{direction}_n_states": size,
                f"{direction}_activation": "tanh",
                f"{direction}_recurrent_activation": "sigmoid",
                f"{direction}_weight_data": model.values(n_in, columns),
                f"{direction}_recurrent_weight_data": model.values(size, columns),
                f"{direction}_bias_data": model.values(columns),
                f"{direction}_recurrent_bias_data": model.values(columns),
                f"{direction}_apply_reset_gate": "after",
            }
        model.layer(
            "Bidirectional",
            model.input((steps, n_in)),
            {"accum": "fixed<16,7>"},
            n_in=n_in,
            n_out=sum(n_out),
            n_timesteps=steps,
            merge_mode="concat",
            direction="bidirectional",
            return_sequences=number != 1,
            return_state=False,
            pass_initial_states=False,
            time_major=False,
            **arrays,
        )
    return model


EQUATIONS = (
    # equation, shape of the data, of the kernel, of the bias, of the result
    ("ab,bc->ac", (3, 4), (4, 2), (2,), (3, 2)),
    ("abc,cd->abd", (2, 3, 4), (4, 3), (1, 3, 1), (2, 3, 3)),
    ("abc,acd->abd", (2, 3, 4), (2, 4, 2), (2, 1, 2), (2, 3, 2)),
    ("abc,bad->dbc", (2, 3, 4), (3, 2, 2), (2, 3, 4), (2, 3, 4)),
)


def einsums(pairs=True, **options):
    model = Model(seed=5, **options)
    for equation, data, kernel, bias, result in EQUATIONS:
        model.layer(
            "EinsumDense",
            model.input(data),
            equation=equation,
            weight_data=model.values(*kernel),
            bias_data=np.broadcast_to(model.values(*bias), result).copy(),
            inp_shape=data,
            out_shape=result,
        )
    shapes = (
        ("ab,bc->ac", (3, 4), (4, 2), (3, 2)),
        ("abc,acd->dab", (2, 3, 4), (2, 4, 2), (2, 2, 3)),
    )
    for equation, left, right, result in shapes if pairs else ():
        sources = model.input(left), model.input(right)
        model.layer("Einsum", sources, equation=equation, inp0_shape=left, inp1_shape=right,
                    out_shape=result)  # fmt: skip
    return model


class PowersOfTwo:
    """A quantizer that hls4ml writes as signs and exponents."""

    def __init__(self, bits):
        from hls4ml.model.types import ExponentPrecisionType

        self.bits = bits
        self.hls_type = ExponentPrecisionType(width=bits, signed=True)

    def __call__(self, data):
        limit = 2 ** (self.bits - 1)
        exponent = np.round(np.log2(np.abs(data)))
        return np.sign(data) * 2.0 ** np.clip(exponent, -limit, limit - 1)


def add_dense(model, n_in, n_out, form=None, **options):
    return model.layer(
        "Dense",
        model.input((n_in,), form),
        options=options.pop("options", None),
        n_in=n_in,
        n_out=n_out,
        weight_data=options.pop("weights", model.values(n_in, n_out)),
        bias_data=model.values(n_out, spread=2),
        **options,
    )


def dense(exponents=True, **options):
    """Ordinary weights, and powers of two with and without lost bits."""
    model = Model(seed=6, **options)
    for n_in, n_out in ((6, 4), (8, 3), (12, 2)):
        add_dense(model, n_in, n_out)
    cases = (("fixed<9,4>", 3), ("ufixed<8,0>", 5), ("fixed<6,6>", 4), ("fixed<10,-1>", 4))
    for form, bits in cases if exponents else ():
        limit = 2 ** (bits - 1)
        powers = model.rng.integers(-limit, limit, (6, 4))
        signs = model.rng.choice([-1.0, 1.0], (6, 4))
        add_dense(
            model, 6, 4, form, weights=signs * 2.0**powers, weight_quantizer=PowersOfTwo(bits)
        )
    return model


def powers(model, bits, *shape):
    """Return signed powers of two, and the quantizer that writes them as signs and exponents."""
    limit = 2 ** (bits - 1)
    exponents = model.rng.integers(-limit, limit, shape)
    return model.rng.choice([-1.0, 1.0], shape) * 2.0**exponents, PowersOfTwo(bits)


def powers_of_two(rank, **options):
    """Scales as QKeras' ``auto_po2`` leaves them, and weights, with and without lost bits."""
    model = Model(seed=17 + rank, **options)
    for form, bits in (("fixed<9,4>", 3), ("ufixed<8,0>", 5), ("fixed<6,6>", 4), ("fixed<5,9>", 4)):
        shape = ((6,), (3, 4))[model.count % 2]
        scale, quantizer = powers(model, bits, shape[-1])
        model.layer("ApplyAlpha", model.input(shape, form), scale_data=scale,
                    scale_quantizer=quantizer, bias_data=model.values(shape[-1], spread=2),
                    n_in=int(np.prod(shape)),
                    n_filt=shape[-1] if len(shape) > 1 else -1)  # fmt: skip
    for kind, geometry in zip(("Conv", "Conv", "DepthwiseConv"), WINDOWS[rank], strict=True):
        size, kernel, _, _ = geometry
        filters = 2 if kind == "DepthwiseConv" else 3
        x = model.input((*size, 2), ("fixed<9,4>", "fixed<8,8>")[model.count % 2])
        data, quantizer = powers(model, 3, *kernel, 2, 1 if kind == "DepthwiseConv" else filters)
        word = "depthwise" if kind == "DepthwiseConv" else "weight"
        arrays = {f"{word}_data": data, f"{word}_quantizer": quantizer, "depth_multiplier": 1}
        model.layer(f"{kind}{rank}D", x, bias_data=model.values(filters), n_chan=2, n_filt=filters,
                    **arrays, **window(*geometry))  # fmt: skip
    return model


def beyond(**options):
    """Chains of linear layers that pass on every bit: sums of 68 and of 102 bits."""
    model = Model(seed=21, **options)
    form = {"weight": "fixed<32,16>", "bias": "fixed<32,16>"}
    one, two = {"accum": "fixed<68,36>", **form}, {"accum": "fixed<102,54>", **form}

    def add(source, precision, n_in, n_out, weights=None, **more):
        weights = model.values(n_in, n_out, spread=3) if weights is None else weights
        return model.layer("Dense", source, {**precision, **more.pop("forms", {})}, n_in=n_in,
                           n_out=n_out, weight_data=weights,
                           bias_data=model.values(n_out, spread=99), **more)  # fmt: skip

    add(model.input((8,), "fixed<32,16>"), one, 8, 4, forms={"result": "fixed<32,16>"})
    for result in ("fixed<32,16,RND_CONV,SAT>", "fixed<24,9,RND,WRAP>", "fixed<20,20,RND_INF,SAT>",
                   "ufixed<48,20>"):  # fmt: skip
        x = model.input((8,), "fixed<32,16>")
        # Halves make ties of the last rounding.
        weights = [model.rng.integers(-9, 9, shape) / 2 for shape in ((8, 4), (4, 4))]
        x = add(x, one, 8, 4, weights[0], forms={"result": "fixed<68,36>"}, output=False)
        kind = {"activation": ("relu", "linear")[model.count % 2], "n_in": 4}
        y = add(x, two, 4, 4, weights[1], forms={"result": "fixed<102,54>"}, output=False)
        y = model.layer("Reshape", y, {"result": "fixed<102,54>"}, target_shape=[2, 2],
                        output=False)  # fmt: skip
        model.layer("Activation", y, {"result": result}, **kind)
        add(x, two, 4, 3, forms={"result": result})
    return model


FINE = ("fixed<18,4>", "ufixed<8,0,RND_CONV,SAT>", "fixed<12,5,RND,SAT_SYM>")
FUNCTIONS = ("relu", "sigmoid", "tanh", "softplus", "softsign", "selu", "elu", "hard_sigmoid",
             "hard_tanh", "leaky_relu", "thresholded_relu", "prelu", "binary_tanh",
             "ternary_tanh")  # fmt: skip


def add_activation(model, function, shape=(3, 4)):
    n = model.count
    fine = {"result": FINE[n % 3]} if FUNCTIONS.index(function) in range(1, 7) else {}
    tables = {"table": "fixed<18,8>", "slope": "ufixed<16,0>", "shift": "ufixed<2,0>"}
    kind, extra = "Activation", {}
    if function in ("leaky_relu", "thresholded_relu", "elu"):
        kind = {"leaky_relu": "LeakyReLU", "elu": "ELU"}.get(function, "ThresholdedReLU")
        extra = {"activ_param": (0.3, 0.7, 1.3)[n % 3]}
        tables["param"] = "fixed<12,3>"
    elif function == "prelu":
        kind, extra = "PReLU", {"param_data": model.values(*shape)}
        tables["param"] = "fixed<9,3>"
    elif function.startswith("hard"):
        kind, extra = "HardActivation", {"slope": 0.2, "shift": 0.5}
    model.layer(
        kind, model.input(shape), {**tables, **fine}, activation=function,
        n_in=int(np.prod(shape)), **extra,
    )  # fmt: skip


def activations(**options):
    model = Model(seed=8, **options)
    for function in FUNCTIONS:
        add_activation(model, function)
        add_activation(model, function, (5,))
    return model


def softmaxes(**options):
    model = Model(seed=9, **options)
    for method in ("latency", "stable", "argmax", "legacy"):
        for shape in ((5,), (3, 4)):
            model.layer(
                "Softmax",
                model.input(shape, "fixed<12,5>"),
                {
                    "result": FINE[model.count % 3],
                    "exp_table": "fixed<18,8,RND,SAT>",
                    "inv_table": "fixed<18,8,RND,SAT>",
                    "inv_inp": "fixed<16,7,RND,SAT>",
                    "inp_norm": "ufixed<10,3,RND,SAT>",
                    "accum": "fixed<18,8,RND,SAT>",
                    "table": "fixed<18,8>",
                },
                {"Implementation": method},
                activation="softmax",
                n_in=int(np.prod(shape)),
                axis=-1,
                n_inner=1,
                n_outer=shape[0] if len(shape) == 2 else 1,
            )
    return model


def merges(**options):
    model = Model(seed=10, **options)
    for op in ("add", "subtract", "multiply", "average", "maximum", "minimum"):
        sources = model.input((3, 4)), model.input((3, 4), "fixed<10,5>")
        model.layer("Merge", sources, op=op)
    for axis in (1, 2):
        sources = model.input((3, 4)), model.input((3, 4), "fixed<10,5>")
        model.layer("Concatenate", sources, op="concatenate2d", axis=axis)
    sources = model.input((5,)), model.input((3,), "fixed<10,5>")
    model.layer("Concatenate", sources, op="concatenate1d", axis=1)
    if model.io == "io_parallel":
        sources = model.input((5,)), model.input((5,), "fixed<10,5>")
        model.layer("Dot", sources, op="dot1d", axes=1)
    return model


def poolings(**options):
    model = Model(seed=11, **options)
    padded = options.get("io") != "io_stream"
    shapes = (
        ((6,), (2,), (2,)),
        ((7,), (3,), (2,)),
        ((4, 6), (2, 3), (2, 3)),
        ((4, 4), (2, 2), (1, 1)),
    )
    if not padded:
        # hls4ml's library asserts that pools of images in streams do not overlap.
        shapes = shapes[:-1]
    for op in ("Max", "Average"):
        for size, pool, stride in shapes:
            rank = len(size)
            for same in (False, True)[: 1 + padded]:
                x = model.input((*size, 3))
                shape = window(size, pool, stride, same, pool=True)
                model.layer(
                    f"{op}Pooling{rank}D", x, n_filt=3, pool_op=op, count_pad=False, **shape
                )
        model.layer(f"Global{op}Pooling1D", model.input((5, 3)), n_in=5, n_filt=3, pool_op=op)
        x = model.input((3, 4, 2))
        model.layer(f"Global{op}Pooling2D", x, in_height=3, in_width=4, n_filt=2, pool_op=op)
    return model


def movements(**options):
    model = Model(seed=12, **options)
    around = {"pad_left": 1, "pad_right": 2}
    model.layer("ZeroPadding1D", model.input((4, 2)), in_width=4, out_width=7, n_chan=2, **around)
    around |= {"pad_top": 2, "pad_bottom": 0}
    model.layer("ZeroPadding2D", model.input((3, 4, 2)), in_height=3, in_width=4, out_height=5,
                out_width=7, n_chan=2, **around)  # fmt: skip
    model.layer("Cropping1D", model.input((5, 2)), in_width=5, out_width=2, n_chan=2,
                crop_left=1, crop_right=2)  # fmt: skip
    model.layer("Cropping2D", model.input((4, 5, 2)), in_height=4, in_width=5, out_height=3,
                out_width=2, n_chan=2, crop_left=1, crop_right=2, crop_top=0,
                crop_bottom=1)  # fmt: skip
    model.layer("Resize", model.input((3, 2)), in_width=3, out_width=6, in_height=1, out_height=1,
                n_chan=2, algorithm="nearest")  # fmt: skip
    model.layer("Resize", model.input((3, 2, 2)), in_height=3, in_width=2, out_height=6,
                out_width=6, n_chan=2, algorithm="nearest")  # fmt: skip
    model.layer("Transpose", model.input((3, 4)), perm=[1, 0])
    if model.io == "io_parallel":
        model.layer("Transpose", model.input((2, 3, 4)), perm=[2, 0, 1])
    x = model.layer("Activation", model.input((2, 3)), activation="relu", n_in=6, output=False)
    x = model.layer("Reshape", x, target_shape=[6], output=False)
    add_dense_after(model, x, 6, 2)
    return model


def add_dense_after(model, source, n_in, n_out):
    model.layer("Dense", source, n_in=n_in, n_out=n_out, weight_data=model.values(n_in, n_out),
                bias_data=model.values(n_out))  # fmt: skip


def normalisations(**options):
    """Batch normalisation alone, and merged with binary and ternary tanh."""
    model = Model(seed=13, **options)
    for function in ("", "binary_tanh", "ternary_tanh", "binary_tanh", "ternary_tanh"):
        shape = ((6,), (3, 4))[model.count % 2]
        scales = {
            "scale_data": model.values(shape[-1]) + 0.1,
            "bias_data": model.values(shape[-1], spread=2),
        }
        n_in = int(np.prod(shape))
        x = model.layer("BatchNormalization", model.input(shape), {"scale": "fixed<9,4>"},
                        n_in=n_in, n_filt=shape[-1] if len(shape) > 1 else -1,
                        output=not function, **scales)  # fmt: skip
        if function:
            kind = "TernaryTanh" if function == "ternary_tanh" else "Activation"
            model.layer(kind, x, activation=function, n_in=n_in, threshold=0.5)
    return model


def lookups(**options):
    """Tables with an entry for every input, as HGQ writes them."""
    from hls4ml.model.types import FixedPrecisionType

    model = Model(seed=16, **options)
    for form, bits in (("fixed<6,2>", 6), ("ufixed<5,3>", 5)):
        table = model.rng.integers(-128, 128, 1 << bits) / 16
        model.layer(
            "UnaryLUT",
            model.input((3, 4), form),
            {"table": "fixed<8,4>"},
            activation="unary_lut",
            table_data=table,
            table_t=FixedPrecisionType(8, 4, True),
            n_in=12,
        )
    return model


def others():
    """Layers of which hls4ml has one form only: arrays."""
    model = Model(seed=14)
    forms = (
        # data, accumulator, exponent of the smallest variance
        ("fixed<12,5>", "fixed<16,8>", 3),
        ("fixed<9,3>", "fixed<18,9,RND,SAT>", 2),
        ("ufixed<8,2>", "fixed<14,5>", 1),
    )
    for data, accumulator, exponent in forms:
        model.layer(
            "LayerNormalization",
            model.input((3, 4), data),
            {"accum": accumulator, "scale": "fixed<8,3>", "table": "fixed<16,6>"},
            n_in=12,
            seq_len=3,
            axis=2,
            epsilon_power_of_10=exponent,
            gamma_data=model.values(4),
            beta_data=model.values(4),
        )
    for form, entries in (("ufixed<4,4>", 16), ("ufixed<5,3>", 9), ("fixed<7,4>", 9)):
        model.layer(
            "Embedding",
            model.input((5,), form, 0),
            {"embeddings": "fixed<9,3>"},
            n_in=5,
            n_out=3,
            vocab_size=entries,
            embeddings_data=model.values(entries, 3),
        )
    return model


def clones():
    """Streams read twice, from the input on."""
    model = Model(io="io_stream", seed=15)
    x = model.input((4, 3))
    y = model.layer("Activation", x, activation="relu", n_in=12, output=False)
    model.layer("Merge", (x, y), op="subtract")
    shape = {**window((4,), (2,), (1,), False), "n_chan": 3, "n_filt": 2}
    z = model.layer("Conv1D", y, weight_data=model.values(2, 3, 2), bias_data=model.values(2),
                    output=False, **shape)  # fmt: skip
    model.layer("GlobalAveragePooling1D", z, n_in=3, n_filt=2, pool_op="Average")
    flat = model.layer("Reshape", z, target_shape=[6], output=False)
    add_dense_after(model, flat, 6, 3)
    return model


CASES = {
    **{f"convolution {r}d": (lambda r=r: convolutions(r)) for r in (1, 2)},
    **{
        f"convolution {r}d resource": (
            lambda r=r: convolutions(r, ("Conv",), strategy="Resource", reuse=2)
        )
        for r in (1, 2)
    },
    **{f"convolution {r}d stream": (lambda r=r: convolutions(r, io="io_stream")) for r in (1, 2)},
    **{
        f"convolution {r}d resource stream": (
            lambda r=r: convolutions(r, io="io_stream", strategy="Resource", reuse=2 * r)
        )
        for r in (1, 2)
    },
    **{
        f"convolution {r}d da{' stream' * (io == 'io_stream')}": (
            lambda r=r, io=io: convolutions(r, ("Conv",), io=io, strategy="distributed_arithmetic")
        )
        for r in (1, 2)
        for io in ("io_parallel", "io_stream")
    },
    "convolution unrolled stream": lambda: convolutions(
        1, ("Conv",), io="io_stream", strategy="resource_unrolled", reuse=2
    ),
    "recurrent": recurrent,
    "recurrent resource": lambda: recurrent(strategy="Resource", reuse=2),
    "recurrent unrolled": lambda: recurrent(strategy="resource_unrolled", reuse=2),
    "recurrent stream": lambda: recurrent(io="io_stream"),
    "bidirectional": bidirectional,
    "einsum": einsums,
    "einsum da": lambda: einsums(False, strategy="distributed_arithmetic"),
    "beyond 64 bits": beyond,
    "dense": dense,
    "dense resource": lambda: dense(strategy="Resource", reuse=2),
    "dense unrolled": lambda: dense(False, strategy="resource_unrolled", reuse=2),
    "dense stream": lambda: dense(io="io_stream"),
    "dense da": lambda: dense(False, strategy="distributed_arithmetic"),
    "dense da stream": lambda: dense(False, strategy="distributed_arithmetic", io="io_stream"),
    **{
        f"powers of two {r}d{' stream' * (io == 'io_stream')}": (
            lambda r=r, io=io: powers_of_two(r, io=io)
        )
        for r in (1, 2)
        for io in ("io_parallel", "io_stream")
    },
    **{
        f"{name}{' stream' * (io == 'io_stream')}": (lambda make=make, io=io: make(io=io))
        for name, make in (
            ("activations", activations),
            ("softmax", softmaxes),
            ("merges", merges),
            ("poolings", poolings),
            ("movements", movements),
            ("normalisations", normalisations),
            ("lookups", lookups),
        )
        for io in ("io_parallel", "io_stream")
    },
    "others": others,
    "clones stream": clones,
}


# Compiled in seconds; the others are for `pytest -m heavy`.
QUICK = ("beyond 64 bits", "convolution 1d", "einsum", "powers of two 1d", "softmax stream")

if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    # Only hls4ml's profiling, unused here, would import Keras and with it TensorFlow.
    sys.modules["keras"] = None
    # hls4ml 1.3 calls a function that NumPy 2 removed when it writes powers of two.
    vars(np)["product"] = np.prod
    for case in sys.argv[2:] or CASES:
        CASES[case]().write(Path(sys.argv[1]) / case.replace(" ", "_"))
