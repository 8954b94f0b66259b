"""Machine code made for one network: compiled once, kept on disk, found by content.

The name of a file in the cache is a hash of the network, of the sources that translate it, and of
the processor, so that whatever changes the code also changes the name.
"""

import ctypes
import hashlib
import os
import struct
import threading
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np
from llvmlite import binding  # type: ignore[import-untyped]

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.compilation import keep, kept, source_digest
from l1kd.emulators.network.graph import Graph
from l1kd.emulators.network.native.edges import DOUBLES, FLOATS, WORDS
from l1kd.emulators.network.native.program import UnsuitableError, write_native
from l1kd.emulators.network.preparation import Preparation

__all__ = [
    "FOLDER",
    "NativeCode",
    "key_of",
    "lanes",
    "ready",
    "start",
    "target",
    "translate",
    "wait",
]

FOLDER = "networks"
"""Where the code of networks lies in the cache folder."""
_HEADER = struct.Struct("<qq")
_LOCK = threading.Lock()
_FOUND: dict[str, "NativeCode | Exception"] = {}
_RUNNING: dict[str, threading.Thread] = {}


class NativeCode:
    """Loaded machine code.

    Parameters
    ----------
    code : bytes
        An object file of this machine.
    events, size : int
        Events of a tile and bytes of its working memory.
    """

    def __init__(self, code: bytes, events: int, size: int) -> None:
        self.events, self._size = events, size
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target())
        self._engine.add_object_file(binding.ObjectFileRef.from_data(code))
        self._engine.finalize_object()
        pointer, whole = ctypes.c_void_p, ctypes.c_int64
        kind = ctypes.CFUNCTYPE(whole, pointer, pointer, whole, pointer)
        names = {f"i{bits // 8}": str(bits) for bits in WORDS} | {"f4": FLOATS, "f8": DOUBLES}
        places = {
            np.dtype(key): self._engine.get_function_address(f"run{name}")
            for key, name in names.items()
        }
        self._run = {key: kind(place) for key, place in places.items() if place}

    @property
    def takes_floats(self) -> bool:
        """Whether floating-point values are cast on the way in."""
        return np.dtype(np.float32) in self._run

    def execute(self, x: AnyArray, y: AnyArray) -> bool:
        """Compute all events; tell whether all values were inside their formats.

        Parameters
        ----------
        x : int16, int32 or int64 array, shape (events, inputs)
            Or float32 or float64, if it takes such: numbers that saturate are inside.
        y : int64 array, shape (events, outputs), contiguous
            Filled by this function; float64 for floating-point values.
        """
        memory = np.empty(self._size + 64, np.uint8)
        tile = memory.ctypes.data + -memory.ctypes.data % 64
        run = self._run[x.dtype]
        x = np.ascontiguousarray(x)
        tiles, rest = divmod(len(x), self.events)
        bad = run(x.ctypes.data, y.ctypes.data, tiles, tile)
        if rest:
            last = np.zeros((self.events, x.shape[1]), x.dtype)
            last[:rest] = x[-rest:]
            results = np.empty((self.events, y.shape[1]), y.dtype)
            bad |= run(last.ctypes.data, results.ctypes.data, 1, tile)
            y[-rest:] = results[:rest]
        return bad == 0


