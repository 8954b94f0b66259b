"""Menus and events out of hypothesis: the kernels decide as the slow evaluator does, bit by bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.l1kd.trigger.menu.brute_force import evaluate
from tests.l1kd.trigger.menu.made import CUTS, SIGNALS, columns_of, event_strategy, menu_of

MUON = ["MU0", "MU1p5", "MU3", "MU2[MU-QLTY_DBLE]", "MU0[MU-ETA_1p0]", "MU0[MU-CHG_NEG]",
        "MU1[MU-IP_12]", "MU0[MU-UPT_3]", "MU0[MU-INDEX_LOW, MU-INDEX_HIGH]", "MU0[MU-SLICE_0to1]",
        "MU0[MU-PHI_WRAP]", "MU0[MU-ISO_12]"]  # fmt: skip
CALO = ["EG2", "EG3[EG-ISO_1]", "EG1[EG-ETA_POS, EG-ETA_NEG]", "TAU2", "TAU4[TAU-ISO_1]", "JET3",
        "JET1[JET-ETA_POS]", "JET2[JET-DISP_LLP]", "JET1[JET-PHI_HALF]", "JET.eq.2"]  # fmt: skip
SUMS = ["ETM2", "HTM1", "ETMHF4", "HTMHF3"]
SINGLE = [*MUON, *CALO, *SUMS, "HTT3", "ETT.eq.4", "MBT0HFP3", "TOWERCOUNT7", "ZDCP4", "MUS0",
          "CENT3", "EXT_A", "EXT_B.v0"]  # fmt: skip


def of_kind(kind):
    return st.sampled_from([o for o in (*MUON, *CALO) if o.startswith(kind)])


def several(kind, least, most):
    return st.lists(of_kind(kind), min_size=least, max_size=most).map(", ".join)


@st.composite
def combination(draw):
    kind = draw(st.sampled_from(["MU", "EG", "TAU", "JET"]))
    number = draw(st.integers(2, 4))
    cuts = []
    if kind == "MU" and draw(st.booleans()):
        cuts.append(draw(st.sampled_from(["CHGCOR_OS", "CHGCOR_LS"])))
    if number == 2 and draw(st.booleans()):
        cuts.append("TBPT_4")
    return function("comb", draw(several(kind, number, number)), cuts)


@st.composite
def correlation(draw):
    name = draw(st.sampled_from(["dist", "mass_inv", "mass_inv_upt", "mass_inv_dr", "mass_trv"]))
    first = draw(st.sampled_from(["MU", "EG", "TAU", "JET"]))
    second = draw(st.sampled_from(["MU", "EG", "TAU", "JET"]))
    if name == "mass_inv_upt":
        first = second = "MU"
    if name == "mass_inv_dr":
        first = second = draw(st.sampled_from(["MU", "JET"]))
    other = draw(st.sampled_from(SUMS)) if name == "mass_trv" else draw(of_kind(second))
    own = {
        "dist": draw(
            st.sampled_from(
                [["DR_0p6"], ["DETA_MAX_1p0"], ["DPHI_MIN_1p0"], ["DR_MIN_0p3", "DPHI_MIN_1p0"]]
            )
        ),
        "mass_inv": ["MASS_2to6"],
        "mass_inv_upt": ["MASSUPT_3"],
        "mass_inv_dr": ["MASSDR_4"],
        "mass_trv": draw(st.sampled_from([["MASS_2to6"], ["MASS_2to6", "DPHI_MIN_1p0"]])),
    }[name]
    cuts = list(own)
    if first == second == "MU" and name != "mass_trv" and draw(st.booleans()):
        cuts.append(draw(st.sampled_from(["CHGCOR_OS", "CHGCOR_LS"])))
    return function(name, f"{draw(of_kind(first))}, {other}", cuts)


@st.composite
def three_body(draw):
    kind = draw(st.sampled_from(["MU", "JET"]))
    cuts = ["MASS_2to6"]
    if kind == "MU" and draw(st.booleans()):
        cuts.append("CHGCOR_OS")
    return function("mass_inv_3", draw(several(kind, 3, 3)), cuts)


@st.composite
def overlap(draw):
    name = draw(st.sampled_from(["comb_orm", "dist_orm", "mass_inv_orm"]))
    number = draw(st.integers(1, 3 if name == "comb_orm" else 2))
    removed = draw(st.sampled_from([["ORMDR_0p5"], ["ORMDETA_0p3", "ORMDPHI_0p4"]]))
    own = {"comb_orm": [], "dist_orm": ["DETA_MAX_1p0"], "mass_inv_orm": ["MASS_2to6"]}[name]
    return function(
        name, f"{draw(several('JET', number, number))}, {draw(of_kind('TAU'))}", [*own, *removed]
    )


def function(name, objects, cuts):
    return f"{name}{{{objects}}}" + (f"[{', '.join(cuts)}]" if cuts else "")


TERM = st.one_of(st.sampled_from(SINGLE), combination(), correlation(), three_body(), overlap())


@st.composite
def expression(draw, depth=2):
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        return draw(TERM)
    operator = draw(st.sampled_from([" AND ", " OR ", " XOR "]))
    parts = draw(st.lists(expression(depth - 1), min_size=2, max_size=3))
    parts = [f"({'NOT ' if draw(st.booleans()) else ''}({part}))" for part in parts]
    return operator.join(parts)


@pytest.mark.parametrize("era", ["one-reference", "any-reference"])
@settings(max_examples=120, deadline=None)
@given(
    expressions=st.lists(expression(), min_size=1, max_size=9),
    events=st.lists(event_strategy(), min_size=1, max_size=6),
)
def test_decisions_equal_those_of_the_slow_evaluator(era, expressions, events):
    menu = menu_of(expressions, overlap_removal=era)
    bits = menu.evaluate(columns_of(events))
    assert bits.reasons == {}
    for k, event in enumerate(events):
        slow = evaluate(menu, event, era)
        assert {name: bool(bits[name][k]) for name in bits.names} == slow


def test_every_cut_and_function_above_is_used_by_some_menu():
    """The pools of objects and cuts stay in step with the cuts that are defined."""
    text = " ".join([*MUON, *CALO])
    on_objects = {name for name in CUTS if "-" in name.partition("_")[0]}
    assert {name for name in on_objects if name not in text} == set()
    assert len(SIGNALS) == 2


def test_long_random_events_against_the_slow_evaluator():
    """Dense events, so that triples, quadruples and removals meet many candidates."""
    rng = np.random.default_rng(7)
    expressions = [
        "comb{MU0, MU0, MU1, MU2}[CHGCOR_OS]",
        "comb{JET1, JET1, JET2, JET3}",
        "mass_inv_3{MU0, MU0, MU1}[MASS_2to6, CHGCOR_OS]",
        "mass_inv_orm{JET1, JET2, TAU2}[MASS_2to6, ORMDR_0p5]",
        "comb_orm{JET1, JET1, JET2, TAU2}[ORMDR_0p5]",
        "comb{JET3, JET3} AND comb{JET1, JET1, JET1} AND NOT dist{JET1, MU0}[DR_0p6]",
    ]
    menu = menu_of(expressions)
    events = [event_strategy.random(rng) for _ in range(150)]
    bits = menu.evaluate(columns_of(events))
    for k, event in enumerate(events):
        slow = evaluate(menu, event)
        assert {name: bool(bits[name][k]) for name in bits.names} == slow
    assert all(0 < bits[name].sum() < len(events) for name in bits.names)
