"""The verbs `menu check`, `menu verify` and `menu diff`, on a menu and vectors made here."""

import json

import numpy as np
import pytest

from tests.l1kd.trigger.menu.made import columns_of, event_strategy, mapping_of, menu_of
from tests.l1kd.trigger.menu.vector_files import vector_of

OLD = ["MU3", "comb{JET2, JET2}", "dist{JET1, JET1}[DR_0p6]", "MU0-1", "EG3 AND EXT_A"]
NEW = ["MU2", "comb{JET5, JET2}", "dist{JET1, JET1}[DR_0p6]", "MU0-1", "EG3 OR EXT_A", "TAU4"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two menus, a vector with the bits of the old one, and one with a wrong bit."""
    folder = tmp_path_factory.mktemp("menus")
    cuts = mapping_of([])["cuts"]
    wider = cuts | {"DR_0p6": {"minimum": 0.0, "maximum": 0.8}}
    (folder / "old.json").write_text(json.dumps(mapping_of(OLD)))
    (folder / "new.json").write_text(json.dumps(mapping_of(NEW, cuts=wider)))
    rng = np.random.default_rng(2)
    events = columns_of([event_strategy.random(rng) for _ in range(60)])
    bits = menu_of(OLD).evaluate(events)
    decisions = {menu_of(OLD)[name].index: bits[name] for name in bits.names}
    (folder / "right.txt").write_text(vector_of(events, decisions))
    prescaled = decisions | {0: decisions[0] & (np.arange(60) % 2 == 0)}
    (folder / "prescaled.txt").write_text(vector_of(events, prescaled))
    wrong = decisions | {1: ~decisions[1]}
    (folder / "wrong.txt").write_text(vector_of(events, wrong))
    return folder


def test_check_says_what_is_missing(l1kd, folder):
    result = l1kd("menu", "check", folder / "old.json", folder / "right.txt")
    assert result.exit_code == 0, result.output
    assert "crossing -1 is not stored" in result.stdout
    assert "4 of 5 seeds can be evaluated" in result.stdout
    printed = json.loads(
        l1kd("menu", "check", folder / "old.json", folder / "right.txt", "--json").stdout
    )
    assert printed["evaluable"] == 4
    assert printed["reasons"]["S0"] == ""


def test_verify_finds_equal_prescaled_and_contradicted_seeds(l1kd, folder):
    def verdict(name, code):
        result = l1kd("menu", "verify", folder / "old.json", folder / name, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    right = verdict("right.txt", 0)
    assert right["equal"] == ["S0", "S1", "S2", "S4"]
    assert list(right["reasons"]) == ["S3"]
    prescaled = verdict("prescaled.txt", 0)
    assert prescaled["consistent"] == ["S0"]
    assert prescaled["contradicted"] == []
    wrong = verdict("wrong.txt", 1)
    assert wrong["contradicted"] == ["S1"]
    seed = wrong["seeds"]["S1"]
    assert seed["bit_only"] + seed["condition_only"] == seed["events"] == 60
    said = l1kd("menu", "verify", folder / "old.json", folder / "wrong.txt").stdout
    assert "3 seeds equal in every event" in " ".join(said.split())


def test_diff_names_thresholds_cuts_and_moved_rates(l1kd, folder):
    result = l1kd("menu", "diff", folder / "old.json", folder / "new.json", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["added"] == ["S5"]
    assert found["removed"] == []
    assert found["changed"] == {
        "S0": ["MU: threshold 3 -> 2"],
        "S1": ["JET: threshold 2 -> 5"],
        "S2": ["DR_0p6: maximum 0.6 -> 0.8"],
        "S4": ["EG3 AND EXT_A -> EG3 OR EXT_A"],
    }
    back = json.loads(
        l1kd("menu", "diff", folder / "new.json", folder / "old.json", "--json").stdout
    )
    assert back["removed"] == ["S5"]

    result = l1kd("menu", "diff", folder / "old.json", folder / "new.json", folder / "right.txt",
                  "--json")  # fmt: skip
    rates = json.loads(result.stdout)["rates"]
    assert rates["S0"]["gained"] > 0
    assert rates["S0"]["lost"] == 0
    assert rates["S1"]["lost"] > 0
    assert rates["S5"]["old"] == 0
    hertz = rates["S5"]["new_hz"]
    assert hertz["low"] < hertz["value"] < hertz["high"]
    assert "S3" not in rates
    shown = l1kd("menu", "diff", folder / "old.json", folder / "new.json", folder / "right.txt")
    assert "rates that move" in shown.stdout


def test_a_file_that_is_missing(l1kd, folder):
    result = l1kd("menu", "check", folder / "old.json", folder / "none.txt")
    assert result.exit_code == 1
    assert "UnreadableFileError" in result.output


def test_verify_on_nanoaod_with_stored_bits(l1kd, shared):
    golden = shared / "golden" / "menu" / "L1Menu_Collisions2024_v1_3_0-d1"
    file = golden / "l1nano_from_vector_data.root"
    result = l1kd("menu", "verify", golden / "menu.json", file, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert len(found["equal"]) == 376
    assert found["consistent"] == found["contradicted"] == found["not_stored"] == []


@pytest.mark.parametrize(("data", "changed"), [("0x0000", False), ('"OS"', False), ("ls", True)])
def test_a_charge_that_older_pages_leave_to_the_name_is_no_change(l1kd, tmp_path, data, changed):
    content = mapping_of(["comb{MU3, MU3}[CHGCOR_OS]"])
    other = content | {"cuts": content["cuts"] | {"CHGCOR_OS": {"data": data}}}
    for name, menu in (("old", other), ("new", content)):
        (tmp_path / f"{name}.json").write_text(json.dumps(menu))
    result = l1kd("menu", "diff", tmp_path / "old.json", tmp_path / "new.json", "--json")
    assert bool(json.loads(result.stdout)["changed"]) is changed
