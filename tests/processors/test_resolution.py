"""ResolutionProcessor on real events: direct computation, chunks, truth, absent inputs."""

import itertools

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import DelphesSchema, NanoEventsFactory
from coffea.processor import accumulate

from l1kd.datasets import TriggerPFNanoSchema
from l1kd.errors import ConfigurationError, PairingError
from l1kd.physics.response import Resampling, ResponseSample, met_table
from l1kd.processors.particles import algorithms_for
from l1kd.processors.resolution import ORIGINS, ResolutionProcessor

WEIGHTINGS = ("none", "puppi", "soft_truth", "no_pileup", "delphes_puppi")


def open_delphes(path, start=0, stop=None, **metadata):
    return NanoEventsFactory.from_root(
        {str(path): "Delphes"},
        schemaclass=DelphesSchema,
        entry_start=start,
        entry_stop=stop,
        metadata={"dataset": "top", "filename": str(path), "entrystart": start, **metadata},
    ).events()


@pytest.fixture(scope="module")
def files(data):
    return data / "ttbar2l_PU140.root", data / "ttbar2l_PU0.root"


@pytest.fixture(scope="module")
def output(files):
    events = open_delphes(files[0], 0, 20, truth=str(files[1]))
    return ResolutionProcessor(WEIGHTINGS).process(events)["top"]


@pytest.fixture(scope="module")
def sample(output):
    return ResponseSample.from_columns(output["columns"].joined())


def test_counts(output):
    assert (output["seen"], output["used"]) == (20, 20)
    assert output["skipped"] == {}
    assert output["absent"] == {}


def test_met_is_the_sum_of_the_collections(files, sample):
    events = open_delphes(files[0], 0, 20)
    truth = 1 - events.EFlowTrack.IsPU
    neutrals = (events.EFlowPhoton, events.EFlowNeutralHadron)
    for axis, function in ((0, np.cos), (1, np.sin)):
        plain = ak.sum(events.EFlowTrack.PT * function(events.EFlowTrack.Phi), axis=1)
        soft = ak.sum(truth * events.EFlowTrack.PT * function(events.EFlowTrack.Phi), axis=1)
        for c in neutrals:
            momentum = c.ET * function(c.Phi)
            plain = plain + ak.sum(momentum, axis=1)
            soft = soft + ak.sum(c.HardEnergyFraction * momentum, axis=1)
        # single precision of the file, several thousand particles
        np.testing.assert_allclose(sample.met["none"][axis], -plain, atol=0.05)
        np.testing.assert_allclose(sample.met["soft_truth"][axis], -soft, atol=0.05)


def test_delphes_own_puppi_and_generated_quantities_are_the_branches(files, sample):
    events = open_delphes(files[0], 0, 20)
    met = ak.flatten(events.PuppiMissingET.MET)
    np.testing.assert_allclose(np.hypot(*sample.met["delphes_puppi"]), met, rtol=1e-6)
    gen = ak.flatten(events.GenMissingET.MET)
    np.testing.assert_allclose(np.hypot(*sample.gen_met), gen, rtol=1e-6)
    assert sample.gen_jet_pt.size == ak.sum(events.GenJet.PT > 15)
    assert sample.weight.tolist() == [1.0] * 20


def test_weightings_come_in_the_order_that_physics_demands(sample):
    table = met_table(sample, resampling=Resampling(replicas=10))
    width = {w: table[w]["resolution"]["value"] for w in WEIGHTINGS}
    assert width["none"] > width["puppi"] > width["soft_truth"]
    assert width["none"] > 2 * width["no_pileup"]


def test_jets_are_matched_one_to_one(sample, output):
    columns = output["columns"].joined()
    for w in WEIGHTINGS:
        ratio = sample.jet_response(w)
        matched = np.isfinite(ratio)
        assert 0.6 < matched.mean() <= 1.0
        assert matched.sum() <= columns[f"n_jets:{w}"].sum()
        assert 0.9 < np.nanmedian(ratio) < (3.0 if w == "none" else 1.1)


