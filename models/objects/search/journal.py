"""Trials in optuna's journal: asked for in an order that a kill does not change.

A trial is written whole when it is asked for, and once more when it is done. What optuna's sampler
sees, and its seed, depend on a trial's number alone: the trials before its batch, all of them done.
A search that was killed asks for the same trials as one that was not.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.errors import ConfigurationError
from l1kd.models import backend
from l1kd.models.search.trial import Trial

__all__ = ["Journal"]

_ATTRIBUTE = "l1kd"


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigurationError(
            f"searches need optuna, which does not import ({error}): install l1kd[train]"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _mend(path: Path) -> None:
    """Take away a last line that a kill has left unfinished."""
    if path.is_file():
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            path.write_bytes(whole)


class Journal:
    """The trials of one search.

    Parameters
    ----------
    path : pathlib.Path
        File of the journal; made, or gone on with.
    seed : int
        Of the sampler.
    startup : int
        Trials of a phase that are drawn at random.
    """

    def __init__(self, path: Path, seed: int, startup: int) -> None:
        optuna = _optuna()
        _mend(path)
        backend = optuna.storages.journal.JournalFileBackend(str(path))
        self._storage = optuna.storages.JournalStorage(backend)
        self._study = optuna.create_study(
            storage=self._storage,
            study_name="objects",
            directions=["minimize", "minimize"],
            load_if_exists=True,
        )
        self._seed, self._startup = seed, startup
        self._finish_what_was_told()

    def _finish_what_was_told(self) -> None:
        """Tell optuna what a kill left half told: the outcome is written before the state."""
        for known in self._study.get_trials(deepcopy=False):
            trial = _read(known.user_attrs[_ATTRIBUTE])
            if trial.state != "running" and not known.state.is_finished():
                self._finish(trial)

    def trials(self) -> list[Trial]:
        """Return all trials that were asked for, by number."""
        found = self._study.get_trials(deepcopy=False)
        return [_read(trial.user_attrs[_ATTRIBUTE]) for trial in found]

    def ask(
        self,
        number: int,
        first: int,
        before: int,
        suggest: Callable[[Any], None],
        trial_of: Callable[[dict[str, Any]], Trial],
    ) -> Trial:
        """Ask for a trial, and write it.

        Parameters
        ----------
        number : int
            Of the trial, the next one.
        first, before : int
            The sampler learns from the trials from `first` on that come before this one.
        suggest : callable
            Chooses the numbers of an optuna trial.
        trial_of : callable
            Builds the trial from them.
        """
        optuna = _optuna()
        known = self._study.get_trials(deepcopy=False)
        done = [trial for trial in known if first <= trial.number < before]
        seed = np.random.SeedSequence([self._seed, number]).generate_state(1)[0]
        with backend.quiet():  # it calls its groups experimental
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=self._startup, seed=int(seed), multivariate=True, group=True
            )
        view = optuna.create_study(sampler=sampler, directions=["minimize", "minimize"])
        view.add_trials([trial for trial in done if trial.state.is_finished()])
        asked = view.ask()
        suggest(asked)
        frozen = view.trials[-1]
        trial = trial_of(dict(frozen.params))
        frozen.set_user_attr(_ATTRIBUTE, json.dumps(trial.as_dict()))
        frozen.number = number
        self._storage.create_new_trial(self._study._study_id, template_trial=frozen)
        return trial

    def tell(self, trial: Trial) -> None:
        """Write what became of a trial that was asked for."""
        found = self._study.get_trials(deepcopy=False)[trial.number]
        text = json.dumps(trial.as_dict())
        self._storage.set_trial_user_attr(found._trial_id, _ATTRIBUTE, text)
        self._finish(trial)

    def _finish(self, trial: Trial) -> None:
        """Give optuna the state and the values that its sampler learns from."""
        state = _optuna().trial.TrialState
        if trial.state == "complete":
            self._study.tell(trial.number, values=[trial.objective, trial.cost])
        else:
            self._study.tell(trial.number, state=state.PRUNED)


def _read(text: str) -> Trial:
    content = json.loads(text)
    content["rungs"] = {epoch: tuple(values) for epoch, values in content["rungs"].items()}
    return Trial(**content)
