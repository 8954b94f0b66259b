"""Build the plain data of a firmware folder from the description of a golden network."""

import json

import numpy as np

from l1kd.emulators.network.cpp.model import (
    Call,
    CppType,
    Location,
    Project,
    Struct,
    Tensor,
    WeightArray,
)

HERE = Location("golden", 1)
NAMES = ("AXOL1TL_v3", "AXOL1TL_v5", "CICADA_v1p1", "CICADA_v2p1", "CICADA_v2p1p2")


def load_project(folder, name):
    """Return the `Project` that the golden files of one network describe."""
    graph = json.loads((folder / f"{name}_graph.json").read_text())
    arrays = np.load(folder / f"{name}_weights.npz", allow_pickle=False)
    types = {key: _type(value) for key, value in graph["types"].items()}
    structs, calls, weights, tensors = {}, [], {}, {}
    source = graph["input"]
    tensors[source["tensor"]] = _tensor(
        source["tensor"], _type(source["type"]), source["shape"], "input"
    )
    alias = {}
    for layer in graph["layers"]:
        _add_struct(structs, layer, types)
        for role, kind in (
            ("weights", "weight"),
            ("scale", "scale"),
            ("biases", "bias"),
            ("bias", "bias"),
        ):
            if isinstance(layer.get(role), str):
                key, form = layer[role], _type(layer[f"{kind}_type"])
                values = arrays[f"{key}_text"].astype(np.float64).reshape(-1)
                weights[key] = WeightArray(key, form, values, HERE)
        reads = layer["inputs"]
        for name_read, argument in zip(reads, layer["args"], strict=False):
            alias.setdefault(argument, name_read)
        tensors[layer["output"]] = _tensor(
            layer["output"],
            _type(layer["result_type"]),
            layer["out_shape"],
            "output" if layer["output"] == graph["output"]["tensor"] else "internal",
        )
        held = tuple(a for a in layer["args"] if a in weights)
        calls.append(
            Call(
                layer["function"],
                (),
                layer["config"],
                tuple(reads),
                (layer["output"],),
                held,
                (),
                HERE,
                layer["name"],
            )
        )
    outputs = (graph["output"]["tensor"],)
    return Project(
        graph["name"],
        "",
        "io_parallel",
        (source["tensor"],),
        outputs,
        tensors,
        tuple(calls),
        structs,
        types,
        {},
        weights,
        {},
        (),
        (),
        HERE,
    )


def _type(value):
    text = value["string"]
    base, _, rest = text.partition("<")
    arguments = tuple(a.strip() for a in rest.rstrip(">").split(","))
    return CppType(base, tuple(int(a) if a.lstrip("-").isdigit() else a for a in arguments))


def _tensor(name, kind, shape, role):
    return Tensor(name, kind, int(np.prod(shape)), role, HERE)


def _add_struct(structs, layer, types):
    members = {key: types[name] for key, name in layer["config_typedefs"].items() if name in types}
    children = {}
    if isinstance(layer.get("mult_config"), str):
        child = layer["mult_config"]
        children["mult_config"] = child
        inner = {"accum_t": _type(layer["accum_type"])}
        structs[child] = Struct(
            child, "nnet::dense_config", layer["mult_config_values"], inner, {}, {}, {}, HERE
        )
    if "accum_type" in layer:
        members["accum_t"] = _type(layer["accum_type"])
    values = dict(layer["config_values"])
    structs[layer["config"]] = Struct(
        layer["config"], layer["config_base"], values, members, children, {}, {}, HERE
    )
