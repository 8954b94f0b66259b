"""What hls4ml 1.3 does wrong beside NumPy 2, Keras 3 and QKeras 0.9, put right in memory.

- It calls ``numpy.product``, which NumPy 2 took away, for all types of powers of two.
- It takes the module called ``keras`` for the model's own: with Keras 3 installed it takes a model
  of Keras 2, hence of QKeras, for one of Keras 3, and fails.
- The type of a scale of QKeras' ``auto_po2`` has one bit too few for 2 and 4, which become 1 and 2:
  the firmware then differs from the model without a word.
- Results of weights and scales of powers of two get the default type, whatever their values, where
  all other layers get one that holds them.
- Such a scale is fused with a normalisation behind it, whose type need not hold the product.
- An activation ``quantized_bits`` behind a layer without a type of its own is dropped.
- Averages are rounded to the type of what is averaged; of those over a whole image, sum and result
  have the default type, whatever is averaged.
- Weights ``quantized_bits(1, 0)``, which are -1 and 1, get a type that holds -1 and 0.
- The types of a layer ``Softmax`` are declared by another name than the one that they are used by.

Nothing on disk is changed; `l1kd.models.backend.hls4ml` applies all of it when it imports hls4ml.
"""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["repair"]

_DONE = "_l1kd_repaired"


class _NumpyWithProduct(ModuleType):
    """NumPy, and `product` as it was called until NumPy 2."""

    def __getattr__(self, name: str) -> Any:
        return np.prod if name == "product" else getattr(np, name)


def repair(module: Any, legacy: Callable[[], AbstractContextManager[None]]) -> None:
    """Put an imported hls4ml right; a second call does nothing.

    Parameters
    ----------
    module : module
        hls4ml.
    legacy : callable
        Gives a context in which the module ``keras`` is Keras 2.
    """
    if getattr(module, _DONE, False):
        return
    types = importlib.import_module("hls4ml.model.types")
    if not hasattr(np, "product"):
        types.np = _NumpyWithProduct("numpy")  # type: ignore[attr-defined]
    _widen_scales()
    _infer_powers()
    _keep_casts()
    _keep_scales()
    _name_softmax()
    _infer_averages()
    _hold_signs()
    _choose_parser(module, legacy)
    setattr(module, _DONE, True)


def _widen_scales() -> None:
    """Give scales of powers of two the bit that their sign takes."""
    passes: Any = importlib.import_module("hls4ml.model.optimizer.passes.qkeras")
    narrow = passes.QKerasPO2Quantizer

    def wide(config: dict[str, Any]) -> Any:
        inner = dict(config["config"])
        return narrow({**config, "config": {**inner, "bits": inner["bits"] + 1}})

    passes.QKerasPO2Quantizer = wide


def _infer_powers() -> None:
    """Infer results of weights and scales of powers of two as of any other factors."""
    passes: Any = importlib.import_module("hls4ml.model.optimizer.passes.infer_precision")
    kinds: Any = importlib.import_module("hls4ml.model.types")
    home = passes.InferPrecisionTypes
    scaled, common = home._infer_bn_precision, home._infer_common_precision

    def infer_scaled(self: Any, node: Any, types_to_infer: Any) -> Any:
        with _as_factor(node, "scale", kinds):
            return scaled(self, node, types_to_infer)

    def infer_common(self: Any, node: Any, types_to_infer: Any, n_ops: int) -> Any:
        inferred = common(self, node, types_to_infer, n_ops)
        sums = [name for name in ("accum_t", "result_t") if name in types_to_infer]
        with _as_factor(node, "weight", kinds) as powers:
            if powers and sums:
                common(self, node, sums, n_ops)
        return inferred

    home._infer_bn_precision, home._infer_common_precision = infer_scaled, infer_common


@contextmanager
def _as_factor(node: Any, role: str, kinds: Any) -> Iterator[bool]:
    """Give constants of powers of two a fixed-point type for a while; tell whether they are."""
    kind = node.types[f"{role}_t"]
    before = kind.precision
    powers = isinstance(before, kinds.ExponentPrecisionType)
    if powers:
        values = np.asarray(node.weights[role].data, np.float64)
        exponents = np.log2(np.abs(values[values != 0.0]))
        low, high = int(exponents.min(initial=0)), int(exponents.max(initial=0))
        signed = bool((values < 0).any())
        width = high - low + 1 + signed
        kind.precision = kinds.FixedPrecisionType(width, high + 1 + signed, signed=signed)
    try:
        yield powers
    finally:
        kind.precision = before


