import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import MenuError
from l1kd.trigger.object_menu.expressions import fields_of, legs_of, on_columns, parse_cut

COLUMNS = {
    "pt": np.array([3.0, 9.0, 30.0, np.nan]),
    "eta": np.array([-2.5, 0.5, 1.0, 0.0]),
    "hwQual": np.array([1.0, 1.0, 2.0, 3.0]),
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pt > 8", [False, True, True, False]),
        ("not pt > 8", [True, False, False, True]),
        ("abs(eta) < 2.4", [False, True, True, True]),
        ("0.5 <= abs(eta) < 1.0", [False, True, False, False]),
        ("hwQual & 2", [False, False, True, True]),
        ("hwQual >> 1 & 1 == 1", [False, False, True, True]),
        ("hwQual & 2 or (pt > 8 and hwQual & 1)", [False, True, True, True]),
        ("-eta > 2", [True, False, False, False]),
        ("max(pt, 10) == 10", [True, True, False, False]),
        ("sqrt(pt * pt) / 3 == 3", [False, True, False, False]),
        ("pt != pt", [False, False, False, True]),
    ],
)
def test_cuts_on_objects(text, expected):
    found = on_columns(parse_cut(text, "test"), COLUMNS)
    assert (np.asarray(found) != 0).tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("__import__('os').system('true')", "only plain functions"),
        ("pt.__class__", "fields of legs"),
        ("[pt]", "List is not allowed"),
        ("lambda: 1", "Lambda is not allowed"),
        ("pt ** 2", "Pow is not allowed"),
        ("pt if eta else 1", "IfExp is not allowed"),
        ("pt is eta", "Is is not allowed"),
        ("'a' < pt", "'a' is no number"),
        ("sqr(pt) > 1", "did you mean 'sqrt'"),
        ("abs(pt, eta) > 1", "abs takes 1 argument"),
        ("dR(a, b) > 1", "unknown function 'dR'"),
        ("pt >", "cannot be read"),
        ("pt\0", "cannot be read"),
        ("pt > 1 " + "or pt > 1 " * 400, "at most 2000 characters"),
    ],
)
def test_what_is_no_cut_is_refused_with_the_reason(text, message):
    with pytest.raises(MenuError, match="menu / seed") as caught:
        parse_cut(text, "menu / seed")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pt > 1", "'pt' alone is not a number"),
        ("dR(a, c) > 1", "unknown leg 'c'; there are a, b"),
        ("dR(a) > 1", "dR takes (2,) legs"),
        ("dr(a, b) > 1", "did you mean 'dR'"),
        ("dR(a, b + 1) > 1", "expected the name of a leg"),
        ("c.pt > 1", "unknown leg 'c'"),
        ("a.hwQual & 2", "on one object only"),
    ],
)
def test_cuts_between_legs_name_legs(text, message):
    with pytest.raises(MenuError) as caught:
        parse_cut(text, "seed", ("a", "b"))
    assert message in str(caught.value)


def test_what_a_cut_reads():
    assert fields_of(parse_cut("abs(eta) < 2 and pt > 3 * iso", "x")) == {"eta", "pt", "iso"}
    pair = parse_cut("mass(a, b) > 3 and a.charge * b.charge < 0 or dz(a, b) < 1", "x", ("a", "b"))
    fields = {"pt", "eta", "phi", "charge", "z0"}
    assert legs_of(pair) == {"a": fields, "b": fields}


numbers = st.floats(-100, 100).map(lambda x: round(x, 3))


@given(x=numbers, y=numbers, z=numbers)
def test_arithmetic_is_pythons(x, y, z):
    text = f"a * {z} - (b + a) / 4 + min(a, b) * max(b, {z})"
    columns = {"a": np.array([x]), "b": np.array([y])}
    found = on_columns(parse_cut(text, "x"), columns)
    expected = x * z - (y + x) / 4 + min(x, y) * max(y, z)
    assert np.isclose(found[0], expected, rtol=1e-12, atol=1e-9)
