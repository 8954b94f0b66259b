"""Running a processor over a fileset, and putting the results of its chunks together."""

import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from coffea.processor import accumulate
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from l1kd.datasets import InputFile, load_fileset, read_fileset
from l1kd.errors import ConfigurationError, UnknownFormatError, UnreadableFileError
from l1kd.execution.backends import EXECUTORS, Executor, backend
from l1kd.execution.checkpoint import Store
from l1kd.execution.faults import Fault, require_writable
from l1kd.execution.work import Chunk, Outcome, job_of

__all__ = ["DEFAULT_CHUNK", "RunResult", "run"]

DEFAULT_CHUNK = 500
"""Events a chunk: at pile-up 140 about 4 million particles, half a gigabyte a worker."""
_CHUNK_BYTES = 10_000_000
"""Bytes of a chunk's columns where no number of events is asked for: 100 events at pile-up 140."""
_UNKNOWN = 100
"""Events of a chunk of a file whose size is not known."""


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes
    ----------
    output
        The processor's merged and postprocessed accumulator.
    events
        Number of events processed, by file, over all datasets that hold the file; equal to the
        file's own count, or to what the fileset's steps ask for.
    skipped
        Files that were skipped, with the reason.
    datasets
        Number of events processed, by dataset.
    seconds
        Wall time.
    """

    output: Any
    events: dict[str, int]
    skipped: dict[str, str]
    datasets: dict[str, int] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)


def _chunks(files: Iterable[InputFile], asked: int | None) -> list[Chunk]:
    """Cut the wanted entries of all files evenly into chunks of at most so many events."""
    chunks: list[Chunk] = []
    for file in files:
        size = asked or (
            max(_CHUNK_BYTES * file.entries // file.size, 1) if file.size else _UNKNOWN
        )
        for first, last in file.ranges:
            n_chunks = max(1, -(-(last - first) // size))
            edges = [first + (last - first) * i // n_chunks for i in range(n_chunks + 1)]
            chunks += [
                Chunk(len(chunks) + i, file, start, stop)
                for i, (start, stop) in enumerate(pairwise(edges))
            ]
    return chunks


Place = tuple[str, str]
"""Dataset and path of a file."""


class _Merged:
    """Results put together file by file: a file enters when all of its chunks are there."""

    def __init__(self, chunks: list[Chunk], *, skip_bad_files: bool) -> None:
        self.chunks = chunks
        self.skip = skip_bad_files
        self.left = Counter(self.place(chunk) for chunk in chunks)
        self.parts: dict[Place, Any] = {}
        self.counts: Counter[Place] = Counter()
        self.bad: dict[Place, tuple[int, str]] = {}
        self.sources: dict[str, tuple[frozenset[tuple[str, str]], Chunk]] = {}
        self.output: Any = None

    @staticmethod
    def place(chunk: Chunk) -> Place:
        return chunk.file.dataset, chunk.file.path

    def wanted(self) -> Iterator[Chunk]:
        """Give the chunks in order, without those of files that have turned out bad."""
        for chunk in self.chunks:
            if self.place(chunk) not in self.bad:
                yield chunk

    def add(self, outcome: Outcome) -> Chunk:
        """Take in what became of one chunk, or raise its fault."""
        chunk = self.chunks[outcome.number]
        place = self.place(chunk)
        if outcome.fault is not None:
            self._note(outcome.fault, chunk)
            self.parts.pop(place, None)
            return chunk
        self._require_one_source(outcome.sources, chunk)
        self.left[place] -= 1
        self.counts[place] += outcome.events
        if place not in self.bad:
            self.parts[place] = accumulate([self.parts.get(place), outcome.result()])
            if self.left[place] == 0:
                self.output = accumulate([self.output, self.parts.pop(place)])
        return chunk

    def _note(self, fault: Fault, chunk: Chunk) -> None:
        if fault.kind == "input" and self.skip:
            place, reason = self.place(chunk), str(fault.error)
            self.bad[place] = min(self.bad.get(place, (chunk.start, reason)), (chunk.start, reason))
            return
        if fault.kind in ("code", "truth"):
            fault.error.add_note(f"while processing {chunk} (dataset {chunk.file.dataset!r})")
        raise fault.error

    def _require_one_source(self, sources: frozenset[tuple[str, str]], chunk: Chunk) -> None:
        """Check that all files of a dataset were read from the same particles and regions."""
        if not chunk.file.entries:
            return
        first, of = self.sources.setdefault(chunk.file.dataset, (sources, chunk))
        if first != sources:
            here, there = (
                " and ".join(sorted(f"{name!r}" for _, name in found)) or "no source"
                for found in (sources - first, first - sources)
            )
            raise UnknownFormatError(
                f"dataset {chunk.file.dataset!r} mixes sources: {chunk.file.path} was read from "
                f"{here}, {of.file.path} from {there}; name one with source=, or put the files "
                "into different datasets"
            )


@contextmanager
def _progress(chunks: list[Chunk], *, shown: bool) -> Iterator[Any]:
    """Give a function that counts the events of a finished chunk on the terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TextColumn("{task.completed:.0f} of {task.total:.0f} events"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, quiet=not shown, file=sys.stderr)
    with Progress(*columns, console=console, disable=not shown) as bar:
        names = ", ".join(dict.fromkeys(chunk.file.dataset for chunk in chunks))
        total = sum(chunk.stop - chunk.start for chunk in chunks)
        task = bar.add_task(f"processing {names}", total=total)
        yield lambda chunk: bar.advance(task, chunk.stop - chunk.start)


