"""Which layers are compared with compiled C++, in which form: the table of the user guide.

It is derived from the models that `test_hls_graphs.py` compares; the layers that only
`test_dense_layers.py`, `test_elementwise_layers.py`, `test_generated_code.py` and
`test_rare_layers.py` build are listed here by hand.
"""

from tests.emulators.network.graph_cases import CASES

COLUMNS = ("arrays, latency", "arrays, resource", "streams", "distributed arithmetic")
# Layers with a strategy of their own; the others have one form for arrays and one for streams.
MATRICES = ("Dense", "Conv", "LSTM", "GRU", "Bidirectional", "EinsumDense")
BY_HAND = {
    "Dense, binary and ternary weights, xnor": COLUMNS[:1],
    "Dense, compressed weights": COLUMNS[1:2],
    "Conv1D, DepthwiseConv1D, binary and ternary weights, bits, dilation": COLUMNS[:1],
    "relu6, relu1, linear": COLUMNS[:2],
    "casts of single elements (HGQ)": COLUMNS[:2],
}


def name_of(layer):
    kind = layer["class_name"]
    if kind == "Softmax":
        return "softmax (latency, stable, legacy, argmax)"
    if kind == "Merge":
        return layer["op"]
    if "activation" in layer and kind not in ("LSTM", "GRU"):
        return layer["activation"]
    if kind == "ApplyAlpha":
        return "BatchNormalization, scales of powers of two"
    powers = any(key.endswith("_quantizer") for key in layer)
    return f"{kind}, weights of powers of two" if powers else kind


def columns_of(model, layer):
    kind = layer["class_name"]
    if model.strategy == "distributed_arithmetic":
        return COLUMNS[3:]
    if model.io == "io_stream":
        return COLUMNS[2:3]
    if not any(matrix in kind for matrix in MATRICES):
        return COLUMNS[:2]
    return COLUMNS[:1] if model.strategy == "Latency" else COLUMNS[1:2]


def covered():
    """Return {layer: set of columns}."""
    found = {name: set(columns) for name, columns in BY_HAND.items()}
    for make in CASES.values():
        model = make()
        for layer in model.layers:
            if layer["class_name"] != "InputLayer":
                found.setdefault(name_of(layer), set()).update(columns_of(model, layer))
    return found


def table():
    """Return the table in Markdown."""
    lines = [f"| layer | {' | '.join(COLUMNS)} |", "|" + "---|" * (len(COLUMNS) + 1)]
    for name, columns in sorted(covered().items(), key=lambda item: item[0].lower()):
        cells = ("compared" if column in columns else "" for column in COLUMNS)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)
