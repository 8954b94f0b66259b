"""What may be written as a fileset, and what is refused."""

import gzip
import json
from pathlib import Path

import pytest

from l1kd._documents import read_document
from l1kd.datasets import Dataset, checked_name, load_fileset, named_after
from l1kd.errors import ConfigurationError, L1KDError, UnreadableFileError


def test_forms_of_a_fileset(tmp_path):
    expected = {"a": Dataset(files=["a.root"])}
    for form in ("a.root", ["a.root"], Path("a.root"), [Path("a.root")], {"a": "a.root"},
                 {"a": ["a.root"]}, {"a": {"files": "a.root"}}, expected):  # fmt: skip
        assert load_fileset(form) == expected
    yaml = tmp_path / "fileset.yaml"
    yaml.write_text("top:\n  files: [a.root, b.root]\n  truth: [c.root, d.root]\n")
    assert load_fileset(yaml)["top"].truth == ["c.root", "d.root"]
    assert load_fileset(str(yaml)) == load_fileset(yaml)


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".json.gz"])
def test_coffeas_own_form(tmp_path, suffix):
    fileset = {
        "top": {
            "files": {
                "a.root": {"object_path": "Delphes", "steps": [[0, 10], [10, 20]]},
                "b.root": "Delphes",
                "c.root": {"object_path": "Delphes", "steps": None, "num_entries": 7, "uuid": "x"},
            },
            "metadata": {"xsec": 1.5},
            "form": None,
        }
    }
    path = tmp_path / f"fileset{suffix}"
    text = json.dumps(fileset).encode()  # which is YAML, too
    if suffix.endswith("gz"):
        import gzip

        text = gzip.compress(text)
    path.write_bytes(text)
    for form in (fileset, path):
        top = load_fileset(form)["top"]
        assert top.files == ["a.root", "b.root", "c.root"]
        assert top.trees == dict.fromkeys(top.files, "Delphes")
        assert top.steps == {"a.root": ((0, 10), (10, 20))}
        assert (top.counts, top.uuids) == ({"c.root": 7}, {"c.root": "x"})
        assert top.metadata == {"xsec": 1.5}


def test_files_with_their_trees():
    assert load_fileset({"a.root": "Events"})["a"].trees == {"a.root": "Events"}
    asked = {"a.root": {"object_path": "Events", "steps": [[0, 3]]}}
    assert load_fileset(asked)["a"].steps == {"a.root": ((0, 3),)}
    assert load_fileset({"top": {"a.root": "Events"}})["top"].trees == {"a.root": "Events"}
    named = {"top": {"treename": "Mine", "files": ["a.root", "b.root:Own"]}}
    with pytest.raises(ConfigurationError, match="said to be otherwise"):
        load_fileset(named)
    assert load_fileset({"top": {"treename": "Mine", "files": ["a.root"]}})["top"].trees == {
        "a.root": "Mine"
    }


@pytest.mark.parametrize(
    ("path", "file", "tree"),
    [
        ("a.root:Events", "a.root", "Events"),
        ("a.root:dir/Events", "a.root", "dir/Events"),
        ("root://host:1094//d/a.root", "root://host:1094//d/a.root", None),
        ("root://host//d/a.root:Events", "root://host//d/a.root", "Events"),
        ("https://host/a.root", "https://host/a.root", None),
        ("file:///d/a.root", "/d/a.root", None),
        ("d/a,b c.root", "d/a,b c.root", None),
    ],
)
def test_paths_and_trees(path, file, tree):
    (dataset,) = load_fileset([path]).values()
    assert dataset.files == [file]
    assert dataset.trees == ({} if tree is None else {file: tree})


