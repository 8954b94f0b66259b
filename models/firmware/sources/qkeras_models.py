"""QKeras models: what its quantizers make of the weights, and what hls4ml cannot build.

QKeras computes in single precision, and several of its quantizers in nothing else. The reference of
a proof needs more: its weights are therefore quantized once, by QKeras itself, and its layers then
compute with these numbers in double precision.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.errors import FirmwareError

__all__ = [
    "channel_types",
    "check_quantizers",
    "compute_in_double",
    "every_layer",
    "norm_types",
    "open_biases",
    "reference_configuration",
    "set_quantized",
    "simplified",
    "symmetric_types",
]

Config = dict[str, Any]
_REMEDY = "use quantized_bits or quantized_relu, with alpha=1 or 'auto_po2'"
_ACTIVATIONS = (
    "quantized_bits", "quantized_relu", "quantized_tanh", "quantized_sigmoid", "binary", "ternary",
    "binary_tanh", "ternary_tanh",
)  # fmt: skip
_WEIGHTS = (
    "quantized_bits", "quantized_po2", "binary", "ternary", "stochastic_binary",
    "stochastic_ternary",
)  # fmt: skip
_FROZEN = ("kernel", "bias", "depthwise", "pointwise", "gamma", "beta", "mean", "variance")
_RECURRENT = ("QSimpleRNN", "QLSTM", "QGRU", "QBidirectional")
_NORM = "QBatchNormalization"
_BY_CHANNEL = ("QDepthwise", "QSeparable")
"""How the names of layers begin that hls4ml gives no scales of their own."""
_FOLDED = "Batchnorm"
"""How the names of layers end that fold a batch normalisation into their weights."""
_OF_NORM = (
    "axis", "momentum", "epsilon", "center", "scale", "ema_freeze_delay", "folding_mode", "fused",
    "renorm", "renorm_clipping", "renorm_momentum", "virtual_batch_size", "synchronized",
)  # fmt: skip


def _layers(config: Any) -> Iterator[Config]:
    """Give the configurations of all layers, those of models within a model, too."""
    if isinstance(config, list):
        for entry in config:
            yield from _layers(entry)
    elif isinstance(config, dict):
        inner = config.get("config")
        if "class_name" in config and isinstance(inner, dict) and "name" in inner:
            yield config
        for entry in config.values():
            yield from _layers(entry)


def check_quantizers(path: Path, model: Any) -> None:
    """Refuse quantizers of which hls4ml makes something else than QKeras computes, or nothing.

    Raises
    ------
    FirmwareError
        One line: the layer, the quantizer, why it is refused, and what to use instead.
    """
    for layer in every_layer(model):
        kind = layer.__class__.__name__
        activation = getattr(layer, "quantizer", None) if kind == "QActivation" else None
        activation = getattr(layer, "activation", None) if activation is None else activation
        if activation is not None and kind.startswith("Q"):
            place = f"{path}: layer '{layer.name}'"
            _check_activation(place, activation, alone=kind == "QActivation")
        if kind == _NORM or not hasattr(layer, "get_quantizers"):
            continue
        for role, quantizer in zip(_roles(layer), layer.get_quantizers(), strict=False):
            place = f"{path}: layer '{layer.name}', {role}"
            if quantizer is not None:
                _check_weight(place, quantizer)
            elif role != "bias" and kind not in _RECURRENT:
                raise FirmwareError(
                    f"{place}: it has no quantizer, so that nothing says which bits it has; "
                    f"{_REMEDY}"
                )


def every_layer(model: Any) -> Iterator[Any]:
    """Give the layers of a model, those of models within it in their place."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from every_layer(layer)
        else:
            yield layer


def open_biases(model: Any) -> Iterator[str]:
    """Give the names of quantized layers whose bias has no quantizer."""
    for layer in every_layer(model):
        kind = layer.__class__.__name__
        if kind == _NORM or kind in _RECURRENT or not hasattr(layer, "get_quantizers"):
            continue
        biased = getattr(layer, "use_bias", False) or kind.endswith(_FOLDED)
        if biased and layer.get_quantizers()[-1] is None:
            yield layer.name


