"""Events are coffea's own, however they were opened; forms and trees are kept by layout."""

import warnings

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

from l1kd.datasets import inspect_file, opening
from l1kd.errors import MachineError, UnreadableFileError


@pytest.mark.parametrize("name", ["ttbar2l_PU140.root", "pfnano.root", "ttbar2l_PU140_l1nano.root"])
def test_the_same_events_as_coffeas_factory(data, name):
    file = inspect_file(str(data / name))
    mine = file.open(1, 3)
    theirs = NanoEventsFactory.from_root(
        {file.path: file.tree}, schemaclass=file.schema, entry_start=1, entry_stop=3
    ).events()
    assert mine.fields == theirs.fields
    for collection in mine.fields:
        for field in mine[collection].fields:
            found, wanted = mine[collection][field], theirs[collection][field]
            assert ak.array_equal(found, ak.materialize(wanted), equal_nan=True)
    assert mine.metadata["filename"] == file.path
    assert (mine.metadata["entrystart"], mine.metadata["entrystop"]) == (1, 3)


def test_files_of_one_layout_share_their_form(data, monkeypatch):
    made = []
    own = opening.UprootSourceMapping._extract_base_form

    def counted(tree, **options):
        made.append(tree)
        return own(tree, **options)

    monkeypatch.setattr(opening._RootMapping, "_extract_base_form", staticmethod(counted))
    monkeypatch.setattr(opening, "_forms", {})
    for name in ("ttbar2l_PU140.root", "minbias_PU140.root", "ttbar2l_PU140.root"):
        inspect_file(str(data / name)).open(0, 1)
    assert len(made) == 1
    inspect_file(str(data / "pfnano.root")).open(0, 1)
    assert len(made) == 2


def test_metadata_of_one_opening_do_not_show_in_another(data):
    file = inspect_file(str(data / "pfnano.root"))
    first, second = file.open(0, 1), file.open(1, 3)
    assert first.metadata["entrystop"] == 1
    assert second.metadata["entrystop"] == 3
    assert len(second) == 2


def test_few_trees_stay_open(data, monkeypatch):
    monkeypatch.setattr(opening, "_MOST_FILES", 2)
    trees = opening._Trees()
    names = ["pfnano.root", "ttbar2l_PU140_l1nano.root", "minbias_PU140_l1nano.root"]
    for name in names:
        trees.get(str(data / name), "Events")
    assert [key[0] for key in trees.kept] == [str(data / name) for name in names[1:]]
    assert trees.branches == sum(len(t.layout) for t in trees.kept.values())
    kept = trees.get(str(data / names[1]), "Events")
    assert trees.get(str(data / names[1]), "Events") == kept


def test_rntuples(data, tmp_path):
    path = tmp_path / "rntuple.root"
    with uproot.open(data / "pfnano.root") as source:
        content = source["Events"].arrays(how=dict)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what uproot says of its writing
        with uproot.recreate(path) as file:
            file.mkrntuple("Events", content)
    found, wanted = inspect_file(str(path)), inspect_file(str(data / "pfnano.root"))
    assert (found.kind, found.entries) == ("pfnano", 3)
    events, others = found.open(), wanted.open()
    for field in ("pt", "dz", "charge"):
        assert ak.array_equal(
            events.PFCands[field], others.PFCands[field], check_parameters=False, equal_nan=True
        )


def test_fields_of_an_rntuple_are_linked_as_uproot_links_them(tmp_path):
    path = tmp_path / "nested.root"
    nested = ak.Array([{"x": 1, "y": [{"a": 1.0, "b": [1, 2]}]}, {"x": 2, "y": []}])
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", {"nested": nested, "flat": np.arange(2)})
    with uproot.open(path) as file:
        expected = file["Events"].keys(recursive=True)
    with uproot.open(path) as file:
        ntuple = file["Events"]
        opening._link(ntuple)
        assert ntuple.keys(recursive=True) == expected
        assert ntuple["nested"].array().tolist() == nested.tolist()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(24, "Too many open files"), MachineError),
        (MemoryError(), MachineError),
        (TimeoutError(), MachineError),
        (ConnectionResetError(104, "reset"), MachineError),
        (OSError(2, "No such file"), UnreadableFileError),
        (OSError("no servers"), UnreadableFileError),
        (ValueError("corrupt"), UnreadableFileError),
    ],
)
def test_files_and_machines_are_told_apart(error, expected):
    with pytest.raises(expected, match=r"a\.root"), opening.reading("d/a.root"):
        raise error


def test_the_file_is_said_once():
    with pytest.raises(UnreadableFileError) as raised, opening.reading("d/a.root"):
        raise ValueError("bad bytes in d/a.root")
    assert str(raised.value) == "d/a.root: cannot be read: ValueError: bad bytes in a.root"
    assert raised.value.path == "d/a.root"
