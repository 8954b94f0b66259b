"""HGQ2 models straight through da4ml's own trace, where hls4ml cannot convert them.

hls4ml 1.3 has no way for some of HGQ2's layers (attention, sums over sets). HGQ2 itself replays a
model on da4ml's symbolic numbers; the operation list that comes of it is the integer network.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from l1kd.emulators.network import Network
from l1kd.errors import FirmwareError
from l1kd.models import backend

__all__ = ["traced_network"]

_SHALLOW = {"hard_dc": 0}
_ROWS = 1000
"""Random rows on which the list, as it was read, is compared with da4ml's own interpreter."""


def traced_network(model: Any, reason: str) -> Network:
    """Return the integer network of an HGQ2 model with one input and one output.

    Parameters
    ----------
    model : keras.Model
        As it was saved, in single precision.
    reason : str
        Why hls4ml does not serve, for the message.

    Raises
    ------
    FirmwareError
        da4ml cannot trace it either.
    """
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise FirmwareError(
            f"{reason}; da4ml's trace is taken for models with one input and one output only, "
            f"found {len(model.inputs)} and {len(model.outputs)}"
        )
    try:
        from da4ml.converter import trace_model
        from da4ml.trace import comb_trace
    except ImportError as error:
        raise FirmwareError(f"{reason}; da4ml does not import ({error})") from error
    with backend.quiet(remarks=True), TemporaryDirectory() as folder:
        path = Path(folder, "operations.json")
        try:
            logic = comb_trace(*trace_model(model, solver_options=_SHALLOW))
            logic.save(path)
        except AssertionError as error:
            raise FirmwareError(
                f"{reason}; da4ml rounds as TRN or RND and overflows as WRAP only: quantize the "
                "inputs of layers so (overflow_mode='WRAP', round_mode='RND')"
            ) from error
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            raise FirmwareError(
                f"{reason}; nor can da4ml: {type(error).__name__}: {said}"
            ) from error
        try:
            network = Network.from_operation_list(path)
        except ValueError as error:
            raise FirmwareError(f"{reason}; da4ml's operation list: {error}") from error
    _check(network, logic, reason)
    return network


def _check(network: Network, logic: Any, reason: str) -> None:
    """Refuse a network that gives other numbers than da4ml itself."""
    rng = np.random.default_rng(1)
    spans = [(float(q.min), float(q.max), float(q.step)) for q in logic.inp_qint]
    low, high, step = (np.array(part) for part in zip(*spans, strict=True))
    values = np.clip(rng.normal(size=(_ROWS, len(low))) * (high - low) / 4, low, high)
    values = np.floor(values / step) * step
    theirs = np.asarray(logic.predict(values)).reshape(_ROWS, -1)
    wrong = int((network.predict(values).reshape(_ROWS, -1) != theirs).any(axis=1).sum())
    if wrong:
        raise FirmwareError(
            f"{reason}; da4ml's own trace of the model is read wrongly by l1kd: {wrong} of {_ROWS} "
            "rows differ, so that it is not used"
        )
