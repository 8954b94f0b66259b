"""RateProcessor on real events: definitions, chunks, files without candidates."""

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import DelphesSchema, NanoEventsFactory
from coffea.processor import accumulate

from l1kd.algorithms import CandidateWeight, EventScore
from l1kd.errors import ConfigurationError
from l1kd.processors.rates import RateProcessor


class Half(CandidateWeight):
    """Weight one half for every particle."""

    name = "half"
    inputs = ("pt",)
    adds = "L1Cand.half_weight"

    def numpy_call(self, *, offsets, pt):
        return np.full(pt.size, 0.5, np.float32)


class Total(EventScore):
    """Stands for CICADA: a 256th of the sum of all regions."""

    name = "cicada"
    adds = "CICADA.score"

    def numpy_call(self, image):
        return (image.sum((1, 2)) / 256).astype(np.float32)


def open_delphes(path, start=0, stop=None):
    return NanoEventsFactory.from_root(
        {str(path): "Delphes"},
        schemaclass=DelphesSchema,
        entry_start=start,
        entry_stop=stop,
        metadata={"dataset": "minbias", "filename": str(path), "entrystart": start},
    ).events()


@pytest.fixture(scope="module")
def processor():
    weightings = ("none", "half", "delphes_puppi")
    return RateProcessor(weightings, algorithms=[Half(), Total()])


@pytest.fixture(scope="module")
def output(data, processor):
    return processor.process(open_delphes(data / "minbias_PU140.root", 0, 12))["minbias"]


def test_columns_are_what_they_say(data, output):
    columns = output["columns"].joined()
    events = open_delphes(data / "minbias_PU140.root", 0, 12)
    np.testing.assert_allclose(
        columns["met:delphes_puppi"], ak.flatten(events.PuppiMissingET.MET), rtol=1e-6
    )
    hardest = ak.fill_none(ak.max(events.JetPUPPI.PT, axis=1), 0.0)
    np.testing.assert_allclose(columns["jet_pt:delphes_puppi"], hardest, rtol=1e-6)
    counted = (events.JetPUPPI.PT > 30) & (abs(events.JetPUPPI.Eta) < 2.4)
    sums = ak.sum(events.JetPUPPI.PT[counted], axis=1)
    np.testing.assert_allclose(columns["ht:delphes_puppi"], sums, rtol=1e-6)
    assert np.all(columns["cicada_score"] > 0)
    assert (output["seen"], output["used"]) == (12, 12)


def test_half_the_weight_is_half_the_momentum(output):
    columns = output["columns"].joined()
    np.testing.assert_allclose(columns["met:half"], columns["met:none"] / 2, rtol=1e-9)
    np.testing.assert_allclose(columns["jet_pt:half"], columns["jet_pt:none"] / 2, rtol=1e-6)


def test_chunks_do_not_matter(data, processor, output):
    path = data / "minbias_PU140.root"
    parts = [processor.process(open_delphes(path, a, b)) for a, b in ((5, 12), (0, 5))]
    assert accumulate(parts)["minbias"]["columns"] == output["columns"]


def test_score_alone_needs_no_candidates(data):
    alone = RateProcessor((), algorithms=[Total()])
    found = alone.process(open_delphes(data / "minbias_PU140.root", 0, 3))["minbias"]
    assert set(found["columns"].joined()) == {"event_weight", "cicada_score"}


def test_without_a_score(data):
    found = RateProcessor(("none",), score=False).process(
        open_delphes(data / "minbias_PU140.root", 0, 3)
    )["minbias"]
    assert "cicada_score" not in found["columns"].joined()


def test_a_trigger_has_no_events_without_pileup():
    with pytest.raises(ConfigurationError, match="no_pileup"):
        RateProcessor(("no_pileup",))
