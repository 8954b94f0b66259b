"""L1 objects of NanoAOD: the same integers, and so the same bits, from every flavour."""

import awkward as ak
import numpy as np
import pytest

from l1kd.errors import InputError, MissingBranchError
from tests.l1kd.trigger.menu.made import KEPT, columns_of, event_strategy, menu_of

FULL = {
    "MU": {"pt": "hwPt", "eta": "hwEtaAtVtx", "phi": "hwPhiAtVtx", "quality": "hwQual",
           "iso": "hwIso", "charge": "hwCharge", "charge_valid": "hwChargeValid",
           "index": "tfMuonIndex", "upt": "hwPtUnconstrained", "ip": "hwDXY"},
    "EG": {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "iso": "hwIso"},
    "TAU": {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "iso": "hwIso"},
    "JET": {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "displaced": "hwQual"},
}  # fmt: skip
NAMES = {"MU": "L1Mu", "EG": "L1EG", "TAU": "L1Tau", "JET": "L1Jet"}
TYPES = {"ETT": 0, "HTT": 1, "ETM": 2, "HTM": 3, "ETMHF": 8, "MBT0HFP": 11, "ETTEM": 16,
         "HTMHF": 20, "TOWERCOUNT": 21, "ASYMET": 23}  # fmt: skip
EXPRESSIONS = [
    "MU3[MU-ETA_1p0]",
    "comb{MU0, MU0}[CHGCOR_OS]",
    "dist{JET1, EG1}[DR_0p6]",
    "mass_inv{JET2, JET2}[MASS_2to6] AND NOT TAU3",
    "ETM2 AND HTT3",
    "TOWERCOUNT5 OR MBT0HFP3",
    "MU0[MU-INDEX_LOW]",
    "JET1[JET-DISP_LLP]",
    "MU0[MU-UPT_3]",
    "EXT_A",
]


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(11)
    return [event_strategy.random(rng) for _ in range(400)]


def radian(bins, step):
    """Return an angle in (-pi, pi] as NanoAOD stores it, with 12 bits of mantissa."""
    return twelve_bits(np.where(bins * step > np.pi, bins * step - 2 * np.pi, bins * step))


def twelve_bits(values):
    return (np.asarray(values, np.float32).view(np.uint32) & 0xFFFFF000).view(np.float32)


def records(events, prefix="L1", flavour="full"):
    """Return events as NanoAOD has them; empty slots are skipped."""
    out = {}
    for kind in (k for k in KEPT if k.name in NAMES):
        rows = [[o for o in e[kind.name] if o["pt"]] for e in events]
        counts = [len(row) for row in rows]
        flat = {f: np.array([o[f] for row in rows for o in row]) for f in kind.fields}
        branches = {FULL[kind.name][f]: flat[f] for f in kind.fields}
        at = "AtVtx" if kind.name == "MU" else ""
        branches |= {
            "pt": twelve_bits((flat["pt"] - kind.offset) * kind.step),
            "eta" + at: twelve_bits(flat["eta"] * kind.eta.step),
            "phi" + at: radian(flat["phi"], kind.phi.step),
            "bx": np.zeros(sum(counts), np.int16),
        }
        if flavour != "full":
            kept = {"pt", "eta" + at, "phi" + at, "bx", "hwIso", "hwCharge", "hwQual", "hwDXY"}
            if kind.name == "JET":
                kept -= {"hwQual"}
            branches = {name: branch for name, branch in branches.items() if name in kept}
        out[prefix + NAMES[kind.name][2:]] = ak.unflatten(ak.zip(branches), counts)
    out[prefix + "EtSum"] = sums_of(events, flavour)
    return out


