"""Keras, QKeras and HGQ2 models: read safely, converted with hls4ml, and run as a reference.

Keras files hold data only: files with Lambda layers, which would execute code, and files that ask
for foreign modules are refused before anything is loaded.
"""

import json
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Floats
from l1kd.emulators.network import Network
from l1kd.errors import ConfigurationError, FirmwareError, L1KDError, UnreadableFileError
from l1kd.models import backend
from l1kd.models.firmware.hls.hls import HlsOptions, hls4ml_version
from l1kd.models.firmware.sources import qkeras_models
from l1kd.models.firmware.sources.declared import declared_constants
from l1kd.models.firmware.sources.frameworks import (
    Framework,
    Precisions,
    declare,
    project,
)

__all__ = ["KerasModel", "convert_keras", "read_keras"]

_MODULES = ("keras", "tf_keras", "qkeras", "hgq", "quantizers", "builtins")
_FUNCTIONS = (
    "elu", "exponential", "gelu", "selu", "sigmoid", "softmax", "softplus", "softsign", "swish",
    "tanh",
)  # fmt: skip
"""Functions whose values no fixed-point type holds exactly."""
_WIDEST = 64
"""Bits that a result of a table may have."""
_QKERAS = re.compile(r"Q[A-Z]|quantized_|stochastic_|binary$|ternary$")


@dataclass(frozen=True)
class KerasModel(Framework):
    """A model of Keras 2 or 3.

    Attributes
    ----------
    name : str
        ``QKeras``, ``HGQ2`` or ``Keras``.
    model : keras.Model
        In double precision.
    firmware_model : keras.Model
        As it was saved.
    legacy : bool
        Whether it is of Keras 2.
    open_biases : frozenset of str
        Layers whose bias has no quantizer.
    """

    name: str
    model: Any
    firmware_model: Any
    legacy: bool
    open_biases: frozenset[str] = frozenset()

    @property
    def quantized(self) -> bool:
        """Whether the model itself rounds."""
        return self.name != "Keras"

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the inputs, without the batch."""
        shapes = self.model.input_shape
        every = shapes if isinstance(shapes, list) else [shapes]
        return [tuple(shape[1:]) for shape in every]

    @property
    def last_function(self) -> str:
        """Name of the plain activation that ends the model, empty where none does."""
        final = self.model.layers[-1]
        return "" if hasattr(final, "recurrent_activation") else _function(final)

    @property
    def inexact(self) -> str:
        """What only firmware rounds before the last activation, with the reason; empty if nothing.

        The two cannot be compared then.
        """
        for layer in qkeras_models.every_layer(self.model):
            last = layer is self.model.layers[-1] and self.last_function
            if not last and _function(layer) in _FUNCTIONS:
                place = f"{_function(layer)} in layer '{layer.name}'"
                return f"{place} in floating point, firmware takes a table"
            if _averages_inexactly(layer):
                return f"averages in layer '{layer.name}' in floating point, firmware rounds them"
        return ""

    def declare(self, network: Network) -> list[str]:
        """Take factors, offsets and biases without quantizer from the network."""
        if not self.legacy or not self.quantized:
            return []
        return list(declared_constants(network, self.model, set(self.open_biases)))

    def evaluate(self, inputs: list[Floats], whole: bool = True) -> list[Floats]:
        """Evaluate rows of inputs; without the last activation where not ``whole``."""
        if whole:
            return self._predict(self.model, inputs)
        return self._predict(self._part([self._before_last_function()]), inputs)

    def _before_last_function(self) -> Any:
        """Return what the last activation is given, also where it is part of a layer."""
        final = self.model.layers[-1]
        if final.__class__.__name__ in ("Activation", "Softmax"):
            return final.input
        with _double(self.legacy):
            config = {**final.get_config(), "activation": "linear", "name": f"{final.name}_linear"}
            plain = final.__class__.from_config(config)
            found = plain(final.input)
            plain.set_weights(final.get_weights())
        return found

    def layers(self, inputs: list[Floats], names: list[str]) -> dict[str, Floats]:
        """Evaluate the layers of these names, as far as the model has them."""
        chosen = [layer for layer in self.model.layers if layer.name in names]
        found = self._predict(self._part([layer.output for layer in chosen]), inputs)
        return {layer.name: values for layer, values in zip(chosen, found, strict=True)}

    def _part(self, outputs: list[Any]) -> Any:
        module = backend.keras() if self.legacy else __import__("keras")
        return module.Model(self.model.inputs, outputs)

    def _predict(self, model: Any, inputs: list[Floats]) -> list[Floats]:
        with _double(self.legacy), backend.quiet():
            found = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        parts = found if isinstance(found, list | tuple) else [found]
        return [np.asarray(part, np.float64) for part in parts]


def _function(layer: Any) -> str:
    """Return the name of a layer's plain activation, empty where it has none."""
    if layer.__class__.__name__ == "Softmax":
        return "softmax"
    return str(getattr(getattr(layer, "activation", None), "__name__", ""))


