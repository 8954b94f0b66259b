"""DistillNet in floating point: one weight per particle from its 16 or 31 inputs.

Source of the architecture: Bal et al., Mach. Learn.: Sci. Technol. 5 (2024) 025033.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd._version import __version__
from l1kd.emulators.array_types import Singles
from l1kd.models import backend

__all__ = ["Standardisation", "layers_of", "network", "save_onnx", "standardise"]

_OPSET = 17
_IR_VERSION = 8


class Standardisation(NamedTuple):
    """Shift and scale that bring each input to mean 0 and spread 1.

    Attributes
    ----------
    mean, spread : numpy.ndarray, shape (inputs,), float32
        Columns that hardly vary keep a spread of 1.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]

    @property
    def size(self) -> int:
        """Number of input columns."""
        return len(self.mean)

    def without(self, columns: Sequence[int]) -> "Standardisation":
        """Give columns an infinite spread: whatever they hold, the network sees zero."""
        spread = self.spread.copy()
        spread[list(columns)] = np.inf
        return Standardisation(self.mean, spread)


def standardise(inputs: Singles) -> Standardisation:
    """Measure mean and spread of training inputs float32[n, inputs]."""
    mean = inputs.mean(axis=0, dtype=np.float64)
    spread = inputs.std(axis=0, dtype=np.float64)
    return Standardisation(
        mean.astype(np.float32), np.where(spread < 1e-3, 1.0, spread).astype(np.float32)
    )


def network(hidden: Sequence[int], standardisation: Standardisation) -> Any:
    """Build the network.

    Parameters
    ----------
    hidden : sequence of int
        Sizes of the hidden layers, each dense, batch-normalised, rectified.
    standardisation : Standardisation
        Applied inside the model.

    Returns
    -------
    tf_keras.Model
        float32[n, inputs] to weights float32[n, 1] in [0, 1].
    """
    keras = backend.keras()
    layers = keras.layers
    scale = 1.0 / standardisation.spread
    stack = [
        layers.Input((standardisation.size,)),
        layers.Rescaling(scale, -standardisation.mean * scale, name="standardise"),
    ]
    for number, size in enumerate(hidden):
        stack += [
            layers.Dense(size, name=f"dense{number}"),
            layers.BatchNormalization(momentum=0.95, name=f"norm{number}"),
            layers.ReLU(name=f"relu{number}"),
        ]
    stack.append(layers.Dense(1, activation="sigmoid", name="weight"))
    return keras.Sequential(stack, name="distillnet")


def layers_of(model: Any) -> list[tuple[Singles, NDArray[np.float32]]]:
    """Return kernel and bias of every dense layer, with all scales folded into them.

    The standardisation goes into the first layer, each batch normalisation into the layer before
    it; computed in double precision.
    """
    standardisation = model.get_layer("standardise")
    scale = np.asarray(standardisation.scale, np.float64)
    offset = np.asarray(standardisation.offset, np.float64)
    folded: list[tuple[Singles, NDArray[np.float32]]] = []
    number = 0
    while True:
        last = f"dense{number}" not in {layer.name for layer in model.layers}
        dense = model.get_layer("weight" if last else f"dense{number}")
        kernel, bias = (np.asarray(w, np.float64) for w in dense.get_weights())
        if number == 0:
            bias = bias + offset @ kernel
            kernel = scale[:, None] * kernel
        if not last:
            norm = model.get_layer(f"norm{number}")
            gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in norm.get_weights())
            factor = gamma / np.sqrt(variance + norm.epsilon)
            kernel, bias = kernel * factor, (bias - mean) * factor + beta
        folded.append((kernel.astype(np.float32), bias.astype(np.float32)))
        if last:
            return folded
        number += 1


def save_onnx(model: Any, path: Path) -> None:
    """Write the network as ONNX: Gemm and Relu, then Sigmoid, everything else folded in.

    The last two layers are written transposed, a matrix times a column for each particle:
    onnxruntime multiplies by a matrix of one column slowly, and a particle's weight must not depend
    on the others by rounding, as it does where the last layer alone is transposed.

    Parameters
    ----------
    model : tf_keras.Model
        What `network` built, trained.
    path : pathlib.Path
        Input ``particles`` float32[n, inputs], output ``weight`` float32[n, 1].
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folded = layers_of(model)
    constants: dict[str, NDArray[Any]] = {"column": np.array([-1, 1], np.int64)}
    nodes = []
    previous, last, columns = "particles", len(folded) - 1, model.input_shape[1]
    for number, (kernel, bias) in enumerate(folded):
        matrix, offset, total = f"kernel{number}", f"bias{number}", f"sum{number}"
        operands, turn = [previous, matrix, offset], 0
        if number >= last - 1:
            kernel, bias = np.ascontiguousarray(kernel.T), bias[:, None]
            operands, turn = [matrix, previous, offset], int(number == max(last - 1, 0))
        constants |= {matrix: kernel, offset: bias}
        previous = f"hidden{number}"
        nodes += [
            helper.make_node("Gemm", operands, [total], name=f"dense{number}", transB=turn),
            helper.make_node("Sigmoid" if number == last else "Relu", [total], [previous]),
        ]
    nodes.append(helper.make_node("Reshape", [previous, "column"], ["weight"]))
    graph = helper.make_graph(
        nodes,
        "distillnet",
        [helper.make_tensor_value_info("particles", TensorProto.FLOAT, ["n", columns])],
        [helper.make_tensor_value_info("weight", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model_proto = helper.make_model(
        graph,
        producer_name="l1kd",
        producer_version=__version__,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(model_proto)
    path.write_bytes(model_proto.SerializeToString())
