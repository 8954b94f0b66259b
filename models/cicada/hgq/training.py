"""The training of a mixed-precision student, at a price of its bits that may rise."""

from collections.abc import Callable, Iterator
from typing import Any

from l1kd.emulators.array_types import Images, Singles
from l1kd.models import backend, mixed_precision
from l1kd.models.cicada.config import EbopsRegularisation
from l1kd.models.cicada.hgq.exported import score
from l1kd.models.cicada.targets import TrainingTargets, batches
from l1kd.models.config import Optimisation
from l1kd.models.training import Fit, fit

__all__ = ["train_student"]


def _price(cost: EbopsRegularisation, epochs: int) -> Callable[[int], float]:
    rising = max(epochs - cost.free_epochs - 1, 1)

    def beta(epoch: int) -> float:
        done = min(max(epoch - cost.free_epochs, 0) / rising, 1.0)
        return float(cost.first * (cost.last / cost.first) ** done)

    return beta


def train_student(
    model: Any,
    targets: TrainingTargets,
    settings: Optimisation,
    cost: EbopsRegularisation,
    label: str = "student",
    bits_pace: float = 1.0,
) -> list[dict[str, float]]:
    """Train, or take it from its checkpoints.

    Parameters
    ----------
    model : keras.Model
        Of `l1kd.models.cicada.hgq.student`; trained in place.
    targets : TrainingTargets
        Images and scores of the teacher.
    settings, cost
        Length and pace, and what an effective bit operation costs.
    label : str
        Folder of its checkpoints.
    bits_pace : float
        Factor on the pace of bit widths.

    Returns
    -------
    list of dict
        One entry an epoch, with ``ebops``.
    """
    tf = backend.tensorflow()
    steps = len(targets.images) // settings.batch
    trained, compiled = score(model), mixed_precision.compiled(model)
    beta = _price(cost, settings.epochs)

    def scores(images: Images) -> Singles:
        return trained(targets.read(images))

    def read(epoch: int) -> Iterator[tuple[Any, ...]]:
        for x, y in batches(targets, epoch, settings.batch):
            yield tf.constant(x), tf.constant(y)

    def loss(x: Any, y: Any) -> Any:
        given, bits = compiled(x)
        return tf.reduce_mean(tf.abs(given[:, 0] - y)) + bits

    def regularise(step: int) -> None:
        if step % steps == 0:
            mixed_precision.regularise_ebops(model, beta(step // steps))

    def validate() -> dict[str, float]:
        return {**targets.metrics(scores), "ebops": mixed_precision.ebops(model)}

    optimiser = mixed_precision.adam(settings.learning_rate, settings.epochs * steps, bits_pace)
    task = Fit(label, model, optimiser, settings.epochs, steps, read, loss, validate, regularise)
    job = targets.job
    return fit(task, job.checkpoints(label), targets.fingerprint, job.quiet)