def _averages_inexactly(layer: Any) -> bool:
    """Tell whether a layer divides by numbers that are no powers of two."""
    kind = layer.__class__.__name__
    if not kind.startswith(("AveragePooling", "GlobalAveragePooling")):
        return False
    shape = layer.input.shape[1:-1]
    if kind.startswith("Global"):
        counts = set(shape)
    else:
        sizes, steps = (np.ravel(given).tolist() for given in (layer.pool_size, layer.strides))
        counts = set(sizes)
        if layer.padding == "same":  # at the edges fewer numbers are averaged
            every = zip(shape, sizes, steps, strict=True)
            cut = any(length % step or size != step for length, size, step in every)
            counts |= set(range(1, max(sizes))) if cut else set()
    return any(count & (count - 1) for count in counts)


@contextmanager
def _double(legacy: bool) -> Iterator[None]:
    """Let Keras compute in double precision."""
    module: Any = backend.keras() if legacy else __import__("keras")
    config = module.backend if legacy else module.config
    before = config.floatx()
    config.set_floatx("float64")
    try:
        yield
    finally:
        config.set_floatx(before)


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


def _classes(config: Any) -> set[tuple[str, str]]:
    """Return module and name of all classes in a configuration."""
    if isinstance(config, list):
        return set().union(*map(_classes, config))
    if not isinstance(config, dict):
        return set()
    own = (
        {(str(config.get("module") or ""), str(config["class_name"]))}
        if "class_name" in config
        else set()
    )
    return own.union(*map(_classes, config.values()))


def _check_classes(path: Path, config: dict[str, Any]) -> set[str]:
    """Refuse what would execute code; return the modules of all classes."""
    classes = _classes(config)
    if any(name in ("Lambda", "__lambda__") for _, name in classes):
        raise FirmwareError(
            f"{path} holds a Lambda layer: its code would have to be executed to read the model, "
            "and it has no firmware; build the model from layers"
        )
    modules = {module.partition(".")[0] for module, _ in classes} - {""}
    foreign = sorted(modules - set(_MODULES))
    if foreign:
        raise FirmwareError(
            f"{path} asks for classes of module '{foreign[0]}', which would have to be executed to "
            f"read the model; expected {', '.join(_MODULES)}"
        )
    quantized = {"qkeras"} if any(_QKERAS.match(name) for _, name in classes) else set()
    return modules | quantized


