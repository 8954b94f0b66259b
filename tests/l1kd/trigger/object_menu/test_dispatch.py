import awkward as ak
import pytest

from l1kd.errors import MenuError
from l1kd.trigger.menu import Menu, ObjectMenu, shipped_menus

SMALL = """
name: small
objects: {Mu: {collection: L1gmtTkMuon}}
seeds: {single: {legs: {mu: {object: Mu, online: 20}}}}
"""


@pytest.mark.parametrize("name", shipped_menus())
def test_shipped_menus_are_read_by_name(name):
    menu = Menu.read(name)
    assert isinstance(menu, ObjectMenu)
    assert menu.name == name
    assert list(menu.names) == [seed.name for seed in menu]
    assert all(menu[n].index == i for i, n in enumerate(menu.names))


def test_a_yaml_file_with_objects_is_an_object_menu(tmp_path):
    path = tmp_path / "menu.yaml"
    path.write_text(SMALL)
    menu = Menu.read(path)
    assert isinstance(menu, ObjectMenu)
    assert "single" in menu


@pytest.mark.parametrize("text", ["objects: [", "objects: {a: 1}", "name: 1\nname: 2"])
def test_damaged_files_are_menu_errors_that_name_the_file(tmp_path, text):
    path = tmp_path / "menu.yaml"
    path.write_text(text)
    with pytest.raises(MenuError, match=r"menu\.yaml"):
        Menu.read(path)


def test_a_name_that_is_no_menu_lists_the_shipped_ones():
    with pytest.raises(MenuError, match=r"v44: .*correlator, phase2_v44"):
        Menu.read("v44")


def test_an_unknown_field_or_collection_names_the_nearest(tmp_path):
    path = tmp_path / "menu.yaml"
    path.write_text(SMALL)
    muon = {"ptt": 20.0, "eta": 0.0}
    (reason,) = Menu.read(path).check(ak.Array([{"L1gmtTkMuon": [muon]}])).reasons.values()
    assert reason == "L1gmtTkMuon has no pt (the nearest is ptt)"
    (reason,) = Menu.read(path).check(ak.Array([{"L1gmtTkMuons": [muon]}])).reasons.values()
    assert reason == "no collection L1gmtTkMuon (the nearest is L1gmtTkMuons)"


def test_a_value_that_only_looks_like_one_with_a_hardware_scale_is_refused(tmp_path):
    path = tmp_path / "menu.yaml"
    text = SMALL.replace("L1gmtTkMuon}", "JetPUPPI, value: PT}")
    path.write_text(text)
    assert Menu.read(path).names == ("single",)
    path.write_text(text + "scale: phase2_gt\n")
    with pytest.raises(MenuError, match="'PT' has no hardware scale, 'pt' has"):
        Menu.read(path)