@cache
def _initialised() -> tuple[str, str]:
    """Return the processor's name and features."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    # Else the compiler takes products of pairs and their sum apart, where one instruction has both.
    features = f"{binding.get_host_cpu_features().flatten()},+fast-dpwssd"
    return binding.get_host_cpu_name(), features


def target() -> Any:
    """Return a new description of this machine for the compiler."""
    name, features = _initialised()
    target = binding.Target.from_default_triple()
    return target.create_target_machine(cpu=name, features=features, opt=2, jit=True)


@cache
def available() -> bool:
    """Tell whether the processor multiplies and adds in one instruction."""
    features = binding.get_host_cpu_features()
    return bool(features.get("avx2", False) and features.get("fma", False))


@cache
def lanes() -> int:
    """Return how many numbers of 32 bits a register of this processor holds."""
    features = binding.get_host_cpu_features()
    return 16 if features.get("avx512f", False) and features.get("avx512bw", False) else 8


@cache
def has_octets() -> bool:
    """Tell whether the processor multiplies four numbers of eight bits at once."""
    features = binding.get_host_cpu_features()
    return bool(features.get("avx512bw", False) and features.get("avx512vnni", False))


@cache
def _surroundings() -> bytes:
    """Return a hash of everything besides the network that decides on the code."""
    digest = hashlib.sha256(repr((_initialised(), binding.llvm_version_info)).encode())
    digest.update(source_digest(__file__).encode())
    return digest.digest()


def key_of(graph: Graph, outputs: Sequence[str], preparation: Preparation | None = None) -> str:
    """Return the name under which the code of a network is kept."""
    digest = hashlib.sha256(_surroundings())
    for part in (graph.inputs, tuple(graph.operations), tuple(outputs), preparation):
        _feed(digest, part)
    return digest.hexdigest()


def _feed(digest: Any, part: Any) -> None:
    """Hash arrays, data classes, sequences of them, and plain values; each with its kind."""
    if isinstance(part, np.ndarray):
        digest.update(repr((part.dtype.str, part.shape)).encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    elif is_dataclass(part):
        digest.update(type(part).__name__.encode())
        for item in fields(part):
            _feed(digest, getattr(part, item.name))
    elif isinstance(part, (tuple, list)):
        digest.update(f"{len(part)}:".encode())
        for item in part:
            _feed(digest, item)
    else:
        digest.update(repr(part).encode() + b";")


def _read(key: str) -> NativeCode | None:
    """Load code from the cache."""
    content = kept(FOLDER, key)
    if content is None:
        return None
    return NativeCode(content[_HEADER.size :], *_HEADER.unpack_from(content))


def ready(key: str) -> NativeCode | None:
    """Return code that is loaded or on disk, without waiting for any that is being compiled."""
    if not available():
        return None
    found = _FOUND.get(key)
    if found is None:
        with _LOCK:
            found = _FOUND.get(key)
            if found is None and key not in _RUNNING:
                found = _read(key)
                if found is not None:
                    _FOUND[key] = found
    return found if isinstance(found, NativeCode) else None


def start(
    key: str, graph: Graph, outputs: Sequence[str], preparation: Preparation | None = None
) -> None:
    """Compile in the background, once."""
    with _LOCK:
        if not available() or key in _FOUND or key in _RUNNING:
            return
        thread = threading.Thread(target=_compile, args=(key, graph, tuple(outputs), preparation))
        _RUNNING[key] = thread
        thread.start()


def translate(
    graph: Graph,
    outputs: Sequence[str],
    width: int | None = None,
    preparation: Preparation | None = None,
) -> tuple[bytes, int, int]:
    """Compile a network for registers of ``width`` numbers; return what `NativeCode` takes.

    Raises
    ------
    UnsuitableError
        If the general machine serves this network better.
    """
    text, events, size = write_native(graph, outputs, width or lanes(), has_octets(), preparation)
    return target().emit_object(binding.parse_assembly(text)), events, size


def _compile(
    key: str, graph: Graph, outputs: Sequence[str], preparation: Preparation | None
) -> None:
    found: NativeCode | Exception
    try:
        compiled = translate(graph, outputs, preparation=preparation)
        found = NativeCode(*compiled)
        keep(FOLDER, key, _HEADER.pack(*compiled[1:]) + compiled[0])
    except Exception as error:
        found = error
    with _LOCK:
        _FOUND[key] = found
        del _RUNNING[key]


def wait(key: str) -> bool:
    """Wait for code that is being compiled; tell whether there is any.

    Raises
    ------
    Exception
        What went wrong, unless the network merely does not suit.
    """
    with _LOCK:
        thread = _RUNNING.get(key)
    if thread is not None:
        thread.join()
    found = _FOUND.get(key)
    if isinstance(found, Exception) and not isinstance(found, UnsuitableError):
        raise found
    return isinstance(found, NativeCode)


def _wait_for_all() -> None:
    """Leave no lock of the compiler taken in a process about to be copied."""
    for thread in list(_RUNNING.values()):
        thread.join()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_for_all)
