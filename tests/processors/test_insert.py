"""Skims: what is written can be read back, and is the same however it was made."""

import json
import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import NanoEventsFactory

import l1kd
from l1kd.algorithms import EventScore
from l1kd.datasets import inspect_file, load_fileset
from l1kd.errors import (
    ConfigurationError,
    MissingBranchError,
    OutputError,
    UnreadableFileError,
)
from l1kd.execution import run
from l1kd.processors import InsertProcessor, ResolutionProcessor

ALGORITHMS = ["puppi", "linpuppi"]


@pytest.fixture(scope="module")
def expected(data, open_events):
    return l1kd.insert(open_events(data / "pfnano.root"), ALGORITHMS)


def written(result):
    return sorted(next(iter(result.output.values()))["files"])


def opened_with_coffea(path):
    """Open a skim as a user of coffea would."""
    if path.endswith(".parquet"):
        factory = NanoEventsFactory.from_parquet(path, schemaclass=l1kd.L1KDSchema)
    else:
        factory = NanoEventsFactory.from_root({path: "Events"}, schemaclass=l1kd.L1KDSchema)
    return factory.events()


@pytest.mark.parametrize("chunksize", [3, 2])
@pytest.mark.parametrize("format", ["root", "parquet"])
def test_skims_hold_what_was_inserted_and_all_of_the_input(
    data, tmp_path, expected, chunksize, format
):
    path = str(data / "pfnano.root")
    processor = InsertProcessor(tmp_path, format, ALGORITHMS)
    result = run(processor, {"qcd": [path]}, chunksize=chunksize)
    files = written(result)
    assert len(files) == (1 if chunksize == 3 else 2)
    assert result.output["qcd"]["seen"] == 3
    assert result.output["qcd"]["lost"] == []
    events = [opened_with_coffea(file) for file in files]
    for collection in ("L1Cand", "L1PuppiCand", "L1SeededConeJet", "L1PuppiMET", "L1PuppiHT",
                       "L1PuppiLosses", "PFCands", "GenJet", "MET"):  # fmt: skip
        for name in expected[collection].fields:
            if name in ("mass", "charge") and name not in events[0][collection].fields:
                continue  # coffea's own constants
            found = ak.concatenate([e[collection][name] for e in events])
            same = ak.array_equal(
                found, expected[collection][name], check_parameters=False, equal_nan=True
            )
            assert same, (collection, name)
    np.testing.assert_array_equal(np.concatenate([e.event for e in events]), expected.event)
    with uproot.open(path) as file:
        branches = set(file["Events"].keys(recursive=False))
    collections = {branch.split("_")[0] for branch in branches}
    counters = {branch for branch in branches if branch[1:] in collections and branch[0] == "n"}
    assert result.output["qcd"]["kept"] == len(branches - counters)


@pytest.mark.parametrize("format", ["root", "parquet"])
def test_skims_of_delphes_keep_its_names_and_classes(data, tmp_path, open_events, format):
    path = data / "ttbar2l_PU140.root"
    result = run(InsertProcessor(tmp_path, format, ["puppi", "cicada"]), [str(path)], chunksize=25)
    events = opened_with_coffea(written(result)[0])
    inserted = l1kd.insert(open_events(path), ["puppi", "cicada"])[:25]
    particles = events.L1Cand
    weighted = (particles * particles.puppi_weight).sum(axis=1).pt
    wanted = (inserted.L1Cand * inserted.L1Cand.puppi_weight).sum(axis=1).pt
    np.testing.assert_array_equal(ak.to_numpy(weighted), ak.to_numpy(wanted))
    np.testing.assert_array_equal(events.CICADA.score, inserted.CICADA.score)
    for collection, field in (("EFlowTrack", "PT"), ("Tower", "Eem"), ("Vertex", "Z"),
                              ("GenMissingET", "MET"), ("EFlowPhoton", "E")):  # fmt: skip
        if field != "E":  # a Lorentz vector has no second energy
            found = events[collection][field]
            assert ak.array_equal(found, inserted[collection][field], check_parameters=False)
    np.testing.assert_array_equal(events.Event.Number, inserted.Event.Number)
    assert ak.almost_equal(
        events.GenJet.px, inserted.GenJet.px, check_parameters=False, dtype_exact=False
    )
    assert ak.all(events.Tower.mass == 0)
    assert result.output["ttbar2l_PU140"]["lost"] == ["Jet_Area", "Rho_Edges[2]"]


