"""`l1kd.insert`: the contract of the one entry point."""

import pickle

import awkward as ak
import numpy as np
import pytest
import uproot
from coffea.nanoevents import DelphesSchema, NanoEventsFactory

import l1kd
from l1kd.algorithms import Cicada, DistillNet, Puppi, QDistillNet
from l1kd.datasets import TriggerNanoSchema
from l1kd.errors import ConfigurationError, MissingBranchError, RefusedFormatError

ALL = ["puppi", "distillnet", "qdistillnet", "cicada"]
WEIGHTS = ["puppi_weight", "distillnet_weight", "qdistillnet_weight"]


@pytest.fixture(scope="module")
def top(data, open_events):
    return open_events(data / "ttbar2l_PU140.root")


@pytest.fixture(scope="module")
def inserted(top):
    return l1kd.insert(top, algorithms=ALL)


def same(first, second):
    return ak.array_equal(first, second, check_parameters=False)


def test_default_inserts_puppi_qdistillnet_and_cicada(top):
    events = l1kd.insert(top)
    added = set(events.L1Cand.fields) - set(l1kd.candidates(top).fields)
    assert added == {"puppi_weight", "qdistillnet_weight"}
    assert "score" in events.CICADA.fields
    assert "CICADA" not in top.fields, "the events given are left as they were"


def test_weights_are_float32_between_0_and_1_for_every_particle(top, inserted):
    particles = l1kd.candidates(top)
    for name in WEIGHTS:
        weight = inserted.L1Cand[name]
        assert ak.flatten(weight).layout.dtype == np.float32, name
        assert same(ak.num(weight), ak.num(particles.pt)), name
        assert ak.min(weight) >= 0, name
        assert ak.max(weight) <= 1, name
        assert len(np.unique(ak.to_numpy(ak.flatten(weight)))) > 10, name
    assert same(inserted.L1Cand.pt, particles.pt)


def test_weights_tell_hard_from_pile_up(inserted):
    particles = inserted.L1Cand[inserted.L1Cand.charge == 0]
    particles = particles[particles.pt > 2]
    for name in WEIGHTS:
        hard = particles[name][particles.hard_fraction > 0.5]
        pileup = particles[name][particles.hard_fraction < 0.5]
        assert ak.mean(hard) > 2 * ak.mean(pileup), name


def test_scores_lie_on_the_firmware_grid(inserted):
    score = ak.to_numpy(inserted.CICADA.score)
    assert score.shape == (50,)
    np.testing.assert_array_equal(score * 256, np.round(score * 256))
    assert score.min() >= 0
    assert score.max() < 256
    assert len(np.unique(score)) > 10


def test_scores_from_both_formats_of_the_same_events_agree(data, open_events, inserted):
    nano = l1kd.insert(open_events(data / "ttbar2l_PU140_l1nano.root"))
    assert "L1Cand" not in nano.fields, "this format has a calorimeter only"
    correlation = np.corrcoef(nano.CICADA.score, inserted.CICADA.score)[0, 1]
    assert correlation > 0.9


def test_candidates_keep_their_vector_behaviour(inserted):
    particles = inserted.L1Cand
    weighted = ak.sum(particles.px * particles.qdistillnet_weight, axis=1)
    assert len(weighted) == 50
    assert particles[0, 0].delta_r(particles[0, 1]) >= 0


def test_what_was_inserted_survives_slicing(inserted):
    assert same(inserted[3:5].L1Cand.puppi_weight, inserted.L1Cand.puppi_weight[3:5])


def test_slices_give_what_the_whole_gives(top, inserted):
    part = l1kd.insert(top[13:17], algorithms=ALL)
    for name in WEIGHTS:
        assert same(part.L1Cand[name], inserted.L1Cand[name][13:17]), name
    assert same(part.CICADA.score, inserted.CICADA.score[13:17])
    chosen = np.arange(len(top)) % 7 == 2
    part = l1kd.insert(top[chosen], algorithms=ALL)
    assert same(part.L1Cand.qdistillnet_weight, inserted.L1Cand.qdistillnet_weight[chosen])


