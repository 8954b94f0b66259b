"""The teacher of the particle networks: data, training, test, artefact."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from l1kd.models import backend
from l1kd.models.config import read_config
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit
from l1kd.models.weights import teacher
from l1kd.models.weights.batches import Batches, Events
from l1kd.models.weights.card import card, input_description
from l1kd.models.weights.config import TeacherConfig
from l1kd.models.weights.distillnet import standardise
from l1kd.models.weights.event_loss import EventLoss
from l1kd.models.weights.metrics import describe, weightings
from l1kd.models.weights.nearest import nearest
from l1kd.models.weights.samples import Samples
from l1kd.models.weights.trained_teacher import (
    WEIGHTS,
    active_units,
    in_blocks,
    save_teacher,
    weigher,
)

__all__ = ["RECIPE"]


def _with_columns(events: Events, config: TeacherConfig) -> Events:
    particles = events.particles
    columns = (particles.inputs("local"), nearest(particles, config.neighbours))
    return replace(events, columns=columns)


def _fit(config: TeacherConfig, model: Any, samples: Samples, job: Job) -> list[dict[str, float]]:
    settings, loss = config.optimisation, config.loss
    train = _with_columns(samples.train, config)
    validation = _with_columns(samples.validation, config)
    batches = Batches(train, settings.batch, config.seed)
    few = min(settings.batch, validation.particles.n_events)
    check = Batches(validation, few, config.seed)
    judge = backend.tensorflow().function(
        EventLoss(model, loss, few, n_columns=2, training=False),
        reduce_retracing=True,
        autograph=False,
    )

    def validate() -> dict[str, float]:
        values = [float(judge(*batch)) for batch in check(0)]
        return {"validation_loss": float(np.mean(values))}

    task = Fit(
        config.name,
        model,
        adam(settings, batches.steps),
        settings.epochs,
        batches.steps,
        batches,
        EventLoss(model, loss, settings.batch, n_columns=2),
        validate,
    )
    return fit(task, job.checkpoints(), fingerprint(config), job.quiet)


def _run(config: TeacherConfig, job: Job) -> Product:
    """Train the teacher, take away its dead units, and test it.

    The artefact has ``weights.npz``: the standardisation and the arrays of the network, in its
    order.
    """
    samples = Samples.read(config.data, config.loss)
    scale = standardise(samples.train.particles.inputs("local"))
    model = teacher.network(config, scale)
    history = _fit(config, model, samples, job)
    active, searched = active_units(model, config.neighbours, samples.train.particles)
    model = teacher.without_dead_units(model, config, scale, active)
    save_teacher(model, scale, job.out)
    weigh = weigher(model, config.neighbours)
    tests = {
        name: describe(p, truth, weightings(p, in_blocks(weigh, p)))
        for name, (p, truth) in samples.tests.items()
    }
    metrics = {
        "parameters": int(model.count_params()),
        "dead_units": int((~active).sum()),
        "events_searched": searched,
        "flops_per_particle": teacher.flops_per_particle(config, int(active.sum())),
        "tests": tests,
        "history": {config.name: history},
    }
    return Product(
        kind="teacher",
        description="Weight of every particle from its neighbours and its event, by attention.",
        inputs=input_description("local"),
        outputs={"weight": {"type": "float32", "range": [0, 1]}},
        files=(WEIGHTS,),
        data=samples.files,
        metrics=metrics,
        card=card(config, metrics),
    )


RECIPE = Recipe(
    "teacher",
    "weight of a particle from its neighbours and its event: a reference for the students",
    partial(read_config, kind=TeacherConfig),
    _run,
)