def symmetric_types(model: Any) -> dict[str, dict[str, str]]:
    """Return the types of activations whose range is symmetric, which hls4ml does not know of."""
    found = {}
    for layer in every_layer(model):
        quantizer: Any = getattr(layer, "quantizer", None)
        if layer.__class__.__name__ == "QActivation" and _is_symmetric(quantizer):
            bits, integer = int(quantizer.bits), int(quantizer.integer) + 1
            found[layer.name] = {"result": f"ap_fixed<{bits},{integer},AP_RND_CONV,AP_SAT_SYM>"}
    return found


def _is_symmetric(quantizer: Any) -> bool:
    signed = getattr(quantizer, "keep_negative", True)
    return bool(getattr(quantizer, "symmetric", False) and signed) and int(quantizer.bits) > 1


def _name(quantizer: Any) -> str:
    own = quantizer.__class__.__name__
    return str(getattr(quantizer, "__name__", own)) if own == "function" else own


def _check_activation(place: str, quantizer: Any, *, alone: bool) -> None:
    name = _name(quantizer)
    if not name.startswith(("quantized_", "stochastic_", "bernoulli", "binary", "ternary")):
        return
    if name not in _ACTIVATIONS:
        raise FirmwareError(
            f"{place}: hls4ml has no firmware for the activation {name}; use quantized_relu, "
            "quantized_bits, quantized_tanh or quantized_sigmoid"
        )
    if getattr(quantizer, "negative_slope", 0):
        raise FirmwareError(
            f"{place}: hls4ml rounds the negative side of a quantized_relu with negative_slope "
            "otherwise than QKeras; use negative_slope=0"
        )
    if _is_symmetric(quantizer) and not (alone and name == "quantized_bits"):
        raise FirmwareError(
            f"{place}: hls4ml ignores that {name} is symmetric; use symmetric=0, or a QActivation "
            "of quantized_bits behind the layer"
        )
    for attribute in ("use_stochastic_rounding", "use_sigmoid", "relu_upper_bound"):
        # QKeras clips at an upper bound only where it is not told to clip at the format's end
        told = getattr(quantizer, attribute, None)
        if told and not (
            attribute == "relu_upper_bound" and getattr(quantizer, "is_quantized_clip", False)
        ):
            raise FirmwareError(f"{place}: hls4ml ignores {attribute} of {name}; leave it out")


def _check_weight(place: str, quantizer: Any) -> None:
    name = _name(quantizer)
    if name == "quantized_po2" and place.endswith("bias"):
        raise FirmwareError(
            f"{place}: hls4ml's C++ of a bias of powers of two does not compile; use quantized_bits"
        )
    if name not in _WEIGHTS:
        raise FirmwareError(f"{place}: hls4ml has no weights of {name}; {_REMEDY}")
    alpha = getattr(quantizer, "alpha", None)
    if isinstance(alpha, str):
        if alpha != "auto_po2":
            raise FirmwareError(
                f"{place}: {name} with alpha='{alpha}' scales by numbers that no fixed-point type "
                "holds exactly; train with alpha='auto_po2' (powers of two) or alpha=1"
            )
    elif alpha is not None:
        scale = np.abs(np.asarray(alpha, np.float64))
        if (np.frexp(scale)[0] != 0.5).any():
            raise FirmwareError(
                f"{place}: {name} has the scale {alpha}, which is no power of two; use alpha=1 or "
                "alpha='auto_po2'"
            )


def _roles(layer: Any) -> list[str]:
    """Return what the quantizers of a layer are for, in their order."""
    kind = layer.__class__.__name__
    if kind == _NORM:
        return ["gamma", "beta", "mean", "variance"]
    if kind.startswith("QSeparable"):
        return ["depthwise", "pointwise", "bias"]
    return ["depthwise" if kind.startswith("QDepthwise") else "kernel", "bias"]


