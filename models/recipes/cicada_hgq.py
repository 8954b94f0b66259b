"""CICADA's student in mixed precision: training, exact export, test."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from l1kd.models import backend, mixed_precision
from l1kd.models.cicada import hgq
from l1kd.models.cicada.config import CicadaHgqConfig
from l1kd.models.cicada.students_card import hgq_card
from l1kd.models.cicada.targets import (
    emulated,
    finish,
    proof_images,
    training_targets,
)
from l1kd.models.config import read_config
from l1kd.models.recipe import Job, Product, Recipe

__all__ = ["RECIPE"]

_TRACED = 20_000
"""Zero-bias images by which the ranges of what may not overflow are found."""


def _run(config: CicadaHgqConfig, job: Job) -> Product:
    """Train, and write ``network.npz``, the integer network, and the model of HGQ2.

    Raises
    ------
    ConfigurationError
        HGQ2 is missing, or the folder holds checkpoints of another configuration.
    ArtefactError
        HGQ2, the compiled C++ of hls4ml (not for tables) and the integer network differ on any
        image.
    """
    targets = training_targets(config, job)
    model = hgq.student(config, targets)
    histories = {
        "student": hgq.train_student(model, targets, config.student, config.ebops_regularisation)
    }
    proof, path = targets.read(proof_images(targets)), job.out / "network.npz"
    if config.architecture == "tables":
        network, export = hgq.export_tables(model, proof, path, targets.width)
        operations = round(mixed_precision.ebops(model))
    else:
        some = targets.images[: min(_TRACED, config.student_images)]
        seen = targets.read(np.concatenate([some, targets.signal_like]))
        operations = hgq.trace(model, seen, targets.width)
        with tempfile.TemporaryDirectory() as folder:
            network, export = hgq.export(model, proof, Path(folder), path, targets.width)
    with backend.quiet():
        model.save(job.out / "model.keras")
    export |= {
        "kind": "in mixed precision",
        "ebops": operations,
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
    }
    return finish(
        targets,
        emulated(network, config.normalised),
        histories,
        export,
        hgq_card,
        "network.npz",
        "model.keras",
    )


RECIPE = Recipe(
    "cicada_hgq",
    "CICADA's student in mixed precision: every weight and activation has its own width",
    partial(read_config, kind=CicadaHgqConfig),
    _run,
)
