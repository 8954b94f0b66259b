import numpy as np
import pytest

from l1kd.datasets import RegionLibrary
from l1kd.errors import InputError, UnreadableFileError
from tests.l1kd.datasets.overlay.libraries import arrays, write_library


@pytest.fixture
def library(tmp_path):
    return RegionLibrary.read(write_library(tmp_path / "library.npz"))


def test_images_hold_all_energy(library):
    images = library.images()
    assert images.shape == (60, 18, 14)
    assert images.sum(dtype=np.float64) == library.et16.sum(dtype=np.int64) / 16
    np.testing.assert_array_equal(library.counts(), np.minimum(np.floor(2 * images), 1023))


def test_parts_are_disjoint_and_complete(library):
    parts = [library.part(0.0, 0.5), library.part(0.5, 0.8), library.part(0.8, 1.0)]
    assert [len(part) for part in parts] == [30, 18, 12]
    whole = np.concatenate([part.images() for part in parts])
    np.testing.assert_array_equal(whole, library.images())
    pt = np.concatenate([part.column("gen_lead_jet_pt") for part in parts])
    np.testing.assert_array_equal(pt, library.column("gen_lead_jet_pt"))


def test_collisions_are_chosen_by_what_was_generated(library):
    soft = library.where(library.column("gen_lead_jet_pt") < 60.0)
    assert 0 < len(soft) < len(library)
    kept = library.images()[library.column("gen_lead_jet_pt") < 60.0]
    np.testing.assert_array_equal(soft.images(), kept)
    with pytest.raises(InputError, match="none of 60 collisions is left"):
        library.where(np.zeros(60, bool))


def test_what_the_file_does_not_have_is_said(tmp_path):
    content = arrays()
    del content["gen_lead_jet_pt"]
    np.savez(tmp_path / "bare.npz", **content)
    with pytest.raises(InputError, match=r"bare\.npz: expected gen_lead_jet_pt"):
        RegionLibrary.read(tmp_path / "bare.npz").column("gen_lead_jet_pt")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("lsb_gev", 0.125, "expected E_T in units of 0.0625 GeV"),
        ("lsb_gev", np.array([0.0625, 0.125]), "found 0.0625, 0.125"),
        ("lsb_gev", "GeV", "found GeV"),
        ("region_offset", np.array([0, 5]), "must rise from 0"),
        ("region_offset", np.array([], np.int64), "found 0 offsets"),
        ("region_index", np.full(3, 255, np.uint8), "must rise|expected 0 to 251"),
        ("gen_lead_jet_pt", np.zeros(2), "2 values of gen_lead_jet_pt for 60"),
        ("region_et16", None, "it lacks region_et16"),
        (
            "gen_lead_jet_pt",
            np.where(np.arange(60) % 30 == 7, np.nan, 50.0),
            r"damaged\.npz: gen_lead_jet_pt: expected a finite number .* nan of collision 7 "
            r"\(2 of 60\)",
        ),
        ("gen_met", np.full(60, np.inf), r"damaged\.npz: gen_met: expected a finite number"),
        ("gen_met", np.full(60, "x"), r"damaged\.npz: gen_met: expected numbers, found <U1"),
    ],
)
def test_a_damaged_library_is_refused(tmp_path, name, value, message):
    content = arrays()
    if value is None:
        del content[name]
    else:
        content[name] = value
    np.savez(tmp_path / "damaged.npz", **content)
    with pytest.raises(InputError, match=message):
        RegionLibrary.read(tmp_path / "damaged.npz")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("region_et16", lambda x: -x.astype(int), r"region_et16: expected 0 to 65535, found -"),
        ("region_et16", lambda x: x.astype(int) + 65_535, "expected 0 to 65535"),
        ("region_et16", lambda x: x + 0.5, "expected a list of whole numbers, found float64"),
        ("region_et16", lambda x: x[:-1], "E_T values for"),
        ("region_index", lambda x: np.where(np.arange(x.size), x.astype(int), -5), "found -5 to"),
        ("region_index", lambda x: x[:, None], "expected a list of whole numbers"),
        ("region_offset", lambda x: x.astype(float), "expected a list of whole numbers"),
    ],
)
def test_numbers_that_a_cast_would_change_are_refused(tmp_path, name, change, message):
    content = arrays()
    content[name] = change(content[name])
    np.savez(tmp_path / "changed.npz", **content)
    with pytest.raises(InputError, match=message):
        RegionLibrary.read(tmp_path / "changed.npz")


@pytest.mark.parametrize("part", [(-0.5, 1.0), (0.0, 2.0), (70, 100), (0.8, 0.2)])
def test_a_part_that_is_none_is_refused(library, part):
    with pytest.raises(InputError, match="two rising fractions"):
        library.part(*part)


def test_region_numbers_outside_the_image_are_refused(tmp_path):
    content = arrays()
    content["region_index"] = np.where(content["region_index"] == 0, 0, 252).astype(np.uint8)
    np.savez(tmp_path / "outside.npz", **content)
    with pytest.raises(InputError, match="region_index: expected 0 to 251"):
        RegionLibrary.read(tmp_path / "outside.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04cut short"])
def test_a_file_that_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"x\.npz"):
        RegionLibrary.read(tmp_path / "x.npz")
    with pytest.raises(UnreadableFileError, match="absent"):
        RegionLibrary.read(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset": np.array([0, 1, 9])}, "must rise from 0 to the 2 entries"),
        ({"index": np.array([0, 252])}, "region_index: expected 0 to 251"),
        ({"et16": np.array([1, -1])}, "region_et16: expected 0 to 65535"),
        ({"generated": {"gen_lead_jet_pt": [1.0, np.nan]}}, "gen_lead_jet_pt: expected a finite"),
    ],
)
def test_a_library_of_arrays_is_checked_as_one_of_a_file(change, message):
    given = {"offset": np.arange(3), "index": np.array([0, 251]), "et16": np.array([1, 65_535])}
    assert RegionLibrary(**given).index.dtype == np.uint8
    with pytest.raises(InputError, match=message):
        RegionLibrary(**{**given, **change})


@pytest.mark.parametrize("chosen", [np.ones(59, bool), np.ones(60, int), np.ones((60, 1), bool)])
def test_a_choice_that_is_none_is_refused(library, chosen):
    with pytest.raises(InputError, match="expected one bool for each of 60 collisions"):
        library.where(chosen)