def test_weight_histogram_counts_every_particle(files, output):
    events = open_delphes(files[0], 0, 20)
    n = sum(
        ak.sum(ak.num(events[c]["Eta"]))
        for c in ("EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron")
    )
    histogram = output["weights"]
    assert histogram.sum() == n
    assert histogram["puppi", :, "unknown", :].sum() == 0
    hard = histogram["puppi", "charged hadron", "hard", :].values()
    pileup = histogram["puppi", "charged hadron", "pile-up", :].values()
    assert hard[-1] > hard[0]
    assert pileup[0] > pileup[-1]
    assert tuple(histogram.axes["origin"]) == ORIGINS


@pytest.mark.parametrize("edges", [(0, 7, 20), (0, 1, 2, 20)])
def test_chunks_do_not_matter(files, output, edges):
    processor = ResolutionProcessor(WEIGHTINGS)
    parts = [
        processor.process(open_delphes(files[0], start, stop, truth=str(files[1])))
        for start, stop in itertools.pairwise(edges)
    ]
    merged = accumulate(reversed(parts))["top"]
    assert merged["columns"] == output["columns"]
    assert merged["weights"] == output["weights"]
    assert merged["seen"] == 20


def test_twin_of_other_events_is_an_error(data, files):
    events = open_delphes(files[0], 0, 3, truth=str(data / "minbias_PU140.root"))
    with pytest.raises(PairingError, match="entry 0"):
        ResolutionProcessor(("none", "no_pileup")).process(events)


def test_events_without_generated_momentum_are_counted(files):
    events = open_delphes(files[0], 0, 4)
    events["GenMissingET"] = ak.with_field(events.GenMissingET, events.GenMissingET.MET * 0, "MET")
    found = ResolutionProcessor(("none",)).process(events)["top"]
    assert found["skipped"] == {"no generated MET": 4}
    assert (found["seen"], found["used"]) == (4, 0)


def test_tiny_generated_momentum_is_counted_and_named(files):
    events = open_delphes(files[0], 0, 4)
    tiny = ak.with_field(events.GenMissingET, events.GenMissingET.MET * 1e-9, "MET")
    events["GenMissingET"] = tiny
    found = ResolutionProcessor(("none",)).process(events)["top"]
    assert found["skipped"] == {"generated MET below 1 GeV": 4}
    table = met_table(ResponseSample.from_columns(found["columns"].joined()))["none"]
    assert table["resolution"]["value"] is None
    assert table["u_perp"]["n"] == 4
    lower = ResolutionProcessor(("none",), min_gen_met=0.0).process(events)["top"]
    assert (lower["used"], lower["skipped"]) == (4, {})


def test_what_a_file_does_not_have_is_counted_as_absent(data):
    path = data / "pfnano.root"
    events = NanoEventsFactory.from_root(
        {str(path): "Events"}, schemaclass=TriggerPFNanoSchema, metadata={"dataset": "pf"}
    ).events()
    found = ResolutionProcessor(("none", "soft_truth", "no_pileup", "delphes_puppi")).process(
        events
    )["pf"]
    assert found["absent"] == {"soft_truth": 3, "no_pileup": 3, "delphes_puppi": 3}
    assert [name for name in found["columns"].joined() if name.startswith("met_px")] == [
        "met_px:none"
    ]


def test_particle_threshold(files):
    events = open_delphes(files[0], 0, 5)
    low = ResolutionProcessor(("none",)).process(events)["top"]["columns"].joined()
    high = ResolutionProcessor(("none",), min_pt=5.0).process(events)["top"]["columns"].joined()
    assert high["n_jets:none"].sum() < low["n_jets:none"].sum()


def test_weightings_must_be_known_and_different():
    with pytest.raises(ConfigurationError, match="unknown: pupi"):
        algorithms_for(["none", "pupi"])
    with pytest.raises(ConfigurationError, match="each once"):
        algorithms_for(["none", "none"])
    assert algorithms_for(["none", "puppi", "delphes_puppi", "qdistillnet"]) == [
        "puppi",
        "qdistillnet",
    ]
