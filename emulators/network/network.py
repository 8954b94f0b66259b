"""A quantized network that computes what its firmware computes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.network import archive
from l1kd.emulators.network.analysis.memory import TILE
from l1kd.emulators.network.graph import Graph, Tensor
from l1kd.emulators.network.interpreter.machine import run_program
from l1kd.emulators.network.interpreter.program import Program, build_program
from l1kd.emulators.network.native import code as native_code
from l1kd.emulators.network.preparation import Preparation
from l1kd.emulators.network.summary import describe

__all__ = ["Network"]

# Events after which machine code for this network alone is worth its compilation.
EVENTS_TO_SPECIALISE = 1000


class Network:
    """An exact emulator of one network.

    Parameters
    ----------
    graph : Graph
        What to compute; made by one of the readers.

    Notes
    -----
    Instances may be used from many threads at once, and pickle as their graph. A result depends on
    its event alone, not on the batch, the number of threads, or what computes it: a general machine
    at first, and machine code made for this network alone once it is compiled, see `specialise`.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._programs: dict[tuple[str, ...], Program] = {}
        self._keys: dict[Preparation | None, str] = {}
        self._events = 0
        self._program(graph.outputs)

    @classmethod
    def from_hls_project(cls, folder: str | Path) -> "Network":
        """Read a firmware folder: hls4ml's own tree, CMS's flattened one, or AXOL1TL's.

        A folder with the parts of a split model (``graph1``, ``graph2``, ...) is one network.

        Raises
        ------
        FirmwareSourceError
            If the sources hold anything that is not understood, with file, line and construct.
        """
        from l1kd.emulators.network.cpp.source import read_project
        from l1kd.emulators.network.layers.registry import lower_project
        from l1kd.emulators.network.layers.split import is_split, read_parts

        if is_split(Path(folder)):
            return cls(read_parts(Path(folder)))
        return cls(lower_project(read_project(Path(folder))))

    @classmethod
    def from_hls_model(cls, model: Any) -> "Network":
        """Read an hls4ml ``ModelGraph`` (hls4ml 1.3, Vivado or Vitis backend).

        The model writes its firmware into a temporary folder, which is read like any other.
        """
        config = model.config.config
        with TemporaryDirectory() as folder:
            before = config["OutputDir"]
            config["OutputDir"] = folder
            try:
                model.write()
            finally:
                config["OutputDir"] = before
            return cls.from_hls_project(folder)

    @classmethod
    def from_operation_list(cls, path: str | Path) -> "Network":
        """Read an operation list that da4ml or alkaid saved as JSON.

        Raises
        ------
        ValueError
            If the file is no such list, or uses what is not understood.
        """
        from l1kd.emulators.network.operations.listing import read_operation_list

        return cls(read_operation_list(Path(path)))

    @classmethod
    def load(cls, path: str | Path) -> "Network":
        """Read a file written by `save`.

        Raises
        ------
        ValueError
            If the file is damaged, of another schema, or not such a file at all.
        """
        graph = archive.read_graph(Path(path))
        try:
            return cls(graph)
        except (ArithmeticError, MemoryError) as error:
            raise ValueError(f"{path} describes no possible network: {error}") from error

    def save(self, path: str | Path) -> None:
        """Write the network to an ``.npz`` file without executable content."""
        archive.write_graph(Path(path), self.graph)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The input tensors."""
        return self.graph.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """The output tensors."""
        tensors = self.graph.tensors
        return tuple(tensors[name] for name in self.graph.outputs)

    def predict_raw(self, *inputs: npt.ArrayLike, threads: int = 1) -> Any:
        """Compute raw integers from raw integers.

        Parameters
        ----------
        *inputs : integer arrays, shape (n, *shape) or (n, size)
            Raw values in the formats of `inputs`, one array for each.
        threads : int
            Chunks of events are spread over this many threads.

        Returns
        -------
        int64 array, shape (n, *shape)
            A tuple of arrays where the network has several outputs.

        Raises
        ------
        ValueError
            If an array has the wrong shape, is not of integers, or leaves its format.
        """
        results = self._run(self.graph.outputs, inputs, threads)
        return results[0] if len(results) == 1 else tuple(results)

    def predict(self, *inputs: npt.ArrayLike, threads: int = 1) -> Any:
        """Compute floating-point results from floating-point values.

        The values are cast to the input formats as the constructor of ``ap_fixed`` does; see
        `predict_raw` for shapes. Raises ValueError for NaN and infinity.
        """
        floats = self._of_floats(inputs, threads)
        if floats is None:
            raw = [t.format.from_float(x) for t, x in zip(self.inputs, inputs, strict=True)]
            results = self._run(self.graph.outputs, raw, threads)
            floats = [t.format.to_float(y) for t, y in zip(self.outputs, results, strict=True)]
        return floats[0] if len(floats) == 1 else tuple(floats)

    def predict_prepared(
        self, x: AnyArray, preparation: Preparation, threads: int = 1
    ) -> AnyArray | None:
        """Compute results of numbers that have to be checked and scaled first, in one go.

        Parameters
        ----------
        x : float32 or float64 array, shape (n, size)
            Events of a network with one input and one output.

        Returns
        -------
        float64 array, shape (n, *shape)
            What `predict` gives for the prepared numbers. None where a number is not as the
            preparation says, and where this machine has no code for it (yet): prepare the numbers
            then, and call `predict`.
        """
        code = self._native(len(x), preparation)
        if code is None:
            return None
        y = np.empty((len(x), self.outputs[0].size))
        if not all(_run_in_chunks(code.execute, code.events, x, y, threads)):
            return None
        return y.reshape(len(y), *self.outputs[0].shape)

    def trace(self, *inputs: npt.ArrayLike) -> dict[str, Integers]:
        """Compute the raw output of every layer, by layer name; inputs as in `predict_raw`."""
        layers = self.graph.layers
        names = tuple(layer.output.name for layer in layers)
        results = self._run(names, inputs, 1)
        return {layer.name: result for layer, result in zip(layers, results, strict=True)}

    def specialise(self, preparation: Preparation | None = None) -> bool:
        """Compile machine code for this network now, instead of in the background.

        Takes some seconds, once for every network and machine: the code is kept on disk, see
        `l1kd.emulators.compilation.cache_folder`.
        Without this call compilation starts by itself after a number of events.

        Parameters
        ----------
        preparation : Preparation, optional
            For the code that `predict_prepared` runs.

        Returns
        -------
        bool
            False where the general machine keeps serving: on processors without AVX2 and FMA, and
            for networks with very many operations.
        """
        self._events = EVENTS_TO_SPECIALISE
        self._native(0, preparation)
        return native_code.wait(self._keys[preparation])

    def _native(
        self, events: int, preparation: Preparation | None = None
    ) -> native_code.NativeCode | None:
        """Return this network's own machine code where there is any, or have it made."""
        outputs = self.graph.outputs
        if preparation not in self._keys:
            self._keys[preparation] = native_code.key_of(self.graph, outputs, preparation)
        key = self._keys[preparation]
        code = native_code.ready(key)
        if code is None:
            self._events += events
            if self._events >= EVENTS_TO_SPECIALISE:
                native_code.start(key, self.graph, outputs, preparation)
        return code

    def _program(self, names: tuple[str, ...]) -> Program:
        if names not in self._programs:
            self._programs[names] = build_program(self.graph, names)
        return self._programs[names]

    def _of_floats(self, inputs: Sequence[npt.ArrayLike], threads: int) -> list[AnyArray] | None:
        """Compute results of floating-point arrays, where the machine code casts them itself.

        None where there is no such code, and where a number wraps around or is none.
        """
        kinds = {getattr(values, "dtype", None) for values in inputs}
        same = len(kinds) == 1 and kinds <= {np.dtype(np.float32), np.dtype(np.float64)}
        code = self._native(0) if same else None
        if code is None or not code.takes_floats:
            return None
        x = _side_by_side(self.inputs, inputs)
        y = np.empty((len(x), sum(tensor.size for tensor in self.outputs)))
        inside = all(_run_in_chunks(code.execute, code.events, x, y, threads))
        return self._shaped(self.graph.outputs, y) if inside else None

    def _run(
        self, names: tuple[str, ...], inputs: Sequence[npt.ArrayLike], threads: int
    ) -> list[Integers]:
        x = _concatenate_inputs(self.inputs, inputs)
        code = self._native(len(x)) if names == self.graph.outputs else None
        size = sum(self.graph.tensors[name].size for name in names)
        y = np.empty((x.shape[0], size), np.int64)
        if code is None:
            _check_values(self.inputs, inputs)
            program = self._program(names)
            _run_in_chunks(partial(_execute, program), TILE, x, y, threads)
        elif not all(_run_in_chunks(code.execute, code.events, x, y, threads)):
            _check_values(self.inputs, inputs)
        return self._shaped(names, y)

    def _shaped(self, names: tuple[str, ...], y: AnyArray) -> list[AnyArray]:
        """Return the results of the tensors that are computed side by side."""
        parts, begin = [], 0
        for name in names:
            tensor = self.graph.tensors[name]
            end = begin + tensor.size
            parts.append(y[:, begin:end].reshape(len(y), *tensor.shape))
            begin = end
        return parts

    def __getstate__(self) -> Graph:
        return self.graph

    def __setstate__(self, graph: Graph) -> None:
        self.__init__(graph)  # type: ignore[misc]

    def __str__(self) -> str:
        return describe(self.graph)


