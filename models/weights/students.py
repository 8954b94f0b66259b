"""What the recipes of DistillNet and QDistillNet share: training targets, loss and test."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.models import backend
from l1kd.models.training import Fit, adam, run_in_chunks
from l1kd.models.weights.batches import Batches, Events
from l1kd.models.weights.config import StudentConfig
from l1kd.models.weights.event_loss import EventLoss
from l1kd.models.weights.metrics import describe, weightings
from l1kd.models.weights.particles import Particles
from l1kd.models.weights.samples import Samples
from l1kd.models.weights.weighting import network_weights
from l1kd.physics.agreement import agreement

__all__ = ["first_test", "in_turn", "prepared", "task_of", "tested", "weigh"]

Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def prepared(config: StudentConfig, events: Events) -> Events:
    """Add what the network reads, and the training targets that the configuration mixes."""
    particles, share = events.particles, config.distillation
    target, teacher = events.target, None
    if share.teacher is not None and (share.beta or share.gamma):
        teacher = network_weights(share.teacher, particles)
        mixed = (share.alpha * target + share.beta * teacher) / (share.alpha + share.beta)
        target = mixed.astype(np.float32)
    columns = (particles.inputs(config.inputs),)
    return replace(events, columns=columns, target=target, teacher=teacher if share.gamma else None)


def weigh(model: Any, config: StudentConfig) -> Infer:
    """Compile a trained network: input matrix float32[n, inputs] to weights float32[n]."""
    shape = (len(INPUT_SETS[config.inputs]),)
    return run_in_chunks(lambda x: model(x, training=False)[:, 0], shape, 65536)


def _by_input(model: Any) -> Callable[..., Any]:
    """Let a network of one input be called as `EventLoss` calls it, which knows the event, too."""

    def call(inputs: Any, event: Any, training: bool) -> Any:
        del event
        return model(inputs, training=training)

    return call


def task_of(
    config: StudentConfig, model: Any, train: Events, validation: Events, optimiser: Any = None
) -> Fit:
    """Return the training of a network on prepared events; Adam where no optimiser is given."""
    settings, loss = config.optimisation, config.loss
    batches = Batches(train, settings.batch, config.seed)
    few = min(settings.batch, validation.particles.n_events)
    # without the likeness of histograms: losses compare whatever its factor
    check = Batches(replace(validation, teacher=None), few, config.seed)
    judge = backend.tensorflow().function(
        EventLoss(_by_input(model), loss, few, training=False),
        reduce_retracing=True,
        autograph=False,
    )

    def validate() -> dict[str, float]:
        values = [float(judge(*batch)) for batch in check(0)]
        return {"validation_loss": float(np.mean(values))}

    likeness = None if train.teacher is None else backend.tensorflow().Variable(0.0)
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


def _likeness_clock(
    config: StudentConfig, likeness: Any, steps: int
) -> Callable[[int], None] | None:
    """Return what sets the factor of the likeness of histograms before every step."""
    share = config.distillation
    if likeness is None:
        return None

    def set_factor(step: int) -> None:
        likeness.assign(share.gamma if step >= share.gamma_from * steps else 0.0)

    return set_factor


def in_turn(*calls: Callable[[int], None] | None) -> Callable[[int], None]:
    """Call one after the other, skipping those that are none."""

    def call(step: int) -> None:
        for one in calls:
            if one is not None:
                one(step)

    return call


def first_test(samples: Samples) -> Particles:
    """Return the particles of the first test sample, on which exports are compared."""
    particles, _ = next(iter(samples.tests.values()))
    return particles


def tested(
    config: StudentConfig,
    samples: Samples,
    infer: Infer,
    history: list[dict[str, float]],
    extra: dict[str, Any],
) -> dict[str, Any]:
    """Test a trained network; return its metrics, beginning with what is in `extra`."""
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
    return {
        **extra,
        "validation": validation,
        "tests": tests,
        "history": {config.name: history},
    }
