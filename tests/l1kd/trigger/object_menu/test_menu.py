import awkward as ak
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.errors import MenuError
from l1kd.trigger.object_menu import ObjectMenu, shipped_menus
from l1kd.trigger.object_menu.schema import MenuForm, threshold

from .brute_force import delta_r, fires, mass
from .events import l1nano


def small(**changes):
    content = {
        "name": "small",
        "objects": {
            "Mu": {"collection": "L1gmtTkMuon", "cuts": ["abs(eta) < 2.4"]},
            "Jet": {
                "collection": "L1puppiJetSC4",
                "regions": {"barrel": [0, 1.5], "endcap": [1.5, 2.4]},
                "scaling": {
                    "barrel": {"slope": 1.25, "offset": 10},
                    "endcap": {"slope": 1.5, "offset": 20},
                },
            },
            "Loose": {"collection": "L1gmtTkMuon"},
            "MET": {"collection": "L1puppiMET"},
        },
        "seeds": {"single": {"legs": {"mu": {"object": "Mu", "online": 20}}}},
    }
    content |= changes
    return ObjectMenu(MenuForm.model_validate(content), "small")


def records(events, *names):
    return [{name: event[name] for name in names} for event in ak.to_list(events)]


def test_a_seed_of_one_leg_passes_at_the_threshold_and_above():
    events = ak.zip(
        {
            "L1gmtTkMuon": ak.zip(
                {"pt": [[20.0, 1.0], [19.99], [], [30.0]], "eta": [[1.0, 0.0], [0.0], [], [2.4]]}
            )
        },
        depth_limit=1,
    )
    assert small().evaluate(events)["single"].tolist() == [True, False, False, False]
    above = small(seeds={"single": {"legs": {"mu": {"object": "Mu", "online": "> 20"}}}})
    assert above.evaluate(events)["single"].tolist() == [False] * 4


@pytest.mark.parametrize(("text", "operator"), [(22, ">="), (">= 22", ">="), ("> 22", ">")])
def test_thresholds(text, operator):
    assert threshold(text).operator == operator
    assert threshold(text).value == 22


def test_an_offline_threshold_is_applied_by_region():
    """0.8 x 40 = 32 GeV in the barrel gives 50; the endcap's line gives 68; none beyond."""
    jets = ak.zip({"pt": [[32.0], [32.0], [32.0], [20.0]], "eta": [[0.0], [2.0], [2.4], [1.5]]})
    events = ak.zip({"L1puppiJetSC4": jets}, depth_limit=1)
    for value, expected in ((50, [1, 1, 0, 1]), (50.01, [0, 1, 0, 0]), (68, [0, 1, 0, 0])):
        menu = small(seeds={"jet": {"legs": {"j": {"object": "Jet", "offline": value}}}})
        assert menu.evaluate(events)["jet"].astype(int).tolist() == expected


def test_legs_are_different_objects_even_if_their_kinds_differ():
    """One muon is not two, also where two kinds of object come from one collection."""
    legs = {"a": {"object": "Mu", "online": 5}, "b": {"object": "Loose", "online": 5}}
    menu = small(seeds={"two": {"legs": legs}})
    muons = ak.zip({"pt": [[9.0], [9.0, 9.0], [9.0, 4.0]], "eta": [[0.0], [0.0, 0.0], [0.0, 0.0]]})
    events = ak.zip({"L1gmtTkMuon": muons}, depth_limit=1)
    assert menu.evaluate(events)["two"].tolist() == [False, True, False]


cuts = st.sampled_from(
    [
        ("dR(a, b) > 1.3", lambda a, b: delta_r(a, b) > 1.3),
        ("mass(a, b) < 41", lambda a, b: mass(a, b) < 41),
        ("7 < mass(a, b) < 60 and opposite_sign(a, b)", None),
        ("abs(a.z0 - b.z0) < 1 or same_sign(a, b)", None),
        ("dz(a, b) < 1", lambda a, b: abs(a["z0"] - b["z0"]) < 1),
        ("a.pt > 2 * b.pt", lambda a, b: a["pt"] > 2 * b["pt"]),
        ("deta(a, b) < 1.1", lambda a, b: abs(a["eta"] - b["eta"]) < 1.1),
    ]
)
PYTHON = {
    "7 < mass(a, b) < 60 and opposite_sign(a, b)": lambda a, b: (
        7 < mass(a, b) < 60 and a["charge"] * b["charge"] < 0
    ),
    "abs(a.z0 - b.z0) < 1 or same_sign(a, b)": lambda a, b: (
        abs(a["z0"] - b["z0"]) < 1 or a["charge"] * b["charge"] > 0
    ),
}
EVENTS = l1nano(150, seed=7, mean=2.5)
LISTS = records(EVENTS, "L1gmtTkMuon", "L1puppiJetSC4")


