"""One result from every executor; bad files, killed workers and interrupted runs."""

import os
import signal
import sys
from collections import Counter

import awkward as ak
import cloudpickle
import dask
import numpy as np
import pytest
from coffea import processor

from l1kd.candidates import candidates
from l1kd.errors import ConfigurationError, InputError, PairingError, UnreadableFileError
from l1kd.execution import run
from l1kd.processors import ResolutionProcessor

cloudpickle.register_pickle_by_value(sys.modules[__name__])

# dask's own processes and sockets outlive the block that made them by a moment
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


class SumPt(processor.ProcessorABC):
    """Sum of pt of every event, and a note of every chunk that was computed."""

    def __init__(self, log=None, fail_after=None, kill_once=None):
        self.log, self.fail_after, self.kill_once = log, fail_after, kill_once

    def process(self, events):
        start = events.metadata["entrystart"]
        if self.kill_once is not None and not self.kill_once.exists() and start > 0:
            self.kill_once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fail_after is not None and start >= self.fail_after:
            raise RuntimeError("interrupted")
        if self.log is not None:
            with self.log.open("a") as log:
                log.write(f"{start}\n")
        sums = ak.to_numpy(ak.sum(candidates(events).pt, axis=1))
        return {"sum": {(events.metadata["filename"], start): sums.tolist()}, "n": len(events)}

    def postprocess(self, accumulator):
        flat = [value for _, values in sorted(accumulator["sum"].items()) for value in values]
        return {"sum": flat, "n": accumulator["n"]}


@pytest.fixture(scope="module")
def fileset(data):
    return {
        "top": [str(data / "ttbar2l_PU140.root")],
        "minbias": [str(data / "minbias_PU140.root")],
    }


@pytest.fixture(scope="module")
def expected(fileset):
    return run(SumPt(), fileset)


def test_counts_and_result(expected, fileset):
    assert expected.output["n"] == 100
    assert len(expected.output["sum"]) == 100
    assert expected.events == {path: 50 for paths in fileset.values() for path in paths}
    assert expected.skipped == {}


@pytest.mark.parametrize(
    "how",
    [
        {"chunksize": 17},
        {"executor": "futures", "workers": 2, "chunksize": 25},
        {"executor": "dask", "workers": 2, "chunksize": 30},
    ],
    ids=["chunks", "futures", "dask"],
)
def test_every_executor_and_chunk_size_gives_the_same(how, fileset, expected):
    assert run(SumPt(), fileset, **how) == expected


def bits(result, dataset):
    output = result.output[dataset]
    columns = {name: values.tobytes() for name, values in output["columns"].joined().items()}
    counts = {k: v for k, v in output.items() if k not in ("columns", "weights")}
    return columns, output["weights"].view().tobytes(), counts


def test_studies_give_the_same_bits(data):
    fileset = {
        "top": {
            "files": [str(data / "ttbar2l_PU140.root")],
            "truth": [str(data / "ttbar2l_PU0.root")],
        }
    }
    study = ResolutionProcessor(["none", "puppi", "no_pileup", "delphes_puppi"])
    whole = bits(run(study, fileset), "top")
    assert bits(run(study, fileset, chunksize=20), "top") == whole
    parallel = run(study, fileset, executor="futures", workers=2, chunksize=25)
    assert bits(parallel, "top") == whole


def test_a_given_dask_client_is_used(fileset, expected):
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert run(SumPt(), fileset, executor="dask", scheduler=client) == expected
        address = cluster.scheduler_address
        assert run(SumPt(), fileset, executor="dask", scheduler=address) == expected


def test_killing_a_dask_worker_loses_nothing(fileset, expected, tmp_path):
    killed = tmp_path / "killed"
    result = run(SumPt(kill_once=killed), fileset, executor="dask", workers=2, chunksize=25)
    assert killed.exists()
    assert result == expected


def test_no_scheduler_answers():
    quickly = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with quickly, pytest.raises(ConfigurationError, match="no dask scheduler answers"):
        run(SumPt(), "tests/data/pfnano.root", executor="dask", scheduler="tcp://127.0.0.1:9")


def test_unknown_executor(fileset):
    with pytest.raises(ConfigurationError, match="unknown executor 'slurm'"):
        run(SumPt(), fileset, executor="slurm")


