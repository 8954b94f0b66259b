"""A digest of an object and of the code and the files that its results depend on.

The same object has the same digest in every process: the order of sets, the addresses of objects
and the names that pickle invents do not enter.
"""

import hashlib
import os
import sys
import sysconfig
import types
from collections.abc import Iterator
from functools import cache, lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from l1kd._version import __version__, commit
from l1kd.datasets.manifest import digest_of
from l1kd.errors import ConfigurationError
from l1kd.registry import Registrations

__all__ = ["fingerprint", "identity", "sources_digest"]

_PACKAGES = ("awkward", "coffea", "fastjet", "hist", "numba", "numpy", "onnxruntime", "uproot")
"""Packages whose versions may change a result."""

_SOURCES = {".py", ".json", ".yaml", ".npz", ".onnx", ".h", ".cpp"}

_READ = frozenset(
    {".bin", ".cbm", ".cpp", ".csv", ".gz", ".h5", ".hdf5", ".joblib", ".json", ".keras", ".npy"}
    | {".npz", ".onnx", ".pb", ".pkl", ".pt", ".pth", ".root", ".tflite", ".toml", ".ubj", ".xml"}
    | {".yaml", ".yml"}
)
"""Suffixes of files that a processor reads; others, such as logs, it may write."""

_LIBRARIES = tuple(
    {str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")}
)


@cache
def sources_digest() -> str:
    """Digest of the sources and models of the l1kd that runs."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    files = sorted(
        Path(folder, name)
        for folder, _, names in os.walk(root, followlinks=True)
        for name in names
        if Path(name).suffix in _SOURCES
    )
    for file in files:
        digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def identity() -> str:
    """Release, commit and sources of the l1kd that runs."""
    return f"{__version__} {commit()} {sources_digest()}"


@cache
def _versions() -> str:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join([f"python {sys.version}", *found])


def fingerprint(processor: Any) -> str:
    """Digest of a processor: its attributes, its code, the files it names, and this l1kd.

    Its code is the source of its module and of all modules of the user's own that this one uses,
    or, where there is no module (a script, a notebook), the compiled functions. A file is one that
    an attribute names and that holds data by its suffix; of l1kd's own algorithms a folder, too.

    Raises
    ------
    ConfigurationError
        If an attribute has no stable form.
    """
    digest = hashlib.sha256(f"{identity()}; {_versions()}; ".encode())
    digest.update(_Walk().of((Registrations().items, processor)))
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _content(path: Path, _changed: int, _size: int) -> str:
    return digest_of(path)


def _file(path: Path) -> str:
    status = path.stat()
    return _content(path, status.st_mtime_ns, status.st_size)


def _folder(path: Path) -> list[tuple[str, str]]:
    files = sorted(p for p in path.rglob("*") if p.is_file())
    return [(str(p.relative_to(path)), _file(p)) for p in files]


def _own_source(module: Any) -> Path | None:
    """Source of a module of the user's own; None for libraries, l1kd and what has no file."""
    name, file = getattr(module, "__name__", ""), getattr(module, "__file__", None)
    if not file or name == "__main__" or name.split(".")[0] == "l1kd":
        return None
    path = Path(file).resolve()
    return None if str(path).startswith(_LIBRARIES) or not path.is_file() else path


def _used_modules(module: Any) -> Iterator[Any]:
    for value in list(vars(module).values()):
        if isinstance(value, types.ModuleType):
            yield value
        else:
            name = getattr(value, "__module__", None)
            if isinstance(name, str) and name in sys.modules:
                yield sys.modules[name]


def _sources_of(module: Any) -> list[tuple[str, str]]:
    """Name and digest of a module and of all modules of the user's own that it uses."""
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        current = waiting.pop()
        source = _own_source(current)
        if source is not None and current.__name__ not in found:
            found[current.__name__] = _file(source)
            waiting += _used_modules(current)
    return sorted(found.items())


def _importable(thing: Any) -> Any:
    """Return the module from which a class or function can be imported, or None."""
    module = sys.modules.get(getattr(thing, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return None
    found: Any = module
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, None)
    return module if found is thing else None


class _Walk:
    """One walk over an object and all that it refers to."""

    def __init__(self) -> None:
        self.known: dict[int, bytes] = {}
        self.active: set[int] = set()
        self.alive: list[Any] = []
        self.folders = False

    def of(self, x: Any) -> bytes:
        """Digest of one object."""
        if x is None or isinstance(x, bool | int | complex | bytes | type(...)):
            return self._hash(type(x).__name__, repr(x).encode())
        if isinstance(x, float):
            return self._hash("float", x.hex().encode())
        if isinstance(x, str):
            return self._hash("str", x.encode("utf-8", "surrogatepass"), *self._behind(x))
        if id(x) in self.active:
            return self._hash("cycle", type(x).__qualname__.encode())
        if id(x) not in self.known:
            self.active.add(id(x))
            self.alive.append(x)
            digest = self._of_object(x)
            self.active.discard(id(x))
            self.known[id(x)] = digest
        return self.known[id(x)]

    @staticmethod
    def _hash(kind: str, *parts: bytes) -> bytes:
        digest = hashlib.sha256(kind.encode())
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.digest()

    def _many(self, kind: str, *values: Any) -> bytes:
        return self._hash(kind, *(self.of(value) for value in values))

    def _behind(self, text: str) -> list[bytes]:
        """Content of the file that a text names."""
        if not text or len(text) > 1000 or "\0" in text or "\n" in text:
            return []
        path = Path(text)
        try:
            if path.suffix in _READ and path.is_file():
                return [_file(path).encode()]
            exported = (path / "firmware").is_dir() or (path / "saved_model.pb").is_file()
            if (self.folders or exported) and path.is_dir():
                return [repr(_folder(path)).encode()]
        except OSError as error:
            raise ConfigurationError(
                f"{text} cannot be read, so a checkpoint cannot know what it holds: {error}"
            ) from error
        return []

    def _of_object(self, x: Any) -> bytes:
        if isinstance(x, Path):
            return self._hash("path", str(x).encode(), *self._behind(str(x)))
        if isinstance(x, list | tuple) and type(x) in (list, tuple):
            return self._many(type(x).__name__, *x)
        if isinstance(x, set | frozenset):
            return self._hash(type(x).__name__, *sorted(self.of(value) for value in x))
        if type(x) is dict:
            return self._many("dict", *(part for item in x.items() for part in item))
        if isinstance(x, np.ndarray) and x.dtype.hasobject is False:
            return self._hash("array", str((x.dtype.descr, x.shape)).encode(), x.tobytes())
        if isinstance(x, types.ModuleType):
            return self._many("module", x.__name__, *_sources_of(x))
        if isinstance(x, type):
            return self._of_class(x)
        if isinstance(x, types.FunctionType):
            return self._of_function(x)
        if isinstance(x, types.MethodType):
            return self._many("method", x.__func__, x.__self__)
        if isinstance(x, types.CodeType):
            return self._of_code(x)
        if isinstance(x, types.BuiltinFunctionType):
            return self._many("builtin", x.__module__, x.__qualname__)
        if isinstance(x, classmethod | staticmethod):
            return self._many(type(x).__name__, x.__func__)
        if isinstance(x, property):
            return self._many("property", x.fget, x.fset, x.fdel)
        if isinstance(x, partial):
            return self._many("partial", x.func, x.args, x.keywords)
        return self._of_instance(x)

    def _of_class(self, x: type) -> bytes:
        module = _importable(x)
        if module is not None:
            bases = [base for base in x.__mro__[1:] if base is not object]
            sources = [_sources_of(sys.modules.get(b.__module__)) for b in (x, *bases)]
            return self._many("class", x.__module__, x.__qualname__, sources)
        skipped = {"__dict__", "__weakref__", "__doc__", "__module__", "_abc_impl"}
        members = {
            name: value
            for name, value in sorted(vars(x).items())
            if name not in skipped and not isinstance(value, types.GetSetDescriptorType)
        }
        return self._many("own class", x.__qualname__, list(x.__bases__), members)

    def _of_function(self, x: types.FunctionType) -> bytes:
        cells = []
        for cell in x.__closure__ or ():
            try:
                cells.append(cell.cell_contents)
            except ValueError:  # a name that is not bound yet
                cells.append(None)
        module = _importable(x)
        if module is not None:
            return self._many("function", x.__module__, x.__qualname__, _sources_of(module), cells)
        names = sorted(_names(x.__code__) & x.__globals__.keys())
        used = {name: x.__globals__[name] for name in names}
        defaults = (x.__defaults__, x.__kwdefaults__)
        return self._many("own function", x.__code__, defaults, cells, used)

    def _of_code(self, x: types.CodeType) -> bytes:
        return self._many("code", x.co_code, x.co_names, x.co_varnames, x.co_consts)

    def _of_instance(self, x: Any) -> bytes:
        outer = self.folders
        self.folders = outer or type(x).__module__.startswith("l1kd.algorithms")
        try:
            reduced = x.__reduce_ex__(4)
        except Exception as error:
            raise ConfigurationError(
                f"a checkpoint needs attributes with a stable form, found a "
                f"{type(x).__module__}.{type(x).__qualname__} that cannot be pickled ({error}); "
                "make it inside process(), or run without a checkpoint"
            ) from error
        if isinstance(reduced, str):
            return self._many("global", type(x), reduced)
        function, arguments, *more = reduced
        state = more[0] if more else None
        items = [list(part) if part is not None else None for part in more[1:3]]
        digest = self._many("instance", type(x), function, arguments, state, *items)
        self.folders = outer
        return digest


def _names(code: types.CodeType) -> set[str]:
    """Global names that a function and the functions inside it use."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names