def test_wildcards_and_odd_names(tmp_path):
    for name in ("b_2.root", "b_1.root", "x[1].root", "c:d.root"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b_3.root").mkdir()
    found = load_fileset({"b": [f"{tmp_path}/b_*.root"]})["b"].files
    assert found == [f"{tmp_path}/b_1.root", f"{tmp_path}/b_2.root"]
    with_tree = load_fileset({"b": {f"{tmp_path}/b_*.root": "Mine"}})["b"].trees
    assert with_tree == dict.fromkeys(found, "Mine")
    for literal in ("x[1].root", "c:d.root"):
        assert load_fileset([f"{tmp_path}/{literal}"]) is not None
        (dataset,) = load_fileset([f"{tmp_path}/{literal}"]).values()
        assert dataset.files == [f"{tmp_path}/{literal}"]
    with pytest.raises(UnreadableFileError, match=r"no file matches .*none_\*\.root"):
        load_fileset([f"{tmp_path}/none_*.root"])
    with pytest.raises(ConfigurationError, match="twice"):
        load_fileset({"b": [f"{tmp_path}/b_*.root", f"{tmp_path}/b_1.root"]})


def test_uproots_form_of_steps():
    files = {"a": {"files": {"a.root": {"steps": [0, 10, 30]}}}}
    assert load_fileset(files)["a"].steps == {"a.root": ((0, 10), (10, 30))}
    files = {"a": {"files": {"a.root": {"steps": [[0, 0], [5, 5]]}}}}
    assert load_fileset(files)["a"].steps == {"a.root": ((0, 0), (5, 5))}
    files = {"a": {"files": {"a.root": {"steps": [[20, 30], [0, 10]]}}}}
    assert load_fileset(files)["a"].steps == {"a.root": ((0, 10), (20, 30))}


@pytest.mark.parametrize(
    ("fileset", "message"),
    [
        ({"top": {"files": ["a"], "file": ["b"]}}, "unknown key 'file'; did you mean 'files'"),
        ({"top": {"files": ["a", "b"], "truth": ["c"]}}, "one truth file a file, found 1 for 2"),
        ({"top": ["a", "a"]}, "names the file a twice"),
        ({"top": {"files": {"a": {"step": [[0, 1]]}}}}, "unknown key 'step'; did you mean 'steps'"),
        ({"top": {"files": {"a": {"steps": [[0, 5], [4, 9]]}}}}, "steps overlap at entry 4"),
        ({"top": {"files": {"a": {"steps": [[5, 0]]}}}}, r"steps: expected pairs .* \[\[5, 0\]\]"),
        ({"top": {"files": {"a": {"steps": []}}}}, "steps: expected pairs"),
        ({"top": {"files": {"a": {"steps": [[0, 1.5]]}}}}, "steps: expected pairs"),
        ({"top": {"files": {"a": {"steps": "all"}}}}, "steps: expected pairs"),
        ({"top": {"files": {"a": {"num_entries": -1}}}}, "num_entries: found -1"),
        ({"top": {"files": {"a": {"uuid": 3}}}}, "uuid: found 3"),
        ({"top": {"files": {"a": {"object_path": 3}}}}, "object_path: found 3"),
        ({"top": {"files": {"a": 3}}}, "expected the name of a tree, or object_path and steps"),
        ({"top": {"files": ["a"], "metadata": [1]}}, "metadata: expected names with values"),
        ({"top": {"files": ["a"], "metadata": {"dataset": 1}}}, "'dataset' is what l1kd itself"),
        ({"top": {"files": ["a"], "treename": 3}}, "expected the name of a tree, found 3"),
        ({"top": {"files": ["a"], "format": "csv"}}, "format root or parquet"),
        ({}, "expected a fileset .* found an empty one"),
        ([], "found an empty one"),
        (None, "expected a fileset .* found None"),
        (3, "expected a fileset .* found 3"),
        ({"top": {"truth": ["a"]}}, "dataset 'top': expected 'files'"),
        ({"top": {}}, "expected 'files'"),
        ({"top": {"files": {}}}, "names no file"),
        ({"top": []}, "names no file"),
        ({"top": None}, "expected names of files, found None"),
        ({"top": {"files": None}}, "expected names of files, found None"),
        ({"top": [None]}, "expected names of files, found"),
        ({"top": [""]}, "found an empty name"),
        ({"top": {"files": ["a"], "truth": None}}, "truth: expected names of files, found None"),
        ({"top": {"files": ["a"], "truth": {"a": 1}}}, "truth: expected names of files"),
        ({1: ["a"], "1": ["b"]}, "the dataset '1' is given twice"),
        ({True: ["a"]}, "put it in quotes"),
        ({None: ["a"]}, "put it in quotes"),
    ],
)
def test_wrong_filesets_say_what_is_wrong(fileset, message):
    with pytest.raises(ConfigurationError, match=message):
        load_fileset(fileset)


@pytest.mark.parametrize(
    "name", ["../x", "/etc", "a/b", "a\\b", ".", "..", ".hidden", "", "  ", " a", "a\n", "a" * 201]
)
def test_names_of_datasets_stay_in_the_folder_of_results(name):
    with pytest.raises(ConfigurationError, match=r"name of dataset|expected the name"):
        load_fileset({name: ["a.root"]})


def test_a_better_name_is_proposed():
    with pytest.raises(ConfigurationError, match="call it 'TTTo2L2Nu_Run3_NANO', for instance"):
        load_fileset({"/TTTo2L2Nu/Run3/NANO": ["a.root"]})


@pytest.mark.parametrize("name", ["top", "a $b$", "50%_x", "_x", "ttbar (14 TeV)", "tt+jets"])
def test_other_names_are_fine(name):
    assert list(load_fileset({name: ["a.root"]})) == [name]
    assert checked_name(name) == name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["d/ttbar_PU200.root"], "ttbar_PU200"),
        (["d/top_01.root", "e/top_02.root"], "top"),
        (["root://host//store/qcd_1.root", "root://host//store/qcd_2.root"], "qcd"),
        (["top.root", "wjets.root", "z.root"], "top_and_2_more"),
        (["a.root:Events"], "a"),
        (["a,b.root"], "a_b"),
        (["???.root"], "events"),
    ],
)
def test_datasets_are_named_after_their_files(files, name):
    assert named_after(files) == name