@settings(max_examples=60, deadline=None)
@given(
    cut=cuts,
    first=st.integers(0, 60),
    second=st.integers(0, 60),
    third=st.one_of(st.none(), st.integers(0, 80)),
)
def test_random_seeds_equal_brute_force(cut, first, second, third):
    text, between = cut
    between = between or PYTHON[text]
    legs = {
        "a": {"object": "Loose", "online": first},
        "b": {"object": "Loose", "online": second},
    }
    plain = [
        ("L1gmtTkMuon", lambda o: o["pt"] >= first),
        ("L1gmtTkMuon", lambda o: o["pt"] >= second),
    ]
    if third is not None:
        legs["j"] = {"object": "Jet", "online": third, "cut": "abs(eta) < 2"}
        plain.append(("L1puppiJetSC4", lambda o: o["pt"] >= third and abs(o["eta"]) < 2))
    menu = small(seeds={"s": {"legs": legs, "pairs": [text]}})
    expected = [fires(event, plain, lambda a, b, *_: between(a, b)) for event in LISTS]
    assert menu.evaluate(EVENTS)["s"].tolist() == expected


def test_mass_of_three_legs():
    legs = {name: {"object": "Loose", "online": 3} for name in "abc"}
    menu = small(seeds={"s": {"legs": legs, "pairs": ["20 < mass(a, b, c) < 60"]}})
    plain = [("L1gmtTkMuon", lambda o: o["pt"] >= 3)] * 3
    expected = [fires(e, plain, lambda a, b, c: 20 < mass(a, b, c) < 60) for e in LISTS]
    assert 0 < sum(expected) < len(expected)
    assert menu.evaluate(EVENTS)["s"].tolist() == expected


def test_a_required_seed_must_fire_too():
    seeds = {
        "single": {"legs": {"mu": {"object": "Mu", "online": 20}}},
        "both": {"legs": {"met": {"object": "MET", "online": 50}}, "requires": ["single"]},
    }
    bits = small(seeds=seeds).evaluate(EVENTS)
    met = ak.to_numpy(EVENTS.L1puppiMET.pt) >= 50
    np.testing.assert_array_equal(bits["both"], bits["single"] & met)


def test_the_baseline_menu_ships_and_is_evaluated_whole():
    assert "phase2_v44" in shipped_menus()
    menu = ObjectMenu.read("phase2_v44")
    bits = menu.evaluate(EVENTS)
    assert len(menu) == len(bits.names) == 42
    assert not bits.reasons
    assert len(bits) == len(EVENTS)
    assert bits.packed.shape == (len(EVENTS), 6)
    np.testing.assert_array_equal(bits.any(), np.any([bits[n] for n in bits.names], axis=0))
    # MET: offline 200 GeV is (200 - 37.05) / 1.6403 = 99.34 GeV online
    met = ak.to_numpy(EVENTS.L1puppiMET.pt) >= 99.3385
    np.testing.assert_array_equal(bits["L1_PFMet"], met)


def test_what_a_file_lacks_is_said_seed_by_seed():
    events = EVENTS[[name for name in EVENTS.fields if name != "L1caloTau"]]
    menu = ObjectMenu.read("phase2_v44")
    checked = menu.check(events)
    assert checked.reasons["L1_SinglePFTau"] == "no collection L1caloTau"
    assert checked.reasons["L1_PFMet"] == ""
    bits = menu.evaluate(events)
    assert len(bits.names) == 40
    assert set(bits.reasons) == {"L1_SinglePFTau", "L1_PFTau_PFTau"}
    with pytest.raises(MenuError, match="no collection L1caloTau"):
        bits["L1_SinglePFTau"]


def test_no_events_give_no_decisions():
    bits = ObjectMenu.read("phase2_v44").evaluate(EVENTS[:0])
    assert len(bits) == 0
    assert len(bits.names) == 42


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seedz": {}}, "unknown key; the nearest is 'seeds'"),
        ({"objects": {"a": {"colection": "X"}}}, "unknown key; the nearest is 'collection'"),
        ({"seeds": {"s": {"legs": {"a": {"object": "Mo"}}}}}, "the nearest is 'Mu'"),
        ({"seeds": {"s": {"legs": {"a": {"object": "Mu", "offline": 3}}}}}, "has no scaling"),
        ({"seeds": {"s": {"legs": {"a": {"object": "Mu", "online": "< 3"}}}}}, "'> number'"),
        ({"seeds": {"s": {"legs": {"a b": {"object": "Mu"}}}}}, "is a word"),
        ({"seeds": {"s": {"legs": {"a": {"object": "Mu"}}, "pairs": ["1 < 2"]}}}, "uses no leg"),
        (
            {"seeds": {"s": {"legs": {"a": {"object": "Mu"}}, "prescales": {"x": 0.5}}}},
            "expected 0 (off) or >= 1",
        ),
        ({"scalings": "none"}, "expected a shipped set or a JSON file"),
    ],
)
def test_wrong_menus_name_the_place_and_the_nearest_name(tmp_path, change, message):
    content = {
        "name": "m",
        "objects": {"Mu": {"collection": "L1gmtTkMuon"}},
        "seeds": {"s": {"legs": {"a": {"object": "Mu"}}}},
    }
    path = tmp_path / "menu.yaml"
    path.write_text(yaml.safe_dump(content | change))
    with pytest.raises(MenuError) as caught:
        ObjectMenu.read(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
