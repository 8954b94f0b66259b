"""The training loop that all networks share: seeded, with a progress bar, resumable.

After every epoch the model, the optimiser and the history are written; a training that was
killed goes on after its last complete epoch, and ends with the same weights as one that was not,
because batches depend on the seed and the epoch alone.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from l1kd.errors import ConfigurationError
from l1kd.models import backend
from l1kd.models.config import Optimisation

__all__ = ["Fit", "adam", "fit", "history_seconds", "run_in_chunks"]

_HISTORY = "history.json"
_FINGERPRINT = "configuration.sha256"


@dataclass(frozen=True)
class Fit:
    """One training: a model, its data and its loss.

    Attributes
    ----------
    label : str
        Shown beside the progress bar.
    model : tf_keras.Model
        Trained in place.
    optimiser : tf_keras.optimizers.Optimizer
        Updates the model's trainable variables.
    epochs, steps : int
        Number of epochs, and of batches in each.
    batches : callable
        ``batches(epoch)`` yields tuples of tensors, whose first axis may vary in length; the same
        epoch must always yield the same.
    loss : callable
        ``loss(*batch)`` gives a scalar tensor; it calls the model with ``training=True``.
    validate : callable
        Called after every epoch, gives metrics for the history.
    before_step, after_epoch : callable
        Called with the number of steps done so far (pruning keeps its own time).
    """

    label: str
    model: Any
    optimiser: Any
    epochs: int
    steps: int
    batches: Callable[[int], Iterator[tuple[Any, ...]]]
    loss: Callable[..., Any]
    validate: Callable[[], dict[str, float]] = field(default=dict)
    before_step: Callable[[int], None] | None = None
    after_epoch: Callable[[int], None] | None = None


def adam(settings: Optimisation, steps: int) -> Any:
    """Return Adam with a learning rate that falls to zero as a cosine over the whole training.

    Parameters
    ----------
    settings : Optimisation
        Number of epochs and first learning rate.
    steps : int
        Batches an epoch.
    """
    keras = backend.keras()
    decay = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate, decay_steps=settings.epochs * steps
    )
    return keras.optimizers.Adam(decay)


def run_in_chunks(
    function: Callable[[Any], Any], shape: tuple[int, ...], batch: int = 4096
) -> Callable[[ArrayLike], NDArray[np.float32]]:
    """Compile a function of tensors once, and apply it to arrays of any length.

    Parameters
    ----------
    function : callable
        float32 tensor [n, *shape] to a tensor [n, ...].
    shape : tuple of int
        Shape of one entry.
    batch : int
        Entries a call, so that memory stays bounded.

    Returns
    -------
    callable
        array [n, *shape] to float32 array [n, ...].
    """
    tf = backend.tensorflow()
    signature = [tf.TensorSpec((None, *shape), tf.float32)]
    compiled = tf.function(function, input_signature=signature)

    def apply(values: ArrayLike) -> NDArray[np.float32]:
        rows = np.asarray(values)
        starts = range(0, max(len(rows), 1), batch)
        parts = [compiled(rows[i : i + batch].astype(np.float32)).numpy() for i in starts]
        return np.concatenate(parts)

    return apply


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".tmp")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _claim(folder: Path, fingerprint: str) -> None:
    """Refuse checkpoints that another configuration has left in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FINGERPRINT
    if not path.is_file():
        _write(path, fingerprint)
    found = path.read_text(encoding="utf-8")
    if found != fingerprint:
        message = (
            f"{folder} holds checkpoints of another configuration (sha256 {found}, this one has "
            f"{fingerprint}): choose another output folder or remove this one"
        )
        raise ConfigurationError(message)


def _read_history(folder: Path) -> list[dict[str, float]]:
    path = folder / _HISTORY
    if not path.is_file():
        return []
    history: list[dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return history


def history_seconds(history: list[dict[str, float]]) -> float:
    """Return the time that the epochs of a history took, in seconds, over all attempts."""
    return sum(entry["seconds"] for entry in history)


def _progress(quiet: bool) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, disable=quiet)


def _compiled_step(task: Fit, batch: tuple[Any, ...]) -> Callable[..., Any]:
    """Compile one step for batches of any length.

    Were the first length compiled into it, as TensorFlow does by itself, a resumed training would
    run other kernels than one that was not interrupted, and differ from it by rounding.
    """
    tf = backend.tensorflow()
    variables = task.model.trainable_variables
    signature = [tf.TensorSpec((None, *part.shape[1:]), part.dtype) for part in batch]

    @tf.function(input_signature=signature)
    def step(*batch: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = task.loss(*batch)
        task.optimiser.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return step


def fit(task: Fit, folder: Path, fingerprint: str, quiet: bool = False) -> list[dict[str, float]]:
    """Train, or go on with a training that was interrupted.

    Parameters
    ----------
    task : Fit
        What to train.
    folder : pathlib.Path
        Where checkpoints go. A finished training found here is restored and not repeated.
    fingerprint : str
        Hash of everything that decides the result; checkpoints of another one are refused.
    quiet : bool
        Show no progress bar.

    Returns
    -------
    list of dict
        One entry an epoch: ``loss`` (mean over its batches), ``seconds`` and what `validate` gave.

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration.
    """
    tf = backend.tensorflow()
    _claim(folder, fingerprint)
    task.optimiser.build(task.model.trainable_variables)
    done = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(model=task.model, optimiser=task.optimiser, epochs=done)
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint).assert_existing_objects_matched()
    first = int(done.numpy())
    history = _read_history(folder)[:first]
    step: Callable[..., Any] | None = None
    with _progress(quiet) as progress:
        bar = progress.add_task(
            task.label, total=task.epochs * task.steps, completed=first * task.steps, loss=""
        )
        for epoch in range(first, task.epochs):
            started = time.monotonic()
            total = 0.0
            for number, batch in enumerate(task.batches(epoch)):
                if task.before_step is not None:
                    task.before_step(epoch * task.steps + number)
                if step is None:
                    step = _compiled_step(task, batch)
                total += float(step(*batch))
                mean = total / (number + 1)
                progress.update(bar, advance=1, loss=f"loss {mean:.4g}")
            if task.after_epoch is not None:
                task.after_epoch((epoch + 1) * task.steps)
            metrics = task.validate()
            seconds = time.monotonic() - started
            history.append({"loss": total / task.steps, "seconds": seconds, **metrics})
            # the history first: a checkpoint never counts an epoch that the history lacks
            _write(folder / _HISTORY, json.dumps(history))
            done.assign(epoch + 1)
            manager.save()
    return history
