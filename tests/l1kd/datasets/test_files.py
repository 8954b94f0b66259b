"""What files are, that each counts once, and that they are what the fileset says."""

import shutil

import pytest
import uproot

from l1kd.datasets import inspect_file, load_fileset, read_fileset
from l1kd.errors import (
    ConfigurationError,
    MachineError,
    UnknownFormatError,
    UnreadableFileError,
)


def test_files_are_told_apart(data):
    found = {name: inspect_file(str(data / name)) for name in (
        "ttbar2l_PU140.root", "ttbar2l_PU140_l1nano.root", "pfnano.root")}  # fmt: skip
    assert [file.kind for file in found.values()] == ["delphes", "nanoaod", "pfnano"]
    assert [file.entries for file in found.values()] == [50, 50, 3]


def test_bad_files_are_kept_apart(data, tmp_path):
    whole = (data / "pfnano.root").read_bytes()
    truncated, empty, missing = (tmp_path / n for n in ("half.root", "empty.root", "none.root"))
    truncated.write_bytes(whole[: len(whole) // 2])
    empty.write_bytes(b"")
    good = str(data / "pfnano.root")
    paths = [str(truncated), good, str(empty), str(missing)]
    files, bad = read_fileset(load_fileset({"top": paths}))
    assert [file.path for file in files] == [good]
    assert list(bad) == [str(truncated), str(empty), str(missing)]
    for path, error in bad.items():
        assert isinstance(error, UnreadableFileError)
        assert path in str(error)


def test_a_file_without_events_tree(tmp_path):
    path = tmp_path / "other.root"
    with uproot.recreate(path) as file:
        file.mktree("Sparrow", {"x": "float32"}).extend({"x": [1.0]})
    with pytest.raises(UnknownFormatError, match=r"'Delphes' or 'Events', found \['Sparrow'\]"):
        inspect_file(str(path))


def test_a_tree_of_any_name(data, tmp_path):
    path = tmp_path / "two.root"
    with uproot.recreate(path) as file:
        for name in ("Events", "Delphes", "Mine"):
            file.mktree(name, {"event": "int64"}).extend({"event": [1, 2]})
    with pytest.raises(UnknownFormatError, match="say which one to read"):
        inspect_file(str(path))
    assert inspect_file(str(path), tree="Events").kind == "nanoaod"
    assert inspect_file(str(path), tree="Mine").entries == 2
    with pytest.raises(UnknownFormatError, match="expected a tree 'Theirs'"):
        inspect_file(str(path), tree="Theirs")


def read(fileset):
    return read_fileset(load_fileset(fileset))


def test_one_dataset_holds_a_file_once_whatever_it_is_called(data, tmp_path, monkeypatch):
    path = data / "pfnano.root"
    link, copy = tmp_path / "link.root", tmp_path / "copy.root"
    link.symlink_to(path)
    shutil.copy(path, copy)
    monkeypatch.chdir(data)
    twins = ["pfnano.root", f"{data}/../data/pfnano.root", str(link), str(copy)]
    for twin in twins:
        with pytest.raises(ConfigurationError, match="its events would count twice"):
            read({"qcd": [str(path), twin]})
    assert len(read({"a": [str(path)], **{f"b{i}": [t] for i, t in enumerate(twins)}})[0]) == 5


def test_two_trees_of_one_file_are_not_the_same_events(tmp_path):
    path = tmp_path / "two.root"
    with uproot.recreate(path) as file:
        for name in ("One", "Two"):
            file.mktree(name, {"event": "int64"}).extend({"event": [1, 2]})
    link = tmp_path / "link.root"
    link.symlink_to(path)
    files, _ = read({"a": [f"{path}:One", f"{link}:Two"]})
    assert [file.tree for file in files] == ["One", "Two"]


def of(data, **asked):
    return {"top": {"files": {str(data / "ttbar2l_PU140.root"): asked}}}


def test_what_the_fileset_says_of_a_file_is_checked(data):
    (file,), _ = read(of(data, object_path="Delphes", num_entries=50, steps=[[0, 10], [20, 30]]))
    assert (file.wanted, file.entries, file.ranges) == (20, 50, ((0, 10), (20, 30)))
    uuid = str(file.event_metadata(0, 1)["fileuuid"])
    assert len(read(of(data, uuid=uuid))[0]) == 1
    wrong = [
        ({"num_entries": 49}, "says num_entries 49, the file has 50"),
        ({"uuid": uuid[:-1] + "x"}, "says uuid .*x, the file has"),
        ({"steps": [[0, 51]]}, "steps end at entry 51, the file has 50 entries"),
    ]
    for asked, message in wrong:
        with pytest.raises(ConfigurationError, match=message):
            read(of(data, **asked))


def test_what_is_no_file(tmp_path):
    for path, found in ((tmp_path, "a folder"), ("/dev/zero", "no regular file")):
        with pytest.raises(UnreadableFileError, match=f"expected a file, found {found}"):
            inspect_file(str(path))


def test_a_machine_without_files_to_open_is_not_the_files_fault(data, monkeypatch):
    def full(*args, **options):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(uproot, "open", full)
    with pytest.raises(MachineError, match="raise the limit"):
        read({"qcd": [str(data / "pfnano.root")]})


def test_parquet_files_that_are_no_skims_have_an_identity(tmp_path):
    import pyarrow
    import pyarrow.parquet

    def write(name, values, **more):
        pyarrow.parquet.write_table(pyarrow.table({"event": values}), tmp_path / name, **more)
        return str(tmp_path / name)

    first, second = write("a.parquet", [1, 2, 3]), write("b.parquet", [1, 2, 4])
    files, bad = read({"x": [first, second]})
    assert [file.entries for file in files] == [3, 3]
    assert not bad
    assert list(files[0].open(1, 3).event) == [2, 3]
    with pytest.raises(ConfigurationError, match="a copy"):
        read({"x": [first, write("c.parquet", [1, 2, 3])]})
    cut = inspect_file(write("d.parquet", [1, 2, 3], row_group_size=2))
    with pytest.raises(UnknownFormatError, match="expected one row group, found 2"):
        cut.open()


def test_the_kind_of_a_tree_with_a_name_of_its_own_is_that_of_its_branches(tmp_path):
    path = tmp_path / "mine.root"
    with uproot.recreate(path) as file:
        for name, branch in (("A", "Event_size"), ("B", "nPFCands"), ("C", "L1Cand_pt")):
            file.mktree(name, {branch: "int64"}).extend({branch: [1, 2]})
    kinds = [inspect_file(str(path), tree=name).kind for name in "ABC"]
    assert kinds == ["delphes", "pfnano", "skim"]


def test_files_without_events(tmp_path):
    paths = [str(tmp_path / name) for name in ("a.root", "b.root")]
    for path in paths:
        with uproot.recreate(path) as file:
            file.mktree("Events", {"event": "int64"})
    files, bad = read({"x": paths})
    assert [(file.entries, file.wanted, file.ranges) for file in files] == [(0, 0, ((0, 0),))] * 2
    assert not bad
    shutil.copy(paths[0], paths[1])
    assert len(read({"x": paths})[0]) == 2, "nothing counts twice"


def test_the_truth_file_comes_with_the_events_or_is_blamed(data, tmp_path):
    path, truth = str(data / "ttbar2l_PU140.root"), str(data / "ttbar2l_PU0.root")
    (file,), _ = read({"top": {"files": [path], "truth": [truth]}})
    assert file.open(0, 1).metadata["truth"] == truth
    assert file.truth_uuid == inspect_file(truth).uuid != file.uuid
    (alone,), _ = read({"top": [path]})
    assert "truth" not in alone.open(0, 1).metadata
    assert alone.truth_uuid == b""
    missing = str(tmp_path / "none.root")
    with pytest.raises(UnreadableFileError, match=f"truth file {missing}.* belongs to {path}"):
        read({"top": {"files": [path], "truth": [missing]}})
