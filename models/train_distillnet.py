"""The recipe of DistillNet and QDistillNet: data, training, test, export."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, write_manifest
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.models import backend, distillnet, qdistillnet
from l1kd.models.config import (
    DistillNetConfig,
    HgqDistillNetConfig,
    QDistillNetConfig,
    read_config,
    read_qdistillnet,
)
from l1kd.models.evaluation.accuracy import agreement
from l1kd.models.event_loss import Batches, EventLoss, Events
from l1kd.models.export import compile_firmware, export_network
from l1kd.models.particles import INPUT_SETS, Particles
from l1kd.models.records import COMMON_FILES, fingerprint, write_records
from l1kd.models.samples import Samples
from l1kd.models.training import Fit, adam, fit, history_seconds, in_batches
from l1kd.models.weighting import network_weights
from l1kd.models.weights_card import card, describe, input_description, weightings

__all__ = ["train_distillnet", "train_qdistillnet"]

Config = DistillNetConfig | QDistillNetConfig | HgqDistillNetConfig
Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_ONNX_TOLERANCE = 1e-4
_MODEL_FILES = {"qkeras": "model.h5", "hgq": "model.keras"}
_TRACED = 100_000
"""Particles from which the ranges of mixed-precision inputs are taken, beside their limits."""


def _prepared(config: Config, events: Events) -> Events:
    """Add what the network reads, and the target that the configuration mixes."""
    particles, share = events.particles, config.distillation
    target, taught = events.target, None
    if share.teacher is not None and (share.beta or share.gamma):
        taught = network_weights(share.teacher, particles)
        mixed = (share.alpha * target + share.beta * taught) / (share.alpha + share.beta)
        target = mixed.astype(np.float32)
    kept = taught if share.gamma else None
    return replace(events, columns=(particles.inputs(config.inputs),), target=target, taught=kept)


def _weigh(model: Any, config: Config) -> Infer:
    shape = (len(INPUT_SETS[config.inputs]),)
    return in_batches(lambda x: model(x, training=False)[:, 0], shape, 65536)


def _by_input(model: Any) -> Callable[..., Any]:
    """Let a network of one input be called as `EventLoss` calls it, which knows the event, too."""

    def call(inputs: Any, event: Any, training: bool) -> Any:
        del event
        return model(inputs, training=training)

    return call


def _task(
    config: Config, model: Any, train: Events, validation: Events, optimiser: Any = None
) -> Fit:
    settings, loss = config.optimisation, config.loss
    batches = Batches(train, loss, settings.batch, config.seed)
    few = min(settings.batch, validation.particles.n_events)
    # without the likeness of histograms: losses compare whatever its factor
    check = Batches(replace(validation, taught=None), loss, few, config.seed)
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


def _in_turn(*calls: Callable[[int], None] | None) -> Callable[[int], None]:
    """Call one after the other, those that are none left out."""

    def call(step: int) -> None:
        for one in calls:
            if one is not None:
                one(step)

    return call


def _first_test(samples: Samples) -> Particles:
    """Return the particles of the first test sample, on which exports are compared."""
    particles, _ = next(iter(samples.tests.values()))
    return particles


def _records(
    config: Config,
    config_path: Path,
    out: Path,
    samples: Samples,
    infer: Infer,
    history: list[dict[str, float]],
    extra: dict[str, Any],
) -> None:
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


def _positions(config: DistillNetConfig) -> list[int]:
    """Find the columns that the configuration leaves out.

    Raises
    ------
    ConfigurationError
        A name is no column of the input set.
    """
    columns = INPUT_SETS[config.inputs]
    unknown = [name for name in config.without if name not in columns]
    if unknown:
        raise ConfigurationError(
            f"'without' names {', '.join(unknown)}: no columns of the input set "
            f"'{config.inputs}', which has {', '.join(columns)}"
        )
    return [columns.index(name) for name in config.without]


def train_distillnet(config_path: Path, out: Path, quiet: bool = False) -> Artefact:
    """Train DistillNet as a configuration says, and write the artefact.

    Parameters
    ----------
    config_path : pathlib.Path
        YAML file, see `l1kd.models.config.DistillNetConfig`.
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bar.

    Returns
    -------
    Artefact
        With ``model.onnx``: input float32[n, inputs], output float32[n, 1].

    Raises
    ------
    ConfigurationError
        The configuration is wrong, or the folder holds checkpoints of another one.
    ArtefactError
        The ONNX model differs from the trained one by more than rounding.
    """
    config = read_config(config_path, DistillNetConfig)
    backend.seed_everything(config.seed, config.threads)
    samples = Samples.read(config.data, config.loss)
    train, validation = _prepared(config, samples.train), _prepared(config, samples.validation)
    scale = distillnet.standardise(train.columns[0]).without(_positions(config))
    model = distillnet.network(config.hidden, scale)
    task = _task(config, model, train, validation)
    history = fit(task, out / "checkpoints", fingerprint(config), quiet)
    distillnet.save_onnx(model, out / "model.onnx")
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = session.run(None, {"particles": x})[0][:, 0]
        return weights

    inputs = _first_test(samples).inputs(config.inputs)
    difference = float(np.abs(infer(inputs) - _weigh(model, config)(inputs)).max())
    if difference > _ONNX_TOLERANCE:
        message = (
            f"{out / 'model.onnx'} differs from the trained network by {difference:.2e} on a "
            f"weight; expected at most {_ONNX_TOLERANCE}"
        )
        raise ArtefactError(message)
    export = {"vectors": len(inputs), "largest_difference_keras_onnx": difference}
    extra = {"export": export, "parameters": int(model.count_params())}
    _records(config, config_path, out, samples, infer, history, extra)
    return write_manifest(
        out,
        name=config.name,
        version=config.version,
        kind="distillnet",
        description=f"Weight of every particle from {scale.size} inputs, in floating point.",
        inputs=input_description(config.inputs),
        outputs={"weight": {"type": "float32", "range": [0, 1]}},
        files=("model.onnx", *COMMON_FILES),
    )


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
    train, validation = _prepared(config, samples.train), _prepared(config, samples.validation)
    folder = out / "checkpoints"
    if isinstance(config, HgqDistillNetConfig):
        model, compiled, history = _mixed(config, train, validation, folder, quiet)
    else:
        model, compiled, history = _pruned(config, train, validation, folder, quiet)
    few = _first_test(samples).inputs(config.inputs)[: config.check_vectors]
    trained = _weigh(model, config)(few)[:, None]
    network, export = export_network(compiled, few, out / "network.npz", trained)
    with backend.quiet():
        model.save(out / _MODEL_FILES[config.method])

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = network.predict(x)[:, 0].astype(np.float32)
        return weights

    extra = {"export": export, **_sparsity(network)}
    _records(config, config_path, out, samples, infer, history, extra)
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


_Trained = tuple[Any, Callable[[Path], Any], list[dict[str, float]]]


def _pruned(
    config: QDistillNetConfig, train: Events, validation: Events, folder: Path, quiet: bool
) -> _Trained:
    """Train with QKeras and prune with TF-MOT: the model, its firmware, its history."""
    steps = train.particles.n_events // config.optimisation.batch
    pruned = qdistillnet.prunable(qdistillnet.network(config), config, steps)
    clock = qdistillnet.PruningClock(pruned)
    plain = _task(config, pruned, train, validation)
    task = replace(
        plain,
        before_step=_in_turn(plain.before_step, clock.before_step),
        after_epoch=clock.after_epoch,
    )
    history = fit(task, folder, fingerprint(config), quiet)
    model = qdistillnet.stripped(pruned)
    return model, partial(compile_firmware, model, qdistillnet.precisions(config)), history


def _mixed(
    config: HgqDistillNetConfig, train: Events, validation: Events, folder: Path, quiet: bool
) -> _Trained:
    """Train with HGQ2: the model, its firmware, its history."""
    from l1kd.models import mixed_precision, qdistillnet_hgq

    model = qdistillnet_hgq.network(config)
    steps = train.particles.n_events // config.optimisation.batch
    total = steps * config.optimisation.epochs
    optimiser = mixed_precision.adam(config.optimisation.learning_rate, total)
    task = _task(config, model, train, validation, optimiser)
    event_loss, compiled = task.loss, mixed_precision.fused(model)
    assert isinstance(event_loss, EventLoss)

    def loss(*batch: Any) -> Any:
        weights, cost = compiled(batch[0])
        return event_loss.of(weights[:, 0], *batch) + cost

    def press(step: int) -> None:
        if step % 20 == 0:
            spent = mixed_precision.ebops(model)
            pressure = qdistillnet_hgq.pressure(config, step / total, spent)
            mixed_precision.set_pressure(model, pressure)

    def validate() -> dict[str, float]:
        return {**task.validate(), "ebops": float(mixed_precision.ebops(model))}

    before_step = _in_turn(task.before_step, press)
    mixed = replace(task, loss=loss, before_step=before_step, validate=validate)
    history = fit(mixed, folder, fingerprint(config), quiet)
    qdistillnet_hgq.trace(model, train.columns[0][:_TRACED], config.inputs)
    return model, partial(qdistillnet_hgq.firmware, model), history


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
