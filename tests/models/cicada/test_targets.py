"""What CICADA's students learn from: augmented images, rows of batches, the teacher's scores."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from l1kd.algorithms import CicadaTeacher
from l1kd.algorithms.image_scores import LARGEST_SCORE
from l1kd.algorithms.residuals import COUNTS, RESIDUALS, Residuals, network_input
from l1kd.models.cicada.config import CicadaHgqConfig
from l1kd.models.cicada.targets import TrainingTargets, augment, batch_rows, training_targets
from l1kd.models.recipe import Job
from tests.l1kd.datasets.overlay.libraries import write_library


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 1024, (40, 18, 14)).astype(np.uint16)


def targets(images, signal_like=0):
    config = SimpleNamespace(student_images=len(images) - signal_like, seed=3)
    scores = images.sum(axis=(1, 2)).astype(np.float32)
    return TrainingTargets(
        config, None, None, None, [], images, scores, images[:10], scores[:10]
    )  # fmt: skip


def test_augmented_images_are_turned_and_mirrored(images):
    changed = augment(images, np.random.default_rng(2))
    assert changed.dtype == images.dtype
    found = set()
    for before, after in zip(images, changed, strict=True):
        choices = {
            (turn, mirror): np.roll(before, turn, axis=0)[:, :: -1 if mirror else 1]
            for turn in range(18)
            for mirror in (False, True)
        }
        (how,) = [key for key, image in choices.items() if np.array_equal(image, after)]
        found.add(how)
    assert len({turn for turn, _ in found}) > 5
    assert {mirror for _, mirror in found} == {False, True}


def test_augmentation_depends_on_the_generator_alone_and_keeps_the_originals(images):
    kept = images.copy()
    one, two = (augment(images, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(images, kept)


def test_an_epoch_meets_every_image_at_most_once(images):
    given = targets(images)
    rows = list(batch_rows(given, 0, 12))
    assert [len(part) for part in rows] == [12, 12, 12]
    assert len(set(np.concatenate(rows).tolist())) == 36
    again = np.concatenate(list(batch_rows(given, 0, 12)))
    np.testing.assert_array_equal(again, np.concatenate(rows))
    assert (np.concatenate(list(batch_rows(given, 1, 12))) != again).any()


def test_metrics_follow_the_distance_to_the_teacher(images):
    given = targets(images)
    exact = given.metrics(lambda x: x.sum(axis=(1, 2)).astype(np.float32))
    assert exact == {"validation_mae": 0.0}
    shifted = given.metrics(lambda x: x.sum(axis=(1, 2)) + 2.5)
    assert shifted["validation_mae"] == pytest.approx(2.5)


@pytest.mark.parametrize(("signal_like", "followed"), [(80, True), (20, False), (0, False)])
def test_metrics_show_the_separation_of_signal_like_images(signal_like, followed):
    images = np.random.default_rng(4).integers(0, 1024, (100, 18, 14)).astype(np.uint16)
    images[100 - signal_like :] //= 16  # the validation images are among the first, brighter ones
    given = targets(images, signal_like)
    found = given.metrics(lambda x: -x.sum(axis=(1, 2), dtype=np.float64))
    assert ("exposure_auc" in found) == followed
    if followed:
        assert found["exposure_auc"] == 1.0


@pytest.fixture
def student(tmp_path):
    """Configuration of a student of the shipped teacher, on small libraries."""
    for seed, name in enumerate(("minbias", "tt")):
        write_library(tmp_path / f"regions_{name}.npz", 300, seed)
    data = {"folder": tmp_path, "minimum_bias": "regions_minbias.npz", "signals": ["tt"]}
    fit = {"epochs": 1, "batch": 10, "learning_rate": 0.1}
    return {
        "kind": "cicada_hgq", "name": "small", "version": 1, "seed": 1,
        "data": data | {"exposure": ["tt"], "mu": 20}, "images_per_epoch": 10,
        "validation_images": 12, "test_images": 10, "student_images": 30, "exposure_images": 8,
        "teacher_artefact": "cicada_teacher-v1", "training_mu": [10, 200],
        "normalised": {"power": 0.35}, "student": fit,
        "ebops_regularisation": {"first": 1e-6, "last": 1e-5, "free_epochs": 0},
    }  # fmt: skip


def test_students_learn_32_times_the_score_of_a_teacher_that_is_an_artefact(student, tmp_path):
    config = CicadaHgqConfig.model_validate(student)
    given = training_targets(config, Job(tmp_path / "out"))
    wanted = 32 * CicadaTeacher("cicada_teacher-v1").score(given.images)
    np.testing.assert_array_equal(given.targets, np.minimum(wanted, LARGEST_SCORE))
    assert given.teacher_history == []
    assert len(given.images) == 38
    # the mean pile-up differs from image to image: sums spread more than at one
    spread = given.images[:30].sum(axis=(1, 2)).std() / given.images[:30].sum(axis=(1, 2)).mean()
    assert spread > 0.3
    np.testing.assert_array_equal(given.read(given.images), Residuals(0.35).raw(given.images))
    again = training_targets(config, Job(tmp_path / "out"))
    np.testing.assert_array_equal(again.targets, given.targets)


def test_a_finished_training_may_be_tested_otherwise(images, student):
    def fingerprint(**change):
        given = replace(targets(images), config=CicadaHgqConfig.model_validate(student | change))
        return given.fingerprint

    trained = fingerprint()
    for change in ({"compare": ["cicada-v1"]}, {"also_mu": [60]}, {"test_images": 20}):
        assert fingerprint(**change) == trained
    for change in ({"seed": 2}, {"student_images": 31}, {"training_mu": [10, 100]}):
        assert fingerprint(**change) != trained


@pytest.mark.parametrize(
    "change",
    [
        {"teacher_artefact": None},
        {"teacher": {"epochs": 1, "batch": 10, "learning_rate": 0.1}},
    ],
)
def test_a_student_has_one_teacher(student, change):
    with pytest.raises(ValueError, match="either teacher, how to train it, or teacher_artefact"):
        CicadaHgqConfig.model_validate(student | change)


def test_a_network_reads_counts_or_whole_residuals(images):
    counts, form = network_input(images, None)
    assert counts is images
    assert form == COUNTS
    raw, form = network_input(images, Residuals(0.5))
    np.testing.assert_array_equal(raw, Residuals(0.5).raw(images))
    assert (form.width, form.fraction) == (RESIDUALS.width, 0)
