"""What the recipes of DistillNet and QDistillNet share: target, loss, test, records."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.models import backend
from l1kd.models.config import DistillNetConfig, HgqDistillNetConfig, QDistillNetConfig
from l1kd.models.evaluation.accuracy import agreement
from l1kd.models.records import write_records
from l1kd.models.training import Fit, adam, history_seconds, in_batches
from l1kd.models.weights.batches import Batches, Events
from l1kd.models.weights.card import card
from l1kd.models.weights.event_loss import EventLoss
from l1kd.models.weights.metrics import describe, weightings
from l1kd.models.weights.particles import Particles
from l1kd.models.weights.samples import Samples
from l1kd.models.weights.weighting import network_weights

__all__ = ["first_test", "in_turn", "prepared", "task_of", "weigh", "write_student"]

Config = DistillNetConfig | QDistillNetConfig | HgqDistillNetConfig
Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def prepared(config: Config, events: Events) -> Events:
    """Add what the network reads, and the target that the configuration mixes."""
    particles, share = events.particles, config.distillation
    target, taught = events.target, None
    if share.teacher is not None and (share.beta or share.gamma):
        taught = network_weights(share.teacher, particles)
        mixed = (share.alpha * target + share.beta * taught) / (share.alpha + share.beta)
        target = mixed.astype(np.float32)
    kept = taught if share.gamma else None
    return replace(events, columns=(particles.inputs(config.inputs),), target=target, taught=kept)


def weigh(model: Any, config: Config) -> Infer:
    """Compile a trained network: input matrix float32[n, inputs] to weights float32[n]."""
    shape = (len(INPUT_SETS[config.inputs]),)
    return in_batches(lambda x: model(x, training=False)[:, 0], shape, 65536)


def _by_input(model: Any) -> Callable[..., Any]:
    """Let a network of one input be called as `EventLoss` calls it, which knows the event, too."""

    def call(inputs: Any, event: Any, training: bool) -> Any:
        del event
        return model(inputs, training=training)

    return call


def task_of(
    config: Config, model: Any, train: Events, validation: Events, optimiser: Any = None
) -> Fit:
    """Return the training of a network on prepared events; Adam where no optimiser is given."""
    settings, loss = config.optimisation, config.loss
    batches = Batches(train, settings.batch, config.seed)
    few = min(settings.batch, validation.particles.n_events)
    # without the likeness of histograms: losses compare whatever its factor
    check = Batches(replace(validation, taught=None), few, config.seed)
    judge = backend.tensorflow().function(
        EventLoss(_by_input(model), loss, few, training=False),
        reduce_retracing=True,
        autograph=False,
    )

    def validate() -> dict[str, float]:
        values = [float(judge(*batch)) for batch in check(0)]
        return {"validation_loss": float(np.mean(values))}

    likeness = None if train.taught is None else backend.tensorflow().Variable(0.0)
    return Fit(
        config.name,
        model,
        adam(settings, batches.steps) if optimiser is None else optimiser,
        settings.epochs,
        batches.steps,
        batches,
        EventLoss(_by_input(model), loss, settings.batch, likeness=likeness),
        validate,
        _likeness_clock(config, likeness, settings.epochs * batches.steps),
    )


def _likeness_clock(config: Config, likeness: Any, steps: int) -> Callable[[int], None] | None:
    """Return what sets the factor of the likeness of histograms before every step."""
    share = config.distillation
    if likeness is None:
        return None

    def set_factor(step: int) -> None:
        likeness.assign(share.gamma if step >= share.gamma_from * steps else 0.0)

    return set_factor


def in_turn(*calls: Callable[[int], None] | None) -> Callable[[int], None]:
    """Call one after the other, those that are none left out."""

    def call(step: int) -> None:
        for one in calls:
            if one is not None:
                one(step)

    return call


def first_test(samples: Samples) -> Particles:
    """Return the particles of the first test sample, on which exports are compared."""
    particles, _ = next(iter(samples.tests.values()))
    return particles


def write_student(
    config: Config,
    config_path: Path,
    out: Path,
    samples: Samples,
    infer: Infer,
    history: list[dict[str, float]],
    extra: dict[str, Any],
) -> None:
    """Test a trained network, and write its records; `extra` is added to the metrics."""
    tests, validation = {}, {}
    teacher = config.distillation.teacher
    if teacher is not None:
        held_out = samples.validation.particles
        validation["against_teacher"] = agreement(
            infer(held_out.inputs(config.inputs)),
            network_weights(teacher, held_out),
            held_out.offsets,
        )
    for name, (particles, generated) in samples.tests.items():
        weights = weightings(particles, infer(particles.inputs(config.inputs)))
        if teacher is not None:
            weights["teacher"] = network_weights(teacher, particles)
        tests[name] = describe(particles, generated, weights)
    metrics = {
        **extra,
        "validation": validation,
        "tests": tests,
        "history": {config.name: history},
    }
    write_records(
        out,
        config,
        config_path,
        samples.files,
        {config.name: history_seconds(history)},
        metrics,
        card(config, metrics),
    )
