"""QDistillNet, pruned or in mixed precision: data, training, export through hls4ml, test."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine
from l1kd.models import backend
from l1kd.models.config import read_config, read_mapping
from l1kd.models.export import compile_firmware, export_network
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.records import fingerprint
from l1kd.models.training import fit
from l1kd.models.weights import qdistillnet
from l1kd.models.weights.batches import Events
from l1kd.models.weights.card import card, input_description
from l1kd.models.weights.config import HgqDistillNetConfig, QDistillNetConfig
from l1kd.models.weights.event_loss import EventLoss
from l1kd.models.weights.samples import Samples
from l1kd.models.weights.students import (
    first_test,
    in_turn,
    prepared,
    task_of,
    tested,
    weigh,
)
from l1kd.models.weights.weighting import network_weights

__all__ = ["RECIPE", "read_qdistillnet"]

_MODEL_FILES = {"qkeras": "model.h5", "hgq": "model.keras"}
_TRACED = 100_000
"""Particles from which the ranges of mixed-precision inputs are taken, beside their limits."""


def read_qdistillnet(path: Path) -> QDistillNetConfig | HgqDistillNetConfig:
    """Read the configuration of a QDistillNet; its `method` tells which kind it is.

    Raises
    ------
    ConfigurationError
        As in `read_config`.
    """
    if read_mapping(path).get("method") == "hgq":
        return read_config(path, HgqDistillNetConfig)
    return read_config(path, QDistillNetConfig)


_Trained = tuple[Any, Callable[[Path], Any], list[dict[str, float]], dict[str, Any]]
"""A model, what makes its firmware, its history, and what else was found."""


def _pruned(config: QDistillNetConfig, train: Events, validation: Events, job: Job) -> _Trained:
    """Train with QKeras and prune with TF-MOT."""
    steps = train.particles.n_events // config.optimisation.batch
    pruned = qdistillnet.prunable(qdistillnet.network(config), config, steps)
    clock = qdistillnet.PruningClock(pruned)
    plain = task_of(config, pruned, train, validation)
    task = replace(
        plain,
        before_step=in_turn(plain.before_step, clock.before_step),
        after_epoch=clock.after_epoch,
    )
    history = fit(task, job.checkpoints(), fingerprint(config), job.quiet)
    model = qdistillnet.stripped(pruned)
    return model, partial(compile_firmware, model, qdistillnet.precisions(config)), history, {}


def _mixed(config: HgqDistillNetConfig, train: Events, validation: Events, job: Job) -> _Trained:
    """Train with HGQ2."""
    from l1kd.models import mixed_precision
    from l1kd.models.weights import qdistillnet_hgq

    model = qdistillnet_hgq.network(config)
    steps = train.particles.n_events // config.optimisation.batch
    total = steps * config.optimisation.epochs
    optimiser = mixed_precision.adam(config.optimisation.learning_rate, total)
    task = task_of(config, model, train, validation, optimiser)
    event_loss, compiled = task.loss, mixed_precision.fused(model)
    assert isinstance(event_loss, EventLoss)

    def loss(*batch: Any) -> Any:
        weights, cost = compiled(batch[0])
        return event_loss.of(weights[:, 0], *batch) + cost

    def regularise(step: int) -> None:
        if step % 20 == 0:
            spent = mixed_precision.ebops(model)
            beta = qdistillnet_hgq.regularisation(config, step / total, spent)
            factors = {"logit": config.logit_regularisation}
            mixed_precision.regularise_ebops(model, beta, factors)

    def validate() -> dict[str, float]:
        return {**task.validate(), "ebops": float(mixed_precision.ebops(model))}

    before_step = in_turn(task.before_step, regularise)
    mixed = replace(task, loss=loss, before_step=before_step, validate=validate)
    history = fit(mixed, job.checkpoints(), fingerprint(config, ("calibrated",)), job.quiet)
    inputs, teacher = train.columns[0], config.distillation.teacher
    trace = partial(qdistillnet_hgq.trace, model, inputs[:_TRACED], config.inputs)
    trace()
    found = {}
    if config.calibrated and teacher is not None:
        reference = network_weights(teacher, train.particles)
        found["calibration"] = qdistillnet_hgq.calibrate(model, inputs, reference)._asdict()
        trace()
    return model, partial(mixed_precision.firmware, model), history, found


def _sparsity(network: Network) -> dict[str, float]:
    """Share of the kernel weights that are zero, and how many are not."""
    kernels = [
        op.weight
        for layer in network.graph.layers
        for op in layer.operations
        if isinstance(op, Affine)
    ]
    total = sum(kernel.size for kernel in kernels)
    kept = sum(int(np.count_nonzero(kernel)) for kernel in kernels)
    return {"sparsity": 1.0 - kept / total, "nonzero_weights": kept}


def _run(config: QDistillNetConfig | HgqDistillNetConfig, job: Job) -> Product:
    """Train, and write ``network.npz`` and the model of the training framework.

    The first is the integer network; the second takes part in the proof of a firmware build.

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration.
    ArtefactError
        The integer network differs from the compiled C++ of hls4ml on any particle.
    """
    samples = Samples.read(config.data, config.loss)
    train, validation = prepared(config, samples.train), prepared(config, samples.validation)
    backend.seed_everything(config.seed, config.threads)  # a teacher that was built drew numbers
    if isinstance(config, HgqDistillNetConfig):
        model, compiled, history, found = _mixed(config, train, validation, job)
    else:
        model, compiled, history, found = _pruned(config, train, validation, job)
    few = first_test(samples).inputs(config.inputs)[: config.check_vectors]
    trained = weigh(model, config)(few)[:, None]
    network, export = export_network(compiled, few, job.out / "network.npz", trained)
    with backend.quiet():
        model.save(job.out / _MODEL_FILES[config.method])

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = network.predict(x)[:, 0].astype(np.float32)
        return weights

    extra = {"export": export, **_sparsity(network), **found}
    metrics = tested(config, samples, infer, history, extra)
    return Product(
        kind="qdistillnet",
        description=f"Weight of every particle from {few.shape[1]} inputs, as firmware gives it.",
        inputs={
            **input_description(config.inputs),
            "format": str(network.inputs[0].format),
        },
        outputs={"weight": {"format": str(network.outputs[0].format), "range": [0, 1]}},
        files=("network.npz", _MODEL_FILES[config.method]),
        data=samples.files,
        metrics=metrics,
        card=card(config, metrics),
    )


RECIPE = Recipe(
    "qdistillnet",
    "weight of a particle as firmware, quantized and pruned or in mixed precision",
    read_qdistillnet,
    _run,
)
