"""Which settings repeat the float training of a network in the correlator."""

import pytest

from l1kd.models.recipe import Job
from l1kd.models.recipes import correlator as recipe
from tests.models.correlator.test_teacher import configured, events


@pytest.mark.parametrize(
    ("changes", "repeated"),
    [
        ({"ebops_regularisation": [1e-9, 1e-8]}, False),
        ({"quantized": {"epochs": 7, "batch": 2, "learning_rate": 0.01}}, False),
        ({"first_bits": 3}, False),
        ({"hidden": [9]}, True),
        ({"seed": 77}, True),
    ],
)
def test_what_comes_after_does_not_repeat_the_float_training(
    tf, tmp_path, monkeypatch, changes, repeated
):
    seen = []
    monkeypatch.setattr(recipe, "fit", lambda task, folder, same, quiet: seen.append(same) or {})
    for own in ({}, changes):
        config = configured("truth", {}, **own)
        recipe._float(events(config), config, recipe.EVERYTHING, Job(tmp_path, quiet=True))
    assert (seen[0] != seen[1]) is repeated
