"""The language of seeds."""

import pytest

from l1kd.errors import MenuError
from l1kd.trigger.menu.expression import (
    ExternalTerm,
    FunctionTerm,
    Not,
    ObjectTerm,
    Operation,
    parse,
    terms,
)


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("MU22", ObjectTerm("MU", 22.0)),
        ("MU3p5-1[MU-QLTY_SNGL, MU-ETA_1p2]",
         ObjectTerm("MU", 3.5, crossing=-1, cuts=("MU-QLTY_SNGL", "MU-ETA_1p2"))),
        ("JET.eq.20+2", ObjectTerm("JET", 20.0, equal=True, crossing=2)),
        ("ETMHF100", ObjectTerm("ETMHF", 100.0)),
        ("ETM.ge.100", ObjectTerm("ETM", 100.0)),
        ("MUS1", ObjectTerm("MUS1")),
        ("MUSOOT0-1", ObjectTerm("MUSOOT0", crossing=-1)),
        ("CENT6", ObjectTerm("CENT6")),
        ("MBT0HFP1", ObjectTerm("MBT0HFP", 1.0)),
        ("ASYMETHF12", ObjectTerm("ASYMETHF", 12.0)),
        ("AXO[AXO-MODEL_v4, AXO-SCORE_Loose]",
         ObjectTerm("AXO", cuts=("AXO-MODEL_v4", "AXO-SCORE_Loose"))),
    ],
)  # fmt: skip
def test_objects(text, term):
    assert parse(text) == term


def test_external_signals_may_hold_any_sign_and_dot():
    assert parse("EXT_BPTX_plus.v0-2") == ExternalTerm("BPTX_plus.v0", -2, "BPTX_plus.v0-2")
    assert parse("EXT_ZeroBias_BPTX_AND_VME") == ExternalTerm(
        "ZeroBias_BPTX_AND_VME", 0, "ZeroBias_BPTX_AND_VME"
    )


def test_functions_with_and_without_cuts():
    assert parse("comb{MU3,MU0[MU-ETA_1p2]}") == FunctionTerm(
        "comb", (ObjectTerm("MU", 3.0), ObjectTerm("MU", 0.0, cuts=("MU-ETA_1p2",)))
    )
    found = parse("mass_inv_orm{JET30, JET30, TAU45}[MASS_MIN_450, ORMDR_0p2]")
    assert found.cuts == ("MASS_MIN_450", "ORMDR_0p2")


def test_not_binds_tightest_and_parentheses_group():
    assert parse("NOT MU0 AND EG5") == Operation(
        "AND", (Not(ObjectTerm("MU", 0.0)), ObjectTerm("EG", 5.0))
    )
    tree = parse("MU0 AND (EG5 OR ( NOT JET4-1)) AND EXT_A")
    assert [type(t).__name__ for t in terms(tree)] == [
        "ObjectTerm",
        "ObjectTerm",
        "ObjectTerm",
        "ExternalTerm",
    ]


@pytest.mark.parametrize("text", ["MU0 AND EG5 OR JET4", "MU0 XOR EG5 AND JET4"])
def test_operators_side_by_side_are_refused(text):
    with pytest.raises(MenuError, match="write parentheses"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the end"),
        ("MU0 AND", "the end"),
        ("(MU0", "expected '\\)'"),
        ("MU0 EG5", "unexpected 'EG5'"),
        ("MU0[MU-QLTY_SNGL", "expected ']'"),
        ("foo{MU0, MU0}", "unknown function 'foo'"),
        ("BJET20", "unknown type of object 'BJET20'"),
        ("AND MU0", "expected a term"),
        ("MU0 & EG5", "cannot read '& EG5'"),
        ("comb{MU0, (MU0)}", "unknown type of object"),
    ],
)
def test_errors_say_what_was_expected(text, said):
    with pytest.raises(MenuError, match=said):
        parse(text)
