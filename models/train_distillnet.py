"""The recipe of DistillNet and QDistillNet: data, training, test, export."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, write_manifest
from l1kd.errors import ArtefactError
from l1kd.models import backend, distillnet, qdistillnet
from l1kd.models.config import DistillNetConfig, QDistillNetConfig, read_config
from l1kd.models.export import export_network
from l1kd.models.particle_loss import Batches, loss_function
from l1kd.models.particles import Generated, Particles, read_particles
from l1kd.models.records import COMMON_FILES, fingerprint, write_records
from l1kd.models.training import Fit, adam, fit, history_seconds, in_batches
from l1kd.models.weights_card import INPUTS, card, describe, weightings

__all__ = ["train_distillnet", "train_qdistillnet"]

Config = DistillNetConfig | QDistillNetConfig
_ONNX_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Samples:
    """Training, validation and test events of one configuration."""

    train: Particles
    validation: Particles
    tests: dict[str, tuple[Particles, Generated]]
    files: tuple[Path, ...]

    @classmethod
    def read(cls, config: Config) -> "Samples":
        """Read the files; the last events of the training sample validate."""
        data = config.data
        train_files = [data.folder / name for name in data.train]
        everything, _ = read_particles(train_files, data.max_events)
        tests = {
            name: read_particles([data.folder / file], data.max_events)
            for name, file in data.test.items()
        }
        test_files = [data.folder / file for file in data.test.values()]
        kept = everything.n_events - max(1, round(data.validation_fraction * everything.n_events))
        return cls(
            everything.events(0, kept),
            everything.events(kept, everything.n_events),
            tests,
            (*train_files, *test_files),
        )

    def check_inputs(self) -> NDArray[np.float32]:
        """Return the inputs of the first test sample, on which exports are compared."""
        particles, _ = next(iter(self.tests.values()))
        return particles.inputs()


def _weigh(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    return in_batches(lambda x: model(x, training=False)[:, 0], (16,), 65536)


def _fit(
    config: Config,
    model: Any,
    samples: Samples,
    folder: Path,
    quiet: bool,
    clock: qdistillnet.PruningClock | None = None,
) -> list[dict[str, float]]:
    settings, loss = config.optimisation, config.loss
    batches = Batches(samples.train, samples.train.inputs(), loss, settings.batch, config.seed)
    few = min(settings.batch, samples.validation.n_events)
    check = Batches(samples.validation, samples.validation.inputs(), loss, few, config.seed)
    judge = backend.tensorflow().function(
        loss_function(model, loss, few, training=False), reduce_retracing=True
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
        loss_function(model, loss, settings.batch),
        validate,
        clock.before_step if clock else None,
        clock.after_epoch if clock else None,
    )
    return fit(task, folder, fingerprint(config), quiet)


def _records(
    config: Config,
    config_path: Path,
    out: Path,
    samples: Samples,
    infer: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    history: list[dict[str, float]],
    extra: dict[str, Any],
) -> None:
    tests = {
        name: describe(particles, generated, weightings(particles, infer(particles.inputs())))
        for name, (particles, generated) in samples.tests.items()
    }
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
        With ``model.onnx``: input float32[n, 16], output float32[n, 1].

    Raises
    ------
    ConfigurationError
        The configuration is wrong, or the folder holds checkpoints of another one.
    ArtefactError
        The ONNX model differs from the trained one by more than rounding.
    """
    config = read_config(config_path, DistillNetConfig)
    backend.seed_everything(config.seed, config.threads)
    samples = Samples.read(config)
    scale = distillnet.standardise(samples.train.inputs())
    model = distillnet.network(config.hidden, scale)
    history = _fit(config, model, samples, out / "checkpoints", quiet)
    distillnet.save_onnx(model, out / "model.onnx")
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = session.run(None, {"particles": x})[0][:, 0]
        return weights

    inputs = samples.check_inputs()
    difference = float(np.abs(infer(inputs) - _weigh(model)(inputs)).max())
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
        description="Weight of every particle from 16 inputs, in floating point.",
        inputs=INPUTS,
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
    samples = Samples.read(config)
    steps = samples.train.n_events // config.optimisation.batch
    pruned = qdistillnet.prunable(qdistillnet.network(config), config, steps)
    clock = qdistillnet.PruningClock(pruned)
    history = _fit(config, pruned, samples, out / "checkpoints", quiet, clock)
    model = qdistillnet.stripped(pruned)
    few = samples.check_inputs()[: config.check_vectors]
    network, export = export_network(
        model,
        qdistillnet.precisions(config),
        few,
        out / "network.npz",
        _weigh(model)(few)[:, None],
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
        description="Weight of every particle from 16 fixed-point inputs, as firmware.",
        inputs={**INPUTS, "format": str(network.inputs[0].format)},
        outputs={"weight": {"format": str(network.outputs[0].format), "range": [0, 1]}},
        files=("network.npz", *COMMON_FILES),
    )