def sums_of(events, flavour):
    columns = {name: [] for name in ("hwPt", "pt", "hwPhi", "phi", "etSumType", "bx")}
    for event in events:
        for name, number in TYPES.items():
            one = event[name][0]
            value = one.get("pt", one.get("count"))
            columns["hwPt"].append(value)
            columns["pt"].append(value * 0.5)
            columns["hwPhi"].append(one.get("phi", 0))
            columns["phi"].append(float(radian(np.array(one.get("phi", 0)), 2 * np.pi / 144)))
            columns["etSumType"].append(number)
            columns["bx"].append(0)
    if flavour != "full":
        del columns["hwPt"], columns["hwPhi"]
    return ak.unflatten(ak.zip(columns), [len(TYPES)] * len(events))


def opened(collections, **more):
    return ak.zip(collections | more, depth_limit=1)


def central(collections):
    """Apply the cuts of the central flavour."""
    out = dict(collections)
    for name, least in (("L1EG", 10), ("L1Tau", 24), ("L1Jet", 30)):
        out[name] = out[name][out[name].pt >= least]
    good = (out["L1Mu"].pt >= 3) & (out["L1Mu"].hwQual >= 8)
    kind = out["L1EtSum"].etSumType
    kept = (kind == 1) | (kind == 2) | (kind == 3) | (kind == 8)
    return out | {"L1Mu": out["L1Mu"][good], "L1EtSum": out["L1EtSum"][kept]}


@pytest.mark.parametrize("prefix", ["L1", "L1Emul"])
def test_the_full_flavour_decides_as_the_hardware_words_do(made, prefix):
    menu = menu_of(EXPRESSIONS)
    expected = menu.evaluate(columns_of(made))
    external = ak.Array([event["EXT"]["A"] for event in made])
    events = opened(records(made, prefix), L1Ext_A=external)
    bits = menu.evaluate(events)
    assert bits.names == menu.names
    assert (bits.packed == expected.packed).all()


def test_floats_give_the_same_integers(made):
    """The reduced flavour without cuts, as scouting has it; what it lacks is said."""
    menu = menu_of(EXPRESSIONS)
    expected = menu.evaluate(columns_of(made))
    events = opened(records(made, flavour="reduced"))
    bits = menu.evaluate(events)
    assert bits.reasons == {
        "S1": "no L1Mu_hwChargeValid for quality below 8",
        "S5": "no L1EtSum_hwPt",
        "S6": "no L1Mu_tfMuonIndex",
        "S7": "no L1Jet_hwQual",
        "S8": "no L1Mu_hwPtUnconstrained",
        "S9": "no L1Ext_A",
    }
    for name in bits.names:
        assert (bits[name] == expected[name]).all()


def test_the_central_flavour_says_what_it_leaves_out(made):
    menu = menu_of(
        ["MU3", "MU3[MU-QLTY_DBLE]", "MU2p5[MU-QLTY_DBLE]", "EG9p5", "EG10", "TAU24", "TAU23",
         "JET29p5", "JET30", "ETT4", "HTT3", "HTMHF3", "ETMHF4",
         "comb{MU3[MU-QLTY_DBLE], MU3[MU-QLTY_DBLE]}[CHGCOR_OS]"]
    )  # fmt: skip
    events = opened(central(records(made, flavour="reduced")))
    found = dict(menu.check(events))
    assert found == {
        "S0": "MU of quality below 8 not kept",
        "S1": "",
        "S2": "MU below 3 GeV not kept",
        "S3": "EG below 10 GeV not kept",
        "S4": "",
        "S5": "",
        "S6": "TAU below 24 GeV not kept",
        "S7": "JET below 30 GeV not kept",
        "S8": "",
        "S9": "no ETT (type 0) in L1EtSum",
        "S10": "",
        "S11": "no HTMHF (type 20) in L1EtSum",
        "S12": "",
        "S13": "",
    }
    expected = menu.evaluate(columns_of(made))
    bits = menu.evaluate(events)
    for name in ("S1", "S10", "S12"):
        assert (bits[name] == expected[name]).all()
        assert 0 < bits[name].sum() < len(bits)
    everything = menu.check(opened(records(made, flavour="reduced")))
    assert not dict(everything)["S2"]
    assert dict(menu.check(events, kept="all"))["S2"] == ""


