"""The best of the trials of a search, by error and by cost."""

from collections.abc import Sequence

from l1kd.models.search.trial import Trial

__all__ = ["best_trial", "finished", "pareto_front"]


def finished(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials of quantized students that were trained to the end."""
    return [trial for trial in trials if trial.quantized and trial.objective is not None]


def best_trial(trials: Sequence[Trial]) -> Trial | None:
    """Return the quantized trial of the smallest error; the first of equal ones."""
    done = finished(trials)
    return min(done, key=lambda trial: (trial.objective, trial.number)) if done else None


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the quantized trials that none beats in error and cost, by rising error."""
    front: list[Trial] = []
    for trial in sorted(finished(trials), key=lambda t: (t.objective, t.cost, t.number)):
        if not front or (trial.cost or 0) < (front[-1].cost or 0):
            front.append(trial)
    return front