def test_a_dataset_key_twice_is_an_error(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("top: [a.root]\nqcd: [b.root]\ntop: [c.root]\n")
    with pytest.raises(ConfigurationError, match=r"twice\.yaml.*the key 'top' is given twice"):
        load_fileset(path)
    path = tmp_path / "twice.json"
    path.write_text('{"top": ["a.root"], "top": ["b.root"]}')
    with pytest.raises(ConfigurationError, match=r"twice\.json.*the key 'top' is given twice"):
        load_fileset(path)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"3", b"[", b"top:", b"top: [null]", b"top: {files: {}}", b"top: {files: }",
        b"top: {files: [a.root], truth: }", b"\xff\xfe\x00", b"top: [\xe9.root]", b"~: [a.root]",
        b"[" * 20_000, b"{a: " * 5_000, b"? [a]\n: b", b"a: &x [*x]", b"top: !!binary aGk=",
        b"top: 2026-01-01", b"- - a", b"top: !!python/object/apply:os.getcwd []",
        b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]",
    ],
)  # fmt: skip
def test_odd_yaml_is_an_error_that_is_explained(tmp_path, content):
    path = tmp_path / "odd.yaml"
    path.write_bytes(content)
    with pytest.raises(L1KDError) as raised:
        load_fileset(path)
    assert len(str(raised.value)) < 1000


def test_missing_documents(tmp_path):
    for name in ("none.yaml", "none.json"):
        with pytest.raises(UnreadableFileError, match=name):
            load_fileset(tmp_path / name)
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(UnreadableFileError, match="directory"):
        load_fileset(tmp_path / "folder.yaml")


def test_documents_end(tmp_path, monkeypatch):
    monkeypatch.setattr("l1kd._documents.MOST_BYTES", 1 << 20)
    with pytest.raises(UnreadableFileError, match=r"/dev/zero: expected at most 1 MiB"):
        read_document(Path("/dev/zero"))
    packed = tmp_path / "f.json.gz"
    packed.write_bytes(gzip.compress(bytes(1 << 21)))
    with pytest.raises(UnreadableFileError, match=r"f\.json\.gz: expected at most 1 MiB"):
        load_fileset(packed)


def test_errors_in_a_document_name_it(tmp_path):
    path = tmp_path / "fileset.yaml"
    path.write_text("top: {file: [a.root]}\n")
    with pytest.raises(ConfigurationError, match=r"fileset\.yaml: dataset 'top': unknown key"):
        load_fileset(path)


def test_a_folder_is_one_of_skims(tmp_path):
    with pytest.raises(ConfigurationError, match=r"is a folder without manifest\.json"):
        load_fileset(tmp_path)
