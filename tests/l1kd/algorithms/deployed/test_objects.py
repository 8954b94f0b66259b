"""AXOL1TL and TOPO on Level-1 objects: order, crossings, what is absent, what is refused."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import AXOL1TL, L1METML, TOPO
from l1kd.errors import (
    ArtefactError,
    ConfigurationError,
    InputError,
    MissingBranchError,
    UnreadableFileError,
)
from l1kd.trigger.quantities import quantity, score_of
from tests.l1kd.trigger.menu.made import menu_of

TYPES = [0, 1, 2, 3, 8]
MUON = ("hwPt", "hwEta", "hwPhi", "hwEtaAtVtx", "hwPhiAtVtx", "hwQual", "bx")
CALO = ("hwPt", "hwEta", "hwPhi", "bx")


def drawn(events=60, seed=0):
    """Collections as lists of events of lists of objects."""
    rng = np.random.default_rng(seed)

    def objects(names, most, top):
        made = []
        for _ in range(events):
            count = int(rng.integers(0, most + 1))
            rows = [
                {name: int(rng.integers(-115, 116)) for name in names if "Eta" in name}
                | {name: int(rng.integers(0, 144)) for name in names if "Phi" in name}
                | {"hwPt": int(rng.integers(1, top)), "bx": int(rng.choice([-1, 0, 0, 0, 1]))}
                | ({"hwQual": int(rng.integers(0, 16))} if "hwQual" in names else {})
                for _ in range(count)
            ]
            made.append(sorted(rows, key=lambda o: (o["bx"], -o["hwPt"])))
        return made

    sums = [
        [{"hwPt": int(rng.integers(0, 4096)), "hwPhi": int(rng.integers(0, 144)), "bx": bx,
          "etSumType": kind} for bx in (-1, 0, 1) for kind in TYPES]
        for _ in range(events)
    ]  # fmt: skip
    sums[-1] = [s for s in sums[-1] if s["etSumType"] == 0]  # an event without HT and MET
    return {
        "L1Mu": objects(MUON, 6, 512),
        "L1EG": objects(CALO, 12, 512),
        "L1Jet": objects(CALO, 12, 2048),
        "L1EtSum": sums,
    }


def opened(collections):
    events = {}
    for name, lists in collections.items():
        names = MUON if name == "L1Mu" else (*CALO, "etSumType") if name == "L1EtSum" else CALO
        names = [n for n in names if not (name == "L1EtSum" and n == "hwEta")]
        columns = {n: ak.Array([[o[n] for o in event] for event in lists]) for n in names}
        events[name] = ak.zip({n: ak.values_astype(x, np.int64) for n, x in columns.items()})
    return ak.zip(events, depth_limit=1)


def of_event(collections, event, legacy=False):
    """AXOL1TL's 57 numbers of one event, from lists."""
    now = {n: [o for o in lists[event] if o["bx"] == 0] for n, lists in collections.items()}
    half = (lambda pt: pt // 2) if legacy else (lambda pt: pt / 2)
    met = next((s for s in now["L1EtSum"] if s["etSumType"] == 2), {"hwPt": 0, "hwPhi": 0})
    row = [half(met["hwPt"]), 0, met["hwPhi"]]
    station = "" if legacy else "AtVtx"
    for name, most in (("L1EG", 4), ("L1Mu", 4), ("L1Jet", 10)):
        at = station if name == "L1Mu" else ""
        for k in range(most):
            if k < len(now[name]):
                o = now[name][k]
                row += [half(o["hwPt"]), o["hwEta" + at], o["hwPhi" + at]]
            else:
                row += [0, 0, 0]
    return row


@pytest.mark.parametrize("legacy", [False, True])
def test_axol1tl_reads_objects_as_the_condition_does(model, legacy):
    collections = drawn()
    algorithm = AXOL1TL(model("AXOL1TL_v5"), legacy=legacy)
    events = opened(collections)
    (numbers,) = algorithm.arrays(events)
    assert numbers.tolist() == [of_event(collections, k, legacy) for k in range(60)]
    inserted = l1kd.insert(events, [algorithm])
    raw = algorithm.network.score_raw(numbers)
    assert inserted.AXOL1TL.score_raw.tolist() == raw.tolist()
    assert inserted.AXOL1TL.score.tolist() == (raw / 16).tolist()
    assert len(set(raw.tolist())) > 20


@pytest.mark.parametrize("version", [20, 21])
def test_topo_reads_objects_as_the_condition_does(model, version):
    collections = drawn(seed=1)
    algorithm = TOPO(model(f"TOPO_{version}"))
    events = opened(collections)
    (numbers,) = algorithm.arrays(events)
    for event in range(60):
        now = {n: [o for o in x[event] if o["bx"] == 0] for n, x in collections.items()}
        ht = next((s["hwPt"] for s in now["L1EtSum"] if s["etSumType"] == 1), 0)
        fields = ["hwPt", "hwEta", "hwPhi"]
        if version == 21:
            fields = ["hwPt", "hwEtaAtVtx", "hwPhiAtVtx", "hwQual"]
        row = [ht, 0] if version == 20 else [ht]
        for objects, most, names in (("L1Mu", 2, fields), ("L1Jet", 4, ["hwPt", "hwEta", "hwPhi"])):
            for k in range(most):
                there = k < len(now[objects])
                row += [now[objects][k][n] for n in names] if there else [0] * len(names)
        assert numbers[event].tolist() == row
    inserted = l1kd.insert(events, [algorithm])
    output = ak.to_numpy(inserted.TOPO.score)
    compared = output * np.float32(1 if version == 20 else 1023)
    assert inserted.TOPO.score_raw.tolist() == compared.tolist()
    assert (output * 1024 == np.round(output * 1024)).all()


def test_floats_of_the_reduced_flavour_give_the_same_integers(model):
    collections = drawn(20, seed=2)
    events = opened(collections)
    reduced = {}
    for name, record in zip(events.fields, ak.unzip(events), strict=True):
        columns = {"bx": record.bx, "pt": 0.5 * record.hwPt, "phi": record.hwPhi * 2 * np.pi / 144}
        if name == "L1EtSum":
            columns["etSumType"] = record.etSumType
        elif name == "L1Mu":
            columns |= {"pt": 0.5 * (record.hwPt - 1), "hwQual": record.hwQual,
                        "etaAtVtx": record.hwEtaAtVtx * 0.010875,
                        "phiAtVtx": record.hwPhiAtVtx * 2 * np.pi / 576}  # fmt: skip
        else:
            columns["eta"] = record.hwEta * 0.0435
        reduced[name] = ak.zip(columns)
    floats = ak.zip(reduced, depth_limit=1)
    algorithm = AXOL1TL(model("AXOL1TL_v5"), kept="all")
    assert algorithm.arrays(floats)[0].tolist() == algorithm.arrays(events)[0].tolist()


def central():
    """Events of the central flavour: soft objects were left out."""
    hard = {"pt": [[40.0]], "eta": [[0.087]], "phi": [[np.pi / 24]], "bx": [[0]]}
    muon = {"pt": [[9.0]], "etaAtVtx": [[0.087]], "phiAtVtx": [[np.pi / 24]], "hwQual": [[12]],
            "bx": [[0]]}  # fmt: skip
    sums = {"pt": [[40.0]], "phi": [[np.pi / 24]], "etSumType": [[2]], "bx": [[0]]}
    records = {"L1Mu": muon, "L1EG": hard, "L1Jet": hard, "L1EtSum": sums}
    return ak.zip({n: ak.zip({k: ak.Array(v) for k, v in r.items()}) for n, r in records.items()},
                  depth_limit=1)  # fmt: skip


def test_events_without_soft_objects_are_refused(model):
    with pytest.raises(InputError, match=r"keep only the hard ones .*@L1FULL, or say kept='all'"):
        l1kd.insert(central(), [AXOL1TL(model("AXOL1TL_v5"))])
    l1kd.insert(central(), [AXOL1TL(model("AXOL1TL_v5"), kept="all")])


def test_what_is_missing_is_named(model):
    events = opened(drawn(5))
    with pytest.raises(MissingBranchError, match="axol1tl needs L1EG, which these events lack"):
        l1kd.insert(events[["L1Mu", "L1Jet", "L1EtSum"]], [AXOL1TL(model("AXOL1TL_v5"))])
    only = ak.with_field(events, events.L1EtSum[events.L1EtSum.etSumType == 0], "L1EtSum")
    with pytest.raises(MissingBranchError, match=r"sum of type 1 \(HTT\)"):
        l1kd.insert(only, [TOPO(model("TOPO_20"))])
    assert not TOPO().applies_to(events[["L1Jet"]])
    assert TOPO().applies_to(events)
    with pytest.raises(ConfigurationError, match="source is 'L1' or 'L1Emul'"):
        l1kd.insert(events, [TOPO(model("TOPO_20"), source="L2")])


def test_a_model_must_be_given_and_fit(model, tmp_path):
    events = opened(drawn(2))
    with pytest.raises(ConfigurationError, match=r"ships no weights.*AXOL1TL\(model=FOLDER\)"):
        l1kd.insert(events, ["axol1tl"])
    with pytest.raises(UnreadableFileError, match="expected a firmware folder, found none"):
        l1kd.insert(events, [AXOL1TL(tmp_path / "nothing")])
    with pytest.raises(ArtefactError, match=r"AXOL1TL_v5: no source defines bias"):
        l1kd.insert(events, [TOPO(model("AXOL1TL_v5"))])
    folder = model("L1METML_v1")
    (folder / "s.h").write_text("int norm[1] = {1}; int bias[1] = {1};")
    with pytest.raises(ArtefactError, match="TOPO: expected a network with 20 or 21"):
        l1kd.insert(events, [TOPO(folder)])


def test_names_with_a_model(model):
    events = opened(drawn(4))
    inserted = l1kd.insert(events, [f"topo={model('TOPO_20')}", f"axol1tl={model('AXOL1TL_v5')}"])
    assert {"TOPO", "AXOL1TL"} <= set(inserted.fields)
    with pytest.raises(ConfigurationError, match="'puppi' takes no model"):
        l1kd.insert(events, ["puppi=folder"])
    with pytest.raises(ConfigurationError, match="expected a model behind"):
        l1kd.insert(events, ["topo="])
    with pytest.raises(ConfigurationError, match=r"unknown algorithm 'top'.*did you mean 'topo'"):
        l1kd.insert(events, ["top=x"])
    listed = {entry.name: entry for entry in l1kd.available()}
    assert listed["topo"].adds == "TOPO.score"
    assert listed["axol1tl"].version == "a firmware folder"


def test_scores_are_quantities(model):
    events = opened(drawn(4))
    inserted = l1kd.insert(events, [AXOL1TL(model("AXOL1TL_v5"))])

    class Measured:
        pass

    measured = Measured()
    measured.events = inserted
    found = score_of(AXOL1TL(model("AXOL1TL_v5")))
    assert (found.name, found.step, found.unit) == ("axol1tl_score", 1 / 16, "")
    assert found.values(measured).tolist() == inserted.AXOL1TL.score.tolist()
    assert quantity("l1metml_score").unit == "GeV"
    assert quantity("topo_score").label == "TOPO score"


def test_arrays_are_scored_without_events(model):
    events = opened(drawn(6))
    for algorithm in (AXOL1TL(model("AXOL1TL_v5")), TOPO(model("TOPO_21"))):
        inserted = l1kd.insert(events, [algorithm])
        collection = algorithm.adds.partition(".")[0]
        scores = algorithm.score(*algorithm.arrays(events))
        assert scores.dtype == np.float32
        assert scores.tolist() == inserted[collection].score.tolist()
        assert algorithm(events).tolist() == scores.tolist()
    with pytest.raises(ConfigurationError, match="l1metml reads L1PuppiCand, not arrays"):
        L1METML(model("L1METML_v1")).score(np.zeros((1, 800)))


def test_no_events(model):
    events = opened(drawn(3))[:0]
    inserted = l1kd.insert(events, [AXOL1TL(model("AXOL1TL_v5")), TOPO(model("TOPO_21"))])
    assert len(inserted.AXOL1TL.score) == len(inserted.TOPO.score_raw) == 0


def menu_bits(events, family, model, threshold):
    """Decisions of a menu of one condition, which names its model."""
    cuts = {f"{family}-MODEL_it": {"data": f'"{model}"'},
            f"{family}-SCORE_x": {"minimum": threshold}}  # fmt: skip
    menu = menu_of([f"{family}[{family}-MODEL_it, {family}-SCORE_x]"], cuts=cuts)
    assert menu.check(events).reasons == {"S0": ""}
    return menu.evaluate(events)["S0"].tolist()


def test_a_menu_compares_the_number_that_the_condition_compares(model):
    events = opened(drawn(40))
    inserted = l1kd.insert(events, [AXOL1TL(model("AXOL1TL_v5")), TOPO(model("TOPO_20"))])
    raw = inserted.AXOL1TL.score_raw.tolist()
    middle = sorted(raw)[20]
    assert menu_bits(inserted, "AXO", "v5", middle) == [x >= middle for x in raw]
    output = inserted.TOPO.score.tolist()
    half = next(x for x in sorted(output)[20:] + sorted(output) if x != round(x))
    assert menu_bits(inserted, "TOPO", "20", half) == [x >= half for x in output]
    later = l1kd.insert(events, [TOPO(model("TOPO_21"))])
    compared = [np.float32(x) * np.float32(1023) for x in later.TOPO.score.tolist()]
    middle = int(sorted(compared)[20])
    assert menu_bits(later, "TOPO", "21", middle) == [x >= middle for x in compared]


def test_a_file_without_any_sum_is_refused_not_taken_for_zero(model):
    events = opened(drawn(5))
    empty = ak.with_field(events, events.L1EtSum[:, :0], "L1EtSum")
    with pytest.raises(MissingBranchError, match=r"ETM.*of these 5 events holds no sum at all"):
        l1kd.insert(empty, [AXOL1TL(model("AXOL1TL_v5"))])


@pytest.mark.parametrize(("branch", "found"), [("pt", 10.3), ("eta", 0.02), ("phi", 0.02)])
def test_values_between_two_steps_of_the_hardware_are_refused(model, branch, found):
    events = opened(drawn(5))
    jets = {"pt": 0.5 * events.L1Jet.hwPt, "eta": 0.0435 * events.L1Jet.hwEta,
            "phi": events.L1Jet.hwPhi * (2 * np.pi / 144), "bx": events.L1Jet.bx}  # fmt: skip
    as_floats = ak.with_field(events, ak.zip(jets), "L1Jet")
    algorithm = AXOL1TL(model("AXOL1TL_v5"), kept="all")
    np.testing.assert_array_equal(algorithm.arrays(as_floats)[0], algorithm.arrays(events)[0])
    wrong = ak.zip({**jets, branch: jets[branch] + found})
    with pytest.raises(InputError, match=rf"L1Jet.{branch}: expected whole steps of 0\.\d+"):
        algorithm.arrays(ak.with_field(events, wrong, "L1Jet"))


@pytest.mark.parametrize(
    ("collection", "branch", "value", "expected"),
    [
        ("L1Jet", "hwPt", 2048, "pt of the hardware, 0 to 2047, found 2048 in event 3"),
        ("L1Jet", "hwPt", -3, "pt of the hardware, 0 to 2047, found -3 in event 3"),
        ("L1Jet", "hwEta", 128, "eta of the hardware, -128 to 127, found 128"),
        ("L1Mu", "hwEtaAtVtx", -257, "eta of the hardware, -256 to 255, found -257"),
        ("L1EG", "hwPhi", -1, "phi of the hardware, 0 to 255, found -1"),
    ],
)
def test_numbers_that_no_word_of_an_object_holds_are_refused(
    model, collection, branch, value, expected
):
    lists = drawn(5)
    lists[collection][3] = [{**dict.fromkeys(MUON, 1), "bx": 0, branch: value}]
    with pytest.raises(InputError, match=f"{collection}: expected {expected}"):
        AXOL1TL(model("AXOL1TL_v5")).arrays(opened(lists))


def test_floats_without_a_value_are_refused(model):
    events = opened(drawn(5))
    pt = ak.values_astype(events.L1Jet.hwPt, float)
    for wrong in (np.nan, np.inf):
        jets = ak.with_field(events.L1Jet, ak.where(pt > 500, wrong, pt), "hwPt")
        with pytest.raises(
            InputError, match=r"L1Jet.hwPt: expected finite numbers, found (nan|inf)"
        ):
            AXOL1TL(model("AXOL1TL_v5")).arrays(ak.with_field(events, jets, "L1Jet"))


def test_masked_objects_are_refused_not_read_below_the_mask(model):
    events = opened(drawn(20))
    algorithm, jets = AXOL1TL(model("AXOL1TL_v5")), events.L1Jet
    kept = ak.with_field(events, jets[jets.hwPt > 500], "L1Jet")
    assert len(algorithm.arrays(kept)[0]) == 20
    for masked in (
        ak.mask(jets, jets.hwPt > 500),
        ak.mask(jets, np.arange(20) % 2 == 0),
        ak.with_field(jets, ak.mask(jets.hwPt, jets.hwPt > 500), "hwPt"),
    ):
        with pytest.raises(
            InputError, match=r"L1Jet.hwPt: expected a value everywhere, found mask"
        ):
            algorithm.arrays(ak.with_field(events, masked, "L1Jet"))
    with pytest.raises(InputError, match="those of 10 events"):
        algorithm.arrays(ak.mask(events, np.arange(20) % 2 == 0))
    nothing_masked = ak.with_field(events, ak.mask(jets, jets.hwPt >= 0), "L1Jet")
    np.testing.assert_array_equal(algorithm.arrays(nothing_masked)[0], algorithm.arrays(events)[0])
