"""ONNX models: cleaned, read as an integer network, and run in double precision as a reference.

Quantized models carry nodes of QONNX, which ONNX Runtime does not know: it runs a model in which
they are written out in plain arithmetic. What has no exact integers, such as a sigmoid, and what is
in floating point is converted by hls4ml.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Floats, Indices
from l1kd.emulators.network import Network
from l1kd.errors import ConfigurationError, FirmwareError, UnreadableFileError
from l1kd.models import backend
from l1kd.models.firmware.hls.hls import HlsOptions, hls4ml_version
from l1kd.models.firmware.sources.frameworks import (
    Framework,
    Precisions,
    declare,
    project,
)
from l1kd.models.firmware.sources.names import identifier
from l1kd.models.firmware.sources.onnx_cleaning import add_shapes, clean
from l1kd.models.firmware.sources.qonnx.graph import UnknownOperatorError, integer_graph
from l1kd.models.firmware.sources.qonnx.quantizers import INTEGERS, QUANTIZERS
from l1kd.models.firmware.sources.qonnx.reference import in_double, with_windows
from l1kd.models.firmware.sources.qonnx.windows import shape_of

__all__ = ["OnnxModel", "convert_onnx", "integer_network", "read_onnx"]

_MODES = {b"ROUND": "AP_RND_CONV", b"FLOOR": "AP_TRN"}
_PREFIXES = ("", "Dense_", "Conv1D_", "Conv2D_")
"""What hls4ml puts before a node's name."""


def _onnx() -> Any:
    try:
        import onnx
        import onnx.numpy_helper
        import onnx.shape_inference
    except ImportError as error:
        raise ConfigurationError(f"onnx does not import ({error}): install l1kd[train]") from error
    return onnx


