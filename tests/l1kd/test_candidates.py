"""The canonical particle record of every format."""

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import DelphesSchema, NanoEventsFactory

from l1kd.candidates import DTYPES, PID, candidates, source_of, sources
from l1kd.datasets import TriggerNanoSchema
from l1kd.errors import (
    InputError,
    MissingBranchError,
    RefusedFormatError,
    UnknownFormatError,
)

NEUTRAL = (PID["photon"], PID["neutral hadron"], PID["forward hadron"], PID["forward e.m."])


@pytest.fixture(scope="module")
def top(data, open_events):
    return open_events(data / "ttbar2l_PU140.root")


def nano(tmp_path, name="Events", **branches):
    """Write flat NanoAOD-like branches and open them."""
    path = tmp_path / "nano.root"
    with uproot.recreate(path) as file:
        file.mktree(name, {k: v.type.content for k, v in branches.items()}).extend(branches)
    return NanoEventsFactory.from_root({str(path): name}, schemaclass=TriggerNanoSchema).events()


def same(first, second):
    """Whether values, types and structure agree; names and documentation may differ."""
    return ak.array_equal(first, second, check_parameters=False)


def records(counts, **columns):
    return ak.unflatten(ak.zip({k: np.asarray(v) for k, v in columns.items()}), counts)


def test_eflow_joins_tracks_photons_and_neutral_hadrons_in_this_order(top):
    particles = candidates(top)
    track, photon, hadron = top.EFlowTrack, top.EFlowPhoton, top.EFlowNeutralHadron
    expected = ak.concatenate([track.PT, photon.ET, hadron.ET], axis=1)
    assert same(particles.pt, expected)
    n_tracks, n_photons = ak.num(track), ak.num(photon)
    index = ak.local_index(particles.pt)
    assert same(particles.charge != 0, index < n_tracks)
    is_photon = (index >= n_tracks) & (index < n_tracks + n_photons)
    assert ak.all((particles.pid == PID["photon"])[is_photon & (abs(particles.eta) < 3)])
    assert ak.all((particles.pid == PID["forward e.m."])[is_photon & (abs(particles.eta) > 3)])
    is_hadron = index >= n_tracks + n_photons
    assert ak.all((particles.pid == PID["neutral hadron"])[is_hadron & (abs(particles.eta) < 3)])


def test_types_and_units(top):
    particles = candidates(top)
    for field in particles.fields:
        assert ak.flatten(particles[field]).layout.to_packed().dtype == DTYPES[field], field
    assert ak.min(particles.phi) > -np.pi
    assert ak.max(particles.phi) <= np.pi
    track = top.EFlowTrack
    hard_z = ak.flatten(top.Vertex.Z[top.Vertex.Index == 0])
    charged = particles[particles.charge != 0]
    np.testing.assert_allclose(ak.flatten(charged.d0), 0.1 * ak.flatten(track.D0), rtol=1e-6)
    np.testing.assert_allclose(
        ak.flatten(charged.dz), 0.1 * ak.flatten(track.DZ - hard_z), rtol=1e-4, atol=1e-5
    )
    neutral = particles[particles.charge == 0]
    for field in ("d0", "dz", "dz_error"):
        assert ak.all(neutral[field] == 0), field


def test_hard_tracks_are_near_the_vertex(top):
    """The units and the sign of dz, from physics: most hard central tracks lie within 1 mm."""
    particles = candidates(top)
    central = particles[(particles.charge != 0) & (abs(particles.eta) < 2.4)]
    hard, pileup = central[central.hard_fraction > 0.5], central[central.hard_fraction < 0.5]
    assert ak.mean(abs(hard.dz) < 0.1) > 0.85
    assert ak.mean(abs(pileup.dz) < 0.1) < 0.1


def test_candidates_are_vectors(top):
    particles = candidates(top)
    first, second = particles[:, 0], particles[:, 1]
    np.testing.assert_allclose(first.px, first.pt * np.cos(first.phi), rtol=1e-5)
    np.testing.assert_allclose(first.pz, first.pt * np.sinh(first.eta), rtol=1e-5)
    track = top.EFlowTrack[:, 0]
    energy = np.hypot(track.PT * np.cosh(track.Eta), track.Mass)
    np.testing.assert_allclose(first.energy, energy, rtol=1e-5)
    pair = first + second
    np.testing.assert_allclose(pair.energy, first.energy + second.energy, rtol=1e-5)
    np.testing.assert_array_equal(pair.charge, first.charge + second.charge)
    assert first.delta_r(second)[0] == pytest.approx(
        np.hypot(first.eta[0] - second.eta[0], first.delta_phi(second)[0])
    )


def test_truth_of_neutrals_and_tracks(top):
    particles = candidates(top)
    tracks = particles[particles.charge != 0]
    assert same(tracks.hard_fraction, ak.values_astype(1 - top.EFlowTrack.IsPU, "f4"))
    assert same(tracks.is_reco_pu, top.EFlowTrack.IsRecoPU != 0)
    neutrals = particles[particles.charge == 0]
    expected = ak.concatenate(
        [top.EFlowPhoton.HardEnergyFraction, top.EFlowNeutralHadron.HardEnergyFraction], axis=1
    )
    assert same(neutrals.hard_fraction, expected)


