"""Files of Level-1 objects through the command line, as L1 NANO has them."""

import json

import awkward as ak
import numpy as np
import pytest
import uproot

from l1kd.algorithms import ObjectAnomaly

EVENTS = 60
MET, OTHER_SUM = 2, 8


def jagged(rng, most, **columns):
    counts = rng.integers(0, most + 1, EVENTS)
    total = int(counts.sum())
    return ak.unflatten(
        ak.zip({name: draw(total) for name, draw in columns.items()}), counts
    )  # fmt: skip


def collections(rng, hardware):
    """Objects in no order, of three crossings, with sums of several types; units as named."""

    def pt(n):
        return rng.integers(2, 200, n).astype(np.int32 if hardware else np.float32)

    def angle(limit, hardware_limit):
        if hardware:
            return lambda n: rng.integers(-hardware_limit, hardware_limit, n).astype(np.int32)
        return lambda n: rng.uniform(-limit, limit, n).astype(np.float32)

    def crossing(n):
        return rng.choice([-1, 0, 0, 0, 1], n).astype(np.int32)

    names = ("hwPt", "hwEta", "hwPhi") if hardware else ("pt", "eta", "phi")
    at_vertex = ("hwEtaAtVtx", "hwPhiAtVtx") if hardware else ("etaAtVtx", "phiAtVtx")
    calorimeter = (pt, angle(3.0, 70), angle(3.1, 70))
    muon = (pt, angle(2.4, 220), angle(3.1, 280))
    plain = {
        "L1Mu": jagged(rng, 5, **dict(zip(names, muon, strict=True)),
                       **dict(zip(at_vertex, muon[1:], strict=True)), bx=crossing),
        "L1EG": jagged(rng, 6, **dict(zip(names, calorimeter, strict=True)), bx=crossing),
        "L1Jet": jagged(rng, 12, **dict(zip(names, calorimeter, strict=True)), bx=crossing),
    }  # fmt: skip
    kinds = np.tile(np.array([1, MET, MET, OTHER_SUM], np.int32), EVENTS)
    sums = {names[0]: pt(4 * EVENTS), names[2]: calorimeter[2](4 * EVENTS), "etSumType": kinds,
            "bx": np.tile(np.array([0, -1, 0, 0], np.int32), EVENTS)}  # fmt: skip
    plain["L1EtSum"] = ak.unflatten(ak.zip(sums), np.full(EVENTS, 4))
    return plain


def write(path, parts):
    with uproot.recreate(path) as file:
        whole = {"run": np.ones(EVENTS, np.uint32), "luminosityBlock": np.ones(EVENTS, np.uint32),
                 "event": np.arange(EVENTS, dtype=np.uint64)}  # fmt: skip
        file.mktree("Events", {**{k: v.dtype for k, v in whole.items()},
                               **{k: v.type.content for k, v in parts.items()}})  # fmt: skip
        file["Events"].extend({**whole, **parts})


def expected(parts, hardware):
    """The array that the trigger's objects make, event by event."""
    array = np.zeros((EVENTS, 19, 3))
    for collection, first, last in (("L1Mu", 0, 4), ("L1EG", 4, 8), ("L1Jet", 8, 18)):
        muon = collection == "L1Mu"
        for i, event in enumerate(parts[collection].tolist()):
            rows = []
            for entry in event:
                if entry["bx"] != 0:
                    continue
                if hardware:
                    pt = (entry["hwPt"] - 1) / 2 if muon else entry["hwPt"] / 2
                    eta = entry["hwEtaAtVtx"] * 0.010875 if muon else entry["hwEta"] * 0.0435
                    phi = entry["hwPhiAtVtx"] * 2 * np.pi / 576 if muon else (
                        entry["hwPhi"] * 2 * np.pi / 144)  # fmt: skip
                else:
                    suffix = "AtVtx" if muon else ""
                    pt, eta, phi = entry["pt"], entry[f"eta{suffix}"], entry[f"phi{suffix}"]
                rows.append((pt, eta, phi))
            rows = sorted(rows, key=lambda row: -row[0])[: last - first]
            for place, row in enumerate(rows):
                array[i, first + place] = row
    for i, event in enumerate(parts["L1EtSum"].tolist()):
        met = next(e for e in event if e["etSumType"] == MET and e["bx"] == 0)
        pt = met["hwPt"] / 2 if hardware else met["pt"]
        array[i, 18] = (pt, 0.0, met["hwPhi"] * 2 * np.pi / 144 if hardware else met["phi"])
    return array


@pytest.mark.parametrize("hardware", [False, True], ids=["GeV", "hardware"])
def test_a_file_of_trigger_objects_gets_the_scores_of_its_arrays(l1kd, tmp_path, hardware):
    parts = collections(np.random.default_rng(5), hardware)
    path = tmp_path / "l1nano.root"
    write(path, parts)
    result = l1kd(
        "insert", path, "--algorithms", "object_anomaly", "--format", "parquet", "--keep", "L1Jet",
        "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["datasets"]["l1nano"]["seen"] == EVENTS
    (skim,) = (tmp_path / "out").rglob("*.parquet")
    table = ak.from_parquet(skim)
    column = next(table[name] for name in table.fields if "ObjectAD" in name)
    scores = ak.to_numpy(column["score"] if column.fields else column)
    assert len(np.unique(scores)) > 10
    np.testing.assert_array_equal(scores, ObjectAnomaly().score(expected(parts, hardware)))


def test_rates_of_trigger_objects(l1kd, tmp_path):
    path = tmp_path / "minbias.root"
    write(path, collections(np.random.default_rng(6), hardware=True))
    result = l1kd(
        "rates", "--minbias", path, "--algorithms", "object_anomaly", "--targets", "2000",
        "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "object_anomaly_score" in json.loads(result.stdout)["rates"][0]["thresholds"]
