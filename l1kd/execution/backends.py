"""Where chunks are processed: here, in processes of this machine, or on a dask cluster.

Each is a function that takes chunks and gives outcomes as they come. What a lost worker had in
hand is done again; only a chunk that loses one worker after another is an error.
"""

import asyncio
import logging
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Literal

from l1kd.errors import ConfigurationError, L1KDError, MachineError
from l1kd.execution.work import Chunk, Job, Outcome, process_chunk

__all__ = ["EXECUTORS", "Backend", "Executor", "backend", "dask_client"]

Executor = Literal["iterative", "futures", "dask"]

EXECUTORS = ("iterative", "futures", "dask")

Backend = Callable[[Job, Iterable[Chunk]], Generator[Outcome, None, None]]
"""Gives the outcome of every chunk, in any order; chunks are taken when there is room for them."""

_TRIES = 4
"""A chunk may lose this many workers."""

_AHEAD = 2
"""Chunks a worker that are handed out before it asks."""

_PATIENCE = 120.0
"""Seconds for which a cluster may be without any worker, and a cluster of our own may close."""

_ASK = 5.0
"""Seconds between questions to a scheduler whether it has workers."""

_ANSWER = 30.0
"""Seconds for which a scheduler may keep who asks it first waiting."""

_log = logging.getLogger(__name__)


@contextmanager
def backend(kind: Executor, workers: int, scheduler: Any) -> Iterator[Backend]:
    """Open a place where chunks are processed.

    Raises
    ------
    ConfigurationError
        For an unknown executor, or a scheduler that does not answer.
    """
    if kind == "iterative":
        yield _iterative
    elif kind == "futures":
        yield partial(_futures, workers=workers)
    elif kind == "dask":
        with dask_client(workers, scheduler) as client:
            yield partial(_dask, client=client, own=scheduler is None)
    else:
        raise ConfigurationError(f"unknown executor {kind!r}; expected one of {list(EXECUTORS)}")


def _iterative(job: Job, chunks: Iterable[Chunk]) -> Generator[Outcome, None, None]:
    for chunk in chunks:
        yield process_chunk(job, chunk)


def _futures(job: Job, chunks: Iterable[Chunk], *, workers: int) -> Generator[Outcome, None, None]:
    """Use processes of this machine; when one is lost start all of them anew.

    Nobody knows which of the chunks in hand lost the process, so each of them is done again alone.
    """
    waiting = iter(chunks)
    suspects: deque[Chunk] = deque()
    lost: Counter[int] = Counter()
    while True:
        # a fork server: workers start with the imports done, and no thread is forked
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["l1kd.execution.work", "l1kd.insertion"])
        in_hand: dict[Future[Outcome], Chunk] = {}
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            try:
                while True:
                    room = 1 if suspects else _AHEAD * workers
                    while len(in_hand) < room:
                        chunk = suspects.popleft() if suspects else next(waiting, None)
                        if chunk is None:
                            break
                        in_hand[pool.submit(process_chunk, job, chunk)] = chunk
                        room = 1 if lost[chunk.number] else room
                    if not in_hand:
                        return
                    for future in wait(in_hand, return_when=FIRST_COMPLETED).done:
                        outcome = future.result()
                        del in_hand[future]
                        yield outcome
            except BrokenProcessPool:
                suspects.extend(in_hand.values())
                lost.update(chunk.number for chunk in in_hand.values())
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        for chunk in suspects:
            if lost[chunk.number] >= _TRIES:
                raise _lost(chunk)
            _log.warning("a process ended while it may have worked on %s; once more", chunk)


def _lost(chunk: Chunk) -> MachineError:
    return MachineError(
        f"{_TRIES} workers, one after another, ended while they worked on {chunk}: most often "
        "memory ran out (lower chunksize, or use fewer workers), else code crashed (run these "
        "entries with executor='iterative'); with a checkpoint all other finished chunks are kept"
    )


def _same(job: Job) -> Job:
    return job