def test_other_crossings():
    """bx is respected; outside the stored range a condition is false, its negation true."""
    soft, hard = ({"hwPt": pt, "hwEta": 0, "hwPhi": 0} for pt in (10, 40))
    jets = ak.Array([[hard | {"bx": -1}, soft | {"bx": 0}], [soft | {"bx": 0}, hard | {"bx": 1}]])
    menu = menu_of(["JET20", "JET20-1", "JET20+1", "NOT JET20-2", "JET5 AND JET20-1"])
    bits = menu.evaluate(opened({"L1Jet": jets}))
    assert [bits[name].tolist() for name in menu.names] == [
        [False, False],
        [True, False],
        [False, True],
        [True, True],
        [True, False],
    ]
    only = jets[jets.bx == 0]
    assert menu.evaluate(opened({"L1Jet": only})).names == ("S0",)
    told = menu.evaluate(opened({"L1Jet": only}), crossings=(-1, 1))
    assert told["S3"].all()
    assert not told["S1"].any()


def test_objects_beyond_the_hardwares_slots_are_left_out_with_a_warning():
    jet = {"hwPt": 10, "hwEta": 0, "hwPhi": 0, "bx": 0}
    jets = ak.Array([[jet] * 12 + [jet | {"hwPt": 400}], [jet | {"hwPt": 400}]])
    menu = menu_of(["JET100"])
    with pytest.warns(UserWarning, match="L1Jet: 1 objects beyond the first 12 JET"):
        assert menu.evaluate(opened({"L1Jet": jets}))["S0"].tolist() == [False, True]


def test_scores_that_the_events_hold():
    cuts = {"AXO-MODEL_v5": {"data": '"v5"'}, "AXO-SCORE_10": {"minimum": 160.0},
            "CICADA-CSCORE_113": {"minimum": 113.0}}  # fmt: skip
    menu = menu_of(["AXO[AXO-MODEL_v5, AXO-SCORE_10]", "CICADA[CICADA-CSCORE_113]"], cuts=cuts)
    jets = ak.Array([[], []])
    scores = {
        "AXOL1TL_v5": ak.zip({"score": ak.Array([9.9375, 10.0])}),
        "CICADA": ak.zip({"score": ak.Array([113.0, 112.99609375])}),
    }
    rest = {"L1Jet": ak.zip({"hwPt": jets})}
    bits = menu.evaluate(opened(scores | rest))
    assert bits["S0"].tolist() == [False, True]
    assert bits["S1"].tolist() == [True, False]
    raw = {"AXOL1TL_v5": ak.zip({"score_raw": ak.Array([160, 159])})}
    assert menu.evaluate(opened(raw | rest))["S0"].tolist() == [True, False]
    other = {"AXOL1TL_v4": ak.zip({"score_raw": ak.Array([160, 159])})}
    assert menu.check(opened(other | rest)).reasons["S0"] == "no AXOL1TL_v5_score"


def test_events_without_objects_and_wrong_options(made):
    menu = menu_of(["MU0"])
    with pytest.raises(MissingBranchError, match="no L1 objects"):
        menu.check(ak.Array([{"Jet": [1.0]}]))
    with pytest.raises(InputError, match="must be records"):
        menu.check([1, 2])
    with pytest.raises(InputError, match="'all' or 'central'"):
        menu.check(opened(records(made)), kept="some")
    with pytest.raises(InputError, match="take no option 'kept'"):
        menu.check(columns_of(made), kept="all")
    wrong = records(made[:2])
    wrong["L1Mu"] = ak.with_field(wrong["L1Mu"], wrong["L1Mu"].hwPt + 600, "hwPt")
    with pytest.raises(InputError, match=r"MU pt: \d+ is outside 0..511"):
        menu.evaluate(opened(wrong))


def test_no_events(made):
    menu = menu_of(EXPRESSIONS)
    bits = menu.evaluate(opened(records(made))[:0])
    assert len(bits) == 0
    assert bits["S0"].shape == (0,)
