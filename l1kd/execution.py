"""Running a processor over a fileset: one function for one core, many cores and many machines."""

import hashlib
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import cloudpickle
from coffea import processor as coffea_processor
from coffea.processor.executor import WorkItem
from coffea.util import coffea_console

from l1kd._version import commit
from l1kd.datasets import InputFile, load_fileset, read_fileset
from l1kd.errors import ConfigurationError, InputError, L1KDError, UnreadableFileError
from l1kd.registry import Registrations

__all__ = ["Executor", "RunResult", "run"]

Executor = Literal["iterative", "futures", "dask"]

DEFAULT_CHUNK = 500
"""Events a chunk: at pile-up 140 about 4 million particles, half a gigabyte a worker."""


@dataclass(frozen=True)
class RunResult:
    """What a run gave.

    Attributes
    ----------
    output
        The processor's merged and postprocessed accumulator.
    events
        Number of events processed, by file; equal to the file's own count.
    skipped
        Files that were left out, with the reason.
    seconds
        Wall time.
    """

    output: Any
    events: dict[str, int]
    skipped: dict[str, str]
    seconds: float = field(compare=False)


class _Bookkeeper(coffea_processor.ProcessorABC):
    """Runs a processor, counts its events by file, and turns bad files into a record."""

    def __init__(self, processor: Any) -> None:
        self.registrations = Registrations()  # names mean on workers what they mean here
        self.processor = processor

    def process(self, events: Any) -> dict[str, Any]:
        path = events.metadata["filename"]
        try:
            output = self.processor.process(events)
        except Exception as error:
            reason = _file_fault(error, path)
            if reason is None:
                raise
            return {"bad": {path: reason}}
        return {"output": output, "events": Counter({path: len(events)})}

    def postprocess(self, accumulator: Any) -> Any:
        return accumulator


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _file_fault(error: BaseException, path: str) -> str | None:
    """Reason why the file is bad, or None if the error is not the file's fault."""
    for cause in _chain(error):
        if isinstance(cause, InputError | UnreadableFileError):
            return f"{path}: {cause}"
    for cause in _chain(error):
        trace = cause.__traceback__
        while trace is not None:
            module = str(trace.tb_frame.f_globals.get("__name__", ""))
            if module.startswith("uproot") and not isinstance(cause, L1KDError):
                words = " ".join(str(cause).split())[:200]
                return f"{path}: cannot be read: {type(cause).__name__}: {words}"
            trace = trace.tb_next
    return None