def _quantized(layer: Any) -> list[npt.NDArray[np.float64]]:
    """Return the weights of a layer as its quantizers give them, in their order."""
    weights = _weights(layer)
    roles, quantizers = _roles(layer), list(layer.get_quantizers())
    if layer.__class__.__name__ == _NORM:
        # mean and variance are always there, scale and offset may not be
        kept = [bool(layer.scale), bool(layer.center), True, True]
        roles = [role for role, there in zip(roles, kept, strict=True) if there]
        quantizers = [q for q, there in zip(quantizers, kept, strict=True) if there]
    result = []
    for number, values in enumerate(weights):
        quantizer = quantizers[number] if number < len(roles) else None
        found = values if quantizer is None else np.asarray(quantizer(_tensor(values)))
        result.append(np.asarray(found, np.float64))
    return result


def _weights(layer: Any) -> list[Any]:
    """Return the weights of a layer, with those of a batch normalisation folded in."""
    if layer.__class__.__name__.endswith(_FOLDED):
        return [np.asarray(values) for values in layer.get_folded_weights()]
    found: list[Any] = layer.get_weights()
    return found


def _tensor(values: Any) -> Any:
    from l1kd.models import backend

    return backend.tensorflow().convert_to_tensor(np.asarray(values, np.float32))


def reference_configuration(config: Mapping[str, Any]) -> Config:
    """Return a configuration in double precision whose layers take quantized weights as they are.

    Batch normalisation becomes the plain one, with nothing added to the variance: it gets factor
    and offset directly.
    """
    wide: Config = json.loads(json.dumps(config).replace('"float32"', '"float64"'))
    for layer in _layers(wide):
        _plain_folded(layer)
        inner, kind = layer["config"], layer["class_name"]
        if kind in _RECURRENT:
            continue
        for key in list(inner):
            if key.endswith(("_constraint", "_regularizer")) or (
                key.endswith("_quantizer") and key.removesuffix("_quantizer") in _FROZEN
            ):
                inner[key] = None
            elif key.endswith("_initializer") and kind.startswith("Q"):
                inner[key] = "zeros"
        if kind in (_NORM, "BatchNormalization"):
            _plain_norm(layer)
            inner["epsilon"] = 0.0
            inner["scale"] = inner["center"] = True
    return wide


def _plain_norm(layer: Config) -> None:
    layer["class_name"] = "BatchNormalization"
    inner = layer["config"]
    for key in list(inner):
        ends = ("_quantizer", "_range", "_constraint", "_initializer", "_regularizer")
        if key.endswith(ends) or key == "activation":
            del inner[key]
    layer.pop("registered_name", None)


def _plain_folded(layer: Config) -> bool:
    """Make a layer with a batch normalisation inside one without; tell whether it was one."""
    kind = str(layer["class_name"])
    if not kind.endswith(_FOLDED):
        return False
    layer["class_name"] = kind.removesuffix(_FOLDED)
    inner = layer["config"]
    for key in list(inner):
        if key in _OF_NORM or key.startswith(("beta_", "gamma_", "moving_")):
            del inner[key]
    inner["use_bias"] = True
    layer.pop("registered_name", None)
    return True


def simplified(config: Mapping[str, Any]) -> Config | None:
    """Return the configuration as hls4ml is to see it, None where that is the same.

    hls4ml takes factor and offset of the numbers that are stored, whatever QKeras' quantizers make
    of them: normalisation becomes the plain one and they are stored quantized. Layers that fold a
    normalisation into their weights become layers without, whose weights QKeras has folded. Of the
    scales of depthwise and separable layers it knows nothing: their weights are stored as they are.
    """
    changed: Config = json.loads(json.dumps(config))
    found = False
    for layer in _layers(changed):
        found |= _plain_folded(layer)
        if layer["class_name"] == _NORM:
            found = True
            _plain_norm(layer)
        if layer["class_name"].startswith(_BY_CHANNEL):
            found = True
            for role in ("depthwise", "pointwise"):
                if f"{role}_quantizer" in layer["config"]:
                    layer["config"][f"{role}_quantizer"] = None
    return changed if found else None