def test_masked_events_stay_masked(top, inserted):
    kept = np.arange(len(top)) % 2 == 0
    events = l1kd.insert(ak.mask(top, kept), algorithms=ALL)
    assert len(events) == len(top)
    np.testing.assert_array_equal(ak.is_none(events), ~kept)
    assert same(
        ak.drop_none(events.L1Cand.qdistillnet_weight),
        inserted.L1Cand.qdistillnet_weight[kept],
    )


def test_no_events_and_events_without_particles(top):
    nothing = l1kd.insert(top[:0], algorithms=ALL)
    assert len(nothing) == 0
    assert len(nothing.L1Cand.qdistillnet_weight) == 0
    assert len(nothing.CICADA.score) == 0


def empty_delphes_events():
    """Two events whose collections hold no particle, and no tower."""
    number = ak.Array([[], [0.0]])[:, :0]
    whole = ak.values_astype(number, np.int32)
    fields = {
        "EFlowTrack": dict.fromkeys(("PT", "Eta", "Phi", "Mass", "D0", "DZ", "ErrorDZ"), number)
        | dict.fromkeys(("Charge", "PID", "IsPU"), whole),
        "EFlowPhoton": dict.fromkeys(("ET", "Eta", "Phi"), number),
        "EFlowNeutralHadron": dict.fromkeys(("ET", "Eta", "Phi"), number),
        "Tower": dict.fromkeys(("Eta", "Phi", "Eem", "Ehad"), number),
    }
    return ak.zip({name: ak.zip(columns) for name, columns in fields.items()}, depth_limit=1)


def test_events_without_any_particle():
    events = l1kd.insert(empty_delphes_events(), algorithms=ALL)
    assert ak.num(events.L1Cand.distillnet_weight).tolist() == [0, 0]
    assert events.CICADA.score[0] == events.CICADA.score[1]


def test_dask_awkward_gives_the_same(data, open_events, inserted):
    pytest.importorskip("dask_awkward", reason="dask-awkward is optional")
    lazy = l1kd.insert(open_events(data / "ttbar2l_PU140.root", mode="dask"), algorithms=ALL)
    for name in WEIGHTS:
        assert same(lazy.L1Cand[name].compute(), inserted.L1Cand[name]), name
    assert same(lazy.CICADA.score.compute(), inserted.CICADA.score)


def test_eager_events_give_the_same(data, open_events, inserted):
    eager = l1kd.insert(open_events(data / "ttbar2l_PU140.root", mode="eager"), algorithms=ALL)
    for name in WEIGHTS:
        assert same(eager.L1Cand[name], inserted.L1Cand[name]), name


def branches_read(path, algorithms):
    log = []
    events = NanoEventsFactory.from_root(
        {str(path): "Delphes"}, schemaclass=DelphesSchema, access_log=log
    ).events()
    l1kd.insert(events, algorithms)
    return {entry.branch.split("/")[-1] for entry in log if not entry.branch.endswith("_size")}


def test_only_the_needed_branches_are_read(data):
    path = data / "ttbar2l_PU140.root"
    assert branches_read(path, ["cicada"]) == {"Tower.Eta", "Tower.Phi", "Tower.Eem", "Tower.Ehad"}
    puppi = branches_read(path, ["puppi"])
    neutral = {f"EFlow{k}.{x}" for k in ("Photon", "NeutralHadron") for x in ("ET", "Eta", "Phi")}
    track = {f"EFlowTrack.{x}" for x in ("PT", "Eta", "Phi", "Charge", "PID", "DZ", "ErrorDZ")}
    assert puppi == neutral | track | {"Vertex.Z", "Vertex.Index"}
    network = branches_read(path, ["qdistillnet"])
    assert network - puppi == {"EFlowTrack.Mass", "EFlowTrack.D0"}


def test_algorithms_are_objects_too(top, inserted):
    weight = QDistillNet(model="qdistillnet_local-v1")(top)
    assert same(weight, inserted.L1Cand.qdistillnet_weight)
    assert same(Cicada()(top), inserted.CICADA.score)
    assert same(
        l1kd.insert(top, [Puppi(association="truth"), "cicada"]).L1Cand.puppi_weight,
        Puppi(association="truth")(top),
    )