def _keep_casts() -> None:
    """Keep a linear activation that is a quantizer of QKeras: it is a cast of its own."""
    passes: Any = importlib.import_module("hls4ml.model.optimizer.passes.linear")
    merges = passes.MergeLinearActivation.match

    def match(self: Any, node: Any) -> bool:
        lost = node.get_attr("activation_quantizer") is not None and not node.get_attr("quantizer")
        return not lost and merges(self, node)

    passes.MergeLinearActivation.match = match


def _keep_scales() -> None:
    """Keep a scale of QKeras apart from the normalisation behind it, whose types are its own."""
    passes: Any = importlib.import_module("hls4ml.model.optimizer.passes.batchnorm_opt")
    layers: Any = importlib.import_module("hls4ml.model.layers")
    fuses = passes.FuseConsecutiveBatchNormalization.match

    def match(self: Any, node: Any) -> bool:
        return bool(fuses(self, node)) and not isinstance(node.get_input_node(), layers.ApplyAlpha)

    passes.FuseConsecutiveBatchNormalization.match = match


def _infer_averages() -> None:
    """Infer types that hold averages of 2, 4, 8, ... numbers, those over whole images as well."""
    passes: Any = importlib.import_module("hls4ml.model.optimizer.passes.infer_precision")
    kinds: Any = importlib.import_module("hls4ml.model.types")
    home = passes.InferPrecisionTypes
    infers = home._infer_precision

    def infer(self: Any, node: Any, types_to_infer: Any) -> Any:
        whole, pools = (f"{kind}Pooling" in node.class_name for kind in ("Global", ""))
        if not pools:
            return infers(self, node, types_to_infer)
        before: Any = node.get_input_variable().type.precision
        if not self._all_supported_types((before,)):
            return infers(self, node, types_to_infer)
        average = node.get_attr("pool_op").lower() == "average"
        names = ("n_in", "in_height", "in_width") if whole else ("pool_height", "pool_width")
        count = int(np.prod([node.get_attr(name) or 1 for name in names]))
        bits = (count - 1).bit_length() if average else 0
        exact = bits if 1 << bits == count else 0
        chosen = {
            "accum_t": (before.width + 2 * bits, before.integer + bits),
            "result_t": (before.width + exact, before.integer),
        }
        inferred = [] if whole else list(infers(self, node, types_to_infer))
        for role in ("accum_t", "result_t"):
            if role in types_to_infer and (whole or exact):
                width, integer = chosen[role]
                node.types[role].name = f"{node.name}_{role}"
                node.types[role].precision = kinds.FixedPrecisionType(
                    width, integer, signed=before.signed
                )
                inferred += [role] if role not in inferred else []
        return inferred

    home._infer_precision = infer


def _hold_signs() -> None:
    """Give weights of one bit with a sign a type for -1 and 1."""
    home: Any = importlib.import_module("hls4ml.model.quantizers").QKerasQuantizer
    kinds: Any = importlib.import_module("hls4ml.model.types")
    chooses = home._get_type

    def choose(self: Any, quantizer_config: Any) -> Any:
        given = quantizer_config["config"]
        if quantizer_config["class_name"] == "quantized_bits" and given["bits"] == 1:
            return kinds.IntegerPrecisionType(2)
        return chooses(self, quantizer_config)

    home._get_type = choose


def _name_softmax() -> None:
    """Call the activation of Keras' own layer Softmax as the function that computes it."""
    templates: Any = importlib.import_module("hls4ml.backends.vivado.passes.core_templates")
    formats = templates.SoftmaxConfigTemplate.format

    def format_softmax(self: Any, node: Any) -> Any:
        node.set_attr("activation", "softmax")
        return formats(self, node)

    templates.SoftmaxConfigTemplate.format = format_softmax


def _choose_parser(module: Any, legacy: Callable[[], AbstractContextManager[None]]) -> None:
    """Let hls4ml see Keras 2 while it reads a model of Keras 2."""

    def choosing(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def chosen(model: Any, *arguments: Any, **options: Any) -> Any:
            if not _is_legacy(model):
                return function(model, *arguments, **options)
            with legacy():
                return function(model, *arguments, **options)

        return chosen

    configure = choosing(module.utils.config_from_keras_model)
    module.utils.config_from_keras_model = configure
    module.utils.config.config_from_keras_model = configure
    convert = choosing(module.converters.convert_from_keras_model)
    module.converters.convert_from_keras_model = convert


def _is_legacy(model: Any) -> bool:
    homes = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    return "tf_keras" in homes
