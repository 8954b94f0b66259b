"""What was skipped stands in summary.json, with the reason."""

import json

import awkward as ak
import numpy as np
import pytest
import uproot

from l1kd.errors import InputError
from l1kd.study.request import Request
from l1kd.study.run import study


def test_the_reason_of_a_skipped_file_is_in_the_summary(data, tmp_path):
    cut, late = tmp_path / "cut.root", tmp_path / "late.root"
    source = (data / "ttbar2l_PU140.root").read_bytes()
    cut.write_bytes(source[: len(source) // 2])
    late.write_bytes(source[:50_000] + bytes(2_950_000) + source[3_000_000:])
    good = str(data / "minbias_PU140.root")
    request = Request(
        minbias=(good, str(cut), str(late)), algorithms=("puppi",), resolution=False,
        skip_bad_files=True, chunksize=25,
    )  # fmt: skip
    study(request, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    files = {file["path"]: file for file in summary["files"]}
    assert files[good]["skipped"] is None
    assert files[good]["processed"] == 50
    for path in (str(cut), str(late)):
        assert files[path]["skipped"].startswith(f"{path}: cannot be read")
        assert files[path]["skipped"].count("cannot be read") == 1
        assert not files[path]["processed"]


def with_a_nan_weight(source, target):
    """Copy an L1 NANO file; its fourth event has no weight."""
    with uproot.open({source: "Events"}) as tree:
        columns = {branch.name: branch.array() for branch in tree.branches}
    towers = {n: x for n, x in columns.items() if n.startswith("L1EmulCaloTower_")}
    weight = np.ones(len(columns["run"]), np.float32)
    weight[3] = np.nan
    content = {
        "L1EmulCaloTower": ak.zip({n.partition("_")[2]: x for n, x in towers.items()}),
        "genWeight": weight,
    }
    with uproot.recreate(target) as file:
        file["Events"] = content
    return str(target)


def test_a_file_whose_weights_are_no_numbers_is_bad_input(data, tmp_path):
    good = str(data / "minbias_PU140_l1nano.root")
    bad = with_a_nan_weight(good, tmp_path / "nan.root")
    request = Request(minbias=(good, bad), algorithms=("cicada",), resolution=False)
    with pytest.raises(InputError, match=r"nan\.root: 1 of 50 .* entry 3, nan"):
        study(request, tmp_path / "out")
    request = request.model_copy(update={"skip_bad_files": True})
    summary = study(request, tmp_path / "out")
    skipped = {file.path: file.skipped for file in summary.files}
    assert skipped[good] is None
    assert skipped[bad].startswith(f"{bad}: event weights: 1 of 50 are not finite")
    assert summary.rates[0].n_events == 50
