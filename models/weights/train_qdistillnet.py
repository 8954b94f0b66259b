"""The recipes of QDistillNet, pruned and in mixed precision: data, training, test, export."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, write_manifest
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine
from l1kd.models import backend
from l1kd.models.config import HgqDistillNetConfig, QDistillNetConfig, read_qdistillnet
from l1kd.models.export import compile_firmware, export_network
from l1kd.models.records import COMMON_FILES, fingerprint
from l1kd.models.training import fit
from l1kd.models.weights import qdistillnet
from l1kd.models.weights.batches import Events
from l1kd.models.weights.card import input_description
from l1kd.models.weights.event_loss import EventLoss
from l1kd.models.weights.samples import Samples
from l1kd.models.weights.students import (
    first_test,
    in_turn,
    prepared,
    task_of,
    weigh,
    write_student,
)
from l1kd.models.weights.weighting import network_weights

__all__ = ["train_qdistillnet"]

_MODEL_FILES = {"qkeras": "model.h5", "hgq": "model.keras"}
_TRACED = 100_000
"""Particles from which the ranges of mixed-precision inputs are taken, beside their limits."""


def train_qdistillnet(config_path: Path, out: Path, quiet: bool = False) -> Artefact:
    """Train QDistillNet as a configuration says, export it through hls4ml, write the artefact.

    Parameters
    ----------
    config_path : pathlib.Path
        YAML file, see `l1kd.models.config.QDistillNetConfig` (``method: qkeras``, the default) and
        `HgqDistillNetConfig` (``method: hgq``).
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bar.

    Returns
    -------
    Artefact
        With ``network.npz``, the integer network, and the model of the training framework, which
        takes part in the proof of a firmware build.

    Raises
    ------
    ConfigurationError
        The configuration is wrong, or the folder holds checkpoints of another one.
    ArtefactError
        The integer network differs from the compiled C++ of hls4ml on any particle.
    """
    config = read_qdistillnet(config_path)
    backend.seed_everything(config.seed, config.threads)
    samples = Samples.read(config.data, config.loss)
    train, validation = prepared(config, samples.train), prepared(config, samples.validation)
    folder = out / "checkpoints"
    if isinstance(config, HgqDistillNetConfig):
        model, compiled, history, found = _mixed(config, train, validation, folder, quiet)
    else:
        model, compiled, history, found = _pruned(config, train, validation, folder, quiet)
    few = first_test(samples).inputs(config.inputs)[: config.check_vectors]
    trained = weigh(model, config)(few)[:, None]
    network, export = export_network(compiled, few, out / "network.npz", trained)
    with backend.quiet():
        model.save(out / _MODEL_FILES[config.method])

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = network.predict(x)[:, 0].astype(np.float32)
        return weights

    extra = {"export": export, **_sparsity(network), **found}
    write_student(config, config_path, out, samples, infer, history, extra)
    return write_manifest(
        out,
        name=config.name,
        version=config.version,
        kind="qdistillnet",
        description=f"Weight of every particle from {few.shape[1]} inputs, as firmware gives it.",
        inputs={
            **input_description(config.inputs),
            "format": str(network.inputs[0].format),
        },
        outputs={"weight": {"format": str(network.outputs[0].format), "range": [0, 1]}},
        files=("network.npz", _MODEL_FILES[config.method], *COMMON_FILES),
    )


_Trained = tuple[Any, Callable[[Path], Any], list[dict[str, float]], dict[str, Any]]
"""A model, what makes its firmware, its history, and what else was found."""


def _pruned(
    config: QDistillNetConfig, train: Events, validation: Events, folder: Path, quiet: bool
) -> _Trained:
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
    history = fit(task, folder, fingerprint(config), quiet)
    model = qdistillnet.stripped(pruned)
    return model, partial(compile_firmware, model, qdistillnet.precisions(config)), history, {}


def _mixed(
    config: HgqDistillNetConfig, train: Events, validation: Events, folder: Path, quiet: bool
) -> _Trained:
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

    def press(step: int) -> None:
        if step % 20 == 0:
            spent = mixed_precision.ebops(model)
            pressure = qdistillnet_hgq.pressure(config, step / total, spent)
            spared = {"logit": config.logit_pressure}
            mixed_precision.set_pressure(model, pressure, spared)

    def validate() -> dict[str, float]:
        return {**task.validate(), "ebops": float(mixed_precision.ebops(model))}

    before_step = in_turn(task.before_step, press)
    mixed = replace(task, loss=loss, before_step=before_step, validate=validate)
    history = fit(mixed, folder, fingerprint(config, ("calibrated",)), quiet)
    inputs, teacher = train.columns[0], config.distillation.teacher
    trace = partial(qdistillnet_hgq.trace, model, inputs[:_TRACED], config.inputs)
    trace()
    found = {}
    if config.calibrated and teacher is not None:
        taught = network_weights(teacher, train.particles)
        found["calibration"] = qdistillnet_hgq.calibrate(model, inputs, taught)._asdict()
        trace()
    return model, partial(qdistillnet_hgq.firmware, model), history, found


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
