"""What CICADA's cheaper students share: training targets by the teacher, and their test."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms import Cicada, CicadaTeacher
from l1kd.algorithms.image_scores import LARGEST_SCORE, log_error
from l1kd.algorithms.residuals import COUNTS, RESIDUALS, network_input
from l1kd.artefacts import sha256
from l1kd.emulators.array_types import Images, Singles
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.models.cicada import teacher
from l1kd.models.cicada.card import image_description, readings, separation
from l1kd.models.cicada.config import Normalised, StudentConfig
from l1kd.models.cicada.images import ImageSource
from l1kd.models.cicada.rates import rates
from l1kd.models.cicada.students_card import agreement
from l1kd.models.memoise import memoise_on_disk
from l1kd.models.recipe import Job, Product
from l1kd.models.records import fingerprint
from l1kd.statistics import roc_auc
from l1kd.trigger.conditions.luminosity import PileupProfile

__all__ = [
    "Scores",
    "TrainingTargets",
    "augment",
    "batch_rows",
    "batches",
    "emulated",
    "finish",
    "proof_images",
    "training_targets",
]

Scores = Callable[[Images], NDArray[np.floating]]
# what concerns the test alone: a finished training may be tested beside other networks
_OF_TEST = {"test_images", "compare", "also_mu"}
_SIGNAL_SHARE = 20
ARTEFACT_SCALE = 32.0
"""Students learn so many times the score of a teacher that is an artefact, to fill their range."""


@dataclass(frozen=True)
class TrainingTargets:
    """Images of a student's training, and the scores that the teacher gives them.

    Attributes
    ----------
    teacher_score : callable
        Images uint16[n, 18, 14] to scores float32[n].
    teacher_history : list of dict
        Epochs of the teacher's training.
    images, targets : numpy.ndarray
        That train.
    validation, validation_targets : numpy.ndarray
        That follow the training.
    """

    config: StudentConfig
    job: Job
    source: ImageSource
    teacher_score: Scores
    teacher_history: list[dict[str, float]]
    images: Images
    targets: Singles
    validation: Images
    validation_targets: Singles

    def read(self, images: Images) -> Images:
        """Give what a network reads of images: their counts, or raw residuals."""
        normalised = self.config.normalised
        return images if normalised is None else normalised.residuals().raw(images)

    @property
    def fingerprint(self) -> str:
        """Hash of what decides the training."""
        return fingerprint(self.config, _OF_TEST)

    @property
    def width(self) -> int:
        """Bits of a region, as a network reads it."""
        return COUNTS.width if self.config.normalised is None else RESIDUALS.width

    @property
    def signal_like(self) -> Images:
        """Some of the signal-like images of the training, to follow the separation."""
        return self.images[self.config.student_images :: _SIGNAL_SHARE]

    def metrics(self, score: Scores) -> dict[str, float]:
        """Mean absolute difference to the teacher on zero bias, and the separation so far."""
        values = score(self.validation)
        found = {"validation_mae": float(np.abs(values - self.validation_targets).mean())}
        if len(self.signal_like) > 1:  # an area needs two
            found["exposure_auc"] = roc_auc(score(self.signal_like), values).value
        return found


def _kept(score: Scores, model: bytes, folder: Path) -> Scores:
    """Keep the teacher's scores on disk: students that are tried on it need not wait for them."""
    weights = hashlib.sha256(model)

    def scores(images: Images) -> NDArray[np.floating]:
        key = hashlib.sha256(weights.digest() + np.ascontiguousarray(images).tobytes()).hexdigest()
        return memoise_on_disk(folder / f"{key}.npy", len(images), lambda: score(images))

    return scores


def _teacher_scores(
    config: StudentConfig, source: ImageSource, job: Job
) -> tuple[Scores, list[dict[str, float]]]:
    """Scores of the teacher, and the epochs of its training if it was trained here."""
    if config.teacher_artefact is not None:
        artefact = CicadaTeacher(config.teacher_artefact)

        def of_artefact(images: Images) -> Singles:
            return np.minimum(ARTEFACT_SCALE * artefact.score(images), LARGEST_SCORE)

        key = sha256(artefact.artefact.file("model.onnx"))
        return _kept(of_artefact, bytes.fromhex(key), job.checkpoints("targets")), []
    model, history = teacher.train_teacher(config, source, job.checkpoints("teacher"), job.quiet)
    error = teacher.reconstruction_error(model)

    def score(images: Images) -> Singles:
        return log_error(error(images), config.target)

    weights = b"".join(array.tobytes() for array in model.get_weights())
    return _kept(score, weights, job.checkpoints("targets") / config.target), history


