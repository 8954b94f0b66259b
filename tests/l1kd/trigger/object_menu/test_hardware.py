import math

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import MenuError
from l1kd.trigger.object_menu import ObjectMenu
from l1kd.trigger.object_menu.expressions import parse_cut
from l1kd.trigger.object_menu.hardware import STEPS, in_steps, limit
from l1kd.trigger.object_menu.schema import MenuForm

COMPARE = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@given(
    index=st.integers(-5000, 5000),
    value=st.decimals(-150, 150, places=3).map(float),
    operator=st.sampled_from(list(COMPARE)),
)
def test_an_integer_limit_means_what_the_physical_one_says(index, value, operator):
    step = 1 / 32  # exact in floating point, so that the physical comparison is exact, too
    physical = COMPARE[operator](index * step, value)
    assert COMPARE[operator](index, limit(value, operator, step)) == physical


def test_minima_are_rounded_up_and_maxima_down():
    assert limit(2.01, ">=", STEPS["pt"]) == math.ceil(2.01 * 32)
    assert limit(2.01, "<=", STEPS["pt"]) == math.floor(2.01 * 32)
    assert limit(0.7 * STEPS["eta"] * 10 / 0.7, ">=", STEPS["eta"]) == 10


def test_a_scaled_quantity_is_only_compared_with_a_number():
    with pytest.raises(MenuError, match="only be compared with a number"):
        in_steps(parse_cut("pt > 2 * eta", "x"), "x")
    in_steps(parse_cut("abs(eta) < 2.4 and hwQual & 2 and 3 < pt", "x"), "x")


@pytest.mark.parametrize("cut", ["abs(Eta) < 2", "a.PT > 3", "Phi > 1 and hwQual & 2"])
def test_fields_in_other_capitals_have_no_scale_and_are_refused(cut):
    legs = ("a",) if "a." in cut else None
    with pytest.raises(MenuError, match="has no hardware scale"):
        in_steps(parse_cut(cut, "x", legs), "x")


def menu(scale, pairs):
    legs = {"a": {"object": "o", "online": "> 5"}, "b": {"object": "o", "online": 5.01}}
    return ObjectMenu(
        MenuForm.model_validate(
            {
                "name": "m",
                "scale": scale,
                "objects": {"o": {"collection": "O", "cuts": ["abs(eta) <= 2"]}},
                "seeds": {f"s{i}": {"legs": legs, "pairs": [p]} for i, p in enumerate(pairs)},
            }
        ),
        "m",
    )


def test_integers_decide_as_physical_values_do_away_from_edges():
    rng = np.random.default_rng(3)
    counts = rng.poisson(3, 4000)
    n = int(counts.sum())
    columns = {
        "pt": rng.integers(0, 700, n) / 32,
        "eta": rng.integers(-3000, 3000, n) * math.pi / 4096,
        "phi": rng.integers(-4096, 4096, n) * math.pi / 4096,
        "z0": rng.integers(-4000, 4000, n) / 2560,
    }
    events = ak.zip({"O": ak.unflatten(ak.zip(columns), counts)}, depth_limit=1)
    pairs = ["dR(a, b) < 0.70001", "deta(a, b) > 1.23457", "dz(a, b) < 0.5", "mass(a, b) > 11.03"]
    pairs += ["mt(a, b) < 9.001", "pt_sum(a, b) > 14.002", "dphi(a, b) >= 3.0001"]
    real, integer = menu("float", pairs).evaluate(events), menu("phase2_gt", pairs).evaluate(events)
    for name in real.names:
        assert 0 < real[name].sum() < len(events)
        np.testing.assert_array_equal(real[name], integer[name])
