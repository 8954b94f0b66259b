"""Autoencoders: what they are invariant under, that they learn, and that files keep them."""

import numpy as np
import pytest

from l1kd.artefacts import load
from l1kd.errors import ArtefactError
from l1kd.models.config import Optimisation
from l1kd.models.objects.teachers import build, open_teacher, train_teacher
from l1kd.models.objects.teachers.config import METHODS, ObjectTeacherConfig, TeacherTraining
from l1kd.models.recipe import Job

SETTINGS = TeacherTraining(
    latent=3, beta=0.01, optimisation=Optimisation(epochs=3, batch=128, learning_rate=0.01)
)


@pytest.fixture(params=METHODS)
def method(request, tf):
    return request.param


@pytest.fixture
def config(files):
    return ObjectTeacherConfig(
        kind="object_teacher", name="teacher", version=1, seed=4, data=files,
        teachers={"dense": SETTINGS},
    )  # fmt: skip


def test_training_lowers_the_loss_and_can_be_resumed(method, config, data, tmp_path):
    background = data.background("train"), data.background("validation")
    shorter = config.model_copy(update={"teachers": {method: SETTINGS}})
    teacher, history = train_teacher(method, SETTINGS, shorter, background, Job(tmp_path, True))
    assert history[-1]["validation_loss"] < history[0]["validation_loss"]
    again, _ = train_teacher(method, SETTINGS, shorter, background, Job(tmp_path, True))
    events = data.background("test").objects[:50]
    for name, score in teacher.scores().items():
        values = score(events)
        assert values.shape == (50,)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        np.testing.assert_array_equal(again.scores()[name](events), values)


def test_sets_have_no_order(tf, data):
    teacher = build("sets", SETTINGS)
    events = data.background("test").objects[:60]
    mixed = events.copy()
    mixed[:, 8:18] = events[:, 17:7:-1]
    for name, score in teacher.scores().items():
        np.testing.assert_allclose(score(mixed), score(events), rtol=1e-4, err_msg=name)


def test_a_teacher_is_opened_as_it_was_trained(tf, config, tmp_path, data):
    from l1kd.models.recipes.object_teacher import RECIPE
    from l1kd.models.train import train

    assert RECIPE.kind == "object_teacher"
    text = config.model_dump_json()
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    artefact = train("object-teacher", tmp_path / "config.yaml", tmp_path / "out", quiet=True)
    assert "HT" in artefact.card
    assert "not resolved" in artefact.card
    score = open_teacher(tmp_path / "out")
    metrics = load(tmp_path / "out", "object_teacher").json("metrics.json")
    assert metrics["chosen"]["method"] == "dense"
    assert np.isfinite(score(data.background("test").objects)).all()
    (tmp_path / "out" / "weights.npz").write_bytes(b"nothing")
    with pytest.raises(ArtefactError, match=r"weights\.npz"):
        open_teacher(tmp_path / "out")
