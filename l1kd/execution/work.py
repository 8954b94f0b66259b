"""What a worker does: one chunk, from its file to its result or the reason why there is none."""

import socket
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
import lz4.frame

from l1kd._edge import noting
from l1kd.datasets import InputFile
from l1kd.errors import ConfigurationError, UnreadableFileError
from l1kd.execution.checkpoint import Store, pack, unpack
from l1kd.execution.faults import Fault, blame, portable
from l1kd.execution.fingerprint import sources_digest
from l1kd.registry import Registrations

__all__ = ["Chunk", "Job", "Outcome", "job_of", "process_chunk"]


@dataclass(frozen=True)
class Chunk:
    """Entries `start` to `stop` of a file; `number` counts all chunks of a run."""

    number: int
    file: InputFile
    start: int
    stop: int

    def __str__(self) -> str:
        return f"entries {self.start} to {self.stop} of {self.file.path}"


@dataclass(frozen=True)
class Job:
    """What is the same for all chunks.

    Attributes
    ----------
    processor
        The processor, pickled: every chunk has a copy of its own.
    sources
        Digest of the l1kd that started the run; workers must have the same.
    store
        Where finished chunks are kept, or None.
    elsewhere
        Whether the chunk is processed in another process.
    """

    processor: bytes
    sources: str
    store: Store | None
    elsewhere: bool


def job_of(processor: Any, store: Store | None, *, elsewhere: bool) -> Job:
    """Make the job of a run."""
    # names mean on workers what they mean here
    content = lz4.frame.compress(cloudpickle.dumps((Registrations(), processor)))
    return Job(content, sources_digest(), store, elsewhere)


@dataclass(frozen=True)
class Outcome:
    """What became of a chunk.

    Attributes
    ----------
    number
        The chunk's.
    output
        The processor's result, `packed` if it is bytes of `pack`.
    events
        How many events were processed.
    sources
        Sources that were taken because nobody asked for another, as ("particles", "EFlow").
    fault
        Why there is no result.
    """

    number: int
    output: Any = None
    packed: bool = False
    events: int = 0
    sources: frozenset[tuple[str, str]] = frozenset()
    fault: Fault | None = None

    def result(self) -> Any:
        """Return the processor's result."""
        return unpack(self.output) if self.packed else self.output


def process_chunk(job: Job, chunk: Chunk) -> Outcome:
    """Process one chunk, or take its result from the checkpoint; never raises."""
    try:
        return _processed(job, chunk)
    except Exception as error:
        fault = blame(error, chunk.file, chunk.start, chunk.stop)
        if job.elsewhere:
            fault = replace(fault, error=portable(fault.error))
        return Outcome(chunk.number, fault=fault)


def _processed(job: Job, chunk: Chunk) -> Outcome:
    if job.sources != sources_digest():
        raise ConfigurationError(
            f"the worker on {socket.gethostname()} runs another l1kd than the one that started the "
            "run: install the same one, and start the workers again"
        )
    _, processor = cloudpickle.loads(lz4.frame.decompress(job.processor))
    span = (chunk.file, chunk.start, chunk.stop)
    if job.store is not None:
        stored = job.store.load(*span)
        if stored is not None and _intact(processor, stored[0]):
            output, events, sources = stored
            return Outcome(chunk.number, output, events=events, sources=sources)
    with noting() as notes:
        events = chunk.file.open(chunk.start, chunk.stop)
        if len(events) != chunk.stop - chunk.start:
            error = UnreadableFileError(f"{chunk.file.path}: expected {chunk}, found {len(events)}")
            error.path = chunk.file.path
            raise error
        output = processor.process(events)
    if output is None:
        raise TypeError(
            f"{type(processor).__name__}.process() returned None; it must return its accumulator"
        )
    sources = _defaults(notes)
    if job.store is not None:
        job.store.save(*span, pack((output, len(events), sources)))
    if job.elsewhere:
        return Outcome(chunk.number, pack(output), True, len(events), sources)
    return Outcome(chunk.number, output, False, len(events), sources)


def _intact(processor: Any, output: Any) -> bool:
    """Whether the files that a stored result stands for are still there."""
    check = getattr(processor, "intact", None)
    return check is None or bool(check(output))


def _defaults(notes: set[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return the sources that a chunk was computed from; what it inserted itself is none."""
    inserted = ("inserted", "L1Cand") in notes
    return frozenset(
        note
        for note in notes
        if note[0] in ("particles", "regions")
        and not (inserted and note == ("particles", "L1Cand"))
    )
