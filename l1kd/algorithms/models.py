"""Models from files, loaded once per process, and a user's own networks as algorithms."""

import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import awkward as ak
import numpy as np
import onnxruntime

from l1kd._edge import flat, is_dask, jagged, offsets_of
from l1kd.algorithms.base import Algorithm
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError, ConfigurationError, InputError, UnreadableFileError
from l1kd.validation import FINITE, check, file_of

__all__ = [
    "FirmwareNetwork",
    "OnnxModel",
    "columns_of",
    "loaded",
    "onnx_session",
    "read_network",
    "run_onnx",
]

_Loaded = TypeVar("_Loaded")


@cache
def read_network(path: Path) -> Network:
    """Read a network file or a firmware folder.

    Raises
    ------
    UnreadableFileError
        If there is neither.
    ArtefactError
        If the file is no network, or damaged.
    FirmwareSourceError
        If the folder's sources hold what is not understood: with file, line and construct.
    """
    if path.is_dir():
        return Network.from_hls_project(path)
    return loaded(path, Network.load)


def loaded(path: Path, load: Callable[[Path], _Loaded]) -> _Loaded:
    """Read a file of a network; what is wrong with it is an error of l1kd."""
    try:
        return load(path)
    except OSError as error:
        message = f"{path}: expected a firmware folder or a network file (.npz), found none"
        raise UnreadableFileError(message) from error
    except ValueError as error:
        raise ArtefactError(f"{error}; expected a file that Network.save wrote") from error


@cache
def onnx_session(path: Path) -> onnxruntime.InferenceSession:
    """Open an ONNX model on one thread: coffea runs one worker a core."""
    if not path.is_file():
        raise ArtefactError(f"{path}: expected an ONNX file, found none")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise ArtefactError(f"{path} is not a model that onnxruntime can read: {error}") from error


def run_onnx(session: onnxruntime.InferenceSession, inputs: Mapping[str, AnyArray]) -> AnyArray:
    """Run a session; a single input may be given under any name. The first output is returned."""
    expected = session.get_inputs()
    if len(inputs) == 1 and len(expected) == 1:
        inputs = {expected[0].name: next(iter(inputs.values()))}
    if set(inputs) != {tensor.name for tensor in expected}:
        raise InputError(
            f"expected the ONNX inputs {[t.name for t in expected]}, found {list(inputs)}"
        )
    output = np.asarray(session.run(None, dict(inputs))[0])
    return output[:, 0] if output.ndim == 2 and output.shape[1] == 1 else output


Gives = Literal["weight", "score"]


