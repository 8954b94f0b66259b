"""Boosted decision trees of conifer: against a walk through the trees, and conifer's own C++."""

import json
import shutil

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.errors import ConfigurationError, FirmwareError, UnreadableFileError
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.rtl.distributed.adapters import load_tool
from l1kd.models.firmware.rtl.distributed.trace import trace_network
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.sources.conifer_models import ConiferCpp, includes, read_conifer
from l1kd.models.firmware.vectors import vectors


def tree(rng, features, depth, spread):
    """Return a random tree in conifer's fields, not complete."""
    columns = {name: [] for name in ("feature", "threshold", "value", "children_left",
                                     "children_right", "weight")}  # fmt: skip

    def grow(level):
        node = len(columns["feature"])
        leaf = level == depth or (level > 0 and rng.random() < 0.2)
        feature = -2 if leaf else int(rng.integers(features))
        columns["feature"].append(feature)
        columns["threshold"].append(-2.0 if leaf else float(rng.normal(scale=spread)))
        columns["value"].append(float(rng.normal(scale=0.5)))
        columns["weight"].append([int(i == feature) for i in range(features)])
        for side in ("children_left", "children_right"):
            columns[side].append(-1)
        if not leaf:
            columns["children_left"][node] = grow(level + 1)
            columns["children_right"][node] = grow(level + 1)
        return node

    grow(0)
    return columns


def model(path, *, classes=2, trees=12, depth=4, precision="ap_fixed<12,5>", norm=1, split="<=",
          score=None, seed=0):  # fmt: skip
    rng = np.random.default_rng(seed)
    each = 1 if classes == 2 else classes
    spread = 2.0 ** (FixedPoint.parse(precision).integer - 2)
    roles = dict.fromkeys(("input", "threshold", "weight", "score"), precision)
    content = {
        "n_classes": classes, "n_features": 5, "n_trees": trees, "max_depth": depth,
        "init_predict": rng.normal(scale=0.3, size=each).tolist(), "norm": norm,
        "library": "sklearn", "splitting_convention": split,
        "trees": [[tree(rng, 5, depth, spread) for _ in range(each)] for _ in range(trees)],
        "config": {"backend": "cpp"} | {f"{role}_precision": p for role, p in
                                        (roles | {"score": score or precision}).items()},
    }  # fmt: skip
    path.write_text(json.dumps(content))
    return content


def walked(content, raw):
    """Walk through the trees with integers, adding as ``ap_fixed`` does."""
    config = content["config"]
    form = FixedPoint.parse(config["threshold_precision"])
    score = FixedPoint.parse(config["score_precision"])
    each = len(content["init_predict"])
    result = []
    for row in raw.tolist():
        scores = []
        for number in range(each):
            total = int(score.from_float(content["init_predict"][number]))
            for trees in content["trees"]:
                t, node = trees[number], 0
                while t["feature"][node] != -2:
                    x = row[t["feature"][node]]
                    limit = int(form.from_float(t["threshold"][node]))
                    inclusive = content["splitting_convention"] == "<="
                    left = x <= limit if inclusive else x < limit
                    node = t["children_left" if left else "children_right"][node]
                leaf = int(score.from_float(t["value"][node]))
                total = score.cast_int(total + leaf, score.fraction)
            norm = int(score.from_float(content["norm"]))
            scores.append(score.cast_int(total * norm, 2 * score.fraction))
        result.append(scores)
    return np.array(result)


CASES = {
    "two classes": {},
    "strictly less": {"split": "<"},
    "five classes": {"classes": 5, "trees": 4},
    "norm": {"norm": 0.37},
    "wraps": {"precision": "ap_fixed<8,3>", "score": "ap_fixed<7,2>"},
    "saturates and rounds": {"score": "ap_fixed<7,2,AP_RND_CONV,AP_SAT>"},
    "integers": {"precision": "ap_fixed<10,10>", "score": "ap_fixed<16,4>"},
    "deep": {"depth": 7, "trees": 3},
}