def test_an_interrupted_run_goes_on_from_its_checkpoint(fileset, expected, tmp_path):
    log, checkpoint = tmp_path / "log", tmp_path / "checkpoint"
    options = {"checkpoint": checkpoint, "chunksize": 10}
    flag = tmp_path / "go"

    class Interrupted(SumPt):
        """Fails late in every file until the flag stands."""

        def process(self, events):
            if events.metadata["entrystart"] >= 30 and not flag.exists():
                raise RuntimeError("interrupted")
            return super().process(events)

    with pytest.raises(Exception, match="interrupted"):
        run(Interrupted(log), fileset, **options)
    done = Counter(log.read_text().split())
    assert done == Counter({"0": 1, "10": 1, "20": 1})
    flag.touch()
    result = run(Interrupted(log), fileset, **options)
    assert result == expected
    again = Counter(log.read_text().split()) - done
    assert again == Counter({"0": 1, "10": 1, "20": 1, "30": 2, "40": 2}), "only what was missing"


def test_checkpoints_of_another_processor_are_not_taken(fileset, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run(SumPt(first), fileset, checkpoint=tmp_path)
    run(SumPt(second), fileset, checkpoint=tmp_path)
    assert first.read_text() == second.read_text()


def corrupted(source, target, begin, size):
    content = bytearray(source.read_bytes())
    content[begin : begin + size] = bytes(size)
    target.write_bytes(content)
    return str(target)


@pytest.fixture
def bad_files(data, tmp_path):
    source = data / "ttbar2l_PU140.root"
    half = tmp_path / "truncated.root"
    half.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    return {
        "truncated": str(half),
        "corrupt": corrupted(source, tmp_path / "corrupt.root", 50_000, 3_000_000),
        "missing": str(tmp_path / "missing.root"),
    }


@pytest.mark.parametrize("kind", ["truncated", "corrupt", "missing"])
def test_bad_files_are_errors_that_name_the_file(kind, bad_files, fileset):
    with pytest.raises(UnreadableFileError, match=rf"{kind}\.root"):
        run(SumPt(), {**fileset, "bad": [bad_files[kind]]})


@pytest.mark.parametrize("how", [{}, {"executor": "futures", "workers": 2, "chunksize": 20}])
def test_bad_files_are_left_out_and_listed_on_request(how, bad_files, fileset, expected):
    files = {**fileset, "bad": list(bad_files.values())}
    result = run(SumPt(), files, skip_bad_files=True, **how)
    assert set(result.skipped) == set(bad_files.values())
    for path, reason in result.skipped.items():
        assert path in reason
        assert len(reason) > len(path) + 20, "the reason says what was found"
    assert result.output == expected.output
    assert result.events == expected.events


def test_nothing_is_left(bad_files):
    with pytest.raises(UnreadableFileError, match="no file of the fileset"):
        run(SumPt(), list(bad_files.values()), skip_bad_files=True)


class OwnCheck(SumPt):
    """Finds a value in its own numbers that no algorithm accepts."""

    def process(self, events):
        if events.metadata["dataset"] == "minbias":
            raise InputError("EFlowTrack.PT: found nan at position 3")
        return super().process(events)


def test_values_that_the_processor_itself_refuses_are_not_the_files_fault(fileset):
    for skip in (False, True):
        with pytest.raises(InputError, match=r"EFlowTrack.PT: found nan") as raised:
            run(OwnCheck(), fileset, skip_bad_files=skip)
        assert "minbias_PU140.root" in raised.value.__notes__[0]


class Wrong(SumPt):
    """A mistake of the user's own, which no file is to blame for."""

    def process(self, events):
        return {"x": np.zeros(3)[7]}


def test_mistakes_of_the_processor_are_never_skipped(fileset):
    with pytest.raises(Exception, match="index 7 is out of bounds"):
        run(Wrong(), fileset, skip_bad_files=True)


def test_wrong_pairing_is_an_error_not_a_bad_file(data):
    files = {
        "top": {
            "files": [str(data / "ttbar2l_PU140.root")],
            "truth": [str(data / "minbias_PU140.root")],
        }
    }
    with pytest.raises(PairingError, match="entry 0 differs first"):
        run(ResolutionProcessor(["none", "no_pileup"]), files, skip_bad_files=True)
