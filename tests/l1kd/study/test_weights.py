"""Event weights are refused before the work, or taken with their signs."""

import awkward as ak
import numpy as np
import pytest
import uproot

from l1kd.datasets import InputFile
from l1kd.errors import InputError
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
        return InputFile(path, dataset, "Events", "nanoaod", len(weights), b"")

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


def test_files_without_weights_have_no_sum(tmp_path):
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("Events", {"run": "int64"})
        file["Events"].extend({"run": np.arange(3)})
    path = str(tmp_path / "a.root")
    assert require_weights([InputFile(path, "top", "Events", "nanoaod", 3, b"")]) == {}


def test_delphes_weights_are_read(data):
    path = str(data / "ttbar2l_PU140.root")
    found = require_weights([InputFile(path, "top", "Delphes", "delphes", 50, b"")])
    assert found == {"top": 50.0}


def test_processors_check_their_chunk():
    events = ak.Array({"genWeight": [1.0, np.nan]})
    with pytest.raises(InputError, match="event 1 with nan"):
        event_weight(events)
    assert event_weight(ak.Array({"genWeight": [1.0, -1.0]})).tolist() == [1.0, -1.0]
