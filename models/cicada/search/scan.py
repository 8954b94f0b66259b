"""Training of one family after the other, from price to price."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Images, Singles
from l1kd.errors import ConfigurationError
from l1kd.models import backend
from l1kd.models.cicada import hgq
from l1kd.models.cicada.config import EbopsRegularisation
from l1kd.models.cicada.search.config import CicadaSearchConfig
from l1kd.models.cicada.targets import Scores, TrainingTargets, training_targets
from l1kd.models.mixed_precision import frameworks
from l1kd.models.recipe import Job
from l1kd.models.search import Trial
from l1kd.models.training import history_seconds
from l1kd.statistics import emd, roc_auc

__all__ = ["scan"]

Watch = Callable[[list[Trial]], None]
_TRIALS = "trials.json"


class _Validation:
    """Validation images with what the teacher gives them, and the comparison with a student."""

    def __init__(self, config: CicadaSearchConfig, targets: TrainingTargets) -> None:
        self.targets = targets
        self.samples: dict[str, tuple[Images, dict[str, Images], Singles]] = {}
        for mu in config.validation_mu:
            at = targets.source.at(mu)
            noise = at.validation(config.validation_images)
            most = config.validation_images
            signals = {name: at.validation_signal(name)[:most] for name in config.data.signals}
            wanted = np.asarray(targets.teacher_score(noise), np.float32)
            self.samples[f"{mu:g}"] = noise, signals, wanted

    def measure(self, score: Scores) -> dict[str, float]:
        """Mean area over the signals, mean absolute difference and EMD on zero bias, by mu."""
        found = {}
        for mu, (noise, signals, wanted) in self.samples.items():
            values = score(self.targets.read(noise))
            areas = [roc_auc(score(self.targets.read(x)), values).value for x in signals.values()]
            found[f"area {mu}"] = float(np.mean(areas))
            found[f"mae {mu}"] = float(np.abs(values - wanted).mean())
            found[f"emd {mu}"] = emd(values, wanted)
        return found


def _write(trials: Sequence[Trial], config: CicadaSearchConfig, out: Path) -> None:
    content = {
        "configuration": config.model_dump(mode="json"),
        "trials": [trial.as_dict() for trial in trials],
    }
    draft = out / f"{_TRIALS}.tmp"
    draft.write_text(json.dumps(content) + "\n", encoding="utf-8")
    draft.replace(out / _TRIALS)


def _known(config: CicadaSearchConfig, out: Path) -> list[Trial]:
    """Return the trials of an earlier run of the same scan."""
    path = out / _TRIALS
    if not path.is_file():
        return []
    content: Any = json.loads(path.read_text(encoding="utf-8"))
    if content["configuration"] != config.model_dump(mode="json"):
        raise ConfigurationError(f"{out} holds another scan: choose another --out")
    return [Trial(**trial) for trial in content["trials"]]


def scan(
    config: CicadaSearchConfig, out: Path, watch: Watch = lambda _: None, quiet: bool = True
) -> list[Trial]:
    """Scan, or go on with a scan that was interrupted.

    Parameters
    ----------
    config : CicadaSearchConfig
    out : pathlib.Path
        Folder of the trials and of the trainings' checkpoints.
    watch : callable
        Told all trials whenever one is done.
    quiet : bool
        Show no progress bars.

    Returns
    -------
    list of Trial
        One for each family and price; the objective is one less the mean area over signals and
        mean pile-ups.

    Raises
    ------
    ConfigurationError
        The folder holds another scan, or HGQ2 is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    trials = _known(config, out)
    targets = training_targets(config, Job(out, quiet))
    validation = _Validation(config, targets)
    keras, _, _ = frameworks()
    for family, shape in config.families.items():
        done = {trial.student["beta"] for trial in trials if trial.student["family"] == family}
        if done >= set(config.betas):
            continue
        keras.backend.clear_session()
        backend.seed_everything(config.seed, config.threads or 1)
        keras.utils.set_random_seed(config.seed)
        model = hgq.student(shape, targets)
        for number, beta in enumerate(config.betas):
            pace = config.next if number else config.first
            price = EbopsRegularisation(first=beta, last=beta, free_epochs=0)
            label = f"{family}-{number}"
            history = hgq.train_student(model, targets, pace, price, label, config.bits_pace)
            if beta in done:
                continue
            student = {"family": family, "beta": beta, **shape.model_dump(mode="json")}
            found = validation.measure(hgq.score(model))
            areas = [value for name, value in found.items() if name.startswith("area")]
            trials.append(
                Trial(
                    len(trials), student, True, "complete", 1.0 - float(np.mean(areas)),
                    round(history[-1]["ebops"]), found, {}, history_seconds(history),
                )
            )  # fmt: skip
            _write(trials, config, out)
            watch(trials)
    return trials