@pytest.mark.parametrize("format", ["root", "parquet"])
def test_studies_start_from_a_skim(data, tmp_path, format):
    files = {"top": [str(data / "ttbar2l_PU140.root")]}
    study = ResolutionProcessor(["none", "puppi", "delphes_puppi"])
    direct = run(study, files).output["top"]["columns"].joined()
    run(InsertProcessor(tmp_path, format, ["puppi"]), files, chunksize=20)
    # pieces in the order of their entries, as the input is
    skim = run(study, {"top": str(tmp_path / "top")}).output["top"]["columns"].joined()
    assert skim.keys() == direct.keys()
    # an event's identity is its file and its entry: a skim is another file
    for name in direct.keys() - {"event_id"}:
        np.testing.assert_array_equal(np.sort(skim[name], 0), np.sort(direct[name], 0), name)


def test_delphes_events_are_numbered_by_entry(data, tmp_path):
    processor = InsertProcessor(tmp_path, "root", ["puppi"])
    files = written(run(processor, {"top": [str(data / "ttbar2l_PU140.root")]}, chunksize=25))
    by_start = sorted(files, key=lambda file: int(file.split("-")[-2]))
    numbers = np.concatenate([inspect_file(file).open().event for file in by_start])
    np.testing.assert_array_equal(numbers, np.arange(50))


class Spread(EventScore):
    """Two numbers of the calorimeter and a collection of its rows: a user's own."""

    name = "spread"
    adds = "My_Calo.spread"

    def numpy_call(self, image):
        return image.reshape(len(image), -1).std(axis=1).astype(np.float32)

    def fields(self, events):
        spread = self(events)
        jets = ak.zip({n: ak.unflatten(spread, np.ones(len(spread), int)) for n in
                       ("pt", "eta", "phi", "mass")})  # fmt: skip
        return {"MyCalo.spread": spread, "My_Jets": jets}


@pytest.mark.parametrize("format", ["root", "parquet"])
def test_a_users_own_collection_is_written_and_is_a_vector(data, tmp_path, format):
    path = str(data / "ttbar2l_PU140_l1nano.root")
    result = run(InsertProcessor(tmp_path, format, [Spread()]), [path])
    assert set(result.output["ttbar2l_PU140_l1nano"]["inserted"]) == {
        "MyCalo_spread", "My_Jets_pt", "My_Jets_eta", "My_Jets_phi", "My_Jets_mass"
    }  # fmt: skip
    events = opened_with_coffea(written(result)[0])
    assert ak.all(ak.num(events.My_Jets.px) == 1)
    np.testing.assert_array_equal(ak.flatten(events.My_Jets.pt), events.MyCalo.spread)


def test_patterns_choose_branches(data, tmp_path):
    path = str(data / "pfnano.root")
    keep = InsertProcessor(tmp_path / "keep", "root", ["puppi"], keep=["GenJet", "MET_p*"])
    events = opened_with_coffea(written(run(keep, {"qcd": [path]}))[0])
    assert set(events.fields) == {"GenJet", "MET", "L1Cand", "run", "luminosityBlock", "event"}
    assert set(events.MET.fields) >= {"pt", "phi"}
    assert "sumEt" not in events.MET.fields
    drop = InsertProcessor(tmp_path / "drop", "root", ["puppi"], drop=["PFCands", "L1Cand_d*"])
    result = run(drop, {"qcd": [path]})
    events = opened_with_coffea(written(result)[0])
    assert "PFCands" not in events.fields
    assert "GenJet" in events.fields
    assert not {"d0", "dz"} & set(events.L1Cand.fields)
    assert result.output["qcd"]["dropped"] > 10


