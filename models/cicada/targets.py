"""What CICADA's cheaper students share: their lesson by the teacher, and their test."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, load, write_manifest
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic.network import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.models import backend
from l1kd.models.cicada import students as cicada
from l1kd.models.cicada.card import separation
from l1kd.models.cicada.config import StudentConfig
from l1kd.models.cicada.images import ImageSource
from l1kd.models.cicada.students_card import agreement, rates
from l1kd.models.cicada.train_qkeras import train_cicada_teacher
from l1kd.models.records import COMMON_FILES, write_records
from l1kd.models.training import history_seconds
from l1kd.statistics import roc_auc

__all__ = ["Lesson", "Scores", "emulated", "finish", "make_lesson", "moved", "parts", "vectors"]

Images = NDArray[np.uint16]
Floats = NDArray[np.float32]
Scores = Callable[[Images], NDArray[np.floating]]
_SIGNAL_SHARE = 20


@dataclass(frozen=True)
class Lesson:
    """What a student learns from, and where its records go."""

    config: StudentConfig
    config_path: Path
    out: Path
    quiet: bool
    source: ImageSource
    teach: Scores
    teacher_history: list[dict[str, float]]
    images: Images
    wanted: Floats
    check: Images
    checked: Floats

    @property
    def signal_like(self) -> Images:
        """Some of the signal-like images of the training, to follow the separation."""
        return self.images[self.config.student_images :: _SIGNAL_SHARE]

    def figures(self, score: Scores) -> dict[str, float]:
        """Mean absolute difference to the teacher on zero bias, and the separation so far."""
        values = score(self.check)
        found = {"validation_mae": float(np.abs(values - self.checked).mean())}
        if len(self.signal_like):
            found["exposure_auc"] = roc_auc(score(self.signal_like), values).value
        return found


def _remembered(teach: Scores, teacher: Any, folder: Path) -> Scores:
    """Keep the teacher's scores on disk: students that are tried on it need not wait for them."""
    weights = hashlib.sha256()
    for array in teacher.get_weights():
        weights.update(array.tobytes())
    folder.mkdir(parents=True, exist_ok=True)

    def scores(images: Images) -> NDArray[np.floating]:
        key = hashlib.sha256(weights.digest() + np.ascontiguousarray(images).tobytes()).hexdigest()
        path = folder / f"{key}.npy"
        if not path.is_file():
            draft = path.with_suffix(".tmp.npy")
            np.save(draft, teach(images), allow_pickle=False)
            draft.replace(path)
        values: NDArray[np.floating] = np.load(path, allow_pickle=False)
        return values

    return scores


def make_lesson(config: StudentConfig, config_path: Path, out: Path, quiet: bool) -> Lesson:
    """Train the teacher or take it from its checkpoints, and let it score the student's images."""
    backend.seed_everything(config.seed, config.threads)
    source = ImageSource.read(config.data, config.seed)
    teacher, history = train_cicada_teacher(
        config.cicada(), source, out / "checkpoints" / "teacher", quiet
    )
    error = cicada.reconstruction_error(teacher)

    def target(images: Images) -> Floats:
        return cicada.target(error(images), config.target)

    folder = out / "checkpoints" / "targets" / config.target
    teach = _remembered(target, teacher, folder)
    # the student's zero-bias images are none of the epochs that the teacher saw
    zero_bias = source.training(config.student_images, config.teacher.epochs)
    images = np.concatenate([zero_bias, source.exposure(config.exposure_images)])
    check = source.validation(config.validation_images)
    return Lesson(
        config,
        config_path,
        out,
        quiet,
        source,
        teach,
        history,
        images,
        teach(images).astype(np.float32),
        check,
        teach(check).astype(np.float32),
    )


def moved(images: Images, rng: np.random.Generator) -> Images:
    """Turn and mirror every image at random: the teacher's score should not depend on it."""
    turns = rng.integers(0, 18, len(images))
    rows = (np.arange(18) - turns[:, None]) % 18
    result = images[np.arange(len(images))[:, None], rows]
    mirrored = rng.integers(0, 2, len(images)).astype(bool)
    result[mirrored] = result[mirrored][:, :, ::-1]
    return result


def parts(lesson: Lesson, epoch: int, batch: int) -> Iterator[NDArray[np.int64]]:
    """Rows of the batches of an epoch."""
    rng = np.random.default_rng([lesson.config.seed, epoch])
    order = rng.permutation(len(lesson.images))
    steps = len(order) // batch
    yield from np.split(order[: steps * batch], steps)


def emulated(network: Network | LogicNetwork) -> Scores:
    """Return the scores that an exported network gives images."""
    counts = FixedPoint(10, 10, False)
    scale = 2.0 ** -network.outputs[0].format.fraction

    def score(images: Images) -> NDArray[np.floating]:
        flat = images.reshape(len(images), -1).astype(np.int64)
        raw = network.predict_raw(network.inputs[0].format.cast(flat, counts))
        return np.asarray(raw[:, 0] * scale, np.float32)

    return score


def _compared(lesson: Lesson, label: str, score: Scores) -> dict[str, Scores]:
    scores: dict[str, Scores] = {"teacher": lesson.teach, label: score}
    for name in lesson.config.compare:
        scores[name] = emulated(Network.load(load(name, "cicada").file("network.npz")))
    return scores


def finish(
    lesson: Lesson,
    score: Scores,
    histories: dict[str, list[dict[str, float]]],
    export: dict[str, Any],
    card: Callable[[Any, dict[str, Any]], str],
    *files: str,
) -> Artefact:
    """Test the exported network and write everything that belongs to the artefact."""
    config, source, out = lesson.config, lesson.source, lesson.out
    scores = _compared(lesson, "student", score)
    metrics: dict[str, Any] = separation(config.cicada(), source, scores)
    test = source.test(config.test_images)
    signals = {name: source.signal(name) for name in config.data.signals}
    metrics["agreement"] = agreement(scores, test, signals)
    metrics["rates"] = rates(scores, test, signals)
    metrics["history"] = {"teacher": lesson.teacher_history, **histories}
    metrics["calibration"] = {
        "gain": source.calibration.gain.tolist(),
        "pedestal": source.calibration.pedestal.tolist(),
    }
    metrics["export"] = export
    seconds = {name: history_seconds(entries) for name, entries in metrics["history"].items()}
    text = card(config, metrics)
    write_records(out, config, lesson.config_path, source.files(), seconds, metrics, text)
    return write_manifest(
        out,
        name=config.name,
        version=config.version,
        kind="cicada",
        description=f"Anomaly score of a calorimeter image, {export['kind']}.",
        inputs={
            "regions": {
                "shape": ["n", 252],
                "order": "14 * gctPhi + (gctEta - 4)",
                "unit": "counts of 0.5 GeV, clipped at 1023",
                "format": export["input"],
                "mu": config.data.mu,
            }
        },
        outputs={"score": {"format": export["output"], "target": config.target}},
        files=(*files, *COMMON_FILES),
    )


def vectors(lesson: Lesson) -> Images:
    """Images for the proof of equality: zero bias that no training saw, and signals."""
    config, source = lesson.config, lesson.source
    zero_bias = source.training(config.check_vectors, config.teacher.epochs + 1)
    return np.concatenate([zero_bias, lesson.signal_like])
