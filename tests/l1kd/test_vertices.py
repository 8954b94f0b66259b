"""One choice of vertex for everything that reads dz."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import Correlator, LinPuppi, Puppi, QDistillNet
from l1kd.candidates import candidates, has_z0, recorded_vertex
from l1kd.emulators.correlator.vertex import VertexFinder
from l1kd.errors import ConfigurationError, MissingBranchError
from l1kd.processors.rates import RateProcessor
from l1kd.processors.resolution import ResolutionProcessor
from l1kd.processors.vertices import vertex_counts
from l1kd.truth import hard_vertex


@pytest.fixture(scope="module")
def events(data, open_events):
    return open_events(data / "ttbar2l_PU140.root")[:8]


@pytest.fixture(scope="module")
def pfnano(data, open_events):
    return open_events(data / "pfnano.root")[:4]


def flat(array):
    return ak.to_numpy(ak.flatten(array))


def test_dz_is_relative_to_the_vertex_that_is_chosen(events):
    simulated, found = candidates(events), candidates(events, vertex="found")
    assert (recorded_vertex(simulated), recorded_vertex(found)) == ("simulated", "found")
    z = VertexFinder().run(
        {name: flat(found[name]) for name in ("pt", "eta", "charge", "z0")},
        np.concatenate([[0], np.cumsum(ak.num(found.pt))]),
    )
    charged = flat(found.charge) != 0
    number = np.repeat(np.arange(len(events)), ak.num(found.pt))
    expected = np.where(charged, flat(found.z0) - z.z0[number], 0)
    np.testing.assert_allclose(flat(found.dz), expected, atol=1e-5)
    true = hard_vertex(events)[number]
    np.testing.assert_allclose(
        flat(simulated.dz)[charged], (flat(found.z0) - true)[charged], atol=1e-5
    )
    # all else is the same
    for name in ("pt", "eta", "z0", "d0", "dz_error"):
        np.testing.assert_array_equal(flat(found[name]), flat(simulated[name]))


def test_all_algorithms_of_one_insertion_have_one_vertex(events):
    names = ["puppi", "linpuppi", "qdistillnet"]
    simulated = l1kd.insert(events, names)
    found = l1kd.insert(events, names, vertex="found")
    assert "L1FoundVertex" not in simulated.fields
    near = np.abs(ak.to_numpy(found.L1FoundVertex.z0) - hard_vertex(events)) < 0.15
    assert near.mean() > 0.7
    for name in names:
        weights = [flat(each.L1Cand[f"{name}_weight"]) for each in (simulated, found)]
        assert (weights[0] != weights[1]).any(), name
    # the same through the algorithms themselves, alone or together
    own = l1kd.insert(events, [QDistillNet(vertex="found"), Puppi(vertex="found")])
    assert ak.array_equal(own.L1Cand.qdistillnet_weight, found.L1Cand.qdistillnet_weight)
    assert ak.array_equal(QDistillNet(vertex="found")(events), found.L1Cand.qdistillnet_weight)
    assert ak.array_equal(Puppi(vertex="found")(events), found.L1Cand.puppi_weight)
    assert ak.array_equal(LinPuppi(vertex="found")(events), found.L1Cand.linpuppi_weight)


def test_the_correlator_finds_its_own_vertex_beside_others(events):
    own = [
        Correlator(clusters=False),
        Correlator(clusters=False, vertex="simulated", prefix="Ideal"),
    ]
    beside = l1kd.insert(events, ["puppi", *own])
    assert recorded_vertex(beside.L1Cand) == "simulated"
    assert ak.array_equal(
        beside.L1Cand.puppi_weight, l1kd.insert(events, ["puppi"]).L1Cand.puppi_weight
    )
    linpuppi = [flat(l1kd.insert(events, ["linpuppi"], vertex=v).L1Cand.linpuppi_weight)
                for v in ("found", "simulated")]  # fmt: skip
    np.testing.assert_array_equal(flat(beside.L1Cand.L1Puppi_weight), linpuppi[0])
    np.testing.assert_array_equal(flat(beside.L1Cand.Ideal_weight), linpuppi[1])
    # with candidates whose dz is relative to the found vertex the simulated one is read anew
    again = l1kd.insert(events, ["puppi", *own], vertex="found")
    np.testing.assert_array_equal(flat(again.L1Cand.Ideal_weight), linpuppi[1])
    assert ak.all(again.L1PuppiVertex.found)
    assert not ak.any(again.IdealVertex.found)


def test_what_does_not_fit_together_is_refused(events):
    with pytest.raises(ConfigurationError, match="both the found and the simulated vertex"):
        l1kd.insert(events, [Puppi(vertex="found"), QDistillNet(vertex="simulated")])
    with pytest.raises(ConfigurationError, match="both the found and the simulated vertex"):
        l1kd.insert(events, [Puppi(vertex="found")], vertex="simulated")
    there = l1kd.insert(events, ["puppi"])
    with pytest.raises(
        ConfigurationError, match="already have L1Cand, whose dz is relative to the sim"
    ):
        l1kd.insert(there, ["qdistillnet"], vertex="found")
    with pytest.raises(ConfigurationError, match="whose dz is relative to the simulated vertex"):
        Puppi(vertex="found")(there)
    for wrong, hint in (("best", "expected 'found'"), ("tracks", "it is called 'found' now")):
        with pytest.raises(ConfigurationError, match=hint):
            l1kd.insert(events, ["puppi"], vertex=wrong)
        with pytest.raises(ConfigurationError, match=hint):
            Puppi(vertex=wrong)


def test_without_z0_no_vertex_can_be_found(pfnano):
    assert not has_z0(pfnano)
    for algorithm in ("puppi", "linpuppi"):
        with pytest.raises(
            MissingBranchError, match=r"vertex 'found' needs z0 of the tracks.*PFCands"
        ):
            l1kd.insert(pfnano, [algorithm], vertex="found")
    with pytest.raises(MissingBranchError, match="its dz is relative to the vertex that the file"):
        LinPuppi(vertex="found")(pfnano)
    assert recorded_vertex(l1kd.insert(pfnano, ["puppi"]).L1Cand) == "simulated"


def test_hand_made_candidates_have_the_vertex_that_they_have(events):
    columns = {
        name: candidates(events)[name] for name in ("pt", "eta", "phi", "charge", "pid", "dz", "z0")
    }
    made = ak.zip({"L1Cand": ak.zip(columns), "n_vertices": [100] * len(events)}, depth_limit=1)
    assert recorded_vertex(l1kd.insert(made, ["puppi"]).L1Cand) is None
    with pytest.raises(ConfigurationError, match="relative to an unknown vertex"):
        l1kd.insert(made, ["puppi"], vertex="found")
    found = l1kd.insert(events, ["linpuppi"], vertex="found").L1Cand.linpuppi_weight
    assert ak.array_equal(
        l1kd.insert(made, [LinPuppi(vertex="found")]).L1Cand.linpuppi_weight, found
    )


def test_rates_take_the_trigger_s_vertex_where_they_can(data, events, pfnano):
    def vertex(processor, events):
        (found,) = processor.process(events).values()
        return found["vertex"]

    counts = vertex(RateProcessor(["puppi"], score=False), events)
    assert counts["found"] == counts["compared"] == len(events)
    assert 0 < counts["near"] <= len(events)
    simulated = RateProcessor(["puppi"], score=False, vertex="simulated")
    assert vertex(simulated, events) == {"simulated": len(events)}
    assert vertex(RateProcessor(["puppi"], score=False), pfnano) == {"simulated": len(pfnano)}
    asked = RateProcessor(["puppi"], score=False, vertex="found")
    with pytest.raises(MissingBranchError, match="--vertex simulated"):
        asked.process(pfnano)
    # what is inserted already stays
    there = l1kd.insert(events, ["puppi"], vertex="simulated")
    assert vertex(RateProcessor(["puppi"], score=False), there) == {"simulated": len(events)}
    offline = ResolutionProcessor(["puppi"])
    assert offline.vertex is None
    assert vertex_counts(l1kd.insert(events, ["cicada"])) == {}


@pytest.mark.parametrize(("name", "low", "high"), [("ttbarlj", 0.88, 1.0), ("minbias", 0.0, 0.08)])
def test_the_finder_on_the_trigger_s_own_tracks(shared, open_events, name, low, high):
    events = open_events(shared / f"samples/pu200/train_{name}.root")[:200]
    counts = vertex_counts(l1kd.insert(events, [Puppi()], vertex="found"))
    assert counts["compared"] == 200
    assert low <= counts["near"] / 200 <= high
