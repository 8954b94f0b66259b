"""What a menu says of itself, and seeds that cannot be evaluated."""

import pickle

import numpy as np
import pytest

from l1kd.errors import MenuError
from tests.l1kd.trigger.menu.made import CUTS, columns_of, event_strategy, mapping_of, menu_of


@pytest.fixture(scope="module")
def events():
    rng = np.random.default_rng(3)
    return columns_of([event_strategy.random(rng) for _ in range(20)])


BAD = [
    ("BJET20", "unknown type of object 'BJET20'"),
    ("MU0[MU-ETA_9p9]", "cut MU-ETA_9p9 is not defined"),
    ("MU0[EG-ISO_1]", "cut EG-ISO_1 is for EG, not for MU"),
    ("MU0 AND EG5 OR JET5", "write parentheses"),
    ("EG", "EG has no threshold"),
    ("MUS05", "MUS0 takes no threshold"),
    ("dist{MU0, HTT100}[DR_0p6]", "HTT has no eta"),
    ("dist{MU0, ETM50}[DETA_MAX_1p0]", "ETM has no eta"),
    ("comb{MU0, EG5}", "objects of one type and crossing"),
    ("comb{MU0}", "cannot have 1 objects"),
    ("dist{MU0, MU0, MU0}[DR_0p6]", "cannot have 3 objects"),
    ("comb{EG5, EG5}[CHGCOR_OS]", "a charge correlation needs muons"),
    ("comb{MU0, MU0}[MASS_2to6]", "comb knows no cut of kind MASS"),
    ("comb_orm{JET5, JET5, TAU5}", "overlap removal without an ORM cut"),
    ("mass_inv_dr{MU0, JET5}[MASSDR_4]", "no table of 1/dR"),
    ("mass_inv_upt{EG5, EG5}[MASSUPT_3]", "EG has no upt"),
    ("mass_inv_3{MU0, MU0, MU0}[DR_0p6]", "knows no cut of kind DR"),
    ("AXO[AXO-SCORE_1]", "AXO names no model"),
    ("JET5[JET-XXX_1]", "knows no cut of kind XXX"),
    ("comb{MU0, MU0}[CHGCOR_WRONG]", "says 'sideways'"),
    ("MU0[MU-QLTY_WRONG]", "cannot read the values 'good'"),
]
MORE = CUTS | {
    "AXO-SCORE_1": {"minimum": 1.0},
    "JET-XXX_1": {"minimum": 0.0, "maximum": 1.0},
    "CHGCOR_WRONG": {"data": "sideways"},
    "MU-QLTY_WRONG": {"data": "good"},
}


@pytest.mark.parametrize(("expression", "said"), BAD)
def test_an_unknown_construct_makes_its_seed_not_evaluable(events, expression, said):
    menu = menu_of([expression, "MU0"], cuts=MORE)
    bits = menu.evaluate(events)
    assert bits.evaluable == ("S1",)
    assert said in bits.reasons["S0"]
    with pytest.raises(MenuError, match="S0"):
        bits["S0"]


def test_names_seeds_and_check(events):
    menu = menu_of(["MU3", "FOO1", "EXT_UNKNOWN"])
    assert len(menu) == 3
    assert menu["S1"].index == 1
    assert "S2" in menu
    assert "S3" not in menu
    with pytest.raises(MenuError, match="has no seed 'S3'"):
        menu["S3"]
    check = menu.check(events)
    assert check.evaluable == ("S0",)
    assert str(check).splitlines()[0].split() == ["S0", "evaluable"]
    assert str(check).endswith("1 of 3 evaluable")
    assert dict(check)["S2"] == "external signal UNKNOWN: bit is not known"


@pytest.mark.parametrize(
    ("name", "era"),
    [
        ("L1Menu_Collisions2018_v2_1_0", "any-reference"),
        ("L1Menu_Collisions2022_v1", "one-reference"),
        ("L1Menu_Collisions2025_v1", "one-reference"),
        ("mine", "one-reference"),
    ],
)
def test_the_year_in_the_name_decides_on_overlap_removal(name, era):
    assert menu_of(["MU0"], menu=name).overlap_removal == era
    assert menu_of(["MU0"], menu=name, overlap_removal="any-reference").overlap_removal == (
        "any-reference"
    )


def test_equal_legs_and_conditions_are_compiled_once(events):
    once = menu_of(["comb{MU3, MU1}", "MU3"])
    again = menu_of(["comb{MU3, MU1}", "MU3", "MU3 AND comb{MU3, MU1}", "NOT MU3"])
    once.evaluate(events)
    again.evaluate(events)
    (first,), (second,) = once._programs.values(), again._programs.values()
    assert len(first.legs.lead) == len(second.legs.lead) == 2
    assert len(first.conditions.start) == len(second.conditions.start) == 2


def test_a_menu_travels_to_workers(events):
    menu = menu_of(["MU3", "dist{JET1, JET1}[DR_0p6]"])
    bits = menu.evaluate(events)
    copy = pickle.loads(pickle.dumps(menu))
    assert (copy.evaluate(events).packed == bits.packed).all()


def test_decisions_do_not_depend_on_how_events_are_cut(events):
    menu = menu_of(["MU3", "dist{JET1, JET1}[DR_0p6]", "comb{TAU2, TAU2}"])
    whole = menu.evaluate(events).packed
    parts = [menu.evaluate(events[i : i + 7]).packed for i in range(0, 20, 7)]
    assert (np.concatenate(parts) == whole).all()


def test_masks_may_be_lists_of_values(events):
    menus = [
        menu_of(["MU0[MU-QLTY_DBLE]"], cuts=CUTS | {"MU-QLTY_DBLE": {"data": data}})
        for data in ("0xff00", "8,9,10,11,12,13,14,15")
    ]
    first, second = (menu.evaluate(events).packed for menu in menus)
    assert (first == second).all()
    assert mapping_of(["MU0"])["algorithms"][0]["name"] == "S0"