class _Prepared(Algorithm):
    """A network of the user's own: `prepare` turns events into its inputs.

    `prepare(events)` returns one array or a mapping of names to arrays, either with one row an
    event, or jagged with one row a particle; the result has the same jaggedness.
    """

    inputs = ()

    def __init__(
        self,
        path: str | Path,
        prepare: Callable[[ak.Array], Any],
        *,
        name: str | None = None,
        gives: Gives = "weight",
        label: str = "",
        step: float | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(source)
        if gives not in ("weight", "score"):
            raise ConfigurationError(f"gives {gives!r}: expected 'weight' or 'score'")
        self.path = Path(path)
        self.prepare = prepare
        self.name = re.sub(r"\W", "_", self.path.stem) if name is None else name
        self.adds = f"L1Cand.{self.name}_weight" if gives == "weight" else f"{self.name}.score"
        self.label = label
        self.step = step

    @property
    def version(self) -> str:
        """Name of the file."""
        return self.path.name

    def applies_to(self, events: Any) -> bool:
        """Whether the events have particles for a weight; what a score reads is not known."""
        return super().applies_to(events) if self.is_weight else True

    def fields(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return the weight or the score, float32, after checking that it is one.

        Raises
        ------
        InputError
            If it is not one finite number a particle, or an event.
        """
        result = self(events)
        wanted = "number a particle" if self.is_weight else "number an event"
        jagged_result = result.ndim == 2 and "var" in str(result.type).split("*")[1]
        if jagged_result != self.is_weight or result.ndim != 1 + self.is_weight:
            raise InputError(
                f"{self.name}: expected one {wanted}, found {result.type}; say gives='weight' or "
                "'score', and take one of several outputs with a network of its own"
            )
        values = flat(result, np.float32) if self.is_weight else ak.to_numpy(result)
        check(np.asarray(values, np.float32), FINITE, f"{self.name}: its result", file_of(events))
        return {self.adds: ak.values_astype(result, np.float32)}

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[Any], dict[str, Any]]:
        """Open awkward: NumPy inputs with one row an event or a particle."""
        return ({name: _rows(value)[0] for name, value in self._inputs(events).items()},), {}

    def postprocess_awkward(self, return_array: ak.Array, events: ak.Array) -> ak.Array:
        """Close awkward: as jagged as the inputs were."""
        offsets = next(_rows(value)[1] for value in self._inputs(events).values())
        if offsets is None:
            return return_array
        return jagged(ak.to_numpy(return_array), offsets)

    def _inputs(self, events: ak.Array) -> dict[str, Any]:
        prepared = self.prepare(events)
        return dict(prepared) if isinstance(prepared, Mapping) else {"": prepared}

    def __call__(self, events: Any) -> Any:
        """Evaluate on NanoEvents: eager, virtual or dask-awkward."""
        return self._call_dask(events) if is_dask(events) else self._call_awkward(events)


def _rows(value: Any) -> tuple[AnyArray, AnyArray | None]:
    """NumPy rows of a prepared input, and the offsets if it is jagged."""
    if isinstance(value, ak.Array) and value.ndim >= 2 and "var" in str(value.type).split("*")[1]:
        offsets = offsets_of(value)
        return np.ascontiguousarray(ak.to_numpy(ak.flatten(value, axis=1))), offsets
    return np.ascontiguousarray(ak.to_numpy(value)), None


class OnnxModel(_Prepared):
    """A user's ONNX model on NanoEvents, through onnxruntime on one thread.

    Parameters
    ----------
    path
        The ONNX file. It is opened once per process; instances pickle without it.
    prepare
        Function of the events that returns the model's input or a mapping of inputs, by name: rows
        of events, or jagged rows of particles. It must be picklable to run on workers.
    name
        Under which it is inserted and studied; by default the file's, without its extension.
    gives
        "weight": a weight for every particle, inserted as `L1Cand.<name>_weight`. "score": a
        number for every event, inserted as `<name>.score`.
    label, step
        What plots call it; natural spacing of thresholds on a score.

    Raises
    ------
    ArtefactError
        If the file cannot be opened as an ONNX model.
    InputError
        If names, types or shapes differ from what the model declares.
    """

    def validate_numpy_input(self, inputs: Mapping[str, AnyArray]) -> None:
        """Check number, type and shape of the inputs against those that the model declares."""
        expected = onnx_session(self.path).get_inputs()
        named = len(expected) > 1 or next(iter(inputs)) != ""
        for position, tensor in enumerate(expected):
            value = inputs.get(tensor.name) if named else list(inputs.values())[position]
            if value is None:
                raise InputError(
                    f"{self.path}: input {tensor.name!r} is missing; prepare gave {list(inputs)}"
                )
            shape = tuple(tensor.shape)
            fits = len(shape) == value.ndim and all(
                not isinstance(want, int) or want == have
                for want, have in zip(shape[1:], value.shape[1:], strict=False)
            )
            if not fits or _ONNX_TYPES.get(tensor.type) != value.dtype:
                raise InputError(
                    f"{self.path}: expected input {tensor.name!r} of {tensor.type} and shape "
                    f"{shape}, found {value.dtype} of shape {value.shape}"
                )

    def numpy_call(self, inputs: Mapping[str, AnyArray]) -> AnyArray:
        """Return the model's first output; a last axis of length one is dropped."""
        return run_onnx(onnx_session(self.path), inputs)


_ONNX_TYPES = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(uint16)": np.dtype(np.uint16),
    "tensor(bool)": np.dtype(np.bool_),
}


class FirmwareNetwork(_Prepared):
    """A user's firmware network on NanoEvents, through the integer emulator.

    Parameters
    ----------
    path
        A network file (`Network.save`) or an hls4ml firmware folder, read once per process.
    prepare
        Function of the events that returns the network's input in physical values: rows of events,
        or jagged rows of particles. They are cast to the input format as the firmware's type does.
    name
        Under which it is inserted and studied; by default the file's, without its extension.
    gives
        "weight": a weight for every particle, inserted as `L1Cand.<name>_weight`. "score": a
        number for every event, inserted as `<name>.score`.
    label, step
        What plots call it; natural spacing of thresholds on a score.
    """

    @property
    def network(self) -> Network:
        """The integer network that runs."""
        return read_network(self.path)

    def validate_numpy_input(self, inputs: Mapping[str, AnyArray]) -> None:
        """Check the number of values in a row.

        Raises
        ------
        InputError
            If it differs from the size of the network's input.
        """
        (rows,) = inputs.values()
        size = int(np.prod(self.network.inputs[0].shape))
        if int(np.prod(rows.shape[1:])) != size:
            raise InputError(f"{self.path}: expected {size} values a row, found shape {rows.shape}")

    def numpy_call(self, inputs: Mapping[str, AnyArray]) -> AnyArray:
        """Return the outputs in physical values, float64; a single output loses its axis."""
        (rows,) = inputs.values()
        output = self.network.predict(rows)
        return output[:, 0] if output.ndim == 2 and output.shape[1] == 1 else output


def columns_of(particles: ak.Array, *names: str) -> ak.Array:
    """Particles' columns as jagged rows of float32, shape (n_events, var, len(names)).

    For the `prepare` of per-particle networks.
    """
    offsets = offsets_of(particles[names[0]])
    rows = np.stack([flat(particles[name], np.float32) for name in names], axis=1)
    return jagged(rows, offsets)