def _checked(executor: str, workers: int, chunksize: int | None) -> None:
    if executor not in EXECUTORS:
        raise ConfigurationError(
            f"unknown executor {executor!r}; expected one of {list(EXECUTORS)}"
        )
    for name, value in (("workers", workers), ("chunksize", chunksize)):
        if value is None and name == "chunksize":
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigurationError(f"{name}: expected a whole number from 1, found {value!r}")


def run(
    processor: Any,
    fileset: Any,
    *,
    executor: Executor = "iterative",
    workers: int = 1,
    scheduler: Any = None,
    checkpoint: str | Path | None = None,
    skip_bad_files: bool = False,
    chunksize: int | None = DEFAULT_CHUNK,
    status: bool = False,
) -> RunResult:
    """Run a coffea processor over a fileset.

    Parameters
    ----------
    processor
        A coffea processor whose accumulator merges associatively. If it has a method
        `prepare(files)`, that is called with the opened files before any work; if it has
        `intact(output)`, a result from a checkpoint counts only where that is true.
    fileset
        As `l1kd.datasets.load_fileset`: a YAML or JSON file, files, or a mapping of datasets.
    executor
        "iterative": here. "futures": `workers` processes of this machine. "dask": `scheduler`, or
        a local cluster of `workers` processes.
    scheduler
        Address of a dask scheduler, a dask client, or a cluster (of dask-jobqueue, for instance).
    checkpoint
        Folder in which finished chunks are kept; a run that was interrupted goes on from there.
        It holds pickles: use only folders that you trust.
    skip_bad_files
        Skip files that are missing, truncated, corrupt or hold values that no algorithm
        accepts, and list them in the result. A file is skipped whole: the result is that of the
        fileset without it, whatever the chunks. By default such a file is an error. Other faults
        (of a truth file, an output, a machine, the processor) are always errors.
    chunksize
        Largest number of events a chunk; None for as many as have 10 MB in their file.
    status
        Show how many events are done.

    Returns
    -------
    RunResult
        The same bits from every executor and chunk size for the processors of l1kd.

    Raises
    ------
    UnreadableFileError
        For a bad file, unless `skip_bad_files`; or if no file is left; for a bad truth file.
    UnknownFormatError
        If files of one dataset were read from different sources.
    ConfigurationError
        For an unknown executor, a scheduler that does not answer, or a wrong fileset.
    OutputError
        If a result or a checkpoint cannot be written.
    MachineError
        If memory or open files run out, or workers or the scheduler are lost again and again.
    """
    start = time.perf_counter()
    _checked(executor, workers, chunksize)
    files, bad = read_fileset(load_fileset(fileset))
    if bad and not skip_bad_files:
        raise next(iter(bad.values()))
    skipped = {path: str(error) for path, error in bad.items()}
    _require_any(files, skipped)
    store = None
    if checkpoint is not None:
        require_writable(checkpoint)
        store = Store(checkpoint, processor)
    if hasattr(processor, "prepare"):
        processor.prepare(files)
    chunks = _chunks(files, chunksize)
    merged = _Merged(chunks, skip_bad_files=skip_bad_files)
    job = job_of(processor, store, elsewhere=executor != "iterative")
    with (
        backend(executor, workers, scheduler) as process,
        _progress(chunks, shown=status) as count,
        closing(process(job, merged.wanted())) as outcomes,
    ):
        for outcome in outcomes:
            count(merged.add(outcome))
    skipped |= {path: reason for (_, path), (_, reason) in merged.bad.items()}
    files = [file for file in files if (file.dataset, file.path) not in merged.bad]
    _require_any(files, skipped)
    _require_all_events(files, merged.counts)
    output = merged.output
    finished = processor.postprocess(output) if hasattr(processor, "postprocess") else None
    by_file: Counter[str] = Counter()
    by_dataset: Counter[str] = Counter()
    for file in files:
        by_file[file.path] += file.wanted
        by_dataset[file.dataset] += file.wanted
    return RunResult(
        output if finished is None else finished,
        dict(by_file),
        skipped,
        dict(by_dataset),
        time.perf_counter() - start,
    )


def _require_any(files: list[InputFile], skipped: Mapping[str, str]) -> None:
    if not files:
        listed = "; ".join(skipped.values())
        raise UnreadableFileError(f"no file of the fileset could be processed: {listed}")


def _require_all_events(files: list[InputFile], counts: Mapping[Place, int]) -> None:
    for file in files:
        found = counts[file.dataset, file.path]
        if found != file.wanted:
            raise UnreadableFileError(
                f"{file.path}: expected {file.wanted} events by the file's own count and the steps "
                f"asked for, processed {found}"
            )
