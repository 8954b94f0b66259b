"""The recipe of DistillNet and QDistillNet: data, training, test, export."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, write_manifest
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.models import backend, distillnet, qdistillnet
from l1kd.models.config import DistillNetConfig, QDistillNetConfig, read_config
from l1kd.models.event_loss import Batches, EventLoss, Events
from l1kd.models.export import export_network
from l1kd.models.particles import INPUT_SETS, Particles
from l1kd.models.records import COMMON_FILES, fingerprint, write_records
from l1kd.models.samples import Samples
from l1kd.models.training import Fit, adam, fit, history_seconds, in_batches
from l1kd.models.weighting import network_weights
from l1kd.models.weights_card import card, describe, input_description, weightings

__all__ = ["train_distillnet", "train_qdistillnet"]

Config = DistillNetConfig | QDistillNetConfig
Infer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
_ONNX_TOLERANCE = 1e-4


def _prepared(config: Config, events: Events) -> Events:
    """Add what the network reads, and the target that the configuration mixes."""
    particles, share = events.particles, config.distillation
    target = events.target
    if share.beta and share.teacher is not None:
        taught = network_weights(share.teacher, particles)
        mixed = (share.alpha * target + share.beta * taught) / (share.alpha + share.beta)
        target = mixed.astype(np.float32)
    return replace(events, columns=(particles.inputs(config.inputs),), target=target)


def _weigh(model: Any, config: Config) -> Infer:
    shape = (len(INPUT_SETS[config.inputs]),)
    return in_batches(lambda x: model(x, training=False)[:, 0], shape, 65536)


def _by_input(model: Any) -> Callable[..., Any]:
    """Let a network of one input be called as `EventLoss` calls it, which knows the event, too."""

    def call(inputs: Any, event: Any, training: bool) -> Any:
        del event
        return model(inputs, training=training)

    return call


def _fit(
    config: Config,
    model: Any,
    train: Events,
    validation: Events,
    folder: Path,
    quiet: bool,
    clock: qdistillnet.PruningClock | None = None,
) -> list[dict[str, float]]:
    settings, loss = config.optimisation, config.loss
    batches = Batches(train, loss, settings.batch, config.seed)
    few = min(settings.batch, validation.particles.n_events)
    check = Batches(validation, loss, few, config.seed)
    judge = backend.tensorflow().function(
        EventLoss(_by_input(model), loss, few, training=False),
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
        EventLoss(_by_input(model), loss, settings.batch),
        validate,
        clock.before_step if clock else None,
        clock.after_epoch if clock else None,
    )
    return fit(task, folder, fingerprint(config), quiet)


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
    tests = {}
    teacher = config.distillation.teacher
    for name, (particles, generated) in samples.tests.items():
        weights = weightings(particles, infer(particles.inputs(config.inputs)))
        if teacher is not None:
            weights["teacher"] = network_weights(teacher, particles)
        tests[name] = describe(particles, generated, weights)
    metrics = {**extra, "tests": tests, "history": {config.name: history}}
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
    history = _fit(config, model, train, validation, out / "checkpoints", quiet)
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
        YAML file, see `l1kd.models.config.QDistillNetConfig`.
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bar.

    Returns
    -------
    Artefact
        With ``network.npz``, the integer network.

    Raises
    ------
    ConfigurationError
        The configuration is wrong, or the folder holds checkpoints of another one.
    ArtefactError
        The integer network differs from the compiled C++ of hls4ml on any particle.
    """
    config = read_config(config_path, QDistillNetConfig)
    backend.seed_everything(config.seed, config.threads)
    samples = Samples.read(config.data, config.loss)
    train, validation = _prepared(config, samples.train), _prepared(config, samples.validation)
    steps = train.particles.n_events // config.optimisation.batch
    pruned = qdistillnet.prunable(qdistillnet.network(config), config, steps)
    clock = qdistillnet.PruningClock(pruned)
    history = _fit(config, pruned, train, validation, out / "checkpoints", quiet, clock)
    model = qdistillnet.stripped(pruned)
    few = _first_test(samples).inputs(config.inputs)[: config.check_vectors]
    network, export = export_network(
        model,
        qdistillnet.precisions(config),
        few,
        out / "network.npz",
        _weigh(model, config)(few)[:, None],
    )

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = network.predict(x)[:, 0].astype(np.float32)
        return weights

    extra = {"export": export, "sparsity": qdistillnet.sparsity(model)}
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
        files=("network.npz", *COMMON_FILES),
    )
