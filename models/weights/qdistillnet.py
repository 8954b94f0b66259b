"""QDistillNet: DistillNet with quantized and pruned weights, ready for hls4ml.

QKeras trains it quantization-aware, TF-MOT prunes it, hls4ml turns it into firmware. The inputs
are fixed-point numbers in their natural units (see `l1kd.emulators.particles.distillnet_inputs`),
so that no multiplier is spent on standardising them.
"""

from dataclasses import dataclass
from typing import Any

from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.models import backend
from l1kd.models.weights.config import QDistillNetConfig

__all__ = ["PruningClock", "network", "precisions", "prunable", "stripped"]

OUTPUT_PRECISION = "ap_ufixed<9,1,AP_RND_CONV,AP_SAT>"
"""Weights in steps of 1/256, with 1 itself: the sigmoid's table is rounded to them."""


def network(config: QDistillNetConfig) -> Any:
    """Build the quantized network.

    Parameters
    ----------
    config : QDistillNetConfig
        Sizes and number formats.

    Returns
    -------
    tf_keras.Model
        float32[n, inputs] to weights float32[n, 1]. The inputs are rounded to the input format
        inside the model. The last layer gives the sigmoid in floating point, which the firmware
        takes from a table.
    """
    layers = backend.keras().layers
    q = backend.qkeras()
    weights = {"bits": config.bits, "integer": config.integer, "symmetric": 0, "alpha": 1.0}
    inputs = q.quantized_bits(config.input_width, config.input_integer - 1, symmetric=0, alpha=1.0)
    stack = [
        layers.Input((len(INPUT_SETS[config.inputs]),), name="particles"),
        q.QActivation(inputs, name="fixed"),
    ]
    for number, size in enumerate((*config.hidden, 1)):
        last = number == len(config.hidden)
        dense = q.QDense(
            size,
            kernel_quantizer=q.quantized_bits(**weights),
            bias_quantizer=q.quantized_bits(**{**weights, "bits": config.bias_bits}),
            name="logit" if last else f"dense{number}",
        )
        stack.append(dense)
        if not last:
            relu = q.quantized_relu(config.activation_bits, config.activation_integer)
            stack.append(q.QActivation(relu, name=f"relu{number}"))
    stack.append(layers.Activation("sigmoid", name="weight"))
    return backend.keras().Sequential(stack, name="qdistillnet")


def prunable(model: Any, config: QDistillNetConfig, steps: int) -> Any:
    """Wrap the dense layers so that TF-MOT prunes them along a polynomial schedule.

    Parameters
    ----------
    model : tf_keras.Model
        What `network` built.
    config : QDistillNetConfig
        Final sparsity, and by which share of the training it is reached.
    steps : int
        Batches an epoch.

    Returns
    -------
    tf_keras.Model
        Shares the weights of `model`.
    """
    pruning = backend.pruning()
    end = max(1, round(config.prune_until * steps * config.optimisation.epochs))
    schedule = pruning.PolynomialDecay(
        initial_sparsity=0.0,
        final_sparsity=config.sparsity,
        begin_step=0,
        end_step=end,
        frequency=max(1, min(50, end // 20)),
    )

    def wrap(layer: Any) -> Any:
        if layer.__class__.__name__ != "QDense":
            return layer
        return pruning.prune_low_magnitude(layer, pruning_schedule=schedule)

    with backend.quiet():
        return backend.keras().models.clone_model(model, clone_function=wrap)


@dataclass(frozen=True)
class PruningClock:
    """Tells the pruning wrappers of a model how many steps were done.

    Attributes
    ----------
    model : tf_keras.Model
        What `prunable` built.
    """

    model: Any

    def _layers(self) -> list[Any]:
        return [layer for layer in self.model.layers if hasattr(layer, "pruning_step")]

    def before_step(self, step: int) -> None:
        """Set the step that the schedules see; it comes with every checkpoint, too."""
        for layer in self._layers():
            layer.pruning_step.assign(step)

    def after_epoch(self, _: int) -> None:
        """Set the pruned weights to zero, which otherwise lag behind their mask."""
        for layer in self._layers():
            layer.pruning_obj.weight_mask_op()


def stripped(model: Any) -> Any:
    """Return the network without the pruning wrappers, zeros in place."""
    with backend.quiet():
        return backend.pruning().strip_pruning(model)


def precisions(config: QDistillNetConfig) -> dict[str, dict[str, str]]:
    """Return the firmware types that the quantizers do not decide, by layer name and use."""
    inputs = f"ap_fixed<{config.input_width},{config.input_integer},AP_RND_CONV,AP_SAT>"
    return {
        "particles": {"result": inputs},
        "fixed": {"result": inputs},
        "weight": {"result": OUTPUT_PRECISION, "table": OUTPUT_PRECISION},
    }