@dataclass(frozen=True, eq=False)
class OnnxModel(Framework):
    """An ONNX model, cleaned.

    Attributes
    ----------
    model : onnx.ModelProto
        With constants as initializers, names and shapes everywhere, one row a batch.
    plain : onnx.ModelProto
        The same in double precision and without nodes of QONNX.
    places : dict
        By layer of its integer network: the value in the model, and its elements in ONNX's order.
    """

    name: str
    path: Path
    model: Any
    plain: Any
    places: dict[str, tuple[str, Indices]] = field(default_factory=dict)

    @property
    def quantized(self) -> bool:
        """Whether the model itself rounds."""
        return any(node.op_type in QUANTIZERS for node in self.model.graph.node)

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the inputs, without the batch."""
        return [shape_of(value)[1:] for value in self.plain.graph.input]

    @property
    def last_function(self) -> str:
        """Name of the plain activation that ends the model, empty where none does."""
        final = self.plain.graph.node[-1]
        return str(final.op_type).lower() if final.op_type in ("Sigmoid", "Tanh") else ""

    def evaluate(self, inputs: list[Floats], whole: bool = True) -> list[Floats]:
        """Evaluate rows of inputs; without the last activation where not ``whole``."""
        graph = self.plain.graph
        names = [value.name for value in graph.output] if whole else [graph.node[-1].input[0]]
        return self._run(inputs, names)

    def layers(self, inputs: list[Floats], names: list[str]) -> dict[str, Floats]:
        """Evaluate the nodes of these names, as far as the model has them."""
        if self.places:
            known = [name for name in names if name in self.places]
            runs = self._run(inputs, [self.places[name][0] for name in known])
            return {
                name: values.reshape(len(values), -1)[:, np.argsort(self.places[name][1].ravel())]
                for name, values in zip(known, runs, strict=True)
            }
        found = {
            prefix + node.name: self._merged(node.output[0])
            for node in self.model.graph.node
            for prefix in _PREFIXES
            if prefix + node.name in names
        }
        return dict(zip(found, self._run(inputs, list(found.values())), strict=True))

    def _merged(self, name: str) -> str:
        """Return the value after what hls4ml joins to a layer: its bias and its quantizer."""
        constants = {tensor.name for tensor in self.model.graph.initializer}
        for node in self.model.graph.node:
            if node.op_type in QUANTIZERS and node.input[0] in constants:
                constants.add(node.output[0])
        kinds: tuple[str, ...] = ("Add", *QUANTIZERS)
        while True:
            readers = [node for node in self.model.graph.node if name in node.input]
            if len(readers) != 1 or readers[0].op_type not in kinds:
                return name
            if not constants.issuperset(set(readers[0].input) - {name}):
                return name
            kinds = kinds[1:] if readers[0].op_type == "Add" else ()
            name = readers[0].output[0]

    def _run(self, inputs: list[Floats], names: list[str]) -> list[Floats]:
        onnx = _onnx()
        import onnxruntime

        model = onnx.ModelProto()
        model.CopyFrom(self.plain)
        del model.graph.output[:]
        for name in names:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        for value in model.graph.input:
            value.type.tensor_type.shape.dim[0].dim_param = "rows"
        del model.graph.value_info[:]
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        given = {v.name: rows for v, rows in zip(model.graph.input, inputs, strict=True)}
        return [np.asarray(rows, np.float64) for rows in session.run(names, given)]


def read_onnx(path: Path) -> OnnxModel:
    """Read and clean an ONNX model.

    Raises
    ------
    UnreadableFileError
        It is missing or no ONNX model, or keeps weights in other files.
    FirmwareError
        It has no shapes, or ``Quant`` nodes whose parameters are computed.
    """
    if not path.is_file():
        raise UnreadableFileError(f"{path}: expected an ONNX model, found no file")
    onnx = _onnx()
    try:
        model = onnx.load(str(path), load_external_data=False)
        if not model.graph.node or not model.graph.output:
            raise ValueError("it has no nodes")
    except Exception as error:
        raise UnreadableFileError(f"{path} is no ONNX model: {error}") from error
    if any(tensor.data_location for tensor in model.graph.initializer):
        raise UnreadableFileError(f"{path} keeps its weights in other files: save it as one file")
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise FirmwareError(
            f"{path} is quantized by QuantizeLinear, whose numbers are a processor's, of 8 bits or "
            "more: export nodes of QONNX instead (brevitas.export.export_qonnx)"
        )
    try:
        clean(onnx, model)
        plain = in_double(onnx, model)
        with_windows(onnx, plain, add_shapes(onnx, model, plain))
    except FirmwareError:
        raise
    except Exception as error:
        raise FirmwareError(f"{path} cannot be understood: {error}") from error
    return OnnxModel("QONNX", path, model, plain)


def integer_network(model: OnnxModel, precisions: Precisions) -> Network | None:
    """Return a quantized model as an integer network.

    Returns
    -------
    Network or None
        None where hls4ml must convert it: types of layers are declared, or a node, such as a
        sigmoid, has no exact integers.

    Raises
    ------
    FirmwareError
        An input has no type, a scale is no power of two, or numbers need more than 52 bits.
    """
    inputs = [value.name for value in model.model.graph.input]
    if not model.quantized or not set(precisions) <= {*inputs, "default"}:
        return None
    default = precisions.get("default", {})
    types = dict.fromkeys(inputs, default["result"]) if "result" in default else {}
    for name, roles in (_input_types(model) | dict(precisions)).items():
        if name in inputs and "result" in roles:
            types[name] = roles["result"]
    try:
        network, places = integer_graph(_onnx(), model.model, identifier(model.path.stem), types)
    except UnknownOperatorError:
        return None
    except FirmwareError as error:
        raise FirmwareError(f"{model.path}: {error}") from error
    model.places.update(places)
    return network


def convert_onnx(model: OnnxModel, options: HlsOptions, precisions: Precisions) -> Any:
    """Convert an ONNX model with hls4ml.

    A floating-point model is converted only where its types are declared, because nothing else says
    which bits the firmware should have.

    Parameters
    ----------
    precisions : mapping
        Types by layer name and role; the layer ``default`` stands for all.

    Returns
    -------
    hls4ml.model.ModelGraph

    Raises
    ------
    FirmwareError
        It is in floating point without declared types, or hls4ml refuses it.
    """
    hls4ml_version()
    path, content = model.path, _without_reserved(model.model)
    if not model.quantized and "default" not in precisions:
        kinds = {node.op_type for node in content.graph.node}
        raise FirmwareError(
            f"{path} is a floating-point model ({', '.join(sorted(kinds))}): nothing in it says "
            "which bits the firmware should have. Train it quantized (QKeras, HGQ2, QONNX), or "
            "declare types, for example --precision default=ap_fixed<16,6>"
        )
    default = precisions.get("default", {}).get("result", "fixed<16,6>")
    with backend.quiet(remarks=True):
        hls4ml = backend.hls4ml()

        try:
            config = hls4ml.utils.config_from_onnx_model(
                content, granularity="name", backend=options.backend, default_precision=default
            )
            types = _input_types(model) | dict(precisions)
            declare(config["LayerName"], {_free(n): types[n] for n in types}, options)
            return hls4ml.converters.convert_from_onnx_model(
                content,
                hls_config=config,
                **project(options),
            )
        except FirmwareError:
            raise
        except Exception as error:
            raise FirmwareError(
                f"hls4ml cannot convert {path}: {type(error).__name__}: {error}. Images must lie "
                "with their channels last (qonnx-to-channels-last)"
            ) from error


def _free(name: str) -> str:
    """Return a name for hls4ml, which keeps ``input`` for itself: PyTorch calls inputs so."""
    return f"{name}_" if name == "input" else name


def _without_reserved(model: Any) -> Any:
    """Return a model none of whose values has a name that hls4ml keeps for itself."""
    changed = _onnx().ModelProto()
    changed.CopyFrom(model)
    for value in changed.graph.input:
        value.name = _free(value.name)
    for node in changed.graph.node:
        node.input[:] = [_free(name) for name in node.input]
    return changed


def _input_types(model: OnnxModel) -> dict[str, dict[str, str]]:
    """Give an input that is quantized at once the type of its quantizer."""
    onnx, graph = _onnx(), model.model.graph
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    found: dict[str, dict[str, str]] = {}
    for value in graph.input:
        (*readers,) = (node for node in graph.node if value.name in node.input)
        if len(readers) != 1 or readers[0].op_type not in INTEGERS:
            continue
        scale, zero, width = (_single(tensors[name]) for name in readers[0].input[1:4])
        given = {a.name: onnx.helper.get_attribute_value(a) for a in readers[0].attribute}
        exponent = np.frexp(scale)[1] - 1
        mode = _MODES.get(given.get("rounding_mode", b"ROUND"))
        if scale != 2.0**exponent or zero != 0.0 or width != width or mode is None:
            continue
        prefix = "ap_fixed" if given.get("signed", 1) else "ap_ufixed"
        integer = int(width) + int(exponent)
        kind = f"{prefix}<{int(width)},{integer},{mode},AP_SAT>"
        found[value.name] = {"result": kind}
    return found


def _single(values: npt.NDArray[np.floating]) -> float:
    """Return the one value of an array, NaN where it has several."""
    return float(values.ravel()[0]) if values.size == 1 else float("nan")
