"""Teachers of networks in the correlator: what they give, and what they must not have seen."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from l1kd.algorithms.correlator import SHIPPED
from l1kd.algorithms.region_networks import region_network
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.models.correlator.card import card
from l1kd.models.correlator.config import CorrelatorConfig
from l1kd.models.correlator.crossings import form
from l1kd.models.correlator.networks import standard
from l1kd.models.correlator.teacher import columns_of, mean_of, opened, with_targets
from l1kd.models.recipe import Job
from l1kd.models.recipes import correlator as recipe
from tests.models.correlator.events import raw
from tests.models.correlator.test_training import CONFIG

MEMBERS = {
    "members": 1,
    "hidden": [5],
    "inputs": ["pt", "track", "alpha"],
    "optimisation": {"epochs": 2, "batch": 2, "learning_rate": 0.01},
}


def configured(target="teacher", teacher=MEMBERS, **changes):
    """A configuration whose loss knows of single weights alone."""
    data = {"folder": ".", "soft": "soft", "hard": [], "signals": {"signal": 1.0}}
    content = {**CONFIG, "data": data, "loss": {"target": target, "only_shares": 100, "noise": 0.0}}
    return CorrelatorConfig(**{**content, "teacher": teacher, **changes})


def events(config, seed=3):
    """Ten soft crossings and ten signals, of both halves."""
    names = columns_of(config)
    half = (np.arange(10) % 2).astype(np.int8)
    made = {
        name: form(raw(10, seed + i), names, config.puppi(), half, rate=30e6 * (name == "soft"))
        for i, name in enumerate(("soft", "signal"))
    }
    mean, deviation = standard(np.concatenate([c.values for c in made.values()]))
    return recipe._Data(
        {"soft": made["soft"]}, {}, {"signal": made["signal"]}, {}, mean, deviation, ()
    )


def other_truth(data, half):
    """The same events; those of one half have other true shares."""

    def changed(of):
        mine = np.repeat(of.half == half, np.diff(of.start))
        return replace(of, share=np.where(mine, 1.0 - of.share, of.share).astype(np.float32))

    return data.each(changed)


def test_targets_are_the_teachers_weights_or_the_mean_with_the_truth():
    given = events(configured()).signals["signal"]
    assert given.target is given.share

    def weigh(rows):
        return 0.5 + rows[:, 1] / 4

    weights = 0.5 + given.values[:, 1] / 64
    np.testing.assert_allclose(with_targets(given, weigh, "teacher").target, weights)
    both = with_targets(given, weigh, "both")
    np.testing.assert_allclose(both.target, (weights + given.share) / 2)
    assert both.share is given.share
    joined = given.followed_by(both)
    assert joined.target.tolist() == [*given.share, *both.target]


def test_members_are_averaged():
    weigh = mean_of([lambda rows: rows[:, 0], lambda rows: rows[:, 1]])
    assert weigh(np.array([[0.0, 1.0], [0.5, 0.75]])).tolist() == [0.5, 0.625]


@pytest.mark.slow
def test_a_teacher_does_not_see_the_half_on_which_it_is_judged(tf, tmp_path):
    config = configured()
    data, columns = events(config), columns_of(config)
    assert columns == (*config.inputs, "alpha")
    rows = np.random.default_rng(1).uniform(0, 4, (50, len(columns)))
    found = {}
    for name, given in (
        ("as it is", data), ("other unseen", other_truth(data, 1)),
        ("other seen", other_truth(data, 0)),
    ):  # fmt: skip
        lesson = recipe._lesson(given, config, 1, Job(tmp_path / name, quiet=True))
        found[name] = lesson.weigh(rows)
    assert found["as it is"].tolist() == found["other unseen"].tolist()
    assert np.abs(found["as it is"] - found["other seen"]).max() > 0.01


@pytest.mark.slow
def test_the_student_reads_its_inputs_and_learns_the_teachers_weights(tf, tmp_path):
    pace = {"epochs": 40, "batch": 2, "learning_rate": 0.05}
    config = configured(teacher={**MEMBERS, "members": 2}, optimisation=pace, hidden=[8])
    data = events(config)
    job = Job(tmp_path, quiet=True)
    lesson = recipe._lesson(data, config, recipe.EVERYTHING, job)
    assert set(lesson.histories) == {"teacher 0", "teacher 1"}
    seen, given = data.signals["signal"], lesson.data.signals["signal"]
    assert given.values.shape[1] == len(config.inputs) == seen.values.shape[1] - 1
    np.testing.assert_allclose(given.target, lesson.weigh(seen.values / np.float32(16)), atol=1e-6)
    # what no truth says: tracks belong to the vertex and nothing else does
    taught = lesson.data.each(
        lambda c: replace(c, taught=(~c.neutral).astype(np.float32), share=0.5 + 0 * c.share)
    )
    model, _ = recipe._float(taught, config, recipe.EVERYTHING, job)
    weight = recipe._weigher(model, config)(given.values / np.float32(16))
    assert weight[~given.neutral].mean() > 0.8
    assert weight[given.neutral].mean() < 0.2


@pytest.mark.slow
def test_figures_of_teacher_and_student_stand_side_by_side(tf, tmp_path):
    checked = recipe._cross_validation(
        events(configured("both")), configured("both"), Job(tmp_path, quiet=True)
    )
    assert set(checked["validation"]) == {"all", "teacher", "halves"}
    assert set(checked["validation"]["teacher"]) == {"signal", "mean"}
    assert "half 1, teacher 0" in checked["histories"]


def test_without_a_teacher_the_truth_is_what_is_learned(tmp_path):
    config = configured("truth", {})
    data = events(config)
    lesson = recipe._lesson(data, config, 0, Job(tmp_path, quiet=True))
    assert lesson == (data, None, {})


@pytest.mark.parametrize(
    ("target", "teacher", "sentence"),
    [
        ("truth", {}, "single weights against the true share ("),
        ("both", MEMBERS, "against the mean of the true share and the weight of a teacher, the "
         "mean of 1 float networks of 3-5-1 trained for the truth on the same events ("),
        ("teacher", {"artefact": "some/mine-v2"}, "against the weight of `mine-v2` ("),
    ],
)  # fmt: skip
def test_the_card_names_target_and_teacher(target, teacher, sentence):
    config = configured(target, teacher, folds=0)
    found = {"signal": {"310 kHz": 0.5, "100 kHz": 0.25}, "mean": 0.375}
    training = {"float": {"mean": 0.5}, "integers": {"mean": 0.25}}
    metrics = {
        "ebops": 1000.0,
        "validation": {"all": found},
        "training": training,
        "export": {"vectors": 10, "mismatches_firmware_emulator": 0},
    }
    text = card(config, metrics)
    assert sentence in text
    assert "25.0% (float 50.0%)." in text
    assert "The teachers of these" not in text
    metrics["validation"]["teacher"] = {**found, "mean": 0.125}
    training["teacher"] = {"mean": 0.75}
    text = card(config, metrics)
    assert "25.0% (float 50.0%, teacher 75.0%)." in text
    assert "Mean of all: 12.5%." in text[text.index("The teachers of these") :]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": {}}, "'teacher' needs a teacher"),
        ({"target": "truth"}, "would not be used"),
        ({"teacher": {"members": 1, "artefact": "mine"}}, "found both"),
        ({"teacher": {"artefact": "mine"}}, "may have seen the events"),
        ({"teacher": {"members": 1, "inputs": ["nothing"]}}, r"inputs \['nothing'\] are none of"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        configured(**changes)


def test_an_artefact_teaches_what_it_was_trained_for():
    def found(**changes):
        own = {"teacher": {"artefact": SHIPPED}, "folds": 0}
        fitting = {"windows": ["3x3", "3x3", "towers"], "tracks": "every"}
        return configured(**{**own, **fitting, **changes})

    names, weigh = opened(found())
    assert tuple(names) == region_network(SHIPPED).weight.names
    assert set(columns_of(found())) == {*names, *found().inputs}
    weight = weigh(np.zeros((3, len(names)), np.float32))
    assert ((weight >= 0) & (weight <= 1)).all()
    for changes, what in (
        ({"windows": ["3x3", "3x3", "3x3"]}, "clusters"),
        ({"tracks": "kept"}, "tracks that are weighed"),
        ({"dz": {"barrel": 0.3}}, "LinPUPPI in barrel"),
    ):
        with pytest.raises(ConfigurationError, match=f"other candidates; {what}: expected"):
            opened(found(**changes))
    with pytest.raises(ArtefactError, match="teacher-v2"):
        opened(found(teacher={"artefact": "teacher-v2"}))