def test_particle_flow_candidate_on_request(top):
    assert sources(top) == ["EFlow", "ParticleFlowCandidate"]
    particles = candidates(top, source="ParticleFlowCandidate")
    assert same(particles.pt, top.ParticleFlowCandidate.PT)
    assert same(particles.energy, top.ParticleFlowCandidate.E)
    charged = particles.charge != 0
    assert ak.all(np.isnan(particles.dz[charged])), "this file stores no DZ"
    assert ak.all(particles.dz[~charged] == 0)


def test_particle_flow_candidate_with_all_fields():
    events = delphes_events(
        ParticleFlowCandidate=records(
            [2, 1],
            PT=[2.0, 3.0, 4.0],
            Eta=[0.0, 1.0, 3.5],
            Phi=[3.1420, 0.0, 0.0],
            Mass=[0.14, 0.0, 0.0],
            Charge=[1, 0, 0],
            PID=[-11, 22, 130],
            D0=[1.0, 0.0, 0.0],
            DZ=[12.0, 0.0, 0.0],
            ErrorDZ=[0.5, 0.0, 0.0],
            IsPU=[0, 1, 0],
        ),
        Vertex=records([1, 2], Z=[10.0, -3.0, 5.0], Index=[0, 1, 0]),
    )
    particles = candidates(events)
    assert ak.flatten(particles.pid).tolist() == [1, 3, 5]
    np.testing.assert_allclose(ak.flatten(particles.d0), [0.1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(ak.flatten(particles.dz), [0.2, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(ak.flatten(particles.dz_error), [0.05, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(particles.phi[0, 0], 3.1420 - 2 * np.pi, rtol=1e-5)
    np.testing.assert_allclose(particles.energy[0, 1], 3 * np.cosh(1), rtol=1e-6)


def delphes_events(**collections):
    """Events with Delphes' collections, without a file."""
    return ak.Array(ak.zip(collections, depth_limit=1), behavior={})


def test_two_hard_vertices_are_an_error():
    events = delphes_events(
        ParticleFlowCandidate=records(
            [1], PT=[1.0], Eta=[0.0], Phi=[0.0], Mass=[0.0], Charge=[1], PID=[211], DZ=[0.0]
        ),
        Vertex=records([2], Z=[0.0, 1.0], Index=[0, 0]),
    )
    with pytest.raises(InputError, match=r"one vertex with Index 0.*found 2 in event 0"):
        candidates(events)


def test_pfnano(data, open_events):
    events = open_events(data / "pfnano.root")
    particles = candidates(events)
    assert same(particles.pt, events.PFCands.pt)
    assert same(particles.puppi_weight, events.PFCands.puppiWeight)
    charged = particles.charge != 0
    without_track = charged & (events.PFCands.dzErr < 0)
    assert ak.any(without_track)
    assert ak.all(np.isnan(particles.dz[without_track]))
    assert same(particles.dz[charged & ~without_track], events.PFCands.dz[charged & ~without_track])
    by_code = {211: 0, 11: 1, 13: 2, 22: 3, 130: 4, 1: 5, 2: 6}
    for code, pid in by_code.items():
        assert ak.all(particles.pid[abs(events.PFCands.pdgId) == code] == pid), code


def test_pfnano_of_shared_sample(shared, open_events):
    events = open_events(shared / "samples" / "pfnano.root")
    particles = candidates(events)
    assert len(particles) == 10
    assert same(ak.num(particles.pt), ak.num(events.PFCands.pt))


def pf_branches(n=4):
    one = np.ones(n, np.float32)
    return {
        "pt": one,
        "eta": one,
        "phi": one,
        "mass": 0 * one,
        "charge": np.ones(n, np.int32),
        "pdgId": np.full(n, 211, np.int32),
        "d0": 0 * one,
        "d0Err": one,
        "dz": 0 * one,
        "dzErr": one,
        "puppiWeight": one,
    }


@pytest.mark.parametrize(("used", "warned"), [([0, 1, 0, 1], True), ([0, 1, 0, 0], False)])
def test_pfnano_with_jet_constituents_only_warns(tmp_path, used, warned):
    events = nano(
        tmp_path,
        PFCands=records([2, 2], **pf_branches()),
        JetPFCands=records([2, 2], pFCandsIdx=np.asarray(used, np.int32)),
    )
    if warned:
        with pytest.warns(UserWarning, match="constituent of a jet"):
            candidates(events)
    else:
        candidates(events)


def test_perf_nano(tmp_path):
    cand = records(
        [1, 2],
        pt=[1.0, 2.0, 3.0], eta=[0.0, 1.0, 2.0], phi=[0.0, 1.0, 2.0], mass=[0.1, 0.0, 0.0],
        charge=[1, 0, 0], pdgId=[211, 22, 130], puppiWeight=[1.0, 0.5, 0.25],
        z0=[3.0, 0.0, 0.0], dxy=[0.5, 0.0, 0.0],
    )  # fmt: skip
    bare = cand[["pt", "eta", "phi", "mass"]]
    vertex = ak.Array([[{"z0": 2.5}], [{"z0": -1.0}, {"z0": 7.0}]])
    events = nano(tmp_path, L1PFCands=bare, L1PuppiCands=cand, L1PV=vertex)
    assert sources(events) == ["L1PFCands", "L1PuppiCands"]
    particles = candidates(events)
    assert particles.fields == ["pt", "eta", "phi", "energy"], "the file holds no more of them"
    puppi = candidates(events, source="L1PuppiCands")
    assert ak.flatten(puppi.pid).tolist() == [0, 3, 4]
    assert ak.flatten(puppi.dz).tolist() == [0.5, 0.0, 0.0]
    assert ak.flatten(puppi.puppi_weight).tolist() == [1.0, 0.5, 0.25]


def test_z0_without_a_vertex_is_no_dz(tmp_path):
    columns = {name: [1.0] for name in ("pt", "eta", "phi", "mass", "z0")}
    cand = records([1, 0], **columns, charge=[1], pdgId=[211])
    particles = candidates(nano(tmp_path, L1PuppiCands=cand))
    assert np.isnan(particles.dz[0, 0])


def test_nanoaod_v15_is_refused(shared, open_events):
    events = open_events(shared / "samples" / "nano_tt_v15.root")
    with pytest.raises(RefusedFormatError, match=r"'PFCand' already multiplied by the PUPPI"):
        candidates(events)


@pytest.mark.parametrize(
    ("collection", "reason"),
    [
        ("PFCand", "already multiplied"),
        ("L1puppiJetSC4", "rates, not weights"),
        ("L1EmulCaloTower", "calorimeter"),
        ("SimRegions", "regions"),
    ],
)
def test_refusals_say_why(tmp_path, collection, reason):
    events = nano(tmp_path, **{collection: records([1, 0], pt=[1.0])})
    with pytest.raises(RefusedFormatError, match=reason):
        source_of(events)


def test_unknown_format_lists_what_was_found(tmp_path):
    events = nano(tmp_path, Sparrow=records([1], pt=[1.0]))
    with pytest.raises(UnknownFormatError, match=r"found: .*Sparrow"):
        candidates(events)


def test_unknown_source(top):
    with pytest.raises(UnknownFormatError, match=r"'EFlow', 'ParticleFlowCandidate'"):
        candidates(top, source="Eflow")


def test_missing_branch_names_it_and_the_others():
    events = delphes_events(
        ParticleFlowCandidate=records([1], PT=[1.0], Eta=[0.0], Mass=[0.0], Charge=[1], PID=[211])
    )
    with pytest.raises(MissingBranchError, match=r"'ParticleFlowCandidate.Phi' is missing.*PT"):
        candidates(events)


@pytest.mark.parametrize(("value", "found"), [(np.nan, "nan"), (np.inf, "inf"), (-1.0, "-1.0")])
def test_bad_momentum_is_an_error_that_names_the_branch(value, found):
    events = delphes_events(
        ParticleFlowCandidate=records(
            [1, 1], PT=[1.0, value], Eta=[0.0, 0.0], Phi=[0.0, 0.0], Mass=[0.0, 0.0],
            Charge=[0, 0], PID=[22, 22],
        )
    )  # fmt: skip
    with pytest.raises(InputError, match=rf"ParticleFlowCandidate.PT.*found {found} at position 1"):
        candidates(events)


def test_slices_masks_and_no_events(top):
    particles = candidates(top)
    assert same(candidates(top[10:20]).dz, particles.dz[10:20])
    odd = np.arange(len(top)) % 2 == 1
    assert same(candidates(top[odd]).energy, particles.energy[odd])
    nothing = candidates(top[:0])
    assert len(nothing) == 0
    assert len(ak.flatten(nothing.pid)) == 0


def test_eager_virtual_and_dask_agree(data, open_events, top):
    pytest.importorskip("dask_awkward", reason="dask-awkward is optional")
    particles = candidates(top)
    eager = candidates(open_events(data / "ttbar2l_PU140.root", mode="eager"))
    lazy = candidates(open_events(data / "ttbar2l_PU140.root", mode="dask"))
    computed = lazy.compute()
    assert type(computed) is type(particles)
    for field in particles.fields:
        assert same(eager[field], particles[field]), field
        assert same(computed[field], particles[field]), field


def read_branches(path, use):
    """Branches that `use(events)` reads."""
    log = []
    events = NanoEventsFactory.from_root(
        {str(path): "Delphes"}, schemaclass=DelphesSchema, access_log=log
    ).events()
    use(events)
    return {entry.branch for entry in log if not entry.branch.endswith("_size")}


def test_only_the_columns_in_use_are_read(data):
    path = data / "ttbar2l_PU140.root"
    assert read_branches(path, candidates) == set()
    momentum = {"EFlowTrack.PT", "EFlowPhoton.ET", "EFlowNeutralHadron.ET"}
    read = read_branches(path, lambda events: ak.sum(candidates(events).pt))
    assert {name.split("/")[-1] for name in read} == momentum
