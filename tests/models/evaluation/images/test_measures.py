"""Points of ROC curves; distances to the teacher, and intervals that know what images share."""

import numpy as np
import pytest

from l1kd.models.evaluation.images.measures import distances, roc_points
from l1kd.statistics import Blocks, bootstrap, emd


def alone(n):
    """Images that share nothing."""
    return Blocks(np.arange(n), np.arange(n + 1), n)


def of_pairs(n):
    """Images that hold the same collision two by two."""
    return Blocks(np.repeat(np.arange(n // 2), 2), np.arange(n + 1), n // 2)


@pytest.fixture
def scores():
    rng = np.random.default_rng(3)
    teacher = np.minimum(rng.gamma(4.0, 0.6, 4000), 7.5).astype(np.float32)
    student = 32.0 * teacher + rng.normal(1.0, 3.0, 4000) * (teacher > 2.0)
    return {"teacher": teacher, "student": student.astype(np.float32)}


def test_a_student_is_compared_on_the_scale_that_it_learned(scores):
    exact = {"teacher": scores["teacher"], "student": 32.0 * scores["teacher"]}
    found = distances((exact, alone(4000)), {}, "teacher", {"student": 32.0})
    assert found["student"]["zero bias"]["score"]["value"] == pytest.approx(0.0, abs=1e-4)
    assert found["student"]["zero bias"]["shape"]["value"] == pytest.approx(0.0, abs=1e-4)
    other = distances((exact, alone(4000)), {}, "teacher", {})
    assert other["student"]["zero bias"]["score"] is None


def test_intervals_are_those_of_resampled_images(scores):
    found = distances((scores, alone(4000)), {}, "teacher", {"student": 32.0})
    row = found["student"]["zero bias"]["score"]
    wanted, student = 32.0 * scores["teacher"], scores["student"]
    assert row["value"] == pytest.approx(emd(student, wanted), rel=1e-6)
    again = bootstrap(lambda c: emd(student, wanted, c, c), 4000, replicas=300, seed=1)
    half = (float(again[2]) - float(again[1])) / 2
    assert (row["high"] - row["low"]) / 2 == pytest.approx(half, rel=0.2)


def test_images_that_hold_the_same_collisions_widen_the_interval(scores):
    twice = {name: np.repeat(values[:2000], 2) for name, values in scores.items()}
    found = (
        distances((twice, blocks), {}, "teacher", {"student": 32.0})["student"]["zero bias"]
        for blocks in (alone(4000), of_pairs(4000))
    )
    apart, shared = (row["score"] for row in found)
    assert shared["value"] == apart["value"]
    ratio = (shared["high"] - shared["value"]) / (apart["high"] - apart["value"])
    assert ratio == pytest.approx(np.sqrt(2.0), rel=0.02)


def test_distances_of_shapes_do_not_know_the_unit():
    rng = np.random.default_rng(3)
    teacher = rng.normal(5, 1, 800)
    noise = {"teacher": teacher, "same": 30 * teacher - 7, "other": rng.exponential(1, 800)}
    noise["flat"] = np.full(800, 255.0)
    found = distances((noise, alone(800)), {}, "teacher", {"same": 1.0})
    assert found["same"]["zero bias"]["shape"]["value"] == pytest.approx(0.0, abs=1e-9)
    assert found["same"]["zero bias"]["score"]["value"] > 100
    other = found["other"]["zero bias"]
    assert other["score"] is None
    assert 0 < other["shape"]["low"] < other["shape"]["value"] < other["shape"]["high"]
    assert found["flat"]["zero bias"]["shape"] is None


def test_roc_points_by_counting():
    rng = np.random.default_rng(2)
    noise, signal = rng.integers(0, 30, 500), rng.integers(10, 40, 300)
    points = roc_points(noise, signal)
    for share, kept in zip(points["background"], points["signal"], strict=True):
        cuts = [cut for cut in range(42) if (noise >= cut).mean() <= share]
        assert kept == pytest.approx((signal >= min(cuts)).mean())
