"""CICADA's teacher: training on zero bias alone, export, test."""

from functools import partial
from typing import Any, Final

from l1kd.algorithms.image_scores import log_error
from l1kd.emulators.array_types import Images, Singles
from l1kd.emulators.image_scores import chi2_of_rings
from l1kd.models.cicada import teacher
from l1kd.models.cicada.autoencoder_onnx import write_error_model
from l1kd.models.cicada.card import readings, separation
from l1kd.models.cicada.config import CicadaTeacherConfig
from l1kd.models.cicada.images import ImageSource
from l1kd.models.cicada.teacher_card import Scores, growth, mean_areas, teacher_card, validation
from l1kd.models.config import read_config
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.trigger.conditions.luminosity import PileupProfile

__all__ = ["RECIPE"]

_TARGET: Final = "log_32_mse"


def _run(config: CicadaTeacherConfig, job: Job) -> Product:
    """Train, and write ``model.onnx``, the error of the autoencoder.

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration, or the package onnx is missing.
    """
    source = ImageSource.read(config.data, config.seed)
    training = source.at(PileupProfile.of(config.training_mu, [1.0]))
    model, history = teacher.train_teacher(config, training, job.checkpoints("teacher"), job.quiet)
    write_error_model(model, job.out / "model.onnx", config.autoencoder.smear)
    error = teacher.reconstruction_error(model, config.autoencoder)

    def score(images: Images) -> Singles:
        return log_error(error(images), _TARGET)

    scores: Scores = {"teacher": score, "chi2 of rings": chi2_of_rings}
    metrics: dict[str, Any] = {
        "parameters": int(model.count_params()),
        "test_readings": readings(job.out, "model.onnx"),
        "validation": validation(source, scores, config),
        "test": {
            f"{mu:g}": separation(
                source.at(mu), source.at(mu).test_images(config.test_images), scores
            )
            for mu in config.test_mu
        },
        "growth": growth(source, scores, config),
        "history": {"teacher": history},
        "calibration": source.calibration.as_dict(),
    }
    metrics["mean_auc"] = {mu: mean_areas(found) for mu, found in metrics["test"].items()}
    normalised = config.autoencoder.normalised
    regions = {
        "shape": ["n", 18, 14],
        "unit": "counts of 0.5 GeV, clipped at 1023",
        "mu": list(config.training_mu),
        "normalisation": None if normalised is None else normalised.residuals().as_dict(),
    }
    return Product(
        kind="cicada_teacher",
        description="Autoencoder of the calorimeter image: what CICADA's students learn.",
        inputs={"regions": regions},
        outputs={"error": {"format": "float32", "target": _TARGET}},
        files=("model.onnx",),
        data=tuple(source.files()),
        metrics=metrics,
        card=teacher_card(config, metrics),
    )


RECIPE = Recipe(
    "cicada_teacher",
    "CICADA's teacher, an autoencoder of zero bias",
    partial(read_config, kind=CicadaTeacherConfig),
    _run,
)