def _concatenate_inputs(tensors: Sequence[Tensor], inputs: Sequence[npt.ArrayLike]) -> AnyArray:
    """Check kinds and shapes and put integers side by side, shape (n, all elements)."""
    words = []
    for tensor, values in zip(tensors, inputs, strict=False):
        array = np.asarray(values)
        if array.dtype.kind not in "iub":
            raise ValueError(f"{tensor.name}: integers expected, not {array.dtype}")
        words.append(_signed(tensor, array))
    return _side_by_side(tensors, [*words, *inputs[len(words) :]])


def _side_by_side(tensors: Sequence[Tensor], inputs: Sequence[npt.ArrayLike]) -> AnyArray:
    """Check shapes and put the inputs side by side, shape (n, all elements)."""
    if len(inputs) != len(tensors):
        raise ValueError(f"{len(tensors)} inputs expected, {len(inputs)} given")
    flat = []
    for tensor, values in zip(tensors, inputs, strict=True):
        array = np.asarray(values)
        if array.ndim < 2 or array.shape[1:] not in (tensor.shape, (tensor.size,)):
            raise ValueError(
                f"{tensor.name}: shape (n, {', '.join(map(str, tensor.shape))}) expected, "
                f"not {array.shape}"
            )
        flat.append(array.reshape(array.shape[0], tensor.size))
    if len({array.shape[0] for array in flat}) != 1:
        raise ValueError("the inputs differ in their number of events")
    return flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)


