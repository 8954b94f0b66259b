"""Turn-ons and algorithms at equal rate from files to page, and the verb."""

import csv
import json

import pytest
from typer.testing import CliRunner

from l1kd.algorithms import CandidateWeight
from l1kd.cli import app
from l1kd.errors import ConfigurationError
from l1kd.study.efficiency import (
    EfficiencyRequest,
    compare_at_rate,
    measure_turn_ons,
    turn_on_results,
)
from l1kd.trigger.efficiency.scalings import read_scalings

runner = CliRunner()

TURN_ONS = """
jet:
  online: JetPUPPI.PT
  reference: GenJet.PT
  match: 0.35
  reference_cuts: ["abs(eta) < 2.4"]
  regions: {barrel: [0, 1.5], endcap: [1.5, 2.4]}
  edges: [0, 200, 20]
  thresholds: [20, 40]
  scaling: 0.5
met:
  online: PuppiMissingET.MET
  reference: GenMissingET.MET
  edges: [0, 200, 25]
  thresholds: [30, 50]
  scaling: 0.5
"""


class Half(CandidateWeight):
    """Weight one half for every particle: the same trigger at half the scale."""

    name = "half"
    inputs = ("pt",)
    adds = "L1Cand.half_weight"

    def numpy_call(self, *, offsets, pt):
        import numpy as np

        return np.full(pt.size, 0.5, np.float32)


class Whole(Half):
    """Weight one."""

    name = "whole"
    adds = "L1Cand.whole_weight"

    def numpy_call(self, *, offsets, pt):
        import numpy as np

        return np.ones(pt.size, np.float32)


@pytest.fixture(scope="module")
def turn_ons(tmp_path_factory):
    path = tmp_path_factory.mktemp("turn_ons") / "turn_ons.yaml"
    path.write_text(TURN_ONS)
    return path


@pytest.fixture(scope="module")
def signal(data):
    return str(data / "ttbar2l_PU140.root")


@pytest.fixture(scope="module")
def minbias(data):
    return str(data / "minbias_PU140.root")


def test_every_threshold_of_every_region(turn_ons, signal):
    request = EfficiencyRequest.of({"turn_ons": turn_ons})
    filled = measure_turn_ons([f"tt={signal}"], request)
    results, _ = turn_on_results(filled, request)
    assert {(r.name, r.region, r.threshold) for r in results} == {
        *(("jet", region, t) for region in ("barrel", "endcap") for t in (20.0, 40.0)),
        *(("met", "inclusive", t) for t in (30.0, 50.0)),
    }
    for result in results:
        assert set(result.points) == {0.5, 0.9, 0.95}
        if result.fits:
            assert result.best == min(result.fits, key=lambda s: result.fits[s].deviance)


def test_an_algorithm_and_its_rescaled_copy_are_worth_the_same(signal, minbias):
    options = {
        "algorithms": (Whole(), Half()),
        "weighting_reference": "whole",
        "background": (f"zb={minbias}",),
        "targets": (10_000.0,),
        "replicas": 20,
        "grid": 1.0 / 64.0,
    }
    (table,) = compare_at_rate([f"tt={signal}"], EfficiencyRequest.of(options))
    row = table.rows[10e6]
    assert row["half"].threshold.value == pytest.approx(row["whole"].threshold.value / 2, rel=0.01)
    assert abs(row["half"].difference.value) <= 0.04  # one of fifty events on the grid's edge
    assert len(table.curves["whole"]) == len(table.rates_hz)


def test_what_cannot_be_compared_is_refused(signal, minbias):
    options = {"algorithms": ("puppi",), "background": (minbias,)}
    with pytest.raises(ConfigurationError, match="give two or more"):
        compare_at_rate([signal], EfficiencyRequest.of(options))
    options |= {"algorithms": ("puppi", "linpuppi"), "weighting_reference": "x"}
    with pytest.raises(ConfigurationError, match="reference 'x'"):
        compare_at_rate([signal], EfficiencyRequest.of(options))


def test_verb_writes_everything(turn_ons, signal, tmp_path):
    out = tmp_path / "out"
    arguments = ["efficiency", f"tt={signal}", "--turn-ons", str(turn_ons), "--out", str(out)]
    found = runner.invoke(app, arguments)
    assert found.exit_code == 0, found.output
    numbers = json.loads((out / "efficiency.json").read_text())
    assert len(numbers["turn_ons"]) == 6
    rows = list(csv.DictReader((out / "efficiency.csv").read_text().splitlines()))
    met = [r for r in rows if r["name"] == "met" and r["threshold"] == "30.0"]
    assert [float(r["from"]) for r in met] == numbers["turn_ons"][-2]["edges"][:-1]
    assert "met" in read_scalings(out / "scalings.json")
    assert len(list((out / "figures").glob("*.png"))) == 3
    assert "Online to offline" in (out / "index.html").read_text()


def test_one_turn_on_by_options(signal, tmp_path):
    arguments = ["efficiency", f"tt={signal}", "--online", "PuppiMissingET.MET", "--reference"]
    arguments += ["GenMissingET.MET", "--edges", "0", "200", "25", "--thresholds", "30", "--out"]
    found = runner.invoke(app, [*arguments, str(tmp_path / "o"), "--json"])
    assert found.exit_code == 0, found.output
    assert json.loads(found.output)["turn_ons"][0]["threshold"] == 30.0


def test_wrong_use_is_explained(signal, tmp_path):
    def output(*arguments):
        found = runner.invoke(app, ["efficiency", signal, *arguments, "--out", str(tmp_path / "o")])
        assert found.exit_code in (1, 2)
        return " ".join(found.output.split())

    assert "nothing to measure" in output()
    assert "thresholds" in output("--online", "A.b", "--reference", "C.d", "--edges", "0", "9", "1")
