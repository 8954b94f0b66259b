"""Event weights are refused before the work, or taken with their signs."""

from dataclasses import replace

import awkward as ak
import numpy as np
import pytest
import uproot

from l1kd.datasets import InputFile, load_fileset, read_fileset
from l1kd.errors import InputError
from l1kd.execution import run
from l1kd.processors.insert import InsertProcessor
from l1kd.study.weights import require_weights
from l1kd.truth import event_weight


@pytest.fixture
def written(tmp_path):
    def write(weights, name="a.root", dataset="top"):
        with uproot.recreate(tmp_path / name) as file:
            file.mktree("Events", {"genWeight": "float64", "run": "int64"})
            columns = {"genWeight": np.asarray(weights, float), "run": np.arange(len(weights))}
            file["Events"].extend(columns)
        path = str(tmp_path / name)
        return InputFile(path, dataset, "Events", "nanoaod", len(weights), bytes(16))

    return write


def test_signed_weights_are_taken(written):
    assert require_weights([written([1.0, -1.0, 2.0])]) == {"top": 2.0}


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_weight_that_is_no_number_names_file_and_entry(written, wrong):
    with pytest.raises(InputError, match=r"a\.root: 1 of 3 .* entry 1"):
        require_weights([written([1.0, wrong, 2.0])])


def test_weights_of_a_dataset_must_leave_something(written):
    files = [written([1.0, -2.0]), written([-1.0], "b.root"), written([5.0], "c.root", "qcd")]
    with pytest.raises(InputError, match="'top': the event weights add up to -2"):
        require_weights(files)
    require_weights([files[0], written([4.0], "d.root"), files[2]])


def test_only_the_entries_that_are_wanted_are_looked_at(written):
    file = written([1.0, np.nan, 2.0, 4.0, np.nan])
    assert require_weights([replace(file, steps=((2, 4),))]) == {"top": 6.0}
    with pytest.raises(InputError, match=r"1 of 3 .* entry 4, nan"):
        require_weights([replace(file, steps=((2, 5),))])


def test_a_file_that_is_skipped_later_does_not_count(written):
    files = [written([1.0, np.nan]), written([3.0], "b.root")]
    assert require_weights(files, skip_bad_files=True) == {"top": 3.0}
    with pytest.raises(InputError, match="add up to -3"):
        require_weights([files[0], written([-3.0], "c.root")], skip_bad_files=True)


@pytest.mark.parametrize("form", ["root", "parquet"])
def test_weights_of_skims_are_looked_at(data, tmp_path, form):
    """Delphes calls them Event.Weight, its skims Event_Weight, and parquet is no ROOT file."""
    source = {"top": [str(data / "ttbar2l_PU140.root")]}
    run(InsertProcessor(tmp_path, form, ["puppi"], keep=["Event"]), source, chunksize=25)
    files, bad = read_fileset(load_fileset({"top": str(tmp_path / "top")}))
    assert not bad
    assert require_weights(files) == {"top": 50.0}


def test_files_without_weights_have_no_sum(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("Events", {"run": "int64"})
        file["Events"].extend({"run": np.arange(3)})
    path = str(tmp_path / "a.root")
    assert require_weights([InputFile(path, "top", "Events", "nanoaod", 3, bytes(16))]) == {}


def test_delphes_weights_are_read(data):
    path = str(data / "ttbar2l_PU140.root")
    found = require_weights([InputFile(path, "top", "Delphes", "delphes", 50, bytes(16))])
    assert found == {"top": 50.0}


def test_processors_check_their_chunk():
    events = ak.Array({"genWeight": [1.0, np.nan]})
    with pytest.raises(InputError, match="event 1 with nan"):
        event_weight(events)
    assert event_weight(ak.Array({"genWeight": [1.0, -1.0]})).tolist() == [1.0, -1.0]
