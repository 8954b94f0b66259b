"""Every seed and event of the golden vectors; skipped where they are not at hand."""

from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot

import l1kd
from l1kd.algorithms import AXOL1TL
from l1kd.datasets import inspect_file
from l1kd.emulators.global_trigger import limits
from l1kd.emulators.global_trigger.limits import from_emulator, from_physical
from l1kd.trigger.menu import Menu
from l1kd.trigger.vectors import read_vector
from tests.emulators.deployed.wrappers import checkout

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


@pytest.mark.parametrize("folder", sorted({folder for folder, _, _ in CASES}))
def test_limits_from_physical_values_equal_the_emulators(folder):
    """The page prints both; a maximum that was typed as 0.6000000000000001 is one step above."""
    menu = Menu.read(GOLDEN / folder / "menu.json")
    compared = 0
    for cut in menu.cuts.values():
        quantity = cut.kind.removeprefix("ORM")
        if quantity not in limits.PLACES or cut.emulator is None:
            continue
        for family in ("calo", "mixed", "muon"):
            physical = from_physical(quantity, family, cut.minimum, cut.maximum)
            nudged = from_physical(quantity, family, cut.minimum, cut.maximum * (1 + 2**-52))
            assert from_emulator(quantity, family, *cut.emulator) in (physical, nudged), cut.name
            compared += 1
    assert compared >= 9


FOLDER = GOLDEN / "L1Menu_Collisions2024_v1_3_0-d1"
REDUCED = {
    "L1Mu": ["bx", "pt", "eta", "phi", "hwQual", "hwCharge", "etaAtVtx", "phiAtVtx", "hwDXY"],
    "L1EG": ["bx", "pt", "eta", "phi", "hwIso"],
    "L1Tau": ["bx", "pt", "eta", "phi", "hwIso"],
    "L1Jet": ["bx", "pt", "eta", "phi"],
    "L1EtSum": ["bx", "pt", "phi", "etSumType"],
}


def nanoaod(flavour):
    """Return the NanoAOD file of the 2024 vector in one of three flavours, and its tree."""
    tree = uproot.open(FOLDER / "l1nano_from_vector_data.root")["Events"]
    out = {}
    for name, branches in REDUCED.items():
        if flavour == "full":
            branches = [k.partition("_")[2] for k in tree.keys() if k.startswith(name + "_")]  # noqa: SIM118
        out[name] = ak.zip({branch: tree[f"{name}_{branch}"].array() for branch in branches})
    if flavour == "central":
        kind = out["L1EtSum"].etSumType
        out["L1EtSum"] = out["L1EtSum"][(kind == 1) | (kind == 2) | (kind == 3) | (kind == 8)]
        out["L1Mu"] = out["L1Mu"][(out["L1Mu"].pt >= 3) & (out["L1Mu"].hwQual >= 8)]
        for name, least in (("L1EG", 10), ("L1Tau", 24), ("L1Jet", 30)):
            out[name] = out[name][out[name].pt >= least]
    return ak.zip(out, depth_limit=1), tree


@pytest.mark.parametrize(
    ("flavour", "evaluable"), [("full", 349), ("reduced", 295), ("central", 234)]
)
def test_every_flavour_of_nanoaod_is_exact_and_says_what_it_lacks(flavour, evaluable):
    menu = Menu.read(FOLDER / "menu.json")
    events, tree = nanoaod(flavour)
    bits = menu.evaluate(events)
    assert len(bits.names) == evaluable
    assert len(bits.names) + len(bits.reasons) == 408
    stored = tree.arrays(list(bits.names), library="np")
    assert [name for name in bits.names if (bits[name] != stored[name].astype(bool)).any()] == []


@pytest.mark.heavy
def test_seeds_of_axol1tl_decide_as_stored():
    """The vector was written by the emulator of its time, which dropped half GeV.

    It also took muons at the second station, of which the file has none: a few events differ.
    """
    source = FOLDER / "l1nano_from_vector_data.root"
    network = AXOL1TL(checkout("AXOL1TL", "AXOL1TL_v4"), legacy=True)
    events = l1kd.insert(inspect_file(str(source)).open(), [network])
    bits = Menu.read(FOLDER / "menu.json").evaluate(events)
    stored = uproot.open(source)["Events"]
    passed = {"VLoose": 96, "Loose": 62, "Nominal": 43, "Tight": 31, "VTight": 10}
    for cut, count in passed.items():
        right = stored[f"L1_AXO_{cut}"].array(library="np").astype(bool)
        assert right.sum() == count
        assert (np.asarray(bits[f"L1_AXO_{cut}"]) != right).sum() <= 2
