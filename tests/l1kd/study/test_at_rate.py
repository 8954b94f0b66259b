"""Weights of the correlator judged at equal rate."""

import json

import numpy as np
import pytest

from l1kd.algorithms import Correlator
from l1kd.algorithms.region_puppi import PuppiCorrelator
from l1kd.algorithms.true_shares import TrueShares
from l1kd.datasets import inspect_file
from l1kd.emulators.particles.region_puppi import TRIGGER_PUPPI, TUNED_PUPPI
from l1kd.errors import ConfigurationError
from l1kd.processors.at_rate import QUANTITIES
from l1kd.study.at_rate import judge, weightings_of
from l1kd.study.judgement_page import write_judgement
from l1kd.study.request import AtRateRequest, EvaluateRequest
from l1kd.study.symmetry import symmetries


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "samples" / "pu200"


@pytest.fixture(scope="module")
def judged(folder, tmp_path_factory):
    """A small comparison: hard collisions for zero bias, none of the test events."""
    request = AtRateRequest(
        fileset=[f"z={folder / 'train_qcd170.root'}"],
        zero_bias=(f"soft={folder / 'train_mb140.root'}",),
        pileup=(f"200={folder / 'train_qcd120.root'}", f"250={folder / 'train_mb250.root'}"),
        targets=(3000.0,),
        replicas=10,
        library=70_000,
    )
    weightings = [Correlator(clusters=False, prefix="L1Preset"), TrueShares()]
    found = judge(request, weightings)
    out = tmp_path_factory.mktemp("at_rate")
    return found, write_judgement(found, request, weightings, out), out


@pytest.mark.slow
def test_every_quantity_has_thresholds_that_keep_the_rate(judged):
    found, _, _ = judged
    assert set(found.rows["z"]) == set(QUANTITIES)
    for row in found.rows["z"].values():
        for result in row[3_000_000.0].values():
            assert 0.0 <= result.efficiency.low <= result.efficiency.value <= 1.0
    met = found.rows["z"]["met"][3_000_000.0]
    # soft crossings have next to no true share: that is the bound
    assert met["L1Truth"].threshold.value < met["L1Preset"].threshold.value
    assert found.gains[3_000_000.0]["L1Truth"].value == pytest.approx(
        met["L1Truth"].difference.value
    )


@pytest.mark.slow
def test_page_and_numbers_are_written(judged):
    found, page, out = judged
    content = json.loads((out / "at_rate.json").read_text())
    assert content["reference"] == found.reference == "L1Preset"
    text = page.read_text()
    for title in ("Efficiency at equal rate", "Rate at equal efficiency", "Reflections and turns"):
        assert title in text
    assert [row.weighting for row in found.pileup] == ["L1Preset", "L1Truth"]


@pytest.mark.slow
def test_a_turn_by_a_sector_changes_no_weight(folder):
    path = str(folder / "train_zinv.root")
    found = symmetries(path, [Correlator(prefix="L1Own")], n_events=5)
    turned = next(s for s in found if s.transformation == "turned by a sector")
    assert turned.largest_weight == 0.0
    assert turned.largest_met <= 0.5


@pytest.mark.slow
def test_true_shares_give_what_the_hard_collision_left_in_the_slots(folder):
    file = inspect_file(str(folder / "train_zinv.root"))
    events = file.open(0, 20)
    result = TrueShares().correlator(events)
    tracks = np.asarray(events.GenMissingET.MET[:, 0])
    close = np.abs(result.met["met_hwPt"] / 4.0 - tracks) < 0.5 * tracks + 20
    assert close.mean() > 0.7


def test_references_have_the_parameters_tuned_for_what_enters():
    found = {w.label: w for w in weightings_of()}
    for label, entering in (("PUPPI, tuned", "clusters"), ("PUPPI, tuned, towers", "towers")):
        assert found[label].parameters == TUNED_PUPPI[entering]
        assert bool(found[label].clusters) == (entering == "clusters")
        preset = found[label.replace("tuned", "presets")]
        assert preset.parameters == TRIGGER_PUPPI
        assert bool(preset.clusters) == bool(found[label].clusters)
    assert len({w.name for w in found.values()}) == len(weightings_of()) == len(found)
    assert not any("towers" in w.label for w in weightings_of(towers=False))


def test_a_comparison_needs_signals_and_zero_bias():
    with pytest.raises(ConfigurationError, match="zero bias"):
        judge(AtRateRequest(fileset=["a.root"]), [])


def test_evaluate_has_the_options_of_both_comparisons():
    asked = EvaluateRequest(at_rate=True, zero_bias=("z.root",), models=("mine",))
    assert asked.part(AtRateRequest).zero_bias == ("z.root",)
    assert asked.part(AtRateRequest).models == ("mine",)


@pytest.mark.slow
def test_puppi_in_the_correlator_keeps_less_of_a_soft_crossing_when_thresholds_rise(folder):
    events = inspect_file(str(folder / "train_minbias.root")).open(0, 5)
    sums = []
    for parameters in (TRIGGER_PUPPI, TRIGGER_PUPPI.with_bin(0, neutral_pt_min=30.0)):
        result = PuppiCorrelator(parameters=parameters).correlator(events)
        assert np.all((result.weights >= 0) & (result.weights <= 1))
        sums.append(result.candidates["cand_hwPt"].sum())
    assert 0 < sums[1] < sums[0]
    assert PuppiCorrelator(parameters=parameters).version == "puppi-tuned-clusters"
