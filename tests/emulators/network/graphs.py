"""Make hls4ml models of many layers, without Keras, and write their firmware.

Every layer of a model reads an input of its own, so that one compilation covers many layers.
Beside each firmware folder stands what `compiled.py` needs to build the reference, and the network
that `Network.from_hls_model` made of the model in memory.
"""

import json
from pathlib import Path

import numpy as np

DATA = ("fixed<9,4>", "ufixed<8,3>", "fixed<12,6>", "fixed<7,1>")
WEIGHTS = ("fixed<6,2>", "fixed<8,1>", "ufixed<5,0>", "fixed<7,3>")
BIASES = ("fixed<7,3>", "fixed<9,5>", "ufixed<6,2>")
ACCUMULATORS = (
    "fixed<22,12>",
    "fixed<12,6>",
    "fixed<12,6,TRN,SAT>",
    "fixed<13,6,RND,SAT>",
    "fixed<12,5,RND_CONV,WRAP>",
    "fixed<11,5,TRN_ZERO,SAT_SYM>",
)
RESULTS = (
    "fixed<8,4>",
    "ufixed<7,3,RND_CONV,SAT>",
    "fixed<16,8,RND,SAT>",
    "fixed<9,4,RND_ZERO,SAT_SYM>",
    "fixed<10,6,TRN_ZERO,SAT>",
    "fixed<12,5,RND_INF,WRAP>",
    "fixed<9,3,RND_MIN_INF,SAT_ZERO>",
)


class Model:
    """A model under construction."""

    def __init__(self, io="io_parallel", strategy="Latency", reuse=1, backend="Vitis", seed=0):
        self.io, self.strategy, self.reuse, self.backend = io, strategy, reuse, backend
        self.rng = np.random.default_rng(seed)
        self.layers, self.inputs, self.outputs, self.names = [], [], [], {}
        self.least = []
        self.count = 0

    def input(self, shape, form=None, least=None):
        """Add an input; ``least`` is the smallest raw value for which the C++ is defined."""
        name = f"x{len(self.inputs)}"
        self.inputs.append(name)
        self.least.append(-(1 << 62) if least is None else least)
        self.layers.append({"class_name": "InputLayer", "name": name, "input_shape": list(shape)})
        self.names[name] = {"Precision": {"result": form or DATA[self.count % len(DATA)]}}
        return name

    def layer(self, kind, sources, precision=None, options=None, output=True, **attributes):
        """Add a layer; formats that are not given are taken from the lists in turn."""
        self.count += 1
        n = self.count
        name = f"{kind.lower()}{n}"
        sources = [sources] if isinstance(sources, str) else list(sources)
        attributes.setdefault("data_format", "channels_last")
        self.layers.append({"class_name": kind, "name": name, "inputs": sources, **attributes})
        forms = {
            "weight": WEIGHTS[n % len(WEIGHTS)],
            "bias": BIASES[n % len(BIASES)],
            "accum": ACCUMULATORS[(n // 2) % len(ACCUMULATORS)],
            "result": RESULTS[n % len(RESULTS)],
            **(precision or {}),
        }
        self.names[name] = {
            "Precision": forms,
            "Strategy": self.strategy,
            "ReuseFactor": self.reuse,
            **(options or {}),
        }
        if output:
            self.outputs.append(name)
        return name

    def values(self, *shape, spread=1.0):
        """Return weights, a third of which is zero."""
        return self.rng.normal(0, spread, shape) * (self.rng.random(shape) > 0.3)

    def write(self, folder):
        from hls4ml.model.graph import ModelGraph

        from l1kd.emulators.network import Network

        whole = {"Precision": {"default": "fixed<16,6>"}, "ReuseFactor": self.reuse}
        whole |= {"Strategy": self.strategy, "TraceOutput": False, "BramFactor": 10**9}
        config = {
            "OutputDir": str(folder),
            "ProjectName": "myproject",
            "Backend": self.backend,
            "IOType": self.io,
            "Stamp": "stamp",
            "Part": "xcvu9p",
            "ClockPeriod": 5,
            "ClockUncertainty": "12.5%",
            "Version": "1.0",
            "HLSConfig": {"Model": whole, "LayerName": self.names},
        }
        model = ModelGraph.from_layer_list(config, self.layers, self.inputs, self.outputs)
        model.write()
        ports = {
            role: [{"name": v.name, "type": v.type.name, "size": v.size()} for v in variables]
            for role, variables in (
                ("inputs", model.get_input_variables()),
                ("outputs", model.get_output_variables()),
            )
        }
        for port, least in zip(ports["inputs"], self.least, strict=True):
            port["least"] = least
        ports["stream"] = self.io == "io_stream"
        (Path(folder) / "ports.json").write_text(json.dumps(ports))
        Network.from_hls_model(model).save(Path(folder) / "model.npz")


def padding(size, kernel, stride, same):
    """Return pads before and after, and the output size."""
    if not same:
        return 0, 0, (size - kernel) // stride + 1
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2, out


def window(size, kernel, stride, same, pool=False):
    """Return hls4ml's attributes of a sliding window in one or two dimensions."""
    what = "pool" if pool else "filt"
    axes = ("width",) if len(size) == 1 else ("height", "width")
    sides = {"width": ("left", "right"), "height": ("top", "bottom")}
    attributes = {"padding": "same" if same else "valid"}
    for axis, n, k, s in zip(axes, size, kernel, stride, strict=True):
        before, after, out = padding(n, k, s, same)
        one = pool and len(size) == 1
        attributes |= {
            "n_in" if one else f"in_{axis}": n,
            "n_out" if one else f"out_{axis}": out,
            f"{what}_{axis}": k,
            f"stride_{axis}": s,
            f"pad_{sides[axis][0]}": before,
            f"pad_{sides[axis][1]}": after,
        }
    return attributes