def test_what_a_flat_tree_cannot_hold_is_an_error(data, tmp_path):
    class Image(EventScore):
        name = "image"
        adds = "Image.rows"

        def numpy_call(self, image):
            return image

        def fields(self, events):
            return {self.adds: ak.Array([[[1.0]]] * len(events))}

    with pytest.raises(ConfigurationError, match=r"Image_rows was inserted, and is neither"):
        run(InsertProcessor(tmp_path, "root", [Image()]), [str(data / "pfnano.root")])


def test_nothing_unfinished_stays_behind(data, tmp_path):
    processor = InsertProcessor(tmp_path / "out", "root", ["puppi"], keep=["Sparrow"])
    with pytest.raises(MissingBranchError, match="'Sparrow' to keep is missing"):
        run(processor, {"qcd": [str(data / "pfnano.root")]})
    assert not list((tmp_path / "out").rglob("*.root*"))


def test_the_manifest_says_what_each_piece_was_made_from(data, tmp_path):
    path = str(data / "pfnano.root")
    run(InsertProcessor(tmp_path, "root", ["puppi"]), {"qcd": [path]}, chunksize=2)
    manifest = json.loads((tmp_path / "qcd" / "manifest.json").read_text())
    entries = sorted((p["entry_start"], p["entry_stop"], p["events"])
                     for p in manifest["pieces"].values())  # fmt: skip
    assert entries == [(0, 1, 1), (1, 3, 2)]
    assert {p["source"] for p in manifest["pieces"].values()} == {path}
    fileset = load_fileset(tmp_path / "qcd")
    assert list(fileset) == ["qcd"]
    assert len(fileset["qcd"].files) == 2


def count(folder):
    """Count the events of a skim as a study would find them."""
    return sum(inspect_file(file).entries for file in load_fileset(str(folder))["qcd"].files)


def test_another_chunk_size_and_another_format_replace_the_pieces(data, tmp_path):
    path = str(data / "pfnano.root")
    for format, chunksize in (("root", 1), ("root", 3), ("parquet", 2)):
        run(InsertProcessor(tmp_path, format, ["puppi"]), {"qcd": [path]}, chunksize=chunksize)
        assert count(tmp_path / "qcd") == 3
    assert sorted(p.suffix for p in (tmp_path / "qcd").iterdir()) == [
        ".json", ".parquet", ".parquet"
    ]  # fmt: skip


def test_pieces_of_an_interrupted_run_are_refused(data, tmp_path):
    path = str(data / "pfnano.root")

    class Interrupted(InsertProcessor):
        def process(self, events):
            if events.metadata["entrystart"] > 0:
                raise KeyError("interrupted")
            return super().process(events)

    with pytest.raises(KeyError, match="interrupted"):
        run(Interrupted(tmp_path, "root", ["puppi"]), {"qcd": [path]}, chunksize=2)
    (left,) = (tmp_path / "qcd").glob("*.root")
    with pytest.raises(UnreadableFileError, match="interrupted or cut its files otherwise"):
        inspect_file(str(left))
    with pytest.raises(ConfigurationError, match="no finished skim"):
        load_fileset(tmp_path / "qcd")
    run(InsertProcessor(tmp_path, "root", ["puppi"]), {"qcd": [path]})
    assert count(tmp_path / "qcd") == 3
    assert not left.exists()


def test_skims_of_several_inputs_share_a_folder_only_with_the_same_settings(data, tmp_path):
    first = str(data / "pfnano.root")
    second = str(data / "ttbar2l_PU140_l1nano.root")
    third = shutil.copy(data / "minbias_PU140_l1nano.root", tmp_path / "b.root")
    out = tmp_path / "out"
    run(InsertProcessor(out, "root", ["cicada"]), {"qcd": [second]})
    run(InsertProcessor(out, "root", ["cicada"]), {"qcd": [str(third)]})
    assert count(out / "qcd") == 100
    with pytest.raises(ConfigurationError, match="made with other settings"):
        run(InsertProcessor(out, "root", ["puppi"]), {"qcd": [first]})


