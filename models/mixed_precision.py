"""What the networks of learned bit widths share: HGQ2 on Keras 3, and the cost of their bits."""

import os
from typing import Any

from l1kd.errors import ConfigurationError
from l1kd.models import backend

__all__ = ["adam", "ebops", "frameworks", "set_pressure"]


def frameworks() -> tuple[Any, Any, Any]:
    """Import Keras 3 on TensorFlow, and HGQ2's layers and configuration.

    Raises
    ------
    ConfigurationError
        HGQ2 is not installed, or Keras 3 runs on another backend already.
    """
    backend.tensorflow()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with backend.quiet():
            import hgq.config
            import hgq.layers
            import keras
    except ImportError as error:
        raise ConfigurationError(f"HGQ2 does not import ({error}): install l1kd[train]") from error
    if keras.backend.backend() != "tensorflow":
        raise ConfigurationError("set KERAS_BACKEND=tensorflow in the environment and start again")
    return keras, hgq.layers, hgq.config


def adam(learning_rate: float, steps: int) -> Any:
    """Return Keras 3's Adam, its pace falling as a cosine to a twentieth."""
    keras, _, _ = frameworks()
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.05)
    return keras.optimizers.Adam(schedule)


def ebops(model: Any) -> int:
    """Return the effective bit operations of the model, as of its last training step."""
    return round(sum(float(layer.ebops) for layer in model.layers if hasattr(layer, "ebops")))


def set_pressure(model: Any, beta: float) -> None:
    """Set what one bit operation adds to the loss."""
    for layer in model.layers:
        if hasattr(layer, "ebops"):
            layer._beta.assign(beta)
