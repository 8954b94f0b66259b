"""What it means for a search that a worker or a scheduler is lost."""

import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

from l1kd.errors import ConfigurationError, L1KDError, MachineError

__all__ = ["explained"]

_AGAIN = "the same command goes on after the trials that are done"


@contextmanager
def explained(scheduler: str, pool: Path, executor: Executor) -> Iterator[None]:
    """Turn what executors raise for a lost worker into errors that say so.

    Parameters
    ----------
    scheduler : str
        Address of the dask scheduler; empty for processes of this machine.
    pool : pathlib.Path
        File that every worker reads.
    executor : concurrent.futures.Executor
        Where trials run; shut down if it lost a process.

    Raises
    ------
    MachineError
        A worker or the scheduler was lost.
    ConfigurationError
        A worker of dask has another environment, or no access to the output folder.
    """
    try:
        yield
    except BrokenProcessPool as error:
        children = list((getattr(executor, "_processes", None) or {}).values())
        # exit codes are there when the pool's own thread has collected them, and may be asked once
        executor.shutdown(wait=True)
        raise MachineError(
            f"{_ended(children)} during a trial: most often memory ran out (use fewer --workers); "
            f"{_AGAIN}"
        ) from error
    except Exception as error:
        found = _of_dask(error, scheduler, pool) if scheduler else None
        if found is None:
            raise
        raise found from error


def _ended(children: Iterable[BaseProcess]) -> str:
    """Name the workers that did not end by themselves; the pool terminates those that are left."""
    codes = {child.pid: child.exitcode for child in children}
    names = [
        f"process {pid} by {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
        for pid, code in codes.items()
        if code not in (None, 0, -signal.SIGTERM)
    ]
    return f"a worker of the search ended ({', '.join(names) or 'nothing is known of how'})"


def _of_dask(error: Exception, scheduler: str, pool: Path) -> L1KDError | None:
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    if isinstance(error, KilledWorker):
        worker = getattr(error.last_worker, "address", error.last_worker)
        return MachineError(
            f"workers of the dask scheduler at {scheduler} ended one after another during a trial, "
            f"the last at {worker}: most often memory ran out; {_AGAIN}"
        )
    if isinstance(error, CancelledError | CommClosedError):
        return MachineError(
            f"the dask scheduler at {scheduler} went away: start it again; then {_AGAIN}"
        )
    if isinstance(error, ModuleNotFoundError):
        return ConfigurationError(
            f"a worker of the dask scheduler at {scheduler} cannot import what a trial needs: "
            f"{error}; workers need the same environment as you"
        )
    if isinstance(error, FileNotFoundError) and error.filename == str(pool):
        return ConfigurationError(
            f"a worker of the dask scheduler at {scheduler} does not see {pool}: choose an --out "
            "that all workers can read"
        )
    return None