def _signed(tensor: Tensor, array: AnyArray) -> AnyArray:
    """Return the values in a signed word of 16, 32 or 64 bits."""
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "i" and size > 1:
        return array if array.dtype.isnative else array.astype(f"i{size}")
    if kind == "u" and size == 8:
        _check_values([tensor], [array])
        return array.astype(np.int64)
    if kind == "u" and size == 2 and tensor.format.minimum == 0 <= tensor.format.maximum < 1 << 15:
        # What leaves the format does so as a negative number as well.
        return np.ascontiguousarray(array, np.uint16).view(np.int16)
    return array.astype(np.int16 if size == 1 else f"i{2 * size}")


def _check_values(tensors: Sequence[Tensor], inputs: Sequence[npt.ArrayLike]) -> None:
    """Raise ValueError where a value leaves its format."""
    for tensor, values in zip(tensors, inputs, strict=True):
        array = np.asarray(values)
        if array.size:
            low, high = int(array.min()), int(array.max())
            if low < tensor.format.minimum or high > tensor.format.maximum:
                raise ValueError(f"{tensor.name}: values {low} to {high} leave {tensor.format}")


def _run_in_chunks(
    execute: Callable[[AnyArray, AnyArray], bool],
    tile: int,
    x: AnyArray,
    y: AnyArray,
    threads: int,
) -> list[bool]:
    """Run chunks of events on threads; every chunk but the last is a whole number of tiles."""
    tiles = -(-len(x) // tile)
    chunk = max(-(-tiles // max(threads, 1)), 1) * tile
    parts = [slice(start, start + chunk) for start in range(0, len(x), chunk)]
    if len(parts) <= 1:
        return [execute(x[part], y[part]) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda part: execute(x[part], y[part]), parts))


def _execute(program: Program, x: AnyArray, y: Integers) -> bool:
    """Run the general machine, whose inputs have been checked."""
    memory = np.zeros(program.arena_words + 8, np.int64)
    arena = memory[-memory.ctypes.data % 64 // 8 :]
    for start, words, value in program.constants:
        arena[start : start + words] = value
    x = np.ascontiguousarray(x)
    choices = [np.empty((0, 1), kind) for kind in (np.int16, np.int32, np.int64)]
    choices[(2, 4, 8).index(x.dtype.itemsize)] = x
    run_program(
        program.code,
        program.small,
        program.large,
        program.rows_in,
        program.width_in,
        program.rows_out,
        program.widths_out,
        arena,
        *choices,
        x.dtype.itemsize * 8,
        y,
    )
    return True
