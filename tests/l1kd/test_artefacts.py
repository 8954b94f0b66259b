import json
import subprocess
import sys

import pytest

from l1kd.artefacts import SCHEMA, load, sha256, shipped, write_manifest
from l1kd.errors import ArtefactError


@pytest.fixture
def artefact(tmp_path):
    folder = tmp_path / "thing-v3"
    folder.mkdir()
    (folder / "network.npz").write_bytes(b"numbers")
    (folder / "card.md").write_text("# thing\n")
    (folder / "notes.txt").write_text("not listed")
    return write_manifest(
        folder,
        name="thing",
        version=3,
        kind="cicada",
        description="A thing.",
        inputs={"regions": {"shape": ["n", 252]}},
        outputs={"score": {}},
        files=("network.npz", "card.md"),
    )


def change_manifest(artefact, **changes):
    path = artefact.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest.update(changes)
    path.write_text(json.dumps(manifest))


def test_a_written_artefact_loads(artefact):
    again = load(artefact.folder, kind="cicada")
    assert again == artefact
    assert again.title == "thing-v3"
    assert again.card == "# thing\n"
    assert again.file("network.npz").read_bytes() == b"numbers"
    assert load(str(artefact.folder)).manifest["inputs"] == {"regions": {"shape": ["n", 252]}}


def test_a_changed_file_is_refused_with_both_hashes(artefact):
    path = artefact.folder / "network.npz"
    expected = sha256(path)
    path.write_bytes(b"numberz")
    with pytest.raises(ArtefactError) as error:
        load(artefact.folder)
    for part in ("thing-v3", "network.npz", expected, sha256(path)):
        assert part in str(error.value)


def test_a_missing_file_is_refused_with_its_hash(artefact):
    expected = sha256(artefact.folder / "card.md")
    (artefact.folder / "card.md").unlink()
    with pytest.raises(ArtefactError, match=f"lacks its file 'card.md'.*{expected}"):
        load(artefact.folder)


def test_a_file_that_is_not_listed_cannot_be_had(artefact):
    with pytest.raises(ArtefactError, match=r"no file 'notes.txt'; it has card.md, network.npz"):
        artefact.file("notes.txt")


def test_another_kind_is_refused(artefact):
    with pytest.raises(ArtefactError, match="kind 'cicada', not 'distillnet'"):
        load(artefact.folder, kind="distillnet")


def test_another_schema_is_refused(artefact):
    change_manifest(artefact, schema=SCHEMA + 1)
    with pytest.raises(ArtefactError, match=f"has schema {SCHEMA + 1}; .* reads schema {SCHEMA}"):
        load(artefact.folder)


def test_a_manifest_without_a_key_is_refused(artefact):
    path = artefact.folder / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["inputs"]
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="lacks inputs"):
        load(artefact.folder)


def test_a_damaged_manifest_is_refused(artefact):
    (artefact.folder / "manifest.json").write_text("{")
    with pytest.raises(ArtefactError, match="is not JSON"):
        load(artefact.folder)


def test_a_manifest_cannot_reach_outside_its_folder(artefact):
    files = {"../secret": {"sha256": "0" * 64, "bytes": 1}}
    change_manifest(artefact, files=files)
    with pytest.raises(ArtefactError, match="outside its folder"):
        load(artefact.folder)


def test_an_unknown_name_is_refused_with_the_nearest_one(tmp_path):
    with pytest.raises(
        ArtefactError, match=r"no artefact 'cicada_v1': .* mean 'cicada-v1'\?; `l1kd"
    ):
        load("cicada_v1")
    with pytest.raises(ArtefactError, match=r"the folder does not exist, .*`l1kd models` lists"):
        load(str(tmp_path / "missing"))
    with pytest.raises(ArtefactError, match=r"no artefact in .*expected a folder with manifest"):
        load(tmp_path)


@pytest.mark.parametrize("name", shipped())
def test_shipped_artefacts_are_whole(name):
    artefact = load(name)
    assert artefact.title == name
    assert artefact.card.startswith(f"# {name}\n")
    assert artefact.json("provenance.json")["data"]
    if not artefact.kind.endswith("teacher"):  # these are exported to no other form
        assert artefact.json("metrics.json")["export"]["vectors"] >= 100_000


def test_loading_needs_no_tensorflow():
    code = (
        "import sys, l1kd.models, l1kd.artefacts as a; [a.load(n) for n in a.shipped()]; "
        "bad = {'tensorflow', 'keras', 'tf_keras', 'qkeras', 'hls4ml'} & set(sys.modules); "
        "sys.exit(f'imported {bad}' if bad else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {}}, "found none"),
        ({"files": None}, "expected dict under 'files', found NoneType"),
        ({"files": ["network.npz"]}, "expected dict under 'files', found list"),
        ({"files": {"network.npz": None}}, "expected a sha256 for the file 'network.npz'"),
        ({"inputs": None}, "expected dict under 'inputs', found NoneType"),
        ({"version": "3"}, "expected int under 'version', found str"),
        ({"name": None}, "expected str under 'name', found NoneType"),
    ],
)
def test_odd_manifests_are_refused(artefact, changes, message):
    change_manifest(artefact, **changes)
    with pytest.raises(ArtefactError, match=message):
        load(artefact.folder)


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"[" * 200_000, b'{"schema": 1, "schema": 1}', b"", b"null"]
)
def test_manifests_that_are_no_json_are_refused(artefact, content):
    (artefact.folder / "manifest.json").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        load(artefact.folder)
