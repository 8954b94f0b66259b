"""Event scores of one's own: what they read, and what is wrong with what they get."""

import awkward as ak
import numpy as np
import pytest

import l1kd
import l1kd.algorithms
from l1kd.algorithms import EventScore
from l1kd.errors import ConfigurationError, InputError, UnknownFormatError
from l1kd.objects import objects


class LeadingMuon(EventScore):
    """Largest pt of a muon."""

    name = "leading_muon"
    inputs = ("objects",)
    adds = "Leading.muon"

    def numpy_call(self, found):
        return found[:, 0, 0]


class Vertices(EventScore):
    """Number of something that only this score knows how to read."""

    name = "vertices"
    inputs = ("vertices",)
    adds = "Leading.vertices"

    def applies_to(self, events):
        return "PV" in events.fields

    def arrays(self, events):
        return (ak.to_numpy(events.PV.npvs),)

    def numpy_call(self, count):
        return count.astype(np.float32)


@pytest.fixture
def nano():
    muons = ak.zip({"pt": [[7.0, 9.0], []], "eta": [[0.5, 0.1], []], "phi": [[1.0, 0.0], []]})
    muons = ak.with_field(muons, ak.Array([[0, 1], []]), "bx")
    empty = muons[:, :0]
    sums = ak.Array([[{"pt": 20.0, "phi": 0.1, "etSumType": 2, "bx": 0}]] * 2)
    collections = {"L1Mu": muons, "L1EG": empty, "L1Jet": empty, "L1EtSum": sums}
    return ak.zip({**collections, "PV": ak.zip({"npvs": [30, 40]})}, depth_limit=1)


def test_a_score_reads_objects(nano):
    assert LeadingMuon().applies_to(nano)
    inserted = l1kd.insert(nano, [LeadingMuon()])
    assert inserted.Leading.muon.tolist() == [7.0, 0.0]
    np.testing.assert_array_equal(LeadingMuon().arrays(nano)[0], objects(nano))


def test_a_score_reads_what_it_likes(nano):
    inserted = l1kd.insert(nano, [LeadingMuon(), Vertices()])
    assert inserted.Leading.vertices.tolist() == [30.0, 40.0]
    assert not Vertices().applies_to(inserted[["Leading"]])


def test_scores_say_what_they_need(nano):
    rest = nano[["PV"]]
    assert not LeadingMuon().applies_to(rest)
    with pytest.raises(UnknownFormatError, match="muons, electrons, jets and MET"):
        l1kd.insert(rest, [LeadingMuon()])
    with pytest.raises(UnknownFormatError, match="unknown source of objects 'L2'"):
        LeadingMuon(source="L2")(nano)


def test_arrays_are_checked():
    with pytest.raises(InputError, match=r"leading_muon: expected float32 objects .* 19, 3"):
        LeadingMuon()(np.zeros((2, 18, 3), np.float32))
    with pytest.raises(InputError, match=r"float32 objects .* found float64"):
        LeadingMuon()(np.zeros((2, 19, 3)))

    class Both(LeadingMuon):
        inputs = ("objects", "regions")

    with pytest.raises(InputError, match=r"one row an event, found lengths \[2, 3\]"):
        Both()(np.zeros((2, 19, 3), np.float32), np.zeros((3, 18, 14), np.uint16))


def test_an_unknown_input_is_named(nano):
    class Misspelt(LeadingMuon):
        inputs = ("object",)

    with pytest.raises(ConfigurationError, match=r"unknown input 'object'.*did you mean 'objects'"):
        Misspelt()(nano)


def test_deployed_networks_have_the_names_that_cms_gives_them():
    for name in [
        "AXOL1TL",
        "CICADA",
        "TOPO",
        "L1TSC4NGJet",
        "NNPuppiTau",
        "TOoLLiP",
        "L1METML",
        "EMTF_NN",
    ]:
        assert issubclass(getattr(l1kd.algorithms, name), l1kd.algorithms.Algorithm)
    assert l1kd.algorithms.CICADA().name == "cicada"
