"""Networks of two-input logic gates, evaluated 512 events at a time.

A network is a chain of stages. A stage compares its numbers with thresholds, sends the bits through
layers of gates, counts the ones of each group of the last layer's gates, and adds the weighted
counts to its output numbers. Everything is integer, and equal to the firmware in every bit.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import archive
from l1kd.emulators.logic.kernels import evaluate
from l1kd.emulators.logic.plan import Plan, plan_of
from l1kd.emulators.logic.registers import BITS
from l1kd.emulators.logic.stages import LogicContent, LogicStage, require
from l1kd.emulators.network.graph import Tensor

__all__ = ["LogicNetwork"]


class LogicNetwork:
    """An exact emulator of a logic-gate network, with the calls of `network.Network`.

    Parameters
    ----------
    name : str
        Name of the network.
    shape : tuple of int
        Shape of one event's input.
    stages : sequence of LogicStage
        Each reads what the one before gives.
    output : FixedPoint
        Format of the last stage's numbers: unsigned, as wide as they are.

    Raises
    ------
    ValueError
        If stages, shape and format do not fit together.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], stages: Sequence[LogicStage], output: FixedPoint
    ) -> None:
        self.name = name
        self.stages = tuple(stages)
        require(bool(self.stages), "it has no stage")
        first, last = self.stages[0], self.stages[-1]
        for before, after in pairwise(self.stages):
            fits = (before.outputs, before.output_width) == (after.inputs, after.width)
            require(fits, "a stage does not fit the one before")
        require(first.inputs == int(np.prod(shape)), f"{first.inputs} inputs in shape {shape}")
        require(not output.signed and output.width == last.output_width, f"outputs of {output}")
        format_in = FixedPoint(first.width, first.width, False)
        self.inputs = (Tensor("inputs", tuple(shape), format_in),)
        self.outputs = (Tensor("outputs", (last.outputs,), output),)

    @classmethod
    def load(cls, path: str | Path) -> "LogicNetwork":
        """Read a file written by `save`.

        Raises
        ------
        ValueError
            If the file is damaged, of another schema, or not such a file at all.
        """
        return cls(*archive.read_logic(Path(path)))

    def save(self, path: str | Path) -> None:
        """Write the network to an ``.npz`` file without executable content."""
        shape, output = self.inputs[0].shape, self.outputs[0].format
        archive.write_logic(Path(path), LogicContent(self.name, shape, self.stages, output))

    @property
    def gates(self) -> int:
        """Number of gates in all stages."""
        return sum(stage.gates for stage in self.stages)

    def predict_raw(self, values: npt.ArrayLike, threads: int = 1) -> Integers:
        """Compute raw outputs from whole numbers.

        Parameters
        ----------
        values : integers, shape (n, ...) of as many numbers an event as `inputs` has
            Inputs in its format; uint16 is read as it is, other types are converted first.
        threads : int
            Chunks of events are spread over this many threads.

        Returns
        -------
        int64, shape (n, outputs)

        Raises
        ------
        ValueError
            If the array has the wrong shape, is not of integers, or leaves its format.
        """
        return self._run(self._flat(values), self._plans, threads)

    def predict(self, values: npt.ArrayLike, threads: int = 1) -> Floats:
        """Compute outputs in physical values; inputs are cast as ``ap_ufixed`` does."""
        raw = self.inputs[0].format.from_float(values)
        return self.outputs[0].format.to_float(self.predict_raw(raw, threads))

    def trace(self, values: npt.ArrayLike) -> tuple[Integers, ...]:
        """Compute the numbers after every stage, int64 of shape (n, outputs of the stage) each."""
        flat = self._flat(values)
        return tuple(self._run(flat, self._plans[: k + 1], 1) for k in range(len(self.stages)))

    def _flat(self, values: npt.ArrayLike) -> AnyArray:
        array = np.asarray(values)
        (tensor,) = self.inputs
        if array.dtype.kind not in "iub":
            raise ValueError(f"integers expected, not {array.dtype}")
        if array.ndim < 2 or int(np.prod(array.shape[1:])) != tensor.size:
            raise ValueError(f"shape (n, {tensor.shape}) expected, not {array.shape}")
        if array.dtype != np.uint16 and array.size:
            self._require_inside(array)
        return array.reshape(len(array), tensor.size)

    def _require_inside(self, array: AnyArray) -> None:
        form = self.inputs[0].format
        if array.min() < 0 or array.max() > form.maximum:
            raise ValueError(f"values {array.min()} to {array.max()} leave {form}")

    @cached_property
    def _plans(self) -> tuple[Plan, ...]:
        return tuple(plan_of(stage) for stage in self.stages)

    def _run(self, flat: AnyArray, plans: tuple[Plan, ...], threads: int) -> Integers:
        blocks = -(-len(flat) // BITS)
        chunk = max(-(-blocks // max(threads, 1)), 1) * BITS
        parts = [flat[start : start + chunk] for start in range(0, len(flat), chunk)]
        if len(parts) <= 1:
            results = [evaluate(plans, flat)]
        else:
            with ThreadPoolExecutor(threads) as pool:
                results = list(pool.map(lambda part: evaluate(plans, part), parts))
        inside = [result for result in results if result is not None]
        if len(inside) < len(results):
            self._require_inside(flat)
        return np.concatenate(inside)

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.inputs[0].shape} {self.inputs[0].format}"]
        for stage in self.stages:
            sizes = " -> ".join(str(n) for n in [len(stage.source), *map(len, stage.layers)])
            lines.append(
                f"  {stage.inputs} numbers of {stage.width} bits -> bits {sizes} -> "
                f"{stage.weight.shape[1]} counts -> {stage.outputs} of {stage.output_width} bits"
            )
        return "\n".join([*lines, f"  score {self.outputs[0].format}"])
