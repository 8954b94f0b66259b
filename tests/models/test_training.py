import json

import numpy as np
import pytest

from l1kd.errors import ConfigurationError
from l1kd.models import backend
from l1kd.models.config import Optimisation
from l1kd.models.training import Fit, adam, fit, history_seconds, run_in_chunks

EPOCHS, STEPS = 3, 4


class PowerCutError(Exception):
    pass


def line(tf, fail_at=None):
    """A model with two weights on a line, whose data fail in the middle of an epoch."""
    backend.seed_everything(1, 0)
    keras = backend.keras()
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])

    def batches(epoch):
        rng = np.random.default_rng([7, epoch])
        for step in range(STEPS):
            if (epoch, step) == fail_at:
                raise PowerCutError
            x = rng.normal(size=(1000 + 37 * step, 1)).astype(np.float32)
            yield tf.constant(x), tf.constant(3 * x + 1)

    def loss(x, y):
        return tf.reduce_mean(tf.square(model(x, training=True) - y))

    optimiser = adam(Optimisation(epochs=EPOCHS, batch=8, learning_rate=0.1), STEPS)
    steps = []
    task = Fit(
        "line",
        model,
        optimiser,
        EPOCHS,
        STEPS,
        batches,
        loss,
        lambda: {"slope": float(model.get_weights()[0][0, 0])},
        steps.append,
    )
    return task, steps


def test_a_training_that_was_killed_ends_as_one_that_was_not(tf, tmp_path):
    whole, steps = line(tf)
    history = fit(whole, tmp_path / "whole", "a", quiet=True)
    assert steps == list(range(EPOCHS * STEPS))
    killed, _ = line(tf, fail_at=(1, 2))
    with pytest.raises(PowerCutError):
        fit(killed, tmp_path / "killed", "a", quiet=True)
    resumed, steps = line(tf)
    again = fit(resumed, tmp_path / "killed", "a", quiet=True)
    assert steps == list(range(STEPS, EPOCHS * STEPS))
    assert [(e["loss"], e["slope"]) for e in again] == [(e["loss"], e["slope"]) for e in history]
    for first, second in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_finished_training_is_restored_and_not_repeated(tf, tmp_path):
    task, _ = line(tf)
    history = fit(task, tmp_path, "a", quiet=True)
    again, steps = line(tf)
    assert fit(again, tmp_path, "a", quiet=True) == history
    assert steps == []
    np.testing.assert_array_equal(task.model.get_weights()[0], again.model.get_weights()[0])
    assert history_seconds(history) == sum(entry["seconds"] for entry in history)
    assert json.loads((tmp_path / "history.json").read_text()) == history


def test_the_model_comes_closer_to_the_line(tf, tmp_path):
    task, _ = line(tf)
    before = task.model.get_weights()[0][0, 0]
    after = fit(task, tmp_path, "a", quiet=True)[-1]["slope"]
    assert abs(after - 3) < abs(before - 3)


def test_checkpoints_of_another_configuration_are_refused(tf, tmp_path):
    task, _ = line(tf, fail_at=(0, 0))
    with pytest.raises(PowerCutError):
        fit(task, tmp_path, "one", quiet=True)
    with pytest.raises(ConfigurationError, match=r"another configuration.*one.*two"):
        fit(line(tf)[0], tmp_path, "two", quiet=True)


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9])
def test_batches_do_not_change_a_function(tf, n):
    values = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    doubled = run_in_chunks(lambda x: 2.0 * x, (2,), batch=4)(values)
    np.testing.assert_array_equal(doubled, 2.0 * values)
