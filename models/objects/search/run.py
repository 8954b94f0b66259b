"""The loop of a search: batches of trials, asked for together and told together."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.errors import ConfigurationError
from l1kd.execution.backends import dask_client
from l1kd.models.objects.data import ObjectData
from l1kd.models.objects.search.config import ObjectSearchConfig, Strategy
from l1kd.models.objects.search.journal import Journal
from l1kd.models.objects.search.lost import explained
from l1kd.models.objects.search.space import phases, student_of, suggest, too_large
from l1kd.models.objects.search.trials import Rungs, evaluate, write_pool
from l1kd.models.objects.students.architecture import Student
from l1kd.models.objects.students.pool import Pool
from l1kd.models.records import fingerprint
from l1kd.models.search.trial import Trial

__all__ = ["SearchOptions", "search"]

_JOURNAL, _POOL, _DESCRIPTION = "journal.log", "pool.npz", "search.json"
_TRIALS_OF_A_PROCESS = 40
"""Frameworks keep what every trial compiled: a process ends after so many."""

Watch = Callable[[list[Trial]], None]


@dataclass(frozen=True)
class SearchOptions:
    """How a search runs.

    Attributes
    ----------
    strategy : {"cosearch", "phasesearch", "hgq"}
    trials : int
        How many in all, those of an earlier run included, which are never left away.
    seed : int
        Of sampler and trainings.
    workers : int
        Processes; 1 runs in this one.
    dask : str
        Address of a dask scheduler whose workers are taken instead; they need the output folder.
    """

    strategy: Strategy
    trials: int
    seed: int = 0
    workers: int = 1
    dask: str = ""


@contextmanager
def _executor(options: SearchOptions) -> Iterator[Executor | None]:
    if options.dask:
        with dask_client(options.workers, options.dask) as client:
            yield client.get_executor(pure=False)
    elif options.workers > 1:
        context = get_context("spawn")
        with ProcessPoolExecutor(
            options.workers, context, max_tasks_per_child=_TRIALS_OF_A_PROCESS
        ) as executor:
            yield executor
    else:
        yield None


def _claim(config: ObjectSearchConfig, options: SearchOptions, out: Path) -> None:
    """Write what is searched, or refuse a folder that holds another search."""
    # the phases of a search of two depend on how many trials it has
    trials = options.trials if options.strategy == "phasesearch" else None
    wanted = {
        "strategy": options.strategy,
        "seed": options.seed,
        "trials": trials,
        "configuration_sha256": fingerprint(config),
    }
    path = out / _DESCRIPTION
    if not path.is_file():
        draft = path.with_suffix(".tmp")  # a kill leaves no half of it behind
        draft.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    found = json.loads(path.read_text(encoding="utf-8"))
    if found != wanted:
        raise ConfigurationError(
            f"{out} holds another search ({found}; this one is {wanted}): choose another --out"
        )


def _pool(config: ObjectSearchConfig, out: Path) -> Path:
    path = out / _POOL
    if not path.is_file():
        from l1kd.models.objects.teachers import open_teacher

        score = open_teacher(config.teacher)
        write_pool(Pool.make(ObjectData.read(config.data), score, config.pool, config.seed), path)
    return path.resolve()


class _Search:
    """One search, from trial to trial."""

    def __init__(self, config: ObjectSearchConfig, options: SearchOptions, out: Path) -> None:
        self.config, self.options, self.out = config, options, out
        self.journal = Journal(out / _JOURNAL, options.seed, config.startup)
        self.pool = _pool(config, out)
        self.length = config.hgq_trial if options.strategy == "hgq" else config.trial

    def run(self, watch: Watch, executor: Executor | None) -> list[Trial]:
        size = self.config.batch_of_trials
        # what an earlier run asked for is not left away
        count = max(self.options.trials, len(self.journal.trials()))
        starts = phases(self.options.strategy, count)
        ends = [first for _, first in starts[1:]] + [count]
        for (wanted, first), end in zip(starts, ends, strict=True):
            best = _best_architecture(self.journal.trials()[:first]) if first else None
            for before in range(first, end, size):
                batch = range(before, min(before + size, end))
                self._batch(batch, first, wanted, best, watch, executor)
        return self.journal.trials()

    def _ask(self, number: int, first: int, before: int, wanted: Any, best: Student | None) -> None:
        config, strategy = self.config, self.options.strategy

        def trial_of(chosen: dict[str, Any]) -> Trial:
            student = student_of(chosen, strategy, config.space, best)
            quantized = student.numbers != "float"
            return Trial(number, student.model_dump(mode="json"), quantized)

        self.journal.ask(
            number,
            first,
            before,
            lambda asked: suggest(asked, strategy, wanted, config.space),
            trial_of,
        )

    def _batch(
        self,
        numbers: range,
        first: int,
        wanted: frozenset[str],
        best: Student | None,
        watch: Watch,
        executor: Executor | None,
    ) -> None:
        """Ask for what is missing of a batch, and run what is not done."""
        for number in range(len(self.journal.trials()), numbers.stop):
            self._ask(number, first, numbers.start, wanted, best)
        trials = self.journal.trials()
        rungs: Rungs = {}
        for trial in trials[first : numbers.start]:
            for epoch, values in trial.rungs.items():
                rungs.setdefault(int(epoch), []).append(values)
        open_trials = [trials[k] for k in numbers if trials[k].state == "running"]
        for done in self._evaluated(open_trials, rungs, executor):
            self.journal.tell(done)
            watch(self.journal.trials())

    def _evaluated(
        self, trials: list[Trial], rungs: Rungs, executor: Executor | None
    ) -> Iterator[Trial]:
        """Give trials as they end; what is done is given before the loss of a worker is raised."""
        waiting: list[Future[Trial]] = []
        lost: BaseException | None = None
        for trial in trials:
            if too_large(Student.model_validate(trial.student), self.config.space):
                yield replace(trial, state="too large")
                continue
            seed = np.random.SeedSequence([self.options.seed, trial.number, 1]).generate_state(1)
            arguments = (
                self.pool, trial, self.length, int(seed[0] >> 1), rungs, self.config.pruning_after,
            )  # fmt: skip
            if executor is None:
                yield evaluate(*arguments)
                continue
            try:
                waiting.append(executor.submit(evaluate, *arguments))
            except BrokenExecutor as error:
                lost = error
                break
        if executor is None:
            return
        with explained(self.options.dask, self.pool, executor):
            for future in as_completed(waiting):
                failed = future.exception()
                if failed is None:
                    yield future.result()
                else:
                    lost = lost or failed
            if lost is not None:
                raise lost


def _best_architecture(trials: list[Trial]) -> Student:
    """Return the student of the smallest objective."""
    done = [trial for trial in trials if trial.objective is not None]
    if not done:
        raise ConfigurationError("no trial of the first phase was finished: ask for more trials")
    best = min(done, key=lambda trial: (trial.objective, trial.number))
    return Student.model_validate(best.student)


def search(
    config: ObjectSearchConfig, options: SearchOptions, out: Path, watch: Watch = lambda _: None
) -> list[Trial]:
    """Search, or go on with a search that was interrupted, or that shall have more trials.

    Parameters
    ----------
    config : ObjectSearchConfig
    options : SearchOptions
    out : pathlib.Path
        Folder of the journal.
    watch : callable
        Told all trials whenever one is done.

    Returns
    -------
    list of Trial
        All of them, by number.

    Raises
    ------
    ConfigurationError
        The folder holds another search, optuna is missing, or no dask scheduler answers.
    MachineError
        A worker or the scheduler was lost; the trials that are done are kept.
    """
    out.mkdir(parents=True, exist_ok=True)
    _claim(config, options, out)
    with _executor(options) as executor:
        return _Search(config, options, out).run(watch, executor)
