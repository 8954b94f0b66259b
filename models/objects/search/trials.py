"""Trials: what a worker does, and what is left of it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from time import perf_counter

import numpy as np

from l1kd.models.objects.search.config import TrialLength
from l1kd.models.objects.students.architecture import Student
from l1kd.models.objects.students.pool import Pool
from l1kd.models.objects.students.quick import objective, train_quickly
from l1kd.models.search.trial import Trial

__all__ = ["Rungs", "cached_pool", "evaluate", "read_pool", "write_pool"]

Rungs = dict[int, list[tuple[float, int]]]
"""By epoch: objective and cost of the trials that came so far."""


def write_pool(pool: Pool, path: Path) -> None:
    """Write a pool, so that every worker learns from the same events."""
    arrays = {f"check.{name}.inputs": x for name, (x, _) in pool.checks.items()}
    arrays |= {f"check.{name}.targets": y for name, (_, y) in pool.checks.items()}
    draft = path.with_name("draft-" + path.name)
    arrays |= {"inputs": pool.inputs, "targets": pool.targets}
    with draft.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    draft.replace(path)


def read_pool(path: Path) -> Pool:
    """Read what `write_pool` wrote."""
    with np.load(path, allow_pickle=False) as archive:
        names = [key[6:-7] for key in archive.files if key.endswith(".inputs")]
        checks = {
            name: (archive[f"check.{name}.inputs"], archive[f"check.{name}.targets"])
            for name in names
        }
        return Pool(archive["inputs"], archive["targets"], checks)


cached_pool = cache(read_pool)
"""The pool of a worker, read once."""


def hopeless(reached: float, cost: int, others: Sequence[tuple[float, int]], least: int) -> bool:
    """Tell whether a trial is worse than the median of those that cost at most as much."""
    cheaper = [value for value, spent in others if spent <= cost]
    return len(cheaper) >= least and reached > float(np.median(cheaper))


def evaluate(
    pool_path: Path, trial: Trial, length: TrialLength, seed: int, rungs: Rungs, least: int
) -> Trial:
    """Train a trial's student: what a worker runs.

    Parameters
    ----------
    rungs, least
        Other trials at the rungs; from `least` of them on, trials are stopped.
    """
    started = perf_counter()
    pool = cached_pool(pool_path)

    def stop(epoch: int, reached: float, cost: int) -> bool:
        return hopeless(reached, cost, rungs.get(epoch, ()), least)

    student = Student.model_validate(trial.student)
    outcome, _ = train_quickly(student, pool, length.pace, seed, stop)
    # a training that ran away, to errors that are no numbers, was stopped as well
    mse = outcome.mse if np.isfinite(list(outcome.mse.values())).all() else {}
    return Trial(
        trial.number,
        trial.student,
        trial.quantized,
        "complete" if mse else "pruned",
        objective(mse) if mse else None,
        outcome.ebops,
        mse,
        {str(epoch): values for epoch, values in outcome.rungs.items()},
        perf_counter() - started,
    )
