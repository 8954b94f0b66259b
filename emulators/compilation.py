"""Compiled functions, and the one folder in which l1kd keeps machine code.

`njit` is Numba's, with a cache that knows every file on which a function depends: Numba itself
compares only the file that holds the function, and would go on running old code of the functions
and constants that this file imports. `source_digest` is what decides, for the code of single
networks as well (`l1kd.emulators.network.native`).

Machine code runs with the rights of whoever loads it (and Numba unpickles what it finds), so it is
only kept in, and read from, folders that belong to the user and that nobody else may write to:
`cache_folder` names the place, `private_folder` checks it, `keep` and `kept` write and read files
whose content is sealed by a hash.
"""

import hashlib
import os
import re
import stat
import tempfile
import threading
import warnings
from collections.abc import Callable
from functools import cache
from inspect import getfile
from pathlib import Path
from typing import Any, Final

import numba as nb
from numba.core import config

__all__ = ["cache_folder", "keep", "kept", "njit", "private_folder", "source_digest"]

_PACKAGE: Final = Path(__file__).parents[1]
_IMPORT: Final = re.compile(
    rf"^[ \t]*(?:from ({_PACKAGE.name}[\w.]*) import (\([^)]*\)|[^\n]*)"
    rf"|import ({_PACKAGE.name}[\w.]*))",
    re.MULTILINE,
)
_LOCK: Final = threading.Lock()
_SEAL: Final = 32


def cache_folder() -> Path:
    """Return where l1kd keeps what took long to compile, whether it exists or not.

    That is the folder that the environment variable ``L1KD_CACHE`` names, else ``l1kd`` below
    ``XDG_CACHE_HOME``, else ``~/.cache/l1kd``.
    """
    chosen = os.environ.get("L1KD_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "l1kd")


def _private(facts: os.stat_result) -> bool:
    """Tell whether a file or folder is the user's own and nobody else may write to it."""
    mine = not hasattr(os, "getuid") or facts.st_uid == os.getuid()
    return mine and not facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def private_folder(*names: str) -> Path | None:
    """Make a folder below `cache_folder`, and return it if machine code may be kept there.

    None where it cannot be made or written to, and where it or one of the folders above it, up to
    `cache_folder`, belongs to somebody else or may be written to by others.
    """
    try:
        folder = cache_folder()
        for part in [folder, *(folder.joinpath(*names[: k + 1]) for k in range(len(names)))]:
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _private(part.stat()):
                message = f"machine code is not kept: others may write to {part} (chmod go-w it)"
                warnings.warn(message, RuntimeWarning, stacklevel=2)
                return None
    except (OSError, RuntimeError):  # no home at all, as in some containers
        return None
    place = folder.joinpath(*names)
    return place if os.access(place, os.W_OK) else None


def keep(folder: str, name: str, content: bytes) -> None:
    """Keep a file of machine code below `cache_folder`, in one step, where that is safe."""
    place = private_folder(folder)
    if place is None:
        return
    try:
        handle, draft = tempfile.mkstemp(dir=place)
        with os.fdopen(handle, "wb") as file:
            file.write(_seal(name, content) + content)
        Path(draft).replace(place / name)
    except OSError:
        return


def kept(folder: str, name: str) -> bytes | None:
    """Return what `keep` wrote, if nobody else can have written it; remove what is damaged."""
    try:
        path = cache_folder() / folder / name
        if not all(_private(parent.stat()) for parent in (path.parents[1], path.parent)):
            return None
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(handle)
            if not (stat.S_ISREG(facts.st_mode) and _private(facts)):
                return None
            sealed = file.read()
    except (OSError, RuntimeError):
        return None
    seal, content = sealed[:_SEAL], sealed[_SEAL:]
    if seal == _seal(name, content):
        return content
    path.unlink(missing_ok=True)
    return None


def _seal(name: str, content: bytes) -> bytes:
    return hashlib.sha256(name.encode() + content).digest()


def source_digest(file: str | Path) -> str:
    """Return a hash of a module's source and of every module of l1kd that it imports.

    Imports are followed through, wherever they stand in a file.

    Raises
    ------
    OSError
        If a source cannot be read: the package runs from an archive.
    ValueError
        If an import of l1kd names no module.
    """
    found: set[Path] = set()
    left = [Path(file)]
    while left:
        path = left.pop()
        if path not in found:
            found.add(path)
            left += _imports(path)
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(f"{path.name} ".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _imports(path: Path) -> tuple[Path, ...]:
    """Return the files of l1kd that a file imports by itself."""
    found = []
    for package, names, module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        home = _file_of(package or module)
        words = re.findall(r"(\w+)(?:\s+as\s+\w+)?\s*(?:,|$)", re.sub(r"[()]|#.*", "", names))
        # What is no module below the package is defined in the package itself.
        files = [_file_of(f"{package}.{word}") or home for word in words] or [home]
        if None in files:
            raise ValueError(f"{path} imports {package or module}, which is no module")
        found += [file for file in files if file is not None]
    return tuple(dict.fromkeys(found))


def _file_of(module: str) -> Path | None:
    """Return the source of a module of l1kd."""
    place = _PACKAGE.joinpath(*module.split(".")[1:])
    choices = (place / "__init__.py", place.with_suffix(".py"))
    return next((choice for choice in choices if choice.is_file()), None)


@cache
def _kernel_folder(file: str) -> Path | None:
    """Return where the compiled functions of a module are kept, if they can be."""
    try:
        digest = source_digest(file)
    except (OSError, ValueError):
        return None
    return private_folder("kernels", f"{Path(file).stem}-{digest[:16]}")


def njit(**options: Any) -> Callable[[Any], Any]:
    """Return the decorator that compiles a function as ``numba.njit(cache=True, ...)`` does.

    The machine code is kept in `cache_folder`, under a hash of all sources that it depends on.
    Where it cannot be kept safely, every process compiles anew.

    Parameters
    ----------
    **options
        Options of ``numba.njit``, such as ``nogil``.
    """

    def compiled(function: Any) -> Any:
        folder = _kernel_folder(getfile(function))
        if folder is None:
            return nb.njit(**options)(function)
        with _LOCK:
            before = config.CACHE_DIR
            config.CACHE_DIR = str(folder)
            try:
                return nb.njit(cache=True, **options)(function)
            finally:
                config.CACHE_DIR = before

    return compiled
