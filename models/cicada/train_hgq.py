"""The recipe of CICADA's student in mixed precision: training, exact export, test."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.artefacts import Artefact
from l1kd.models import backend, mixed_precision
from l1kd.models.cicada import hgq as cicada_hgq
from l1kd.models.cicada.config import CicadaHgqConfig
from l1kd.models.cicada.students_card import hgq_card
from l1kd.models.cicada.targets import Lesson, emulated, finish, make_lesson, moved, parts, vectors
from l1kd.models.config import read_config
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, fit

__all__ = ["train_cicada_hgq"]


def _fit_hgq(lesson: Lesson, config: CicadaHgqConfig, model: Any) -> list[dict[str, float]]:
    tf = backend.tensorflow()
    settings, pressure = config.student, config.pressure
    steps = len(lesson.images) // settings.batch
    rising = max(settings.epochs - pressure.free_epochs - 1, 1)
    score = cicada_hgq.score(model)

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        rng = np.random.default_rng([config.seed, 1, epoch])
        for rows in parts(lesson, epoch, settings.batch):
            x = moved(lesson.images[rows], rng).reshape(-1, 252).astype(np.float32)
            yield tf.constant(x), tf.constant(lesson.wanted[rows])

    def loss(x: Any, y: Any) -> Any:
        distance = tf.reduce_mean(tf.abs(model(x, training=True)[:, 0] - y))
        return distance + tf.add_n(model.losses)

    def press(step: int) -> None:
        if step % steps == 0:
            done = min(max(step // steps - pressure.free_epochs, 0) / rising, 1.0)
            factor = (pressure.last / pressure.first) ** done
            mixed_precision.set_pressure(model, pressure.first * factor)

    def validate() -> dict[str, float]:
        return {**lesson.figures(score), "ebops": mixed_precision.ebops(model)}

    optimiser = mixed_precision.adam(settings.learning_rate, settings.epochs * steps)
    task = Fit("student", model, optimiser, settings.epochs, steps, batches, loss, validate, press)
    return fit(task, lesson.out / "checkpoints" / "student", fingerprint(config), lesson.quiet)


def train_cicada_hgq(config_path: Path, out: Path, quiet: bool = False) -> Artefact:
    """Train the mixed-precision student as a configuration says, and write the artefact.

    Parameters
    ----------
    config_path : pathlib.Path
        YAML file, see `l1kd.models.cicada.config.CicadaHgqConfig`.
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bars.

    Returns
    -------
    Artefact
        With ``network.npz``, the integer network, and the model of the training framework.

    Raises
    ------
    ConfigurationError
        The configuration is wrong, HGQ2 is missing, or the folder holds checkpoints of another
        configuration.
    ArtefactError
        HGQ2, the compiled C++ of hls4ml and the integer network differ on any image.
    """
    config = read_config(config_path, CicadaHgqConfig)
    lesson = make_lesson(config, config_path, out, quiet)
    zero_bias = lesson.images[: min(20_000, config.student_images)]
    model = cicada_hgq.student(zero_bias, config.knots, config.hidden, config.seed)
    histories = {"student": _fit_hgq(lesson, config, model)}
    operations = cicada_hgq.trace(model, np.concatenate([zero_bias, lesson.signal_like]))
    with tempfile.TemporaryDirectory() as folder:
        network, export = cicada_hgq.export(
            model, vectors(lesson), Path(folder), out / "network.npz"
        )
    with backend.quiet():
        model.save(out / "model.keras")
    export |= {
        "kind": "in mixed precision",
        "ebops": operations,
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
    }
    return finish(
        lesson, emulated(network), histories, export, hgq_card, "network.npz", "model.keras"
    )
