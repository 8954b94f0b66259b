"""Several processors in one pass: inserted once, clustered once, and the same numbers."""

import awkward as ak
import pytest

import l1kd
from l1kd.algorithms import Correlator
from l1kd.datasets import inspect_file
from l1kd.physics import jets
from l1kd.processors import particles
from l1kd.processors.multi import MultiProcessor
from l1kd.processors.rates import RateProcessor
from l1kd.processors.resolution import ResolutionProcessor

WEIGHTINGS = ("none", "puppi")


@pytest.fixture
def events(data):
    return inspect_file(str(data / "ttbar2l_PU140.root"), "top").open(0, 3)


@pytest.fixture
def clustered(monkeypatch):
    """Count the calls of the clustering."""
    calls = []

    def counted(*arguments, **options):
        calls.append(options)
        return jets.anti_kt(*arguments, **options)

    monkeypatch.setattr(particles, "anti_kt", counted)
    return calls


def parts(jet_min_pt=15.0):
    return {
        "resolution": ResolutionProcessor(WEIGHTINGS, vertex="found"),
        "rates": RateProcessor(WEIGHTINGS, score=False, jet_min_pt=jet_min_pt),
    }


def test_jets_of_a_weighting_are_clustered_once(events, clustered):
    together = MultiProcessor(parts(), ["puppi"]).process(events)
    assert len(clustered) == len(WEIGHTINGS)
    alone = {name: each.process(events) for name, each in parts().items()}
    assert len(clustered) == 3 * len(WEIGHTINGS)
    for name, found in alone.items():
        assert together[name]["top"]["columns"] == found["top"]["columns"]


def test_other_cuts_are_other_jets(events, clustered):
    MultiProcessor(parts(jet_min_pt=30.0), ["puppi"]).process(events)
    assert len(clustered) == 2 * len(WEIGHTINGS)


def test_processors_may_lie_within_each_other(events):
    inner = MultiProcessor(parts(), ["puppi"])
    nested = MultiProcessor({"dz": inner, "again": inner}, []).process(events)
    assert nested["dz"]["rates"]["top"]["columns"] == nested["again"]["rates"]["top"]["columns"]


def test_losses_of_every_correlator_are_counted(events):
    """Also of one with a prefix of its own, which loses other particles."""
    other = Correlator("linpuppi", clusters=True, prefix="L1Other")
    counted = MultiProcessor(parts(), ["linpuppi", other]).process(events)["losses"]
    assert list(counted) == ["L1Puppi", "L1Other"]
    inserted = l1kd.insert(events, ["linpuppi", other], vertex="found")
    for prefix, lost in counted.items():
        stored = inserted[f"{prefix}Losses"]
        assert lost == {limit: ak.sum(stored[limit]) for limit in stored.fields}
    assert counted["L1Puppi"] != counted["L1Other"]


def test_nothing_is_shared_between_chunks(data):
    file = inspect_file(str(data / "ttbar2l_PU140.root"), "top")
    together = MultiProcessor(parts(), ["puppi"])
    first, second = (together.process(file.open(i, i + 2)) for i in (0, 2))
    assert first["rates"]["top"]["columns"] != second["rates"]["top"]["columns"]
