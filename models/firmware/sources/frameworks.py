"""Models in their training framework, as a party of the proof.

A model is evaluated in double precision, so that no sum is rounded, whatever the widths.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Floats, Integers
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Graph, Lookup, sources
from l1kd.errors import FirmwareError
from l1kd.models.firmware.hls.hls import HlsOptions, namespace
from l1kd.models.firmware.vectors import vectors

__all__ = ["INEXACT", "Framework", "Precisions", "Reference", "declare", "project"]

Precisions = Mapping[str, Mapping[str, str]]
INEXACT = np.iinfo(np.int64).min
"""Raw result of a reference that is no value of the output format."""
_CHUNK = 8192
_TABLES = ("sigmoid", "tanh", "softmax")


class Reference(ABC):
    """Something that gives a network's results by its own means.

    Attributes
    ----------
    name : str
        For the report: ``QKeras``, ``HGQ2``, ``QONNX`` or ``conifer``.
    """

    name: str

    @abstractmethod
    def predict_raw(self, network: Network, raw: npt.NDArray[np.signedinteger]) -> Integers:
        """Evaluate raw inputs, shape (n, elements); raw outputs, side by side."""

    @abstractmethod
    def trace(
        self, network: Network, raw: npt.NDArray[np.signedinteger], names: list[str]
    ) -> dict[str, Floats]:
        """Evaluate the layers of these names for raw inputs, as far as it has them."""

    def declare(self, network: Network) -> list[str]:
        """Take constants that the model leaves open from the network; return their layers."""
        del network
        return []


class Framework(Reference):
    """A quantized model in its training framework."""

    @property
    @abstractmethod
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the inputs, without the batch."""

    @property
    @abstractmethod
    def last_function(self) -> str:
        """Name of the plain activation that ends the model, empty where none does."""

    @abstractmethod
    def evaluate(self, inputs: list[Floats], whole: bool = True) -> list[Floats]:
        """Evaluate rows of inputs; without the last activation where not ``whole``."""

    @abstractmethod
    def layers(self, inputs: list[Floats], names: list[str]) -> dict[str, Floats]:
        """Evaluate the layers of these names, as far as the model has them."""

    def predict_raw(self, network: Network, raw: npt.NDArray[np.signedinteger]) -> Integers:
        """Evaluate raw inputs; raw outputs, side by side.

        A last activation that the firmware takes from tables (sigmoid, tanh, softmax) is left away
        in the framework and the network's own last layer is used instead: its tables are declared,
        the rest is compared. So are constants, see `declare`.

        Parameters
        ----------
        raw : integer array, shape (n, elements)

        Returns
        -------
        int64 array, shape (n, outputs)
            The smallest int64 where a result is no number of the output format.
        """
        self.declare(network)
        tail = _table(network) if self.last_function in _TABLES else None
        tensors = tail.inputs if tail is not None else network.outputs
        parts = []
        for start in range(0, len(raw), _CHUNK):
            inputs = self._inputs(network, raw[start : start + _CHUNK])
            outputs = self.evaluate(inputs, whole=tail is None)
            exact = [
                _exact(values.reshape(len(values), -1), tensor.format.fraction)
                for values, tensor in zip(outputs, tensors, strict=True)
            ]
            parts.append(np.concatenate(exact, axis=1))
        result = np.concatenate(parts)
        if tail is None:
            return result
        bad = (result == INEXACT).any(axis=1)
        safe = np.where(bad[:, None], 0, result)
        (tensor,) = tail.inputs
        for_table = tensor.format.cast(safe, tensor.format)
        bad |= (for_table != safe).any(axis=1)
        return np.where(bad[:, None], INEXACT, vectors.emulate(tail, for_table))

    def trace(
        self, network: Network, raw: npt.NDArray[np.signedinteger], names: list[str]
    ) -> dict[str, Floats]:
        """Evaluate the layers of these names for raw inputs, as far as the model has them."""
        self.declare(network)
        return self.layers(self._inputs(network, raw), names)

    def _inputs(self, network: Network, raw: npt.NDArray[np.signedinteger]) -> list[Floats]:
        rows = vectors.split(network, raw)
        return [
            tensor.format.to_float(values).reshape(len(values), *shape)
            for tensor, values, shape in zip(network.inputs, rows, self.shapes, strict=True)
        ]


def _exact(values: Floats, fraction: int) -> Integers:
    scaled = np.ldexp(values, fraction)
    whole = np.rint(scaled)
    good = np.isfinite(scaled) & (whole == scaled) & (np.abs(scaled) < 2.0**62)
    return np.where(good, np.where(good, whole, 0.0).astype(np.int64), INEXACT)


def _table(network: Network) -> Network | None:
    """Return the network's last layer by itself, where it reads tables and one tensor."""
    graph = network.graph
    last = graph.layers[-1]
    if not any(isinstance(operation, Lookup) for operation in last.operations):
        return None
    own = {operation.output.name for operation in last.operations}
    read = {name for operation in last.operations for name in sources(operation)} - own
    if len(read) != 1 or graph.outputs != (last.output.name,):
        return None
    return Network(Graph(graph.name, (graph.tensors[read.pop()],), graph.outputs, (last,)))


def project(options: HlsOptions) -> dict[str, Any]:
    """Return what hls4ml's converters are told of the project, whatever the model comes from."""
    return {
        "output_dir": options.top,
        "project_name": options.top,
        "backend": options.backend,
        "io_type": "io_parallel",
        "part": options.part,
        "clock_period": options.period,
        "namespace": namespace(options.top),
        "write_weights_txt": False,
    }


def declare(layers: dict[str, Any], precisions: Precisions, options: HlsOptions) -> None:
    """Enter declared types and the strategy into hls4ml's configuration by layers.

    Raises
    ------
    FirmwareError
        A precision names no layer.
    """
    for name, types in precisions.items():
        if name == "default":
            continue
        if name not in layers:
            known = ", ".join(sorted(layers))
            raise FirmwareError(f"--precision names layer '{name}'; the model has {known}")
        chosen = dict(types)
        if "table" in chosen:
            # hls4ml overlooks the type of a table among a layer's precisions
            layers[name]["TableT"] = chosen.pop("table")
        layers[name].setdefault("Precision", {}).update(chosen)
    for entry in layers.values():
        if "Strategy" in entry or "weight" in entry.get("Precision", {}):
            entry["Strategy"] = options.strategy
