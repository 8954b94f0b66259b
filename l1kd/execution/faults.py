"""Whose fault an error is: the input file's, the truth file's, an output's, a machine's, or code's.

Only a bad input file may be skipped. So nothing is guessed from the look of an error:
reads of events say themselves which file failed (`l1kd.datasets.opening.reading`), and a value that
an algorithm did not accept is looked for in the file once more, without the user's code.
"""

import errno
import re
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import awkward as ak
import cloudpickle
from coffea.nanoevents import DelphesSchema

from l1kd.candidates import candidates, sources
from l1kd.datasets import InputFile, open_events
from l1kd.datasets.opening import machine_fault
from l1kd.errors import (
    InputError,
    L1KDError,
    MachineError,
    OutputError,
    PairingError,
    UnreadableFileError,
)
from l1kd.regions import region_sources, regions
from l1kd.truth import event_weight, gen_jets, gen_met

__all__ = ["Fault", "Kind", "blame", "chain", "require_writable", "writing"]

Kind = Literal["input", "truth", "output", "machine", "code"]

_OF_OUTPUTS = {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EPERM}
_OF_OUTPUTS |= {errno.EROFS, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR}
"""What the system says when a disk is full, a quota is used up or a folder may not be written."""


@dataclass(frozen=True)
class Fault:
    """Why a chunk has no result.

    Attributes
    ----------
    kind
        Whose fault it is; only "input" may be skipped.
    error
        What is raised for it.
    """

    kind: Kind
    error: Exception


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and those that led to it, the outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first(error: BaseException, *kinds: type[BaseException]) -> Any:
    return next((cause for cause in chain(error) if isinstance(cause, kinds)), None)


def blame(error: Exception, file: InputFile, start: int, stop: int) -> Fault:
    """Find out whose fault an error was that came up while a chunk was opened or processed."""
    output = _first(error, OutputError)
    if output is not None:
        return Fault("output", output)
    machine = _first(error, MachineError)
    if machine is not None:
        return Fault("machine", machine)
    for cause in chain(error):
        words = machine_fault(cause)
        if words is not None:
            where = f"entries {start} to {stop} of {file.path}"
            return Fault("machine", MachineError(f"{where}: {words} ({_one_line(cause)})"))
    unreadable = _first(error, UnreadableFileError)
    if unreadable is not None and unreadable.path == file.path:
        return Fault("input", unreadable)
    if unreadable is not None and unreadable.path == file.truth is not None:
        return Fault("truth", _of_truth(unreadable, file))
    pairing = _first(error, PairingError)
    if pairing is not None:
        return Fault("truth", pairing)
    refused = _first(error, InputError)
    if refused is not None:
        return _blame_value(refused, file, start, stop)
    known = _first(error, L1KDError)
    return Fault("code", error if known is None else known)


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _of_truth(error: Exception, file: InputFile) -> UnreadableFileError:
    return UnreadableFileError(
        f"truth file {error} (it belongs to {file.path}, which is not to blame; mend it, or leave "
        "truth out)"
    )


def _blame_value(error: InputError, file: InputFile, start: int, stop: int) -> Fault:
    """Look whether the file itself holds what an algorithm did not accept."""
    if _says_the_same(error, file.path, _refused(lambda: file.open(start, stop))):
        words = str(error).removeprefix(f"{file.path}: ")
        unreadable = UnreadableFileError(f"{file.path}: {words}")
        unreadable.path = file.path
        return Fault("input", unreadable)
    truth = file.truth
    if truth is not None and _says_the_same(
        error, truth, _refused(lambda: open_events(truth, "Delphes", DelphesSchema, start, stop))
    ):
        return Fault("truth", _of_truth(UnreadableFileError(f"{truth}: {error}"), file))
    return Fault("code", error)


def _refused(open_again: Callable[[], Any]) -> list[str]:
    """Messages of all values in these entries that no algorithm accepts."""
    found: list[str] = []

    def attempt(compute: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return compute(*arguments)
        except InputError as error:
            found.append(str(error))
        except Exception:
            return None  # another fault than the one that is looked for
        return None

    events = attempt(open_again)
    if events is None:
        return found
    for name in sources(events):
        particles = attempt(candidates, events, name)
        for column in [] if particles is None else particles.fields:
            attempt(lambda record, field: ak.materialize(record[field]), particles, column)
    for name in region_sources(events):
        attempt(regions, events, name)
    attempt(event_weight, events)
    attempt(gen_met, events)
    attempt(gen_jets, events)
    return found


def _says_the_same(error: InputError, path: str, messages: list[str]) -> bool:
    """Whether one of the messages is of the same column; numbers and positions may differ."""

    def columns(text: str) -> set[str]:
        return set(re.findall(r"\b[A-Za-z]\w*\.[A-Za-z]\w*\b", text.replace(path, "")))

    def bare(text: str) -> str:
        return re.sub(r"[-+]?\d[\d.e+-]*|\bnan\b|[-+]?\binf\b", "#", text)

    text = str(error)
    return any(bare(text) == bare(m) or columns(text) & columns(m) for m in messages)


def portable(error: Exception) -> Exception:
    """Return an error that another process can raise, with the traceback as a note."""
    text = "".join(traceback.format_exception(error))
    try:
        copy = cloudpickle.loads(cloudpickle.dumps(error))
        if type(copy) is not type(error):
            raise TypeError("it did not survive")
    except Exception:  # an error may refuse to be pickled in any way
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    if not isinstance(error, L1KDError):
        copy.add_note(f"in the worker:\n{text}")
    result: Exception = copy
    return result


def require_writable(folder: str | Path) -> None:
    """Make a folder and check that files can be written into it, before any work is done.

    Raises
    ------
    OutputError
        Naming the folder and the reason.
    """
    folder = Path(folder)
    probe = folder / f".probe.{uuid.uuid4().hex}"
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise OutputError(f"{folder}: expected a folder for results, but {there} is a file")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"l1kd")
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror or error}; choose another folder"
        ) from error
    finally:
        if probe.is_file():
            probe.unlink()


@contextmanager
def writing(folder: str | Path) -> Iterator[None]:
    """Say of results which cannot be written where they should have gone.

    Raises
    ------
    OutputError
        Naming the folder and the reason.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, L1KDError) or error.errno not in _OF_OUTPUTS:
            raise
        raise OutputError(
            f"{error.filename or folder} cannot be written: {error.strerror or error}; results in "
            f"{folder} are not complete: make room, or choose another folder, and run again"
        ) from error
