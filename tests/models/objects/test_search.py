"""A search that is killed ends as one that is not; costly and hopeless trials are stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError, Executor
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import yaml
from typer.testing import CliRunner

from l1kd.cli.application import app
from l1kd.errors import ConfigurationError, MachineError
from l1kd.models.config import read_config, shipped_configs, shipped_searches
from l1kd.models.objects.data import ObjectFiles
from l1kd.models.objects.search import ObjectSearchConfig, SearchOptions, run, search
from l1kd.models.objects.search.config import Space, TrialLength
from l1kd.models.objects.search.journal import Journal
from l1kd.models.objects.search.lost import explained
from l1kd.models.objects.search.page import write_page
from l1kd.models.objects.search.space import phases, student_of
from l1kd.models.objects.search.trials import hopeless
from l1kd.models.objects.students.architecture import Bits, Hgq, Student, parameters
from l1kd.models.search.front import best_trial, pareto_front
from l1kd.models.search.trial import Trial

pytest.importorskip("optuna", reason="optuna is not installed")


@pytest.fixture
def config():
    length = TrialLength(epochs=2, batch=64, learning_rate=0.01, rungs=(1,))
    return ObjectSearchConfig(
        kind="object_search",
        name="search",
        version=1,
        seed=3,
        data=ObjectFiles(folder=".", background="none.npz", signals=("none.npz",)),
        teacher="none",
        trial=length,
        hgq_trial=length,
        batch_of_trials=3,
        startup=4,
        pruning_after=2,
    )


class KilledError(Exception):
    """Stands for a signal."""


def pretended(pool, trial, length, seed, rungs, least):
    """Stand for a training: the error falls with size and bits."""
    student = Student.model_validate(trial.student)
    bits = student.numbers.weight if isinstance(student.numbers, Bits) else 16
    if isinstance(student.numbers, Hgq):
        bits = 16 - 1e5 * student.numbers.beta
    error = 10.0 / parameters(student.hidden) ** 0.5 + 1.0 / (1 + abs(bits)) + (seed % 97) / 1e4
    cost = int(parameters(student.hidden) * abs(bits))
    seen = {str(length.rungs[0]): (2 * error, cost)}
    if hopeless(2 * error, cost, rungs.get(length.rungs[0], ()), least):
        return Trial(trial.number, trial.student, trial.quantized, "pruned", None, cost, {}, seen)
    return Trial(
        trial.number, trial.student, trial.quantized, "complete", error, cost,
        {"background": error}, seen,
    )  # fmt: skip


@pytest.fixture
def trained_quickly(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "evaluate", pretended)
    monkeypatch.setattr(run, "_pool", lambda config, out: out / "pool.npz")


@pytest.mark.parametrize("strategy", ["cosearch", "phasesearch", "hgq"])
@pytest.mark.parametrize("done", [1, 5, 11])
def test_a_killed_search_ends_with_the_same_trials(
    config, strategy, done, tmp_path, trained_quickly
):
    options = SearchOptions(strategy, 16, 5)
    whole = search(config, options, tmp_path / "whole")

    def kill(trials):
        if sum(trial.state != "running" for trial in trials) == done:
            raise KilledError

    with pytest.raises(KilledError):
        search(config, options, tmp_path / "killed", kill)
    resumed = search(config, options, tmp_path / "killed")
    assert resumed == whole
    assert len(whole) == 16
    assert best_trial(resumed) == best_trial(whole) is not None


def searching(folder, config, *more, trials=8):
    """Start the search as a user does, in a session of its own."""
    path = folder / "search.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
    command = [sys.executable, "-c", "from l1kd.cli import main; main()", "search", "objects"]
    options = [
        "--config",
        str(path),
        "--strategy",
        "cosearch",
        "--trials",
        str(trials),
        "--seed",
        "3",
    ]
    return subprocess.Popen([*command, *options, *more, "--quiet"], start_new_session=True)


def trials_of(folder):
    """Return the trials that a search left, without the time they took."""
    trials = json.loads((folder / "trials.json").read_text(encoding="utf-8"))["trials"]
    return [{key: value for key, value in t.items() if key != "seconds"} for t in trials]


@pytest.mark.heavy
@pytest.mark.skipif(find_spec("qkeras") is None, reason="QKeras is not installed")
def test_two_workers_killed_among_real_trainings_end_as_one_that_was_not(config, files, tmp_path):
    config = config.model_copy(update={"data": files, "teacher": "object_teacher-v1"})
    assert searching(tmp_path, config, "--out", str(tmp_path / "whole")).wait() == 0
    out = tmp_path / "killed"
    started = searching(tmp_path, config, "--workers", "2", "--out", str(out))
    journal = out / "journal.log"
    while started.poll() is None:
        content = journal.read_text(encoding="utf-8") if journal.is_file() else ""
        if sum(content.count(f'state\\": \\"{state}') for state in ("complete", "pruned")) >= 2:
            break
        time.sleep(0.05)
    os.killpg(started.pid, signal.SIGKILL)
    assert started.wait() == -signal.SIGKILL
    assert not (out / "trials.json").exists()
    assert searching(tmp_path, config, "--workers", "2", "--out", str(out)).wait() == 0
    whole = trials_of(tmp_path / "whole")
    assert len(whole) == 8
    assert trials_of(out) == whole


@pytest.mark.parametrize("strategy", ["cosearch", "phasesearch"])
def test_workers_of_dask_end_with_the_same_trials(config, strategy, tmp_path, trained_quickly):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    whole = search(config, SearchOptions(strategy, 10, 5), tmp_path / "whole")
    with distributed.LocalCluster(2, threads_per_worker=1, processes=False,
                                  dashboard_address="127.0.0.1:0") as cluster:  # fmt: skip
        options = SearchOptions(strategy, 10, 5, dask=cluster.scheduler_address)
        assert search(config, options, tmp_path / "dask") == whole


@pytest.mark.heavy
@pytest.mark.skipif(find_spec("qkeras") is None, reason="QKeras is not installed")
def test_real_trainings_on_workers_of_dask_end_with_the_same_trials(config, files, tmp_path):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    config = config.model_copy(update={"data": files, "teacher": "object_teacher-v1"})
    assert searching(tmp_path, config, "--out", str(tmp_path / "whole"), trials=4).wait() == 0
    cluster = distributed.LocalCluster(2, threads_per_worker=1, dashboard_address="127.0.0.1:0")
    try:
        more = "--dask", cluster.scheduler_address, "--out", str(tmp_path / "dask")
        assert searching(tmp_path, config, *more, trials=4).wait() == 0
    finally:
        with suppress(TimeoutError):  # workers that hold TensorFlow end slowly
            cluster.close()
    assert trials_of(tmp_path / "dask") == trials_of(tmp_path / "whole")


VICTIM = """
import os, signal
from pathlib import Path
from l1kd.models.search.trial import Trial

