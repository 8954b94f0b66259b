"""Strategies against each other, and the page."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from l1kd.artefacts import load, shipped
from l1kd.errors import ArtefactError, ConfigurationError, UnreadableFileError
from l1kd.models.objects.report import report
from l1kd.models.objects.report.comparison import (
    Runs,
    best_by_cost,
    compare,
    extent,
    first_within,
    joined,
    read_search,
    verdict,
)
from l1kd.models.search.trial import Trial


def trials(errors, seed, quantized=True):
    rng = np.random.default_rng(seed)
    found = []
    for number, error in enumerate(errors):
        mse = {"background": float(error), "exposure": float(error), "lq": float(error)}
        cost = int(rng.integers(100, 1000))
        student = {"hidden": [8], "numbers": "float"}
        found.append(Trial(number, student, quantized, "complete", float(error), cost, mse))
    return found


@pytest.fixture
def searches():
    rng = np.random.default_rng(3)
    return [
        Runs("cosearch", {k: trials(0.1 + 0.02 * rng.random(40), k) for k in range(3)}),
        Runs("phasesearch", {k: trials(0.115 + 0.4 * rng.random(40), k) for k in range(3)}),
    ]


def test_the_surer_strategy_is_told(searches):
    found = compare(searches)
    assert found["cosearch"].best <= min(t.objective for t in searches[0].trials) + 1e-12
    assert found["cosearch"].near.value > 0.4 > found["phasesearch"].near.value
    near = found["cosearch"].near
    assert near.low <= near.value <= near.high
    assert found["cosearch"].bests == {
        seed: min(t.objective for t in some) for seed, some in searches[0].by_seed.items()
    }
    words = verdict(found)
    assert "cosearch has more than phasesearch" in words
    assert "cosearch has the lower median than phasesearch" in words
    turned = verdict({"cosearch": found["phasesearch"], "phasesearch": found["cosearch"]})
    assert "phasesearch has more than cosearch" in turned
    assert "phasesearch has the lower median than cosearch" in turned
    same = {"cosearch": found["cosearch"], "phasesearch": found["cosearch"]}
    assert verdict(same).count("do not differ") == 2
    assert verdict(found, "cosearch", "hgq") == ""


def test_a_share_of_none_is_no_certainty(searches):
    worse = Runs("hgq", {0: trials(np.full(40, 0.9), 0)})
    near = compare([searches[0], worse])["hgq"].near
    assert (near.value, near.low) == (0.0, 0.0)
    assert 0.02 < near.high < 0.06


def test_what_one_seed_cannot_show_is_said(searches):
    text = extent(searches)
    assert "cosearch with 40 trials for each of the seeds 0, 1, 2" in text
    assert "One seed" not in text
    few = [Runs("hgq", {7: searches[0].by_seed[0][:36]}), searches[1]]
    text = extent(few)
    assert "hgq with 36 trials for each of the seeds 7" in text
    assert "One seed of hgq: the intervals" in text


def test_the_smallest_error_up_to_a_cost():
    some = trials([0.3, 0.1, 0.2], 0)
    costs = (9_000, 50_000, 30_000)
    some = [replace(t, cost=cost) for t, cost in zip(some, costs, strict=True)]
    assert best_by_cost(some) == {10_000: 0.3, 30_000: 0.2, 100_000: 0.1}
    assert best_by_cost(some[1:])[10_000] == np.inf


def test_trials_needed_count_from_one():
    values = np.array([np.inf, 0.5, 0.11, 0.1])
    assert first_within(values, 0.11) == 3
    assert first_within(values, 0.05) is None


def test_the_page_of_searches(searches, tmp_path):
    folders = []
    for runs in searches:
        for seed, found in runs.by_seed.items():
            folder = tmp_path / f"{runs.strategy}-{seed}"
            folder.mkdir()
            content = {
                "strategy": runs.strategy, "seed": seed, "trials": [t.as_dict() for t in found],
            }  # fmt: skip
            (folder / "trials.json").write_text(json.dumps(content), encoding="utf-8")
            folders.append(folder)
    assert read_search(folders[0]).trials == searches[0].by_seed[0]
    page = report(tmp_path / "page", folders).read_text(encoding="utf-8")
    assert "cosearch has more than" in page
    assert extent(searches) in page
    numbers = json.loads((tmp_path / "page" / "numbers.json").read_text(encoding="utf-8"))
    assert set(numbers["searches"]) == {"cosearch", "phasesearch"}
    assert (tmp_path / "page" / "boxes.png").is_file()


def left(folder, strategy, seed, **configuration):
    """Write what a search leaves."""
    folder.mkdir()
    known = {"data": {"folder": "a"}, "teacher": "t", "pool": {}, "trial": {"epochs": 10}}
    content = {
        "strategy": strategy, "seed": seed, "configuration": known | configuration,
        "trials": [trial.as_dict() for trial in trials([0.1, 0.2], seed)],
    }  # fmt: skip
    (folder / "trials.json").write_text(json.dumps(content), encoding="utf-8")
    return read_search(folder)


def test_searches_of_different_configurations_are_not_seeds_of_one(tmp_path):
    one = left(tmp_path / "B", "cosearch", 0)
    same = left(tmp_path / "same", "cosearch", 1)
    left(tmp_path / "S7", "cosearch", 7, trial={"epochs": 2})
    assert [list(runs.by_seed) for runs in joined([one, same])] == [[0, 1]]
    with pytest.raises(ConfigurationError, match=r"B and \S+S7 .*: trial\.epochs is 10 and 2"):
        report(tmp_path / "page", [tmp_path / "B", tmp_path / "S7"])
    with pytest.raises(ConfigurationError, match="a second search 'cosearch' with seed 0"):
        joined([one, one])


def test_strategies_are_compared_on_one_teacher_and_data(tmp_path):
    one = left(tmp_path / "B", "cosearch", 0)
    longer = left(tmp_path / "hgq", "hgq", 0, trial={"epochs": 6})
    assert [runs.strategy for runs in joined([one, longer])] == ["cosearch", "hgq"]
    for key, value, said in (
        ("teacher", "u", "teacher is 't' and 'u'"),
        ("data", {"folder": "b"}, "data.folder is 'a' and 'b'"),
    ):
        other = left(tmp_path / key, "phasesearch", 0, **{key: value})
        with pytest.raises(ConfigurationError, match=said):
            joined([one, longer, other])


def test_what_is_missing_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match="--searches"):
        report(tmp_path)
    with pytest.raises(ConfigurationError, match="--config"):
        report(tmp_path, students=["object_anomaly-v1"])
    with pytest.raises(ArtefactError, match="no artefact 'nope'"):
        report(tmp_path, students=["nope"])
    with pytest.raises(UnreadableFileError, match=r"trials\.json"):
        report(tmp_path, [tmp_path])


def test_cards_get_the_tables_of_a_report_and_count_its_reading(files, data, tmp_path):
    copies = []
    for name in ("object_anomaly_hgq-v1", "object_anomaly_small-v2"):
        shutil.copytree(load(name).folder, tmp_path / name)
        copies.append(tmp_path / name)
    before = load(copies[0]).json("metrics.json").get("test_reads", 1)
    other = load(copies[1]).card
    report(tmp_path / "page", students=[str(copies[0])], files=files, cards=True)
    report(tmp_path / "page2", students=[str(c) for c in copies], files=files)
    renewed = load(copies[0])
    found = renewed.json("metrics.json")
    numbers = json.loads((tmp_path / "page" / "numbers.json").read_text(encoding="utf-8"))
    assert found["test_reads"] == before + 1
    assert list(found["efficiencies"])[:2] == ["teacher", "student"]
    assert found["efficiencies"]["student"] == numbers["efficiencies"][renewed.title]
    assert f"read {before + 1} times" in renewed.card
    for score in ("HT", "leading pT", "MET", "multiplicity", "PCA", "Mahalanobis"):
        assert found["efficiencies"][score] == numbers["efficiencies"][score]
        assert f"| {score}, 0.01 |" in renewed.card
    assert load(copies[1]).card == other


def test_the_teachers_card_counts_the_readings_of_its_students():
    """A reading of a student's scores the teacher: who counts one more counts it here, too."""
    teacher = load("object_teacher-v1")
    metrics = teacher.json("metrics.json")
    by = metrics["test_reads_by"]
    students = [name for name in shipped() if load(name).kind == "object_anomaly"]
    # a training of it with another price of bits had read the test part before
    earlier = {"object_anomaly_small-v2": 1}
    assert len(students) == 3
    for name in students:
        reads = load(name).json("metrics.json")["test_reads"] + earlier.get(name, 0)
        assert by[name] == reads
        assert f"`{name}` {reads}" in teacher.card
    assert metrics["test_reads"] == sum(by.values())
    assert f"read at most {sum(by.values())} times" in teacher.card