def _work_items(files: list[InputFile], chunk: int) -> list[WorkItem]:
    items = []
    for file in files:
        n_chunks = max(1, -(-file.entries // chunk))
        edges = [file.entries * i // n_chunks for i in range(n_chunks + 1)]
        metadata = {"truth": file.truth} if file.truth else {}
        items += [
            WorkItem(file.dataset, file.path, file.tree, start, stop, file.uuid, metadata)
            for start, stop in pairwise(edges)
        ]
    return items


@contextmanager
def _executor(
    kind: Executor, workers: int, scheduler: Any, status: bool
) -> Iterator[coffea_processor.executor.ExecutorBase]:
    if kind == "iterative":
        yield coffea_processor.IterativeExecutor(status=status, retries=0)
    elif kind == "futures":
        # a fork server: workers start with the imports done, and no thread is forked
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["l1kd.insertion"])
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            yield coffea_processor.FuturesExecutor(
                status=status, workers=workers, pool=pool, retries=0
            )
    elif kind == "dask":
        with _client(workers, scheduler) as client:
            yield coffea_processor.DaskExecutor(client=client, status=status, retries=3)
    else:
        raise ConfigurationError(
            f"unknown executor {kind!r}; expected 'iterative', 'futures' or 'dask'"
        )


@contextmanager
def _client(workers: int, scheduler: Any) -> Iterator[Any]:
    from distributed import Client, LocalCluster  # half a second that other executors save

    if isinstance(scheduler, Client):
        yield scheduler
    elif scheduler is not None:
        try:
            client = Client(scheduler)
        except OSError as error:
            raise ConfigurationError(
                f"no dask scheduler answers at {scheduler!r}: {error}"
            ) from error
        with client:
            yield client
    else:
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


def _checkpointer(folder: str | Path | None, processor: Any) -> Any:
    """Coffea's checkpointer in a folder of its own for this very processor.

    Chunks of another processor, other parameters or another version are not mistaken for ours.
    """
    if folder is None:
        return None
    content = cloudpickle.dumps(processor) + commit().encode()
    name = f"{type(processor).__name__}-{hashlib.sha256(content).hexdigest()[:16]}"
    return coffea_processor.SimpleCheckpointer(str(Path(folder) / name))


def run(
    processor: Any,
    fileset: Any,
    *,
    executor: Executor = "iterative",
    workers: int = 1,
    scheduler: Any = None,
    checkpoint: str | Path | None = None,
    skip_bad_files: bool = False,
    chunksize: int = DEFAULT_CHUNK,
    status: bool = False,
) -> RunResult:
    """Run a coffea processor over a fileset.

    Parameters
    ----------
    processor
        A coffea processor whose accumulator merges associatively.
    fileset
        As `l1kd.datasets.load_fileset`: a YAML file, a list of files, or a mapping of datasets.
    executor
        "iterative": here. "futures": `workers` processes of this machine. "dask": `scheduler`, or
        a local cluster of `workers` processes.
    scheduler
        Address of a dask scheduler, a dask client, or a cluster (of dask-jobqueue, for instance).
    checkpoint
        Folder in which finished chunks are kept; a run that was interrupted goes on from there.
        It holds coffea's pickles: use only folders that you trust.
    skip_bad_files
        Leave out files that are missing, truncated, corrupt or hold values that no algorithm
        accepts, and list them in the result. A file is left out whole: the result is that of the
        fileset without it, whatever the chunks. By default such a file is an error.
    chunksize
        Largest number of events a chunk.
    status
        Show a progress bar.

    Returns
    -------
    RunResult
        The same bits from every executor and chunk size for the processors of l1kd.

    Raises
    ------
    UnreadableFileError
        For a bad file, unless `skip_bad_files`; or if no file is left.
    ConfigurationError
        For an unknown executor, a scheduler that does not answer, or a wrong fileset.
    """
    start = time.perf_counter()
    coffea_console.quiet = not status
    datasets = load_fileset(fileset)
    files, bad = read_fileset(datasets)
    if bad and not skip_bad_files:
        raise next(iter(bad.values()))
    skipped = {path: str(error) for path, error in bad.items()}
    with _executor(executor, workers, scheduler, status) as backend:
        attempt = partial(
            _run_files,
            processor,
            backend=backend,
            checkpointer=_checkpointer(checkpoint, processor),
            chunksize=chunksize,
        )
        while True:
            if not files:
                listed = "; ".join(skipped.values())
                raise UnreadableFileError(f"no file of the fileset could be processed: {listed}")
            merged = attempt(files)
            faults = merged.get("bad", {})
            if not faults:
                break
            if not skip_bad_files:
                raise UnreadableFileError(next(iter(faults.values())))
            # begin again without them, so that no part of a bad file is in the result
            skipped.update(faults)
            files = [file for file in files if file.path not in faults]
    events = {file.path: merged["events"][file.path] for file in files}
    _require_all_events(files, events)
    output = merged["output"]
    finished = processor.postprocess(output)
    return RunResult(
        output if finished is None else finished, events, skipped, time.perf_counter() - start
    )


def _run_files(
    processor: Any, files: list[InputFile], *, backend: Any, checkpointer: Any, chunksize: int
) -> dict[str, Any]:
    """Run over files of any kinds, one coffea runner a kind, and merge."""
    merged: dict[str, Any] = {}
    for kind in dict.fromkeys(file.kind for file in files):
        chosen = [file for file in files if file.kind == kind]
        runner = coffea_processor.Runner(
            backend, schema=chosen[0].schema, checkpointer=checkpointer, chunksize=chunksize
        )
        try:
            out = runner.run(_work_items(chosen, chunksize), _Bookkeeper(processor))
        except Exception as error:
            for cause in _chain(error):
                if isinstance(cause, L1KDError):
                    cause.add_note(str(error).splitlines()[0])
                    raise cause from None
            raise
        out.pop("exception", None)
        accumulated = out.get("out", out)
        merged = coffea_processor.accumulate([merged, accumulated]) if merged else accumulated
    return merged


def _require_all_events(files: list[InputFile], events: Mapping[str, int]) -> None:
    for file in files:
        if events[file.path] != file.entries:
            raise UnreadableFileError(
                f"{file.path}: expected {file.entries} events by the file's own count, processed "
                f"{events[file.path]}"
            )