def set_quantized(target: Any, model: Any, *, norms: bool) -> None:
    """Give a model the weights of another as its quantizers make them.

    Parameters
    ----------
    norms : bool
        Batch normalisation is given its factor and offset, for `reference_configuration`; else
        the four quantized numbers, layers by channel quantized weights, and all others their
        weights as they are.
    """
    for to, of in zip(every_layer(target), every_layer(model), strict=True):
        kind = of.__class__.__name__
        norm = kind in (_NORM, "BatchNormalization")
        if norm and norms:
            to.set_weights(factor_and_offset(of))
        elif kind.startswith((_NORM, *_BY_CHANNEL)) or (
            norms and hasattr(of, "get_quantizers") and kind not in _RECURRENT
        ):
            to.set_weights(_quantized(of))
        else:
            to.set_weights(_weights(of))


def channel_types(model: Any) -> dict[str, dict[str, str]]:
    """Return types that hold the weights of depthwise and separable layers with their scales."""
    found = {}
    for layer in every_layer(model):
        kind = layer.__class__.__name__
        if kind.startswith(_BY_CHANNEL):
            roles = ["weight"] if kind.startswith("QDepthwise") else ["depthwise", "pointwise"]
            found[layer.name] = dict(zip(roles, map(_exact, _quantized(layer)), strict=False))
    return found


def _exact(values: npt.NDArray[np.float64]) -> str:
    """Return the narrowest type that holds numbers of few bits."""
    parts, exponents = np.frexp(values[values != 0.0])
    whole = np.ldexp(parts, 53).astype(np.int64)
    fraction = int((53 - exponents - _trailing_zeros(whole)).max(initial=0))
    integer = int(exponents.max(initial=0)) + 1
    return f"ap_fixed<{integer + fraction},{integer}>"


def _trailing_zeros(whole: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    lowest = (whole & -whole).astype(np.float64)
    return np.log2(lowest).astype(np.int64)


def compute_in_double(model: Any) -> None:
    """Give a model in double precision rectifiers that compute in it.

    QKeras' own casts to single precision, and loses bits of sums before it rounds them; its
    `quantized_bits` without a sign is the same function in the precision of the model.
    """
    from l1kd.models import backend

    for layer in every_layer(model):
        for attribute in ("quantizer", "activation"):
            relu: Any = getattr(layer, attribute, None)
            if _name(relu) == "quantized_relu":
                bits = backend.qkeras().quantized_bits
                twin = bits(relu.bits, relu.integer, keep_negative=False, alpha=1)
                setattr(layer, attribute, twin)


def norm_types(model: Any) -> dict[str, dict[str, str]]:
    """Return types of 18 bits that hold factor and offset of every batch normalisation."""
    found = {}
    for layer in every_layer(model):
        if layer.__class__.__name__ == "BatchNormalization":
            factor, offset, *_ = factor_and_offset(layer)
            found[layer.name] = {"scale": _holding(factor), "bias": _holding(offset)}
    return found


def _holding(values: npt.NDArray[np.float64]) -> str:
    largest = float(np.abs(values).max(initial=2.0**-20))
    return f"ap_fixed<18,{int(np.floor(np.log2(largest))) + 2},AP_RND,AP_SAT>"


def factor_and_offset(layer: Any) -> list[npt.NDArray[np.float64]]:
    """Return gamma, beta, mean and variance of a plain layer without epsilon, as `layer` computes.

    With y = factor * x + offset these are factor, offset, zeros and ones.
    """
    if layer.__class__.__name__ == _NORM:
        values = _quantized(layer)
    else:
        values = [np.asarray(v, np.float64) for v in layer.get_weights()]
    mean, variance = values[-2:]
    rest = iter(values[:-2])
    gamma = next(rest) if layer.scale else np.ones_like(mean)
    beta = next(rest) if layer.center else np.zeros_like(mean)
    factor = gamma / np.sqrt(variance + float(layer.epsilon))
    return [factor, beta - factor * mean, np.zeros_like(mean), np.ones_like(mean)]
