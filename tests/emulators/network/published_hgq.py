"""Architectures of HGQ2's test suite, through hls4ml's conversion; print JSON.

Run as a script, in a process of its own: ``python published_hgq.py FOLDER NAME...``.
"""

# ruff: noqa: E402, T201
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import json
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import hls4ml
import keras
import numpy as np
from hgq.config import QuantizerConfigScope
from hgq.layers import (
    QBatchNormDense,
    QDense,
)
from hgq.utils import trace_minmax

from l1kd.emulators.network import Network

EVENTS = 10_000


def chain(shape, *parts):
    return keras.Sequential([keras.layers.Input(shape), *parts])


MODELS = {
    "hgq2 test_dense": lambda: chain((8,), QDense(10, activation="relu"), QDense(3)),
    "hgq2 test_dense batchnorm": lambda: chain((8,), QBatchNormDense(6), QDense(3)),
}
STRATEGIES = ("latency", "distributed_arithmetic")


def compare(name, strategy, folder):
    """Return how many results of how many differ between the emulator and the compiled C++."""
    keras.utils.set_random_seed(3)
    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
        QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP"),
    ):
        model = MODELS[name]()
    rng = np.random.default_rng(5)
    x = rng.normal(0, 2, (EVENTS, *model.input_shape[1:])).astype(np.float32)
    trace_minmax(model, x[:2000], verbose=0)
    precision = {"Precision": "ap_fixed<1,0>", "ReuseFactor": 1, "Strategy": strategy}
    hls = hls4ml.converters.convert_from_keras_model(
        model, hls_config={"Model": precision}, output_dir=str(folder), backend="Vitis",
        io_type="io_parallel",
    )  # fmt: skip
    hls.write()
    script = Path(folder) / "build_lib.sh"
    script.write_text(script.read_text().replace("-O3", "-O0"))
    hls._compile()
    network = Network.from_hls_project(folder)
    expected = np.asarray(hls.predict(x.astype(np.float64)))
    results = np.asarray(network.predict(x.astype(np.float64).reshape(EVENTS, -1))).reshape(
        expected.shape
    )
    wrong = int((results != expected).sum())
    spread = float(expected.std())
    return {"mismatches": wrong, "values": expected.size, "varies": spread > 0}


if __name__ == "__main__":
    for number, name in enumerate(sys.argv[2:] or MODELS):
        for strategy in STRATEGIES:
            try:
                found = compare(name, strategy, Path(sys.argv[1]) / f"h{number}{strategy[0]}")
            except Exception as error:
                found = {"error": f"{type(error).__name__}: {error}"[:300]}
            print("REPORT " + json.dumps({f"{name}, {strategy}": found}), flush=True)
