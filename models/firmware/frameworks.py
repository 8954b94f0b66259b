"""Models of the training frameworks: read safely, converted with hls4ml, and run as a reference.

Keras files hold data only: files with Lambda layers, which would execute code, are refused before
anything is loaded.
"""

import json
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Graph, Lookup
from l1kd.errors import ConfigurationError, FirmwareError, UnreadableFileError
from l1kd.models import backend
from l1kd.models.firmware import vectors
from l1kd.models.firmware.hls import HlsOptions, hls4ml_version, namespace, quiet

__all__ = ["Framework", "Precisions", "convert_keras", "convert_onnx", "read_keras"]

Integers = npt.NDArray[np.int64]
Precisions = Mapping[str, Mapping[str, str]]
INEXACT = np.iinfo(np.int64).min
"""Raw result of a reference that is no value of the output format."""
_CHUNK = 8192


@dataclass(frozen=True)
class Framework:
    """A quantized model in its training framework.

    Attributes
    ----------
    name : str
        ``QKeras`` or ``HGQ2``.
    model : keras.Model
        Of Keras 2 or 3.
    legacy : bool
        Whether it is of Keras 2.
    """

    name: str
    model: Any
    legacy: bool

    def predict_raw(self, network: Network, raw: npt.NDArray[np.signedinteger]) -> Integers:
        """Evaluate raw inputs; raw outputs, side by side.

        A last activation that the firmware takes from a table is left away in the framework and
        the network's own table is read instead: the table is declared, the rest is compared.

        Parameters
        ----------
        raw : integer array, shape (n, elements)

        Returns
        -------
        int64 array, shape (n, outputs)
            The smallest int64 where a result is no number of the output format.
        """
        tail, model = _table(network, self.model)
        tensors = tail.inputs if tail is not None else network.outputs
        parts = []
        for start in range(0, len(raw), _CHUNK):
            rows = vectors.split(network, raw[start : start + _CHUNK])
            inputs = [
                tensor.format.to_float(values).reshape(len(values), *shape[1:])
                for tensor, values, shape in zip(network.inputs, rows, _shapes(model), strict=True)
            ]
            found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
            outputs = found if isinstance(found, list | tuple) else [found]
            flat = [np.asarray(values, np.float64).reshape(len(values), -1) for values in outputs]
            parts.append(
                np.concatenate(
                    [_exact(v, t.format.fraction) for v, t in zip(flat, tensors, strict=True)], 1
                )
            )
        result = np.concatenate(parts)
        if tail is None:
            return result
        bad = (result == INEXACT).any(axis=1)
        safe = np.where(bad[:, None], 0, result)
        for_table = [t.format.cast(safe, t.format) for t in tail.inputs]
        bad |= (for_table[0] != safe).any(axis=1)
        read = vectors.emulate(tail, for_table[0])
        return np.where(bad[:, None], INEXACT, read)

    def trace(
        self, network: Network, raw: npt.NDArray[np.signedinteger], names: list[str]
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Evaluate the layers of these names, as far as the model has them."""
        chosen = [layer for layer in self.model.layers if layer.name in names]
        module = backend.keras() if self.legacy else __import__("keras")
        part = module.Model(self.model.inputs, [layer.output for layer in chosen])
        inputs = [
            tensor.format.to_float(values).reshape(len(values), *shape[1:])
            for tensor, values, shape in zip(
                network.inputs, vectors.split(network, raw), _shapes(self.model), strict=True
            )
        ]
        found = part.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        outputs = found if isinstance(found, list | tuple) else [found]
        return {
            layer.name: np.asarray(values, np.float64)
            for layer, values in zip(chosen, outputs, strict=True)
        }


def _shapes(model: Any) -> list[tuple[Any, ...]]:
    shapes = model.input_shape
    return list(shapes) if isinstance(shapes, list) else [tuple(shapes)]


def _exact(values: npt.NDArray[np.float64], fraction: int) -> Integers:
    scaled = np.ldexp(values, fraction)
    whole = np.rint(scaled)
    good = np.isfinite(scaled) & (whole == scaled) & (np.abs(scaled) < 2.0**62)
    return np.where(good, np.where(good, whole, 0.0).astype(np.int64), INEXACT)


def _table(network: Network, model: Any) -> tuple[Network | None, Any]:
    """Return the network's last table and the model without its activation, where it has one."""
    graph = network.graph
    last = graph.layers[-1]
    tables = [op for op in last.operations if isinstance(op, Lookup)]
    final = model.layers[-1]
    activation = getattr(getattr(final, "activation", None), "__name__", "")
    plain = final.__class__.__name__ == "Activation" and activation in ("sigmoid", "tanh")
    if not tables or len(last.operations) != 1 or not plain:
        return None, model
    source = graph.tensors[tables[0].source]
    tail = Network(Graph(graph.name, (source,), graph.outputs, (last,)))
    return tail, _without_last(model)


def _without_last(model: Any) -> Any:
    """Return the model up to the layer before the last."""
    module = backend.keras() if _is_legacy(model) else __import__("keras")
    return module.Model(model.inputs, model.layers[-2].output)


def _is_legacy(model: Any) -> bool:
    return any(kind.__module__.startswith("tf_keras") for kind in type(model).__mro__)


def _configuration(path: Path) -> tuple[dict[str, Any], bool]:
    """Return a model's configuration and whether it is of Keras 2, without loading anything."""
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                config = json.loads(archive.read("config.json"))
                version = json.loads(archive.read("metadata.json")).get("keras_version", "2")
            return config, str(version).startswith("2")
        import h5py

        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
            version = file.attrs.get("keras_version", "2")
        if text is None:
            raise UnreadableFileError(
                f"{path} holds weights without a model: save the whole model (model.save)"
            )
        return json.loads(text), str(version).startswith("2")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(f"{path} is no Keras model: {error}") from error


def _classes(config: Any) -> set[str]:
    """Return the names of all classes in a configuration."""
    if isinstance(config, list):
        return set().union(*map(_classes, config))
    if not isinstance(config, dict):
        return set()
    own = (
        {f"{config.get('module') or ''}.{config['class_name']}"}
        if "class_name" in config
        else set()
    )
    return own.union(*map(_classes, config.values()))


def read_keras(path: Path) -> Framework:
    """Read a Keras, QKeras or HGQ2 model.

    Parameters
    ----------
    path : pathlib.Path
        ``.keras`` or ``.h5``, the whole model.

    Raises
    ------
    UnreadableFileError
        It is missing or no such model.
    FirmwareError
        It holds a Lambda layer, whose code would be executed and has no firmware.
    ConfigurationError
        The framework is not installed.
    """
    if not path.is_file():
        raise UnreadableFileError(f"{path}: expected a Keras model, found no file")
    config, legacy = _configuration(path)
    classes = _classes(config)
    if any(name.rpartition(".")[2] == "Lambda" for name in classes):
        raise FirmwareError(
            f"{path} holds a Lambda layer: its code would have to be executed to read the model, "
            "and it has no firmware; build the model from layers"
        )
    with backend.quiet():
        try:
            if legacy:
                return _read_legacy(path, config)
            return _read_current(path)
        except (ValueError, TypeError, OSError) as error:
            raise UnreadableFileError(f"{path} cannot be read: {error}") from error


def _read_legacy(path: Path, config: dict[str, Any]) -> Framework:
    keras = backend.keras()
    custom: dict[str, Any] = {}
    backend.qkeras().utils._add_supported_quantized_objects(custom)
    # In double precision no sum is rounded, whatever the widths.
    keras.backend.set_floatx("float64")
    try:
        model = keras.models.load_model(path, custom_objects=custom, compile=False)
        wide = _in_double(model, keras, custom)
    finally:
        keras.backend.set_floatx("float32")
    return Framework("QKeras", wide, True)


def _in_double(model: Any, keras: Any, custom: Mapping[str, Any]) -> Any:
    """Return the same model in double precision."""
    text = json.dumps(model.get_config()).replace('"float32"', '"float64"')
    kind = keras.Sequential if isinstance(model, keras.Sequential) else keras.Model
    wide = kind.from_config(json.loads(text), custom_objects=custom)
    wide.build(model.input_shape)
    wide.set_weights(model.get_weights())
    return wide


def _read_current(path: Path) -> Framework:
    backend.tensorflow()
    import keras

    try:
        import hgq  # noqa: F401  (registers its layers with Keras)
    except ImportError as error:
        raise ConfigurationError(f"HGQ2 does not import ({error}): install l1kd[train]") from error
    return Framework("HGQ2", keras.models.load_model(path, compile=False, safe_mode=True), False)


def convert_keras(framework: Framework, options: HlsOptions, precisions: Precisions) -> Any:
    """Convert a Keras model with hls4ml.

    Parameters
    ----------
    precisions : mapping
        Types by layer name and role, ``{"inputs": {"result": "ap_ufixed<10,10>"}}``, for what the
        quantizers do not decide; the layer ``default`` stands for all.

    Returns
    -------
    hls4ml.model.ModelGraph

    Raises
    ------
    FirmwareError
        hls4ml refuses the model, or a precision names no layer.
    """
    hls4ml_version()
    context = backend.keras_is_legacy() if framework.legacy else nullcontext()
    default = precisions.get("default", {}).get("result", "fixed<18,8>")
    model = framework.model
    with context, backend.quiet(), quiet():
        import hls4ml

        try:
            config = hls4ml.utils.config_from_keras_model(
                model, granularity="name", backend=options.backend, default_precision=default
            )
            _adjust(config["LayerName"], _input_types(framework) | dict(precisions), options)
            return hls4ml.converters.convert_from_keras_model(
                model,
                hls_config=config,
                output_dir=options.top,
                project_name=options.top,
                backend=options.backend,
                io_type="io_parallel",
                part=options.part,
                clock_period=options.period,
                namespace=namespace(options.top),
                write_weights_txt=False,
            )
        except FirmwareError:
            raise
        except Exception as error:
            raise FirmwareError(
                f"hls4ml cannot convert model '{model.name}': {type(error).__name__}: {error}"
            ) from error


def _adjust(layers: dict[str, Any], precisions: Precisions, options: HlsOptions) -> None:
    for name, types in precisions.items():
        if name == "default":
            continue
        if name not in layers:
            known = ", ".join(sorted(layers))
            raise FirmwareError(f"--precision names layer '{name}'; the model has {known}")
        layers[name].setdefault("Precision", {}).update(types)
    for entry in layers.values():
        if "Strategy" in entry or "weight" in entry.get("Precision", {}):
            entry["Strategy"] = options.strategy


def _input_types(framework: Framework) -> dict[str, dict[str, str]]:
    """Give an input that is quantized at once the type of its quantizer."""
    if not framework.legacy:
        return {}
    found = {}
    for layer in framework.model.layers:
        if layer.__class__.__name__ != "QActivation":
            continue
        before = layer.input.name.partition(":")[0]
        names = [node.name.partition(":")[0] for node in framework.model.inputs]
        quantizer = layer.quantizer
        if before in names and quantizer.__class__.__name__ == "quantized_bits":
            signed = bool(quantizer.keep_negative)
            bits, integer = int(quantizer.bits), int(quantizer.integer) + signed
            form = f"ap_{'' if signed else 'u'}fixed<{bits},{integer},AP_RND_CONV,AP_SAT>"
            found[before] = {"result": form}
            found[layer.name] = {"result": form}
    return found


def convert_onnx(path: Path, options: HlsOptions, precisions: Precisions) -> Any:
    """Convert a quantized ONNX model (QONNX ``Quant`` nodes) with hls4ml.

    A floating-point model is converted only where its types are declared, because nothing else says
    which bits the firmware should have.

    Raises
    ------
    UnreadableFileError
        It is missing or no ONNX model.
    FirmwareError
        It is in floating point without declared types, or hls4ml refuses it.
    """
    if not path.is_file():
        raise UnreadableFileError(f"{path}: expected an ONNX model, found no file")
    hls4ml_version()
    try:
        import onnx
    except ImportError as error:
        raise ConfigurationError(f"onnx does not import ({error}): install l1kd[train]") from error
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model, full_check=False)
    except Exception as error:
        quantized = "Quant" in str(error)
        if not quantized:
            raise UnreadableFileError(f"{path} is no ONNX model: {error}") from error
    kinds = {node.op_type for node in model.graph.node}
    quantized = bool(kinds & {"Quant", "BipolarQuant", "Trunc"})
    if not quantized and "default" not in precisions:
        raise FirmwareError(
            f"{path} is a floating-point model ({', '.join(sorted(kinds))}): nothing in it says "
            "which bits the firmware should have. Train it quantized (QKeras, HGQ2, QONNX), or "
            "declare types, for example --precision default=ap_fixed<16,6>"
        )
    default = precisions.get("default", {}).get("result", "fixed<16,6>")
    with quiet():
        import hls4ml

        try:
            config = hls4ml.utils.config_from_onnx_model(
                model, granularity="name", backend=options.backend, default_precision=default
            )
            _adjust(config["LayerName"], precisions, options)
            return hls4ml.converters.convert_from_onnx_model(
                model,
                hls_config=config,
                output_dir=options.top,
                project_name=options.top,
                backend=options.backend,
                io_type="io_parallel",
                part=options.part,
                clock_period=options.period,
                namespace=namespace(options.top),
                write_weights_txt=False,
            )
        except FirmwareError:
            raise
        except Exception as error:
            raise FirmwareError(
                f"hls4ml cannot convert {path}: {type(error).__name__}: {error}. Models with "
                "Quant nodes must be cleaned first (qonnx.util.cleanup, channels last)"
            ) from error
