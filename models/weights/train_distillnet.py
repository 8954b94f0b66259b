"""The recipe of DistillNet: data, training, test, export."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, write_manifest
from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.models import backend
from l1kd.models.config import DistillNetConfig, read_config
from l1kd.models.records import COMMON_FILES, fingerprint
from l1kd.models.training import fit
from l1kd.models.weights import distillnet
from l1kd.models.weights.card import input_description
from l1kd.models.weights.samples import Samples
from l1kd.models.weights.students import first_test, prepared, task_of, weigh, write_student

__all__ = ["train_distillnet"]

_ONNX_TOLERANCE = 1e-4


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
    train, validation = prepared(config, samples.train), prepared(config, samples.validation)
    scale = distillnet.standardise(train.columns[0]).without(_positions(config))
    model = distillnet.network(config.hidden, scale)
    task = task_of(config, model, train, validation)
    history = fit(task, out / "checkpoints", fingerprint(config), quiet)
    distillnet.save_onnx(model, out / "model.onnx")
    session = onnxruntime.InferenceSession(str(out / "model.onnx"))

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = session.run(None, {"particles": x})[0][:, 0]
        return weights

    inputs = first_test(samples).inputs(config.inputs)
    difference = float(np.abs(infer(inputs) - weigh(model, config)(inputs)).max())
    if difference > _ONNX_TOLERANCE:
        message = (
            f"{out / 'model.onnx'} differs from the trained network by {difference:.2e} on a "
            f"weight; expected at most {_ONNX_TOLERANCE}"
        )
        raise ArtefactError(message)
    export = {"vectors": len(inputs), "largest_difference_keras_onnx": difference}
    extra = {"export": export, "parameters": int(model.count_params())}
    write_student(config, config_path, out, samples, infer, history, extra)
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
