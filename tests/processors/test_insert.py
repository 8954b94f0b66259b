"""Skims: what is written can be read back, and is the same however it was made."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.datasets import inspect_file
from l1kd.errors import ConfigurationError, UnreadableFileError
from l1kd.execution import run
from l1kd.processors import InsertProcessor

ALGORITHMS = ["puppi", "linpuppi"]


@pytest.fixture(scope="module")
def expected(data, open_events):
    return l1kd.insert(open_events(data / "pfnano.root"), ALGORITHMS)


def written(result):
    return sorted(next(iter(result.output.values()))["files"])


@pytest.mark.parametrize("chunksize", [3, 2])
def test_root_skims_are_nanoaod(data, tmp_path, expected, chunksize):
    path = str(data / "pfnano.root")
    processor = InsertProcessor(tmp_path, "root", ALGORITHMS, keep=["GenJet", "MET"])
    result = run(processor, {"qcd": [path]}, chunksize=chunksize)
    files = written(result)
    assert len(files) == (1 if chunksize == 3 else 2)
    assert result.output["qcd"]["seen"] == 3
    events = [inspect_file(file).open() for file in files]
    for name in ("pt", "eta", "energy", "pid", "puppi_weight", "linpuppi_weight"):
        found = ak.concatenate([e.L1Cand[name] for e in events])
        assert ak.array_equal(found, expected.L1Cand[name], check_parameters=False), name
    kept = ak.concatenate([e.GenJet.pt for e in events])
    assert ak.array_equal(kept, expected.GenJet.pt, check_parameters=False)
    np.testing.assert_array_equal(np.concatenate([e.MET.pt for e in events]), expected.MET.pt)
    np.testing.assert_array_equal(np.concatenate([e.event for e in events]), expected.event)


def test_parquet_skims(data, tmp_path, expected):
    processor = InsertProcessor(tmp_path, "parquet", ALGORITHMS)
    (file,) = written(run(processor, {"qcd": [str(data / "pfnano.root")]}))
    events = ak.from_parquet(file)
    for name in expected.L1Cand.fields:
        same = ak.array_equal(
            events.L1Cand[name], expected.L1Cand[name], check_parameters=False, equal_nan=True
        )
        assert same, name


def test_scores_and_entries_of_events_without_numbers(data, tmp_path, open_events):
    path = data / "ttbar2l_PU140_l1nano.root"
    processor = InsertProcessor(tmp_path, "root", ["cicada"])
    files = written(run(processor, {"top": [str(path)]}, chunksize=25))
    events = [inspect_file(file).open() for file in files]
    expected = l1kd.insert(open_events(path), ["cicada"]).CICADA.score
    np.testing.assert_array_equal(np.concatenate([e.CICADA.score for e in events]), expected)


def test_delphes_events_are_numbered_by_entry(data, tmp_path):
    processor = InsertProcessor(tmp_path, "root", ["puppi"])
    files = written(run(processor, {"top": [str(data / "ttbar2l_PU140.root")]}, chunksize=25))
    by_start = sorted(files, key=lambda file: int(file.split("-")[-2]))
    numbers = np.concatenate([inspect_file(file).open().event for file in by_start])
    np.testing.assert_array_equal(numbers, np.arange(50))


def test_nothing_unfinished_stays_behind(data, tmp_path):
    processor = InsertProcessor(tmp_path / "out", "root", ["puppi"], keep=["Sparrow"])
    with pytest.raises(KeyError, match="'Sparrow' to keep is missing"):
        run(processor, {"qcd": [str(data / "pfnano.root")]})
    assert not list((tmp_path / "out").rglob("*.root*"))


def test_a_folder_that_cannot_be_written(data, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(Exception, match="file"):
        run(InsertProcessor(blocked, "root", ["puppi"]), [str(data / "pfnano.root")])


def test_unknown_format(tmp_path):
    with pytest.raises(ConfigurationError, match="expected 'root' or 'parquet'"):
        InsertProcessor(tmp_path, "csv")


def test_bad_input_writes_nothing(tmp_path):
    missing = str(tmp_path / "none.root")
    with pytest.raises(UnreadableFileError, match=r"none\.root"):
        run(InsertProcessor(tmp_path / "out"), [missing])
    assert not (tmp_path / "out").exists()
