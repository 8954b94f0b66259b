"""Every seed and event of the golden vectors; skipped where they are not at hand."""

from dataclasses import replace
from pathlib import Path

import pytest

from l1kd.trigger.menu import Menu
from l1kd.trigger.vectors import read_vector

GOLDEN = Path(__file__).parents[5] / "shared" / "golden" / "menu"
pytestmark = pytest.mark.skipif(not GOLDEN.is_dir(), reason="golden vectors are not at hand")

CASES = [
    ("L1Menu_Collisions2024_v1_3_0-d1", "L1menu_2024_v1_3_0_data_TestVector_000", 385),
    ("L1Menu_Collisions2024_v1_3_0-d1", "L1menu_2024_v1_3_0_ttBar_TestVector_003", 385),
    (
        "L1Menu_Collisions2023_v1_3_0-d1",
        "TestVector_L1menu_2023_v1_3_0_data_fixed_L1_TwoMuShower_Loose",
        390,
    ),
    (
        "L1Menu_CollisionsHeavyIons2024_v1_0_6-d1",
        "L1Menu_CollisionsHeavyIons2024_v1_0_6_data_TestVector_000",
        304,
    ),
    (
        "L1Menu_CollisionsHeavyIons2024_v1_0_6-d1",
        "L1Menu_CollisionsHeavyIons2024_v1_0_6_ttBar_TestVector_000",
        304,
    ),
    ("L1Menu_Collisions2018_v2_1_0-d1", "TestVector_L1Menu_Collisions2018_v2_1_0", 326),
]


def different(menu: Menu, vector: Path) -> tuple[int, dict[str, int]]:
    """Return how many seeds could be evaluated, and in how many events each differs."""
    events, stored = read_vector(vector)
    bits = menu.evaluate(events)
    wrong = {name: int((bits[name] != stored.bit(menu[name].index)).sum()) for name in bits.names}
    return len(bits.names), {name: count for name, count in wrong.items() if count}


@pytest.mark.parametrize(("folder", "vector", "evaluable"), CASES)
def test_every_seed_and_event_is_equal(folder, vector, evaluable):
    menu = Menu.read(GOLDEN / folder / "menu.json")
    assert different(menu, GOLDEN / folder / f"{vector}.txt.gz") == (evaluable, {})


def test_overlap_removal_of_2018_is_not_that_of_2022():
    folder = GOLDEN / "L1Menu_Collisions2018_v2_1_0-d1"
    vector = folder / "TestVector_L1Menu_Collisions2018_v2_1_0.txt.gz"
    assert Menu.read(folder / "menu.json").overlap_removal == "any-reference"
    menu = Menu.read(folder / "menu.json", overlap_removal="one-reference")
    _, wrong = different(menu, vector)
    assert wrong == {
        "L1_DoubleJet35_Mass_Min450_IsoTau45_RmOvlp": 368,
        "L1_DoubleJet_80_30_Mass_Min420_IsoTau40_RmOvlp": 425,
    }


@pytest.mark.parametrize("form", ["menu.xml.gz", "menu.json"])
def test_the_2016_vector_was_made_with_an_upper_mass_limit_of_1400(form):
    """The menu's file says 14000 GeV; four events hold only heavier pairs than the vector took."""
    folder = GOLDEN / "L1Menu_Collisions2016_v8_m2"
    vector = folder / "TestVector_L1Menu_Collisions2016_v8.txt.gz"
    menu = Menu.read(folder / form)
    seeds = {"L1_DoubleJet_90_30_Mj30j30_620": 4, "L1_DoubleJet_100_30_Mj30j30_620": 4}
    assert different(menu, vector) == (250, seeds)

    narrow = Menu.read(folder / form)
    for name in ("MASS_MIN_620", "MASS_MIN_400"):
        narrow.cuts[name] = replace(narrow.cuts[name], maximum=1400.0)
    assert different(narrow, vector) == (250, {})
