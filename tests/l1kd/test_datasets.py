"""Filesets and the files in them."""

import pytest

from l1kd.datasets import Dataset, inspect_file, load_fileset, read_fileset
from l1kd.errors import ConfigurationError, UnknownFormatError, UnreadableFileError


def test_forms_of_a_fileset(tmp_path):
    expected = {"a": Dataset(files=["a.root"])}
    assert load_fileset("a.root") == expected
    assert load_fileset(["a.root"]) == expected
    expected = {"events": Dataset(files=["a.root"])}
    assert load_fileset({"events": ["a.root"]}) == expected
    assert load_fileset({"events": {"files": "a.root"}}) == expected
    yaml = tmp_path / "fileset.yaml"
    yaml.write_text("top:\n  files: [a.root, b.root]\n  truth: [c.root, d.root]\n")
    assert load_fileset(yaml)["top"].truth == ["c.root", "d.root"]


@pytest.mark.parametrize(
    ("fileset", "message"),
    [
        ({"top": {"file": ["a.root"]}}, "unknown key 'file'; did you mean 'files'"),
        ({"top": {"files": ["a", "b"], "truth": ["c"]}}, "one truth file a file, found 1 for 2"),
        ({"top": ["a", "a"]}, "twice"),
        ({}, "expected a fileset"),
        ({"top": {"truth": ["a"]}}, "'top'"),
    ],
)
def test_wrong_filesets_say_what_is_wrong(fileset, message):
    with pytest.raises(ConfigurationError, match=message):
        load_fileset(fileset)


def test_yaml_is_not_executed(tmp_path):
    path = tmp_path / "fileset.yaml"
    path.write_text("top: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(ConfigurationError, match="not YAML"):
        load_fileset(path)


def test_missing_yaml(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"none\.yaml"):
        load_fileset(tmp_path / "none.yaml")


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
    import uproot

    path = tmp_path / "other.root"
    with uproot.recreate(path) as file:
        file.mktree("Sparrow", {"x": "float32"}).extend({"x": [1.0]})
    with pytest.raises(UnknownFormatError, match=r"'Delphes' or 'Events', found \['Sparrow'\]"):
        inspect_file(str(path))