def test_the_same_input_under_another_name_is_replaced(data, tmp_path, monkeypatch):
    path = data / "pfnano.root"
    monkeypatch.chdir(data)
    run(InsertProcessor(tmp_path, "root", ["puppi"]), {"qcd": [str(path)]}, chunksize=1)
    run(InsertProcessor(tmp_path, "root", ["puppi"]), {"qcd": ["pfnano.root"]}, chunksize=3)
    assert count(tmp_path / "qcd") == 3
    assert len(list((tmp_path / "qcd").glob("*.root"))) == 1


@pytest.mark.parametrize("format", ["root", "parquet"])
def test_a_flipped_bit_is_found(data, tmp_path, format):
    run(InsertProcessor(tmp_path, format, ["puppi"]), {"qcd": [str(data / "pfnano.root")]})
    (piece,) = (tmp_path / "qcd").glob(f"*.{format}")
    whole = piece.read_bytes()
    study = InsertProcessor(tmp_path / "again", "root", ["puppi"])
    generator = np.random.default_rng(3)
    for position in generator.integers(0, len(whole), 8):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(generator.integers(8))
        piece.write_bytes(damaged)
        with pytest.raises(UnreadableFileError, match=piece.name):
            run(study, {"qcd": [str(piece)]})
    piece.write_bytes(whole)
    assert run(study, {"qcd": [str(piece)]}).output["qcd"]["seen"] == 3


def test_columns_of_root_skims_have_checksums_of_their_own(data, tmp_path):
    """Readers that know no manifest notice damage, too."""
    run(InsertProcessor(tmp_path, "root", ["puppi"]), {"qcd": [str(data / "pfnano.root")]})
    (piece,) = (tmp_path / "qcd").glob("*.root")
    with uproot.open(piece) as file:
        branch = file["Events/L1Cand_pt"]
        seek = int(branch.member("fBasketSeek")[0])
    damaged = bytearray(piece.read_bytes())
    damaged[seek + 200] ^= 1
    piece.write_bytes(damaged)
    with uproot.open(piece) as file, pytest.raises(Exception, match="checksum"):
        file["Events/L1Cand_pt"].array()


def test_a_checkpoint_counts_only_while_its_pieces_are_there(data, tmp_path):
    path, out, checkpoint = str(data / "pfnano.root"), tmp_path / "out", tmp_path / "checkpoint"

    def skimmed():
        processor = InsertProcessor(out, "root", ["puppi"])
        return written(run(processor, {"qcd": [path]}, chunksize=2, checkpoint=checkpoint))

    files = skimmed()
    times = [Path(file).stat().st_mtime_ns for file in files]
    assert [Path(file).stat().st_mtime_ns for file in skimmed()] == times, "taken as they are"
    Path(files[0]).unlink()
    damaged = bytearray(Path(files[1]).read_bytes())
    damaged[1000] ^= 1
    Path(files[1]).write_bytes(damaged)
    assert skimmed() == files
    assert count(out / "qcd") == 3
    assert [inspect_file(file).open().event is not None for file in files] == [True, True]


def test_a_folder_that_cannot_be_written_is_found_before_any_work(data, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")

    class NeverReached(InsertProcessor):
        def process(self, events):
            raise AssertionError("work began")

    with pytest.raises(OutputError, match="file is a file"):
        run(NeverReached(blocked, "root", ["puppi"]), [str(data / "pfnano.root")])


def test_a_full_disk_is_the_outputs_fault(data, tmp_path, monkeypatch):
    from l1kd.processors import insert as module

    def full(content, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(module.FORMATS, "root", full)
    with pytest.raises(OutputError, match=r"\.root cannot be written: No space left"):
        run(InsertProcessor(tmp_path), [str(data / "pfnano.root")], skip_bad_files=True)


def test_unknown_format(tmp_path):
    with pytest.raises(ConfigurationError, match="expected 'root' or 'parquet'"):
        InsertProcessor(tmp_path, "csv")


def test_bad_input_writes_nothing(tmp_path):
    missing = str(tmp_path / "none.root")
    with pytest.raises(UnreadableFileError, match=r"none\.root"):
        run(InsertProcessor(tmp_path / "out"), [missing])
    assert not (tmp_path / "out").exists()
