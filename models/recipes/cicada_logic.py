"""CICADA's student of logic gates: training, exact export, test."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Bytes, Images, Integers, Singles
from l1kd.errors import ArtefactError
from l1kd.models import backend
from l1kd.models.cicada import logic
from l1kd.models.cicada.config import CicadaLogicConfig
from l1kd.models.cicada.students_card import logic_card
from l1kd.models.cicada.targets import (
    TrainingTargets,
    batch_rows,
    emulated,
    finish,
    proof_images,
    training_targets,
)
from l1kd.models.config import read_config
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.training import Fit, adam, fit, run_in_chunks

__all__ = ["RECIPE"]

_START_SHARE = 8
"""The scale of the feature is found from one image in so many."""


def _counted(
    targets: TrainingTargets, config: CicadaLogicConfig, limits: Integers
) -> Callable[[Images], Bytes]:
    """Return a function that counts the couples of levels of images."""
    overlapping = config.sizes.overlapping
    return lambda images: logic.couples(targets.read(images), limits, overlapping)


def _fit(
    targets: TrainingTargets, config: CicadaLogicConfig, model: logic.KernelModel, limits: Integers
) -> list[dict[str, float]]:
    tf, settings, cooling = backend.tensorflow(), config.student, config.temperature
    counted = _counted(targets, config, limits)
    seen = counted(targets.images)
    model.start(seen[::_START_SHARE], targets.targets[::_START_SHARE])
    steps = len(seen) // settings.batch
    step = (cooling.last / cooling.first) ** (1.0 / max(settings.epochs - 1, 1))
    soft_epochs = settings.epochs - cooling.hard_epochs
    predict = run_in_chunks(model.score, seen.shape[1:])

    def score(images: Images) -> Singles:
        return predict(counted(images))

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        now = tf.constant([cooling.first * step**epoch, float(epoch < soft_epochs)], tf.float32)
        for rows in batch_rows(targets, epoch, settings.batch):
            yield tf.constant(seen[rows]), tf.constant(targets.targets[rows]), now

    def loss(x: Any, y: Any, now: Any) -> Any:
        def distance(soft: bool) -> Any:
            return tf.reduce_mean(tf.abs(model.score(x, now[0], soft) - y))

        return tf.cond(now[1] > 0.0, lambda: distance(True), lambda: distance(False))

    def validate() -> dict[str, float]:
        return targets.metrics(score)

    module = model.module()
    optimiser = adam(settings, steps)
    task = Fit("gates", module, optimiser, settings.epochs, steps, batches, loss, validate)
    job = targets.job
    return fit(task, job.checkpoints("gates"), targets.fingerprint, job.quiet)


def _run(config: CicadaLogicConfig, job: Job) -> Product:
    """Train, and write ``logic.npz``, the network of gates.

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration.
    ArtefactError
        The network of gates differs from the settled model on any image.
    """
    targets = training_targets(config, job)
    limits = np.array(config.encoding.limits)
    model = logic.KernelModel(len(limits), config.sizes, config.seed)
    before = model.tables()
    histories = {"gates": _fit(targets, config, model, limits)}
    counted = _counted(targets, config, limits)
    settled = model.settle(counted(targets.images), targets.targets)
    network = settled.network(limits, targets.width)
    images = proof_images(targets)
    trained = settled.score(counted(images))
    found = emulated(network, config.normalised)(images)
    wrong = np.flatnonzero(trained != found)
    if len(wrong):
        shown = [(int(k), float(trained[k]), float(found[k])) for k in wrong[:5]]
        raise ArtefactError(
            f"the gates differ from the trained model on {len(wrong)} of {len(images)} images; "
            f"first (row, trained, gates): {shown}"
        )
    network.save(job.out / "logic.npz")
    changed = [int((a != b).sum()) for a, b in zip(before, model.tables(), strict=True)]
    export = {
        "kind": "as logic gates",
        "vectors": len(images),
        "mismatches_keras_emulator": 0,
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
        "thresholds": limits.tolist(),
        "gates": network.gates,
        "comparisons": sum(len(stage.source) for stage in network.stages),
        "counted_bits": sum(len(stage.group) for stage in network.stages),
        "changed": {"connections": changed[0], "functions": changed[1:]},
        "chosen": {"connections": before[0].size, "functions": [x.size for x in before[1:]]},
    }
    score = emulated(network, config.normalised)
    return finish(targets, score, histories, export, logic_card, "logic.npz")


RECIPE = Recipe(
    "cicada_logic",
    "CICADA's student of learned two-input logic gates, no multiplier",
    partial(read_config, kind=CicadaLogicConfig),
    _run,
)
