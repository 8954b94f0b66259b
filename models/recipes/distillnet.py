"""DistillNet in floating point: data, training, test, export to ONNX."""

from functools import partial

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.models.backend import seed_everything
from l1kd.models.config import read_config
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.records import fingerprint
from l1kd.models.training import fit
from l1kd.models.weights import distillnet
from l1kd.models.weights.card import card, input_description
from l1kd.models.weights.config import DistillNetConfig
from l1kd.models.weights.samples import Samples
from l1kd.models.weights.students import first_test, prepared, task_of, tested, weigh

__all__ = ["RECIPE"]

_ONNX_TOLERANCE = 1e-4


def _positions(config: DistillNetConfig) -> list[int]:
    """Find the columns that the configuration excludes.

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


def _run(config: DistillNetConfig, job: Job) -> Product:
    """Train, and write ``model.onnx``: input float32[n, inputs], output float32[n, 1].

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration.
    ArtefactError
        The ONNX model differs from the trained one by more than rounding.
    """
    samples = Samples.read(config.data, config.loss)
    train, validation = prepared(config, samples.train), prepared(config, samples.validation)
    scale = distillnet.standardise(train.columns[0]).without(_positions(config))
    seed_everything(config.seed, config.threads)  # a teacher that was built drew numbers
    model = distillnet.network(config.hidden, scale)
    task = task_of(config, model, train, validation)
    history = fit(task, job.checkpoints(), fingerprint(config), job.quiet)
    path = job.out / "model.onnx"
    distillnet.save_onnx(model, path)
    session = onnxruntime.InferenceSession(str(path))

    def infer(x: NDArray[np.float32]) -> NDArray[np.float32]:
        weights: NDArray[np.float32] = session.run(None, {"particles": x})[0][:, 0]
        return weights

    inputs = first_test(samples).inputs(config.inputs)
    difference = float(np.abs(infer(inputs) - weigh(model, config)(inputs)).max())
    if difference > _ONNX_TOLERANCE:
        message = (
            f"{path} differs from the trained network by {difference:.2e} on a weight; expected at "
            f"most {_ONNX_TOLERANCE}"
        )
        raise ArtefactError(message)
    export = {"vectors": len(inputs), "largest_difference_keras_onnx": difference}
    extra = {"export": export, "parameters": int(model.count_params())}
    metrics = tested(config, samples, infer, history, extra)
    return Product(
        kind="distillnet",
        description=f"Weight of every particle from {scale.size} inputs, in floating point.",
        inputs=input_description(config.inputs),
        outputs={"weight": {"type": "float32", "range": [0, 1]}},
        files=("model.onnx",),
        data=samples.files,
        metrics=metrics,
        card=card(config, metrics),
    )


RECIPE = Recipe(
    "distillnet",
    "weight of a particle by a small dense network in floating point",
    partial(read_config, kind=DistillNetConfig),
    _run,
)
