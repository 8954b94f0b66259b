"""The correlator as an algorithm: LinPUPPI and networks side by side, in events."""

import json
import pickle

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import Correlator, LinPuppi, NetworkCorrelator
from l1kd.algorithms.region_networks import KIND, describe, region_network
from l1kd.artefacts import write_manifest
from l1kd.emulators.correlator.chain import correlate
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import PRESETS
from l1kd.emulators.correlator.weighing import NAMES
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.processors import RateProcessor
from tests.emulators.correlator.weighing.networks import dense_network


def artefact(folder, names=NAMES[:12], hidden=8, gain=15, **options):
    """Write an artefact of a drawn network."""
    folder.mkdir()
    network, _ = dense_network(len(names), seed=21, hidden=hidden, gain=gain)
    network.save(folder / "network.npz")
    inputs = describe(names, **{"tracks": "none", "clusters": False} | options)
    write_manifest(
        folder, name="drawn", version=1, kind=KIND, description="A drawn network.",
        inputs=inputs, outputs={"weight": {}}, files=("network.npz",),
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return artefact(tmp_path_factory.mktemp("models") / "drawn", pt_cut={"hf": [4.0]})


@pytest.fixture(scope="module")
def events(data, open_events):
    return open_events(data / "ttbar2l_PU140.root")[:20]


@pytest.fixture(scope="module")
def inserted(events, model):
    return l1kd.insert(events, [Correlator(clusters=False), Correlator(model)])


def test_several_stand_side_by_side(inserted):
    for prefix in ("L1Puppi", "L1QDistill"):
        assert {"pt", "eta", "phi", "hwPt"} <= set(inserted[f"{prefix}Cand"].fields)
        assert {"pt", "eta", "phi", "mass"} <= set(inserted[f"{prefix}Jet"].fields)
        assert {"pt", "phi"} <= set(inserted[f"{prefix}MET"].fields)
        assert {"pt", "mht"} <= set(inserted[f"{prefix}HT"].fields)
        assert f"{prefix}_weight" in inserted.L1Cand.fields
    assert ak.any(inserted.L1PuppiMET.pt != inserted.L1QDistillMET.pt)


def test_linpuppi_is_the_one_that_insert_knows(events):
    ours = l1kd.insert(events, [Correlator("linpuppi", vertex="simulated", clusters=False)])
    theirs = l1kd.insert(events, [LinPuppi(vertex="simulated")])
    assert ak.all(ours.L1PuppiJet.hwPt == theirs.L1SeededConeJet.hwPt)
    assert ak.all(ours.L1PuppiMET.hwPt == theirs.L1PuppiMET.hwPt)
    assert ak.all(ours.L1PuppiHT.pt == theirs.L1PuppiHT.ht)
    assert ak.all(ours.L1Cand.L1Puppi_weight == theirs.L1Cand.linpuppi_weight)


def test_a_network_is_what_the_emulator_computes(inserted, model):
    particles = inserted.L1Cand
    names = ("pt", "eta", "phi", "charge", "pid")
    columns = {name: ak.to_numpy(ak.flatten(particles[name])) for name in names}
    columns["z0"] = np.clip(np.nan_to_num(ak.to_numpy(ak.flatten(particles.z0)), nan=25), -25, 25)
    offsets = np.concatenate([[0], np.cumsum(ak.num(particles.pt))])
    result = correlate(columns, offsets, weight=region_network(model).weight)
    assert (inserted.L1QDistillMET.hwPt == result.met["met_hwPt"]).to_numpy().all()
    assert (ak.num(inserted.L1QDistillCand.pt) == result.candidates["n_cand"]).to_numpy().all()
    weights = ak.to_numpy(ak.flatten(particles.L1QDistill_weight))
    assert (weights == result.weights).all()
    assert region_network(model).weight.pt_cut == {"hf": (4.0,)}


@pytest.mark.parametrize("mode", ["virtual", "dask"])
def test_virtual_and_dask_events_give_the_same(mode, data, open_events, inserted, model):
    algorithms = [Correlator(clusters=False), Correlator(model)]
    found = l1kd.insert(open_events(data / "ttbar2l_PU140.root", mode=mode), algorithms)
    part = found.L1QDistillMET.hwPt
    part = part.compute() if mode == "dask" else part
    assert ak.all(part[:20] == inserted.L1QDistillMET.hwPt)


def test_clusters_vertex_and_linpuppi_are_those_of_the_training(events, tmp_path):
    tuned = {"barrel": {"dz": 0.2, "pt_cut": [2.0]}}
    folder = artefact(tmp_path / "m", tracks="kept", clusters=True, linpuppi=tuned)
    read = region_network(folder)
    assert read.weight.tracks == "kept"
    assert read.puppi["barrel"].parameters == PRESETS["barrel"].replace(dz=0.2, pt_cut=(2.0,))
    trained, plain = Correlator(folder), Correlator(folder, clusters=False, prefix="Plain")
    assert trained.version == "drawn-v1-found-clusters"
    assert plain.version == "drawn-v1-found"
    found = l1kd.insert(
        events, [trained, plain, Correlator(folder, vertex="simulated", prefix="S")]
    )
    assert "small_clusters" in found.L1QDistillLosses.fields
    assert "small_clusters" not in found.PlainLosses.fields
    explicit = Correlator(folder, clusters=Clusterer(), prefix="E")
    assert ak.all(l1kd.insert(events, [explicit]).EMET.hwPt == found.L1QDistillMET.hwPt)


def test_a_network_carries_the_windows_of_its_clusters(events, tmp_path):
    own = Clusterer(windows=("3x3", "cross", "2x2"), limits=(8, None, 8))
    folder = artefact(tmp_path / "m", clusters=own)
    assert region_network(folder).clusters == own
    carried = Correlator(folder, prefix="C")
    given = [Correlator(folder, clusters=c, prefix=p) for p, c in (("O", own), ("U", Clusterer()))]
    found = l1kd.insert(events, [carried, *given, Correlator()])
    assert ak.all(found.CMET.hwPt == found.OMET.hwPt)
    assert ak.any(found.CMET.hwPt != found.UMET.hwPt)
    usual = l1kd.insert(events, [Correlator(clusters=Clusterer())])
    assert ak.all(found.L1PuppiMET.hwPt == usual.L1PuppiMET.hwPt), "LinPUPPI's stay as they are"


def test_own_parameters_of_linpuppi(events):
    hard = {"barrel": PRESETS["barrel"].replace(pt_cut=(20.0,))}
    own = Correlator(clusters=False, puppi=hard, prefix="Hard")
    found = l1kd.insert(events, [own, Correlator(clusters=False)])
    assert ak.sum(ak.num(found.HardCand.pt)) < ak.sum(ak.num(found.L1PuppiCand.pt))
    assert own.version == "cmssw-1c4c42c4-tuned-found"


def test_rates_measure_the_correlators_own_objects(events, model):
    algorithms = [Correlator(clusters=False), Correlator(model)]
    processor = RateProcessor((), score=False, algorithms=algorithms)
    (output,) = processor.process(events).values()
    columns = output["columns"].joined()
    found = l1kd.insert(events, algorithms)
    for prefix in ("L1Puppi", "L1QDistill"):
        met = ak.to_numpy(found[f"{prefix}MET"].pt)
        np.testing.assert_allclose(columns[f"met:{prefix}"], met, rtol=1e-6)
        jets = found[f"{prefix}Jet"].pt
        leading = ak.to_numpy(ak.fill_none(ak.max(jets[jets > 15], axis=1), 0.0))
        np.testing.assert_allclose(columns[f"jet_pt:{prefix}"], leading)
        near = np.abs(columns[f"ht:{prefix}"] - ak.to_numpy(found[f"{prefix}HT"].pt)) < 0.5
        assert near.all()


def perfnano(events):
    """The same particles in the layout of FastPUPPI's perfNano, vertex away from the origin."""
    c = l1kd.candidates(events)
    pid = {0: 211, 1: 11, 2: 13, 3: 22, 4: 130, 5: 1, 6: 2, 7: 0}
    code = np.vectorize(pid.get)(ak.to_numpy(ak.flatten(c.pid)))
    counts = ak.num(c.pt)
    shift = np.float32(1.5)
    fields = {"pt": c.pt, "eta": c.eta, "phi": c.phi, "mass": c.pt * 0, "charge": c.charge}
    fields |= {"pdgId": ak.unflatten(code, counts), "z0": c.dz + shift, "dxy": c.d0}
    vertex = ak.zip({"z0": np.full((len(events), 1), shift)})
    return ak.zip({"L1PFCands": ak.zip(fields), "L1PV": vertex}, depth_limit=1)


def test_perfnano(events, model):
    from_perfnano = l1kd.insert(perfnano(events), [Correlator(model, "simulated", False)])
    from_delphes = l1kd.insert(events, [Correlator(model, "simulated", False)])
    charged = from_delphes.L1Cand.charge != 0
    same = from_perfnano.L1Cand.L1QDistill_weight == from_delphes.L1Cand.L1QDistill_weight
    assert ak.mean(same[charged]) > 0.99  # dz is rounded
    assert ak.mean(same) > 0.98


def test_instances_pickle_small(model, events):
    own = Correlator(model, clusters=True, prefix="Mine")
    assert repr(own) == f"Correlator({str(model)!r}, 'found', prefix='Mine')"
    own(events)
    copy = pickle.loads(pickle.dumps(own))
    assert len(pickle.dumps(own)) < 2000
    assert ak.all(copy(events) == own(events))


@pytest.mark.parametrize("prefix", ["L1", "a b", "", "1a"])
def test_prefixes_that_make_no_names_are_refused(prefix):
    with pytest.raises(ConfigurationError, match="prefix"):
        Correlator(prefix=prefix)


def test_what_would_overwrite_another_is_refused(events):
    with pytest.raises(ConfigurationError, match="each once"):
        l1kd.insert(events, [Correlator(), Correlator(clusters=False)])
    with pytest.raises(ConfigurationError, match="both insert L1PuppiCand"):
        l1kd.insert(events, [Correlator(clusters=False), "linpuppi"])


def test_unknown_options_and_models_are_refused(events, tmp_path, model):
    with pytest.raises(ConfigurationError, match="it is called 'found' now"):
        Correlator(vertex="tracks")
    with pytest.raises(ArtefactError, match="there is no artefact 'nothing'"):
        l1kd.insert(events, [Correlator("nothing")])
    with pytest.raises(ArtefactError, match="kind 'cicada', not 'correlator'"):
        Correlator("cicada-v1")(events)
    broken = artefact(tmp_path / "broken")
    manifest = json.loads((broken / "manifest.json").read_text())
    del manifest["inputs"]["candidates"]["columns"]
    (broken / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="expected under 'inputs'"):
        Correlator(broken)(events)


def test_it_is_known_by_the_name_of_its_prefix(events):
    assert "L1Puppi" in {entry.name for entry in l1kd.available()}
    by_name = l1kd.insert(events, ["L1Puppi"])
    assert ak.all(by_name.L1PuppiMET.hwPt == l1kd.insert(events, [Correlator()]).L1PuppiMET.hwPt)
    columns = RateProcessor(("L1Puppi",), score=False).process(events)
    ((_, output),) = columns.items()
    met = output["columns"].joined()["met:L1Puppi"]
    np.testing.assert_allclose(met, ak.to_numpy(by_name.L1PuppiMET.pt), rtol=1e-6)
    network = NetworkCorrelator("some-folder")
    assert (network.name, network.weight) == ("L1QDistill", "some-folder")