def evaluate(pool, trial, length, seed, rungs, least):
    if trial.number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return Trial(trial.number, trial.student, trial.quantized, "complete", 1.0, 7)

def absent(pool, *rest):
    Path(pool).read_bytes()
"""


@pytest.fixture
def victim(tmp_path, monkeypatch):
    """A module that processes of any start can import."""
    (tmp_path / "victim_of_a_search.py").write_text(VICTIM, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return import_module("victim_of_a_search")


def test_a_lost_process_is_named_and_the_same_search_goes_on(
    config, victim, tmp_path, monkeypatch, trained_quickly
):
    config = config.model_copy(update={"space": Space(layers=(2, 2), widths=(4, 8))})
    options = SearchOptions("cosearch", 6, 5, workers=2)
    with monkeypatch.context() as context:
        context.setattr(run, "evaluate", victim.evaluate)
        with pytest.raises(MachineError, match=r"process \d+ by SIGKILL.*the same command goes on"):
            search(config, options, tmp_path / "search")
    found = search(config, SearchOptions("cosearch", 6, 5), tmp_path / "search")
    assert [trial.objective for trial in found[:3]] == [1.0] * 3, "what was done is kept"
    assert all(trial.state != "running" for trial in found)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere"])
def test_a_scheduler_that_does_not_answer_is_named(config, address, tmp_path, trained_quickly):
    dask = pytest.importorskip("dask", reason="dask is not installed")
    pytest.importorskip("distributed", reason="dask.distributed is not installed")
    options = SearchOptions("cosearch", 6, 5, dask=address)
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ConfigurationError, match=f"no dask scheduler answers at '{address}'"),
    ):
        search(config, options, tmp_path / "search")


def test_what_workers_of_dask_do_not_have_is_named(
    config, tmp_path, trained_quickly, monkeypatch, victim
):
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    monkeypatch.setattr(run, "evaluate", victim.absent)
    with distributed.LocalCluster(1, threads_per_worker=1, processes=False,
                                  dashboard_address="127.0.0.1:0") as cluster:  # fmt: skip
        options = SearchOptions("cosearch", 3, 5, dask=cluster.scheduler_address)
        with pytest.raises(ConfigurationError, match=r"inproc://.* does not see .*pool\.npz"):
            search(config, options, tmp_path / "search")


def test_lost_workers_and_schedulers_of_dask_are_named(tmp_path):
    scheduler = pytest.importorskip("distributed.scheduler", reason="distributed is not installed")
    worker = SimpleNamespace(address="tcp://10.0.0.1:5")
    for error, said in (
        (scheduler.KilledWorker("evaluate-1", worker, 3), "the last at tcp://10.0.0.1:5"),
        (CancelledError(), "tcp://10.0.0.2:8786 went away"),
    ):
        expected = pytest.raises(MachineError, match=f"{said}.*the same command goes on")
        with expected, explained("tcp://10.0.0.2:8786", tmp_path, Executor()):
            raise error


def test_a_search_that_was_killed_while_it_asked_goes_on(config, tmp_path, trained_quickly):
    options = SearchOptions("cosearch", 6, 5)
    whole = search(config, options, tmp_path / "whole")
    asked, ask = [], Journal.ask

    def killed_ask(self, number, *rest):
        if number == 4 and not asked:
            asked.append(number)
            raise KilledError
        return ask(self, number, *rest)

    Journal.ask = killed_ask
    try:
        with pytest.raises(KilledError):
            search(config, options, tmp_path / "killed")
    finally:
        Journal.ask = ask
    with (tmp_path / "killed" / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')  # a line that was being written
    assert search(config, options, tmp_path / "killed") == whole


@pytest.mark.parametrize("number", [1, 4, 5])
def test_a_search_that_was_killed_while_it_told_goes_on(
    config, number, tmp_path, trained_quickly, monkeypatch
):
    options = SearchOptions("cosearch", 12, 5)
    whole = search(config, options, tmp_path / "whole")
    finish = Journal._finish

    def killed_finish(self, trial):
        if trial.number == number:
            raise KilledError
        finish(self, trial)

    with monkeypatch.context() as context:
        context.setattr(Journal, "_finish", killed_finish)
        with pytest.raises(KilledError):
            search(config, options, tmp_path / "killed")
    assert search(config, options, tmp_path / "killed") == whole


def test_more_trials_go_on_where_fewer_stopped(config, tmp_path, trained_quickly):
    few = search(config, SearchOptions("cosearch", 6, 5), tmp_path / "search")
    more = search(config, SearchOptions("cosearch", 12, 5), tmp_path / "search")
    assert more[:6] == few
    assert more == search(config, SearchOptions("cosearch", 12, 5), tmp_path / "at once")


@pytest.mark.parametrize("command", ["search objects --strategy hgq", "train object-student"])
def test_a_teacher_that_is_not_there_is_said_with_file_and_key(command, files, tmp_path):
    kind = "objects" if "search" in command else "object_student"
    shipped = {**shipped_searches(), **shipped_configs()}[kind]
    content = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    content |= {"teacher": "nope", "data": files.model_dump(mode="json")}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    options = ["--config", str(path), "--out", str(tmp_path / "out")]
    found = CliRunner().invoke(app, [*command.split(), *options], env={"COLUMNS": "1000"})
    assert found.exit_code == 1
    assert f"{path}: teacher: there is no artefact 'nope'" in found.output


@pytest.mark.parametrize("strategy", ["cosearch", "hgq"])
def test_fewer_trials_than_there_are_take_none_away(config, strategy, tmp_path, trained_quickly):
    whole = search(config, SearchOptions(strategy, 10, 5), tmp_path)
    assert search(config, SearchOptions(strategy, 5, 5), tmp_path) == whole
    assert len(whole) == 10


def test_another_search_is_refused(config, tmp_path, trained_quickly):
    search(config, SearchOptions("cosearch", 3, 5), tmp_path)
    with pytest.raises(ConfigurationError, match="another search"):
        search(config, SearchOptions("cosearch", 3, 6), tmp_path)


def test_phases_keep_the_architecture_that_the_first_found(config, tmp_path, trained_quickly):
    trials = search(config, SearchOptions("phasesearch", 12, 1), tmp_path)
    assert [trial.quantized for trial in trials] == [False] * 6 + [True] * 6
    done = [trial for trial in trials[:6] if trial.objective is not None]
    best = min(done, key=lambda trial: trial.objective)
    assert {tuple(trial.student["hidden"]) for trial in trials[6:]} == {
        tuple(best.student["hidden"])
    }
    assert [first for _, first in phases("phasesearch", 12)] == [0, 6]


def test_the_front_falls_in_cost_as_the_error_rises():
    def trial(number, error, cost, quantized=True):
        return Trial(number, {}, quantized, "complete", error, cost)

    trials = [trial(0, 0.3, 10), trial(1, 0.1, 50), trial(2, 0.2, 60), trial(3, 0.05, 1, False)]
    assert [t.number for t in pareto_front(trials)] == [1, 0]
    assert best_trial(trials).number == 1


def test_only_trials_worse_than_cheaper_ones_are_stopped():
    others = [(0.5, 100), (0.6, 100), (0.1, 1000)]
    assert hopeless(0.7, 200, others, 2)
    assert not hopeless(0.7, 50, others, 2)
    assert not hopeless(0.52, 200, others, 2)
    assert not hopeless(0.7, 200, others, 3)


def test_formats_need_no_more_integer_bits_than_they_have(config):
    chosen = {"layers": 2, "width_0": 8, "width_1": 4, "weight_bits": 4, "weight_integer": 5}
    chosen |= {"activation_bits": 4, "activation_integer": 5}
    student = student_of(chosen, "cosearch", config.space)
    assert student.hidden == (8, 4)
    assert student.numbers == Bits(weight=4, weight_integer=3, activation=4, activation_integer=4)


def test_the_page_needs_no_other_file(config, tmp_path, trained_quickly):
    options = SearchOptions("cosearch", 8, 2)
    trials = search(config, options, tmp_path)
    page = write_page(trials, options, config, tmp_path).read_text(encoding="utf-8")
    assert "Pareto front" in page
    assert "data:image/png;base64," in page
    assert 'src="http' not in page
    written = json.loads((tmp_path / "trials.json").read_text(encoding="utf-8"))
    assert len(written["trials"]) == 8


def test_the_shipped_configuration_of_the_search_is_valid():
    config = read_config(shipped_searches()["objects"], ObjectSearchConfig)
    assert config.kind == "object_search"