def read_keras(path: Path) -> KerasModel:
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
        It holds a Lambda layer or foreign classes, whose code would be executed and has no
        firmware.
    ConfigurationError
        The framework is not installed.
    """
    if not path.is_file():
        raise UnreadableFileError(f"{path}: expected a Keras model, found no file")
    config, legacy = _configuration(path)
    modules = _check_classes(path, config)
    if any(name == "quantized_hswish" for _, name in _classes(config)):
        raise FirmwareError(
            f"{path}: QKeras cannot read its own quantized_hswish, and hls4ml has no firmware for "
            "it; use quantized_relu"
        )
    if legacy and "qkeras" in modules and path.suffix == ".keras":
        raise UnreadableFileError(
            f"{path}: QKeras cannot read its own models from .keras files: save the model as .h5"
        )
    with backend.quiet():
        try:
            return _read_legacy(path, config, modules) if legacy else _read_current(path, modules)
        except L1KDError:
            raise
        except (ValueError, TypeError, OSError, KeyError, zipfile.BadZipFile) as error:
            said = " ".join(str(error).split())[:300]
            raise UnreadableFileError(f"{path} cannot be read: {said}") from error


def _read_legacy(path: Path, config: dict[str, Any], modules: set[str]) -> KerasModel:
    keras = backend.keras()
    custom: dict[str, Any] = {}
    if "qkeras" in modules:
        backend.qkeras().utils._add_supported_quantized_objects(custom)
    model = keras.models.load_model(path, custom_objects=custom, compile=False)

    def rebuilt(changed: Any) -> Any:
        if path.suffix == ".h5":
            with backend.keras_h5_format():
                return keras.models.model_from_config(changed, custom_objects=custom)
        return keras.saving.deserialize_keras_object(changed, custom_objects=custom)

    if "qkeras" not in modules:
        with _double(legacy=True):
            wide = rebuilt(_widened(config))
            wide.set_weights(model.get_weights())
        return KerasModel("Keras", wide, model, True)
    qkeras_models.check_quantizers(path, model)
    with _double(legacy=True):
        wide = rebuilt(qkeras_models.reference_configuration(config))
    qkeras_models.set_quantized(wide, model, norms=True)
    qkeras_models.compute_in_double(wide)
    plain, firmware = qkeras_models.simplified(config), model
    if plain is not None:
        firmware = rebuilt(plain)
        qkeras_models.set_quantized(firmware, model, norms=False)
    biases = frozenset(qkeras_models.open_biases(model))
    return KerasModel("QKeras", wide, firmware, True, biases)


def _widened(config: Mapping[str, Any]) -> Any:
    """Return a configuration in double precision."""
    return json.loads(json.dumps(config).replace('"float32"', '"float64"'))


def _widen_file(path: Path, target: Path) -> None:
    """Copy a saved model with its configuration in double precision."""
    if path.suffix == ".h5":
        import h5py

        shutil.copyfile(path, target)
        with h5py.File(target, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            file.attrs["model_config"] = json.dumps(_widened(config))
        return
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                data = json.dumps(_widened(json.loads(data))).encode()
            new.writestr(name, data)


def _read_current(path: Path, modules: set[str]) -> KerasModel:
    backend.tensorflow()
    import keras

    if "hgq" in modules:
        try:
            import hgq  # noqa: F401  (registers its layers with Keras)
        except ImportError as error:
            raise ConfigurationError(
                f"HGQ2 does not import ({error}): install l1kd[train]"
            ) from error
    model = keras.models.load_model(path, compile=False, safe_mode=True)
    with TemporaryDirectory() as folder, _double(legacy=False):
        wide = Path(folder, f"wide{path.suffix}")
        _widen_file(path, wide)
        double = keras.models.load_model(wide, compile=False, safe_mode=True)
    return KerasModel("HGQ2" if "hgq" in modules else "Keras", double, model, False)


_TABLES = ("QConvT1D", "QConvT2D", "QDenseT", "QEinsumDenseT")


def convert_keras(framework: KerasModel, options: HlsOptions, precisions: Precisions) -> Any:
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
        The model is in floating point without declared types or has layers of lookup tables, hls4ml
        refuses it, or a precision names no layer.
    """
    hls4ml_version()
    context = backend.keras_is_legacy() if framework.legacy else nullcontext()
    model = framework.firmware_model
    if not framework.quantized and "default" not in precisions:
        raise FirmwareError(
            f"model '{model.name}' computes in floating point: nothing in it says which bits the "
            "firmware should have. Train it quantized (QKeras, HGQ2), or declare types, for "
            "example --precision default=ap_fixed<16,6>"
        )
    tables = [layer.name for layer in model.layers if type(layer).__name__ in _TABLES]
    if tables:
        raise FirmwareError(
            f"hls4ml leaves the types around lookup tables ({', '.join(tables)}) at its default: "
            "its C++ gives other numbers than HGQ2"
        )
    default = precisions.get("default", {}).get("result", "fixed<18,8>")
    with context, backend.quiet(remarks=True):
        hls4ml = backend.hls4ml()

        try:
            chosen = {"backend": options.backend, "default_precision": default}
            config = hls4ml.utils.config_from_keras_model(model, granularity="name", **chosen)
            for inner in _inner_models(model):
                named = hls4ml.utils.config_from_keras_model(inner, granularity="name", **chosen)
                config["LayerName"] |= named["LayerName"]
            types = _input_types(framework)
            if framework.name == "QKeras":
                types |= qkeras_models.norm_types(model) | qkeras_models.symmetric_types(model)
                types |= qkeras_models.channel_types(framework.model)
            declare(config["LayerName"], types | dict(precisions), options)
            found = hls4ml.converters.convert_from_keras_model(
                model, hls_config=config, **project(options)
            )
            for node in found.get_layers():
                _declare_open_result(node, precisions, default)
            return found
        except FirmwareError:
            raise
        except Exception as error:
            raise FirmwareError(
                f"hls4ml cannot convert model '{model.name}': {type(error).__name__}: {error}"
            ) from error


def _declare_open_result(node: Any, precisions: Precisions, default: str) -> None:
    """Give a sigmoid or tanh that ends an HGQ2 model a type: hls4ml means to be exact, in 127 bits.

    The type is declared for the activation or for the layer that it is part of.
    """
    from hls4ml.backends.fpga.fpga_types import APTypeConverter

    function = node.get_attr("activation")
    if node.class_name != "Activation" or function not in ("sigmoid", "tanh"):
        return
    kind = node.get_output_variable().type
    if kind.precision.width <= _WIDEST:
        return
    names = node.name, node.name.removesuffix(f"_{function}")
    declared = [
        precisions[name]["result"] for name in names if "result" in precisions.get(name, {})
    ]
    text = (declared or [default])[0]
    precision = node.model.config.backend.convert_precision_string(text)
    kind.precision = APTypeConverter().convert(precision)


def _inner_models(model: Any) -> Iterator[Any]:
    """Give the models within a model: hls4ml's configuration leaves their layers out."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield layer
            yield from _inner_models(layer)


def _input_types(framework: KerasModel) -> dict[str, dict[str, str]]:
    """Give an input that is quantized at once the type of its quantizer."""
    if not framework.legacy:
        return {}
    found = {}
    for layer in framework.firmware_model.layers:
        if layer.__class__.__name__ != "QActivation":
            continue
        before = layer.input.name.partition(":")[0]
        names = [node.name.partition(":")[0] for node in framework.firmware_model.inputs]
        quantizer = layer.quantizer
        if before in names and quantizer.__class__.__name__ == "quantized_bits":
            signed = bool(quantizer.keep_negative)
            bits, integer = int(quantizer.bits), int(quantizer.integer) + signed
            form = f"ap_{'' if signed else 'u'}fixed<{bits},{integer},AP_RND_CONV,AP_SAT>"
            found[before] = {"result": form}
            found[layer.name] = {"result": form}
    return found