def training_targets(config: StudentConfig, job: Job) -> TrainingTargets:
    """Let the teacher score the student's images, after it was trained or read."""
    source = ImageSource.read(config.data, config.seed)
    scores, history = _teacher_scores(config, source, job)
    along = source
    if config.training_mu is not None:
        along = source.at(PileupProfile.of(config.training_mu, [1.0]))
    # the student's zero-bias images are none of the epochs that the teacher saw
    epochs = 0 if config.teacher is None else config.teacher.epochs
    zero_bias = along.training(config.student_images, epochs)
    images = np.concatenate([zero_bias, along.exposure(config.exposure_images)])
    validation = along.validation(config.validation_images)
    return TrainingTargets(
        config,
        job,
        source,
        scores,
        history,
        images,
        scores(images).astype(np.float32),
        validation,
        scores(validation).astype(np.float32),
    )


def augment(images: Images, rng: np.random.Generator) -> Images:
    """Turn and mirror every image at random: the teacher's score should not depend on it."""
    turns = rng.integers(0, 18, len(images))
    rows = (np.arange(18) - turns[:, None]) % 18
    result = images[np.arange(len(images))[:, None], rows]
    mirrored = rng.integers(0, 2, len(images)).astype(bool)
    result[mirrored] = result[mirrored][:, :, ::-1]
    return result


def batch_rows(targets: TrainingTargets, epoch: int, batch: int) -> Iterator[NDArray[np.int64]]:
    """Rows of the batches of an epoch."""
    rng = np.random.default_rng([targets.config.seed, epoch])
    order = rng.permutation(len(targets.images))
    steps = len(order) // batch
    yield from np.split(order[: steps * batch], steps)


def batches(targets: TrainingTargets, epoch: int, batch: int) -> Iterator[tuple[Singles, Singles]]:
    """Give what a network reads of turned and mirrored images, float32[n, 252], and its targets."""
    rng = np.random.default_rng([targets.config.seed, 1, epoch])
    for rows in batch_rows(targets, epoch, batch):
        x = targets.read(augment(targets.images[rows], rng))
        yield x.reshape(-1, 252).astype(np.float32), targets.targets[rows]


def emulated(network: Network | LogicNetwork, normalised: Normalised | None = None) -> Scores:
    """Return the scores that an exported network gives images."""
    residuals = None if normalised is None else normalised.residuals()
    scale = 2.0 ** -network.outputs[0].format.fraction

    def score(images: Images) -> NDArray[np.floating]:
        read, form = network_input(images, residuals)
        flat = read.reshape(len(images), -1).astype(np.int64)
        raw = network.predict_raw(network.inputs[0].format.cast(flat, form))
        return np.asarray(raw[:, 0] * scale, np.float32)

    return score


def _compared(targets: TrainingTargets, label: str, score: Scores) -> dict[str, Scores]:
    scores: dict[str, Scores] = {"teacher": targets.teacher_score, label: score}
    for name in targets.config.compare:
        scores[name] = Cicada(name).score
    return scores


def finish(
    targets: TrainingTargets,
    score: Scores,
    histories: dict[str, list[dict[str, float]]],
    export: dict[str, Any],
    card: Callable[[Any, dict[str, Any]], str],
    *files: str,
) -> Product:
    """Test the exported network, and describe what belongs to the artefact."""
    config, source = targets.config, targets.source
    scores = _compared(targets, "student", score)
    images = source.test_images(config.test_images)
    metrics: dict[str, Any] = separation(source, images, scores)
    metrics["test_readings"] = readings(targets.job.out, files[0])
    metrics["agreement"] = agreement(scores, images.background, images.signals)
    metrics["rates"] = rates(scores, images, config.data.mu)
    metrics["also"] = {
        f"{mu:g}": separation(at, at.test_images(config.test_images), scores)["auc_overlay"]
        for mu, at in ((mu, source.at(mu)) for mu in config.also_mu)
    }
    metrics["history"] = {"teacher": targets.teacher_history, **histories}
    metrics["calibration"] = source.calibration.as_dict()
    metrics["export"] = export
    return Product(
        kind="cicada",
        description=f"Anomaly score of a calorimeter image, {export['kind']}.",
        inputs=_inputs(config, export["input"]),
        outputs={"score": {"format": export["output"], **_learned(config)}},
        files=files,
        data=tuple(source.files()),
        metrics=metrics,
        card=card(config, metrics),
    )


def _inputs(config: StudentConfig, form: str) -> dict[str, Any]:
    described = image_description(form, config.data.mu)
    if config.training_mu is not None:
        described["regions"]["mu"] = list(config.training_mu)
    if config.normalised is not None:
        described["regions"]["normalisation"] = config.normalised.residuals().as_dict()
    return described


def _learned(config: StudentConfig) -> dict[str, Any]:
    if config.teacher_artefact is None:
        return {"target": config.target}
    title = CicadaTeacher(config.teacher_artefact).version
    return {"target": "log_32_mse", "teacher": title, "scale": ARTEFACT_SCALE}


def proof_images(targets: TrainingTargets) -> Images:
    """Images for the proof of equality: zero bias that no training saw, and signals."""
    config, source = targets.config, targets.source
    epochs = 0 if config.teacher is None else config.teacher.epochs
    zero_bias = source.training(config.check_vectors, epochs + 1)
    return np.concatenate([zero_bias, targets.signal_like])