def test_charged_association_matters(top):
    realistic, true = Puppi()(top), Puppi(association="truth")(top)
    charged = l1kd.candidates(top).charge != 0
    assert set(np.unique(ak.to_numpy(ak.flatten(true[charged])))) == {0.0, 1.0}
    assert ak.all(true[charged] == ~l1kd.candidates(top).is_reco_pu[charged])
    different = ak.mean(realistic[charged] != true[charged])
    assert 0 < different < 0.2


@pytest.mark.parametrize("algorithm", [Puppi(), DistillNet(), QDistillNet(), Cicada()])
def test_algorithms_pickle_small_and_work_after(algorithm, top):
    before = algorithm(top[:2])
    packed = pickle.dumps(algorithm)
    assert len(packed) < 2000
    assert same(pickle.loads(packed)(top[:2]), before)


def test_models_are_loaded_once_per_process():
    assert QDistillNet().network is QDistillNet().network
    assert Cicada().network is Cicada(source="Tower").network


def test_inserting_again_extends(top, inserted):
    first = l1kd.insert(top, ["puppi"])
    second = l1kd.insert(first, ["qdistillnet"])
    assert same(second.L1Cand.qdistillnet_weight, inserted.L1Cand.qdistillnet_weight)
    assert same(second.L1Cand.puppi_weight, first.L1Cand.puppi_weight)


def test_source_weight_of_pfnano(data, open_events):
    events = open_events(data / "pfnano.root")
    stored = events.PFCands.puppiWeight
    own = l1kd.insert(events)
    assert "CICADA" not in own.fields
    assert not same(own.L1Cand.puppi_weight, stored)
    theirs = l1kd.insert(events, [Puppi(from_source=True), "qdistillnet"])
    assert same(theirs.L1Cand.puppi_weight, stored)
    charged = own.L1Cand.charge != 0
    agree = ak.mean((own.L1Cand.puppi_weight[charged] > 0.5) == (stored[charged] > 0.5))
    assert agree > 0.95, "our association by dz against that of the reconstruction"


def test_nanoaod_v15_is_refused_by_name_and_reason(tmp_path):
    path = tmp_path / "v15.root"
    with uproot.recreate(path) as file:
        cand = ak.zip({"pt": ak.Array([[1.0], []])})
        file.mktree("Events", {"PFCand": cand.type.content}).extend({"PFCand": cand})
    events = NanoEventsFactory.from_root(
        {str(path): "Events"}, schemaclass=TriggerNanoSchema
    ).events()
    with pytest.raises(RefusedFormatError, match=r"'PFCand'.*PUPPI"):
        l1kd.insert(events)


def test_v15_sample_is_refused(shared, open_events):
    events = open_events(shared / "samples" / "nano_tt_v15.root")
    with pytest.raises(RefusedFormatError, match=r"'PFCand'.*PUPPI"):
        l1kd.insert(events, ["qdistillnet"])


def test_errors_of_the_caller(top):
    with pytest.raises(ConfigurationError, match="unknown algorithm 'pupi'; available: puppi"):
        l1kd.insert(top, ["pupi"])
    with pytest.raises(ConfigurationError, match="expected a list"):
        l1kd.insert(top, "puppi")
    with pytest.raises(ConfigurationError, match="association 'vertex'"):
        Puppi(association="vertex")


def test_particle_flow_without_dz_is_not_associated_silently(top):
    with pytest.raises(MissingBranchError, match="no candidate of this source has one"):
        l1kd.insert(top, ["puppi"], source="ParticleFlowCandidate")


def test_available_names_versions_inputs_and_results():
    listed = {entry.name: entry for entry in l1kd.available()}
    assert set(ALL) <= set(listed)
    assert listed["qdistillnet"].version == "qdistillnet_local-v1"
    assert listed["qdistillnet"].adds == "L1Cand.qdistillnet_weight"
    assert "puppi_weight" in listed["qdistillnet"].reads
    assert listed["cicada"].reads == ("regions",)