def _dask(
    job: Job, chunks: Iterable[Chunk], *, client: Any, own: bool = False
) -> Generator[Outcome, None, None]:
    """Use dask's workers; the scheduler itself gives the chunks of a lost worker to another one.

    A chunk on which several workers were lost may only have waited beside the one that killed them:
    it is tried once more, alone, when all others are finished.
    """
    from distributed import as_completed
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    waiting = iter(chunks)
    in_hand: dict[str, tuple[Any, Chunk]] = {}
    suspects: list[Chunk] = []
    alone: Chunk | None = None
    lost: MachineError | None = None
    # a task and not a scatter: dask makes it again when the worker that holds it is lost
    shared = client.submit(_same, job, pure=False)
    done = as_completed(loop=client.loop)

    def submit(chunk: Chunk) -> None:
        future = client.submit(process_chunk, shared, chunk, pure=False, retries=0)
        in_hand[future.key] = future, chunk
        done.add(future)

    try:
        while True:
            room = max(100, _AHEAD * sum(client.nthreads().values()))
            while len(in_hand) < room and (chunk := next(waiting, None)) is not None:
                submit(chunk)
            if not in_hand and suspects:
                alone = suspects.pop(0)
                submit(alone)
            if not in_hand:
                if lost is not None:
                    raise lost
                return
            if not done.has_ready():
                _wait_for(done, client, own)
            future = next(done)
            _, chunk = in_hand.pop(future.key)
            if future.status == "cancelled" or client.status == "closed":
                raise _scheduler_gone(client)
            try:
                outcome = future.result()
            except KilledWorker:
                if chunk is alone:
                    lost = lost or _lost(chunk)
                else:
                    suspects.append(chunk)
                continue
            except ModuleNotFoundError as error:
                raise ConfigurationError(
                    f"a worker cannot import what the run needs: {error}; workers need the same "
                    "environment as you"
                ) from error
            future.release()
            yield outcome
    except (CancelledError, CommClosedError, OSError, StopIteration) as error:
        if isinstance(error, L1KDError):
            raise
        raise _scheduler_gone(client) from error
    finally:
        for future, _ in in_hand.values():
            with suppress(Exception):  # the scheduler may be gone
                future.release()


def _wait_for(done: Any, client: Any, own: bool) -> None:
    """Wait until a future is done, or the client has no scheduler any more.

    Raises
    ------
    MachineError
        If a cluster of our own has no worker any more; others may get some when a queue gives them.
    """
    deserted = asked = time.monotonic()
    said = False
    while not done.has_ready() and client.status != "closed":
        time.sleep(0.01)
        now = time.monotonic()
        if now - asked < _ASK or client.status != "running":
            continue
        asked = now
        if client.nthreads():
            deserted = now
        elif own and now - deserted > _PATIENCE:
            raise MachineError(
                f"no worker of the local dask cluster was there for {_PATIENCE:.0f} s: they ended, "
                "and could not be started again; use fewer workers or executor='futures' (with a "
                "checkpoint the run goes on from its finished chunks)"
            )
        elif not own and not said:
            _log.warning("the dask scheduler has no worker; waiting for one")
            said = True


def _scheduler_gone(client: Any) -> MachineError:
    return MachineError(
        f"the dask scheduler at {getattr(client.scheduler, 'address', 'its address')} went away; "
        "start it again, and the run: with a checkpoint it goes on from its finished chunks"
    )


@contextmanager
def dask_client(workers: int, scheduler: Any) -> Iterator[Any]:
    """Open a client of a dask scheduler.

    The scheduler is a client, which is taken as it is, a cluster, an address, or None for our own.

    Raises
    ------
    ConfigurationError
        If nothing answers at the address, or it is none.
    """
    import dask
    from distributed import Client, LocalCluster  # half a second that other executors save

    if isinstance(scheduler, Client):
        yield scheduler
        return
    if scheduler is None:
        # a process that ends is started again by its nanny, which dask would close if it happened
        # to find no process there some seconds after an earlier end
        with (
            dask.config.set({"distributed.deploy.lost-worker-timeout": "1 day"}),
            _closing(
                # any free port: two runs on one machine are no reason for a warning
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
                )
            ) as cluster,
            _closing(Client(cluster)) as client,
        ):
            yield client
        return
    if isinstance(scheduler, str):
        _ask_for_scheduler(scheduler)
    try:
        client = Client(scheduler)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"no dask scheduler answers at {scheduler!r}: {error}") from error
    with _closing(client):
        yield client


def _ask_for_scheduler(address: str) -> None:
    """Ask who listens at an address: a client waits without end for one that says nothing.

    Raises
    ------
    ConfigurationError
        If it is no address, or no scheduler answers in time.
    """
    from distributed.core import rpc
    from distributed.security import Security

    async def asked() -> Any:
        options = Security().get_connection_args("client")
        async with rpc(address, connection_args=options) as listener:
            return await asyncio.wait_for(listener.identity(), _ANSWER)

    # a thread of its own: a notebook has a loop that runs already
    with ThreadPoolExecutor(1) as pool:
        try:
            found = pool.submit(asyncio.run, asked()).result()
        except Exception as error:  # what listens there may send anything
            words = str(error) or f"nothing within {_ANSWER:.0f} s"
            raise ConfigurationError(
                f"no dask scheduler answers at {address!r}: {words[:200]}; expected the address "
                "that `dask scheduler` prints, as tcp://host:8786"
            ) from error
    kind = found.get("type") if isinstance(found, dict) else type(found).__name__
    if kind != "Scheduler":
        raise ConfigurationError(f"{address!r} is the address of a {kind}, not of a scheduler")


@contextmanager
def _closing(opened: Any) -> Iterator[Any]:
    """Close in the end; the work is then done, or has failed with a reason that is not hidden."""
    try:
        yield opened
    finally:
        try:
            # a worker that is just started again can keep its cluster from closing
            opened.close(timeout=_PATIENCE)
        except Exception as error:
            _log.warning("closing %s failed, the results are complete: %r", opened, error)
