"""LinPUPPI and the correlator's objects in events."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import LinPuppi
from l1kd.algorithms.linpuppi import track_z0
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.errors import ConfigurationError
from l1kd.truth import hard_vertex


@pytest.fixture(scope="module")
def inserted(data, open_events):
    return l1kd.insert(open_events(data / "ttbar2l_PU140.root")[:20], ["linpuppi"])


def test_weights(inserted):
    particles = inserted.L1Cand
    weight = particles.linpuppi_weight
    central = (particles.charge != 0) & (abs(particles.eta) < 2.3)
    assert set(np.unique(ak.to_numpy(ak.flatten(weight[central])))) == {0.0, 1.0}
    values = ak.to_numpy(ak.flatten(weight))
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values * 256, np.round(values * 256))
    neutral = (particles.charge == 0) & (particles.pt > 4)
    hard = weight[neutral & (particles.hard_fraction > 0.5)]
    pileup = weight[neutral & (particles.hard_fraction < 0.5)]
    assert ak.mean(hard) > 2 * ak.mean(pileup)


def test_collections_have_physical_units_and_the_firmware_integers(inserted):
    lsb = np.pi / 720
    for name in ("L1PuppiCand", "L1SeededConeJet"):
        objects = inserted[name]
        np.testing.assert_allclose(ak.flatten(objects.pt), 0.25 * ak.flatten(objects.hwPt))
        np.testing.assert_allclose(
            ak.flatten(objects.eta), lsb * ak.flatten(objects.hwEta), rtol=1e-6
        )
        assert ak.all(abs(objects.phi) <= np.float32(np.pi))
    assert ak.max(ak.num(inserted.L1PuppiCand.pt)) <= 128
    assert ak.max(ak.num(inserted.L1SeededConeJet.pt)) <= 16
    np.testing.assert_allclose(inserted.L1PuppiMET.pt, 0.25 * inserted.L1PuppiMET.hwPt)
    np.testing.assert_allclose(inserted.L1PuppiHT.ht, 0.25 * inserted.L1PuppiHT.hwHt)


def test_objects_follow_from_the_candidates(inserted):
    candidates, met = inserted.L1PuppiCand, inserted.L1PuppiMET
    px = -ak.sum(candidates.pt * np.cos(candidates.phi), axis=1)
    py = -ak.sum(candidates.pt * np.sin(candidates.phi), axis=1)
    # the firmware's cosine is a polynomial, and its phi has steps
    np.testing.assert_allclose(met.pt, np.hypot(px, py), atol=2.0)
    jets = inserted.L1SeededConeJet
    counted = jets[(jets.pt > 30) & (abs(jets.hwEta) < 550)]
    np.testing.assert_allclose(inserted.L1PuppiHT.ht, ak.sum(counted.pt, axis=1))


def test_losses_are_counted(inserted):
    losses = inserted.L1PuppiLosses
    assert "regionizer_neutrals" in losses.fields
    total = sum(losses[name] for name in losses.fields)
    assert ak.all(total + ak.num(inserted.L1PuppiCand.pt) <= ak.num(inserted.L1Cand.pt))
    assert ak.all(losses.outside > 0), "neutrals up to 5 in eta, and some beyond acceptance"


def test_jets_agree_with_generated_jets(inserted):
    """From physics: the hardest trigger jet lies at the direction of some hard generated jet."""
    jet = ak.firsts(inserted.L1SeededConeJet)
    generated = inserted.GenJet[inserted.GenJet.pt > 20]
    hard = ak.fill_none(jet.pt > 50, False) & (ak.num(generated) > 0)
    deta = jet.eta[hard] - generated.eta[hard]
    dphi = (jet.phi[hard] - generated.phi[hard] + np.pi) % (2 * np.pi) - np.pi
    nearest = ak.min(np.hypot(deta, dphi), axis=1)
    assert ak.mean(nearest < 0.4) > 0.9


def test_vertex_of_the_tracks_is_the_true_one_mostly(data, open_events):
    events = open_events(data / "ttbar2l_PU140.root")[:20]
    result = LinPuppi(vertex="found").correlator(events)
    true = hard_vertex(events)
    assert np.mean(np.abs(0.05 * result.vertex - true) < 0.15) > 0.8
    assert (result.losses["layer2_list"] == 0).all()


def test_the_object_alone_gives_the_weight(data, open_events, inserted):
    events = open_events(data / "ttbar2l_PU140.root")[:20]
    assert ak.array_equal(LinPuppi()(events), inserted.L1Cand.linpuppi_weight)


def test_no_events_and_masked_events(data, open_events, inserted):
    events = open_events(data / "ttbar2l_PU140.root")
    assert len(l1kd.insert(events[:0], ["linpuppi"]).L1SeededConeJet.pt) == 0
    masked = l1kd.insert(ak.mask(events[:4], [True, False, True, True]), ["linpuppi"])
    assert masked.L1PuppiMET.pt[1] is None
    assert masked.L1PuppiMET.pt[2] == inserted.L1PuppiMET.pt[2]


def test_unknown_vertex():
    with pytest.raises(ConfigurationError, match="unknown vertex 'best'"):
        LinPuppi(vertex="best")
    with pytest.raises(ConfigurationError, match="it is called 'found' now"):
        LinPuppi(vertex="tracks")


def test_clusters_of_the_neutral_particles(data, open_events, inserted):
    events = open_events(data / "ttbar2l_PU140.root")[:20]
    with_clusters = l1kd.insert(events, [LinPuppi(clusters=True)])
    losses = with_clusters.L1PuppiLosses
    assert ak.sum(losses.regionizer_neutrals) < ak.sum(inserted.L1PuppiLosses.regionizer_neutrals)
    assert ak.sum(losses.unclustered_cells) > 0
    weight = with_clusters.L1Cand.linpuppi_weight
    tracks = (with_clusters.L1Cand.charge != 0) & (abs(with_clusters.L1Cand.eta) < 2.3)
    # the tracks are the same, and the vertex
    assert ak.all(weight[tracks] == inserted.L1Cand.linpuppi_weight[tracks])
    assert ak.all((weight >= 0) & (weight <= 1))
    assert LinPuppi(clusters=True).version.endswith("-clusters")
    few = LinPuppi(clusters=Clusterer(limits=(1, 1, 1))).correlator(events)
    assert few.losses["sector_clusters"].sum() > losses.sector_clusters.to_numpy().sum()


def test_tracks_without_a_place_in_z_are_far_from_every_vertex():
    z = np.array([np.nan, 3.0, -24.9, 80.0, -80.0, np.inf, -np.inf], np.float32)
    assert track_z0(z).tolist() == [25.0, 3.0, np.float32(-24.9), 25.0, -25.0, 25.0, -25.0]