@pytest.mark.parametrize("case", CASES)
def test_a_walk_through_the_trees_gives_the_same(case, tmp_path):
    content = model(tmp_path / "trees.json", **CASES[case])
    network = read_conifer(tmp_path / "trees.json")
    raw = vectors.make(network, 1500, 3).raw.astype(np.int64)
    found = network.predict_raw(raw)
    np.testing.assert_array_equal(found, walked(content, raw))
    assert len(np.unique(found, axis=0)) > 20


def needs_conifer():
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    try:
        includes()
    except ConfigurationError as error:
        pytest.skip(str(error))


@pytest.mark.heavy
@pytest.mark.parametrize("case", CASES)
def test_conifer_itself_gives_the_same(case, tmp_path):
    needs_conifer()
    model(tmp_path / "trees.json", **CASES[case])
    network = read_conifer(tmp_path / "trees.json")
    raw = vectors.make(network, 20_000, 3).raw.astype(np.int64)
    found = ConiferCpp(tmp_path / "trees.json").predict_raw(network, raw)
    np.testing.assert_array_equal(found, network.predict_raw(raw))


@pytest.mark.heavy
@pytest.mark.parametrize("tool", ["da4ml", "alkaid"])
def test_trees_are_built_and_proved(tool, tmp_path):
    pytest.importorskip(tool)
    needs_conifer()
    model(tmp_path / "trees.json", norm=0.37)
    options = BuildOptions(tool, vectors=10_000, synthesize=False)
    compared = build(str(tmp_path / "trees.json"), tmp_path / "built", options).proof.compared
    for party in ("conifer", checks.RTL):
        assert compared[party] == {"vectors": 10_000, "mismatches": 0}
    assert "conifer's own" in compared[checks.CPP]["skipped"]


def test_trees_that_cannot_be_built_are_refused(tmp_path):
    path = tmp_path / "trees.json"

    def changed(**entries):
        content = model(path)
        content.update(entries)
        path.write_text(json.dumps(content))
        return str(path)

    content = model(path)
    first = content["trees"][0][0]
    loop = {**first, "children_left": [0] * len(first["feature"])}
    oblique = {**first, "weight": [[1, 1, 0, 0, 0]] * len(first["feature"])}
    outside = {**first, "feature": [99] * len(first["feature"]), "weight": []}
    short = {**first, "value": first["value"][:-1]}
    for entries, message in (
        ({"config": {"backend": "cpp"}}, "give conifer a Precision, or declare it"),
        ({"trees": [[loop]]}, "are no tree"),
        ({"trees": [[oblique]]}, "an oblique tree"),
        ({"trees": [[short]]}, "different lengths"),
        ({"trees": [[outside]]}, "splits at no number"),
        ({"trees": []}, "holds no split"),
        ({"n_features": None}, "damaged"),
    ):
        with pytest.raises(FirmwareError, match=message):
            sources.find(changed(**entries))
    declared = {"default": {"result": "ap_fixed<12,5>"}}
    found = sources.find(changed(config={"backend": "cpp"}), declared)
    assert str(found.network.inputs[0].format) == "ap_fixed<12,5>"
    path.write_text("{}")
    with pytest.raises(FirmwareError, match="no model of conifer"):
        sources.find(str(path))
    path.write_text("{")
    with pytest.raises((FirmwareError, UnreadableFileError, ConfigurationError)):
        sources.find(str(path))


@pytest.mark.parametrize("name", ["da4ml", "alkaid"])
def test_the_tools_lists_of_operations_compute_the_trees(name, tmp_path):
    pytest.importorskip(name)
    model(tmp_path / "trees.json", trees=2, depth=2, norm=0.37)
    network = read_conifer(tmp_path / "trees.json")
    trace_network(network, load_tool(name)).save(str(tmp_path / "list.json"))
    raw = vectors.make(network, 1000, 3).raw.astype(np.int64)
    listed = Network.from_operation_list(tmp_path / "list.json")
    np.testing.assert_array_equal(vectors.emulate(listed, raw), vectors.emulate(network, raw))
