"""CICADA's student of logic gates: training, exact export, test."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.errors import ArtefactError
from l1kd.models import backend
from l1kd.models.cicada import logic as cicada_logic
from l1kd.models.cicada.config import CicadaLogicConfig
from l1kd.models.cicada.students_card import logic_card
from l1kd.models.cicada.targets import (
    Scores,
    TrainingTargets,
    batch_rows,
    emulated,
    finish,
    proof_images,
    training_targets,
)
from l1kd.models.config import read_config
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit, run_in_chunks

__all__ = ["RECIPE"]


def _linear_start(
    targets: TrainingTargets, config: CicadaLogicConfig, model: cicada_logic.GateModel, seen: Any
) -> list[dict[str, float]]:
    """Find linear features of the counts by a small dense network behind them."""
    tf, keras = backend.tensorflow(), backend.keras()
    layers, settings = keras.layers, config.linear
    counts = run_in_chunks(model.counts, seen.shape[1:])(seen)
    mean, spread = counts.mean(axis=0), counts.std(axis=0) + 0.05
    dense = keras.Sequential(
        [
            layers.Input((counts.shape[1],)),
            layers.Dense(config.sizes.features, name="features"),
            layers.Dense(16, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, bias_initializer=keras.initializers.Constant(145.0)),
        ]
    )
    steps = len(counts) // settings.batch

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        for rows in batch_rows(targets, epoch, settings.batch):
            yield tf.constant((counts[rows] - mean) / spread), tf.constant(targets.targets[rows])

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.abs(dense(x, training=True)[:, 0] - y))

    task = Fit("linear", dense, adam(settings, steps), settings.epochs, steps, batches, loss)
    job = targets.job
    history = fit(task, job.checkpoints("linear"), fingerprint(config), job.quiet)
    weight, bias = dense.get_layer("features").get_weights()
    weight = weight / spread[:, None]
    offset = bias - mean @ weight
    model.start_features(weight, offset, counts @ weight + offset)
    return history


def _fit_gates(
    targets: TrainingTargets, config: CicadaLogicConfig, model: cicada_logic.GateModel, seen: Any
) -> list[dict[str, float]]:
    tf, settings = backend.tensorflow(), config.student
    steps = len(seen) // settings.batch
    score = _patterned(model)

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        for rows in batch_rows(targets, epoch, settings.batch):
            yield tf.constant(seen[rows]), tf.constant(targets.targets[rows])

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.abs(model.score(x) - y))

    optimiser = adam(settings, steps)
    task = Fit(
        "gates",
        model.module(),
        optimiser,
        settings.epochs,
        steps,
        batches,
        loss,
        lambda: targets.metrics(score),
    )
    job = targets.job
    return fit(task, job.checkpoints("gates"), fingerprint(config), job.quiet)


def _patterned(model: cicada_logic.GateModel) -> Scores:
    """Score of images by the model as it is trained."""
    shape = (*model.limits.shape, 3)
    predict = run_in_chunks(model.score, shape)
    return lambda images: predict(cicada_logic.patterns(images, model.limits))


def _settle(
    targets: TrainingTargets, model: cicada_logic.GateModel, bits: NDArray[np.uint8]
) -> dict[str, dict[str, float]]:
    """Give the last gates whole weights: the trained ones rounded, or fitted once more.

    Those stay that separate training's own signals better from the validation's zero bias.
    """
    choices = {
        "rounded": model.rounded_score(),
        "fitted": cicada_logic.refit(bits, targets.targets),
    }
    score = _patterned(model)
    found = {}
    for name, choice in choices.items():
        model.set_score(*choice)
        found[name] = targets.metrics(score)
    best = max(found, key=lambda name: found[name].get("exposure_auc", 0.0))
    model.set_score(*choices[best])
    return found


def _run(config: CicadaLogicConfig, job: Job) -> Product:
    """Train, and write ``logic.npz``, the network of gates.

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration.
    ArtefactError
        The network of gates differs from the trained model on any image.
    """
    targets = training_targets(config, job)
    zero_bias = targets.images[: min(20_000, config.student_images)]
    limits = cicada_logic.thresholds(zero_bias, config.sizes.quantiles)
    model = cicada_logic.GateModel(limits, config.sizes, config.seed)
    seen = cicada_logic.patterns(targets.images, limits)
    bits = run_in_chunks(model.bits, seen.shape[1:])
    histories = {"linear": _linear_start(targets, config, model, seen)}
    before = model.state()
    model.set_score(*cicada_logic.refit(bits(seen).astype(np.uint8), targets.targets))
    histories["gates"] = _fit_gates(targets, config, model, seen)
    last = _settle(targets, model, bits(seen).astype(np.uint8))
    network = cicada_logic.to_network(model)
    images = proof_images(targets)
    trained, found = _patterned(model)(images), emulated(network)(images)
    wrong = np.flatnonzero(trained != found)
    if len(wrong):
        shown = [(int(k), float(trained[k]), float(found[k])) for k in wrong[:5]]
        raise ArtefactError(
            f"the gates differ from the trained model on {len(wrong)} of {len(images)} images; "
            f"first (row, trained, gates): {shown}"
        )
    network.save(job.out / "logic.npz")
    after = model.state()
    export = {
        "kind": "as logic gates",
        "vectors": len(images),
        "mismatches_keras_emulator": 0,
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
        "last_weights": last,
        "gates": network.gates,
        "comparisons": sum(len(stage.source) for stage in network.stages),
        "counted_bits": sum(len(stage.group) for stage in network.stages),
        "functions_changed": {
            name: int((before[name] != after[name]).sum()) for name in ("first", "second", "third")
        },
    }
    return finish(targets, emulated(network), histories, export, logic_card, "logic.npz")


RECIPE = Recipe(
    "cicada_logic",
    "CICADA's student of learned two-input logic gates, no multiplier",
    partial(read_config, kind=CicadaLogicConfig),
    _run,
)
