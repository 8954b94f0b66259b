"""Networks of the correlator on events: l1kd's own candidates, CMS's words, physical columns."""

import awkward as ak
import numpy as np
import pytest
import uproot

import l1kd
from l1kd.algorithms import L1METML, L1TSC4NGJet, NNPuppiTau, TOoLLiP
from l1kd.algorithms.deployed.candidates import correlator_events
from l1kd.algorithms.linpuppi import LinPuppi
from l1kd.datasets import inspect_file
from l1kd.emulators.correlator.types import data_word, object_word
from l1kd.errors import ConfigurationError, InputError, MissingBranchError, UnknownFormatError
from tests.emulators.deployed.events import candidates
from tests.emulators.deployed.wrappers import checkout

LSB = np.float32(np.pi / 720)
ALL = ("L1TSC4NGJetModel_v0", "TOoLLiP_v3", "NNPuppiTauModel_v1", "L1METML_v1")
CLASSES = (L1TSC4NGJet, TOoLLiP, NNPuppiTau, L1METML)


def networks(model, **options):
    return [kind(model(name), **options) for kind, name in zip(CLASSES, ALL, strict=True)]


@pytest.fixture(scope="module")
def particles(data, open_events):
    return open_events(data / "ttbar2l_PU140.root")[:8]


@pytest.fixture(scope="module")
def weighted(particles):
    return l1kd.insert(particles, ["linpuppi"])


def records(c, columns):
    """Jagged records of the first `count` slots of every event."""
    kept = np.arange(c.hwPt.shape[1]) < c.count[:, None]
    flat = {name: values[kept] for name, values in columns.items()}
    return ak.unflatten(ak.zip(flat), c.count)


def words(c):
    """L1 NANO's candidates: 64-bit words, tracks of the detector, and a vertex at 3 cm."""
    data = data_word(c.hwId, c.hwZ0, c.hwDxy, c.hwTkQuality, c.hwPuppiW, c.hwEmID)
    word = object_word(c.hwPt, c.hwEta, c.hwPhi, c.hwId, data)
    columns = {"pt": c.hwPt * 0.25, "encodedPuppi64": word,
               "z0": (c.dz + np.float32(3)).astype(np.float32), "dxy": -c.d0}  # fmt: skip
    vertices = ak.Array([[{"z0": 9.0, "pt": 1.0}, {"z0": 3.0, "pt": 7.0}]] * c.n_events)
    return ak.zip({"L1PuppiCand": records(c, columns), "L1PV": vertices}, depth_limit=1)


def test_candidates_of_l1kd_carry_their_tracks(weighted):
    found = correlator_events(weighted, None, LinPuppi(), tracks=True)
    c = found.candidates
    assert found.filled == {"hwTkQuality": 3}
    stored = weighted.L1PuppiCand
    for event in range(len(weighted)):
        own, source = stored[event], weighted.L1Cand[event]
        for slot in range(len(own)):
            assert c.hwPt[event, slot] == own.hwPt[slot]
            particle = source[int(own.l1CandIdx[slot])]
            assert abs(particle.pt - own.pt[slot]) < 0.13 or own.hwId[slot] < 2
            if own.hwId[slot] >= 2:
                assert np.float32(particle.dz) == c.dz[event, slot]
                assert np.abs(np.float32(particle.d0)) == c.d0[event, slot]
                far = np.clip(particle.dz, -25, 25) / 0.05
                assert abs(c.hwZ0[event, slot] - far) <= 0.5 + 1e-3
                assert c.hwDxy[event, slot] == min(int(64 * np.sqrt(abs(particle.d0))), 255)
                assert c.hwTkQuality[event, slot] == 3
            else:
                assert c.dz[event, slot] == c.hwZ0[event, slot] == c.hwTkQuality[event, slot] == 0
                assert c.hwEmID[event, slot] == (own.hwId[slot] == 1)
    np.testing.assert_array_equal(found.of_jets(found.jets["hwPt"]),
                                  ak.flatten(weighted.L1SeededConeJet.hwPt))  # fmt: skip


def test_fields_are_the_same_with_and_without_an_inserted_correlator(model, particles, weighted):
    one = l1kd.insert(particles, networks(model))
    two = l1kd.insert(weighted, networks(model))
    three = l1kd.insert(particles, [*networks(model), "linpuppi"])
    for events in (two, three):
        for place in ("L1SeededConeJet.tag_b", "L1SeededConeJet.pt_corrected", "TOoLLiP.score",
                      "L1SeededConeJet.toollip", "L1NNPuppiTau.id", "L1METML.pt", "L1METML.phi",
                      "L1TSC4NGJet.score", "L1TSC4NGJet.pt", "NNPuppiTau.score"):  # fmt: skip
            name, _, field = place.partition(".")
            assert ak.all(events[name][field] == one[name][field]), place
    assert set(one.L1SeededConeJet.fields) == set(three.L1SeededConeJet.fields)
    assert ak.all(ak.num(one.L1NNPuppiTau) <= 5)


def test_an_events_score_is_that_of_its_best_jet(model, weighted):
    events = l1kd.insert(weighted, networks(model))
    jets = events.L1SeededConeJet
    assert events.L1TSC4NGJet.score.tolist() == ak.max(jets.tag_b, axis=1).tolist()
    assert events.L1TSC4NGJet.pt.tolist() == ak.max(jets.pt_corrected, axis=1).tolist()
    assert events.TOoLLiP.score.tolist() == ak.max(jets.toollip, axis=1).tolist()
    best = ak.fill_none(ak.max(events.L1NNPuppiTau.id, axis=1), 0.0)
    np.testing.assert_allclose(events.NNPuppiTau.score, np.maximum(best, 0))
    named = L1TSC4NGJet(model(ALL[0]), best_of="tau_p")
    again = l1kd.insert(weighted, [named])
    assert again.L1TSC4NGJet.score.tolist() == ak.max(jets.tag_tau_p, axis=1).tolist()


def test_a_class_that_the_network_lacks_is_refused(model, weighted):
    unknown = r"best_of='charm' is no class of the network; expected one of b, c, uds"
    with pytest.raises(ConfigurationError, match=unknown):
        l1kd.insert(weighted, [L1TSC4NGJet(model(ALL[0]), best_of="charm")])
    with pytest.raises(ConfigurationError, match="expected one of x, y"):
        L1TSC4NGJet(classes=["x", "y"])


def test_words_of_layer_2_are_taken_apart():
    c = candidates(4, 12)
    found = correlator_events(words(c), None, LinPuppi(), tracks=True)
    kept = np.arange(128) < c.count[:, None]
    for name in ("hwPt", "hwEta", "hwPhi", "hwId", "hwPuppiW", "hwEmID", "hwZ0", "hwDxy",
                 "hwTkQuality", "d0"):  # fmt: skip
        np.testing.assert_array_equal(
            getattr(found.candidates, name)[kept], getattr(c, name)[kept], name
        )
    expected = np.where(c.hwId >= 2, (c.dz + np.float32(3)).astype(np.float32) - np.float32(3), 0)
    np.testing.assert_array_equal(found.candidates.dz[kept], expected[kept].astype(np.float32))
    assert found.filled == {}


def physical(c):
    """Candidates of perfNano and a vertex."""
    pdg = np.array([130, 22, -211, 211, 11, -11, 13, -13])[c.hwId]
    columns = {
        "pt": c.hwPt * 0.25, "eta": c.hwEta * LSB, "phi": c.hwPhi * LSB, "pdgId": pdg,
        "puppiWeight": np.where(c.hwId >= 2, 1.0, c.hwPuppiW / 256),
        "z0": (0.05 * c.hwZ0).astype(np.float32), "dxy": c.d0,
    }  # fmt: skip
    return ak.zip(
        {"L1PuppiCands": records(c, columns), "L1Vertex": ak.zip({"z0": [0.5] * c.n_events})},
        depth_limit=1,
    )


def test_a_number_between_two_steps_is_refused():
    events = physical(candidates(5, 6))
    between = ak.with_field(events.L1PuppiCands, events.L1PuppiCands.pt * 0.99, "pt")
    with pytest.raises(InputError, match=r"L1PuppiCands.pt: expected whole steps of 0.25 GeV"):
        correlator_events(
            ak.with_field(events, between, "L1PuppiCands"), None, LinPuppi(), tracks=True
        )


def test_physical_columns_lie_on_the_same_steps():
    c = candidates(5, 12)
    found = correlator_events(physical(c), None, LinPuppi(), tracks=True)
    kept = np.arange(128) < c.count[:, None]
    for name in ("hwPt", "hwEta", "hwPhi", "hwId", "hwPuppiW", "hwZ0"):
        np.testing.assert_array_equal(
            getattr(found.candidates, name)[kept], getattr(c, name)[kept], name
        )
    assert found.filled == {"hwEmID": 1, "hwTkQuality": 3}


@pytest.mark.parametrize(
    ("branch", "value", "expected"),
    [("pt", np.nan, "0 to 4095.75 GeV"), ("pt", 4096.0, "0 to 4095.75 GeV"),
     ("pt", -1.0, "0 to 4095.75 GeV"), ("eta", np.inf, "-8.9"), ("phi", 5.0, "-4.4"),
     ("puppiWeight", 3.0, "0 to 1.99"), ("pdgId", 10.0**12, "-2.1"), ("dxy", np.nan, "finite"),
     ("z0", np.inf, "finite")],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1, 2])
def test_numbers_that_no_candidate_can_have_are_refused(model, place, branch, value, expected):
    events = physical(candidates(5, 6))
    changed = ak.with_field(events.L1PuppiCands, value, branch)
    events = ak.with_field(events, changed, "L1PuppiCands")
    network = CLASSES[place](model(ALL[place]))
    if branch in ("dxy", "z0") and place == 2:
        network.candidates(events)  # it reads no tracks
        return
    message = rf"L1PuppiCands\.{branch}( \(tracks\))?: expected {expected}.*found {value}"
    with pytest.raises(InputError, match=message.replace("+", r"\+")):
        l1kd.insert(events, [network])


def test_neutral_candidates_need_no_track_and_charged_ones_no_weight(model):
    events = physical(candidates(5, 6))
    cands = events.L1PuppiCands
    neutral = (cands.pdgId == 22) | (cands.pdgId == 130)
    empty = ak.with_field(cands, ak.where(neutral, np.nan, cands.dxy), "dxy")
    empty = ak.with_field(empty, ak.where(neutral, cands.puppiWeight, np.nan), "puppiWeight")
    other = ak.with_field(events, empty, "L1PuppiCands")
    one, two = (correlator_events(e, None, LinPuppi(), tracks=True) for e in (events, other))
    for name in ("hwDxy", "d0", "hwZ0", "dz", "hwPuppiW"):
        np.testing.assert_array_equal(
            getattr(one.candidates, name), getattr(two.candidates, name), name
        )


def test_inserted_integers_that_no_word_holds_are_refused(model, weighted):
    for branch, value in (("hwPt", 1 << 14), ("hwEta", -2049), ("hwPhi", 1024), ("hwId", 8)):
        changed = ak.with_field(weighted.L1PuppiCand, value, branch)
        events = ak.with_field(weighted, changed, "L1PuppiCand")
        with pytest.raises(InputError, match=rf"L1PuppiCand\.{branch}: expected .*found {value}"):
            l1kd.insert(events, [NNPuppiTau(model(ALL[2]))])


def test_a_vertex_without_a_place_is_refused(model):
    events = physical(candidates(5, 6))
    events = ak.with_field(events, ak.with_field(events.L1Vertex, np.nan, "z0"), "L1Vertex")
    with pytest.raises(InputError, match=r"L1Vertex\.z0: expected finite values, found nan"):
        l1kd.insert(events, [TOoLLiP(model(ALL[1]))])


def test_networks_run_on_stored_candidates(model):
    c = candidates(6, 12)
    inserted = l1kd.insert(words(c), networks(model))
    assert {"L1SeededConeJet", "L1NNPuppiTau", "L1METML"} <= set(inserted.fields)
    assert "L1Cand" not in inserted.fields
    assert inserted.L1TSC4NGJet.score[0] == 0.0, "an event without candidates"
    assert inserted.TOoLLiP.score[0] == -1.0


def test_what_candidates_lack_is_named(model):
    c = candidates(7, 4)
    events = words(c)
    with pytest.raises(MissingBranchError, match="distances to the primary vertex"):
        l1kd.insert(events[["L1PuppiCand"]], [TOoLLiP(model(ALL[1]))])
    l1kd.insert(events[["L1PuppiCand"]], [L1METML(model(ALL[3])), NNPuppiTau(model(ALL[2]))])
    with pytest.raises(UnknownFormatError, match="source 'L1ExtPuppiCand': expected a collection"):
        l1kd.insert(events, [TOoLLiP(model(ALL[1]), source="L1ExtPuppiCand")])
    crowd = ak.concatenate([events.L1PuppiCand, events.L1PuppiCand], axis=1)
    with pytest.raises(InputError, match="at most 128 candidates"):
        l1kd.insert(ak.with_field(events, crowd, "L1PuppiCand"), [L1METML(model(ALL[3]))])


def test_particles_without_impact_parameters_are_refused(model, weighted):
    bare = ak.with_field(weighted, weighted.L1Cand[["pt", "eta", "phi", "charge", "dz"]], "L1Cand")
    with pytest.raises(MissingBranchError, match=r"transverse impact parameters .* no d0"):
        l1kd.insert(bare, [L1TSC4NGJet(model(ALL[0]))])
    l1kd.insert(bare, [L1METML(model(ALL[3]))])


def test_jets_that_are_not_of_the_candidates_are_refused(model, weighted):
    fewer = ak.with_field(weighted, weighted.L1SeededConeJet[:, :1], "L1SeededConeJet")
    with pytest.raises(InputError, match="not made of their candidates"):
        l1kd.insert(fewer, [TOoLLiP(model(ALL[1]))])


def test_what_was_filled_in_is_noted(model, weighted):
    from l1kd._edge import noting

    with noting() as notes:
        l1kd.insert(weighted, [L1TSC4NGJet(model(ALL[0]))])
    assert ("filled", "hwTkQuality = 3") in notes
    assert ("candidates", "L1PuppiCand") in notes


def test_no_events(model, weighted):
    inserted = l1kd.insert(weighted[:0], networks(model))
    assert len(inserted.L1METML.pt) == len(inserted.L1NNPuppiTau) == 0


MENU = """
name: tagged
objects:
  BJet: {collection: L1SeededConeJet, value: pt_corrected, cuts: ["tag_b > 0.05"], label: b jet}
  Tau: {collection: L1NNPuppiTau, cuts: ["id > 0.5"]}
  MLMET: {collection: L1METML}
  LongLived: {collection: TOoLLiP, value: score}
seeds:
  L1_BJet40: {legs: {a: {object: BJet, online: 40}}}
  L1_Tau30: {legs: {a: {object: Tau, online: 30}}}
  L1_MLMET80: {legs: {met: {object: MLMET, online: 80}}}
  L1_LongLived: {legs: {s: {object: LongLived, online: 2}}}
"""


def test_menus_take_them(model, data, tmp_path):
    from l1kd.study.menu_rates import MenuRequest, accumulate, make_tables

    (tmp_path / "menu.yaml").write_text(MENU)
    names = ("l1tsc4ngjet", "toollip", "nnpuppitau", "l1metml")
    algorithms = tuple(f"{n}={model(m)}" for n, m in zip(names, ALL, strict=True))
    request = MenuRequest(weights="none", algorithms=algorithms)
    file = data / "ttbar2l_PU140.root"
    record = accumulate(tmp_path / "menu.yaml", [f"zb={file}"], request)
    rates = make_tables(record, request).rates
    from l1kd.datasets import inspect_file

    events = l1kd.insert(inspect_file(str(file)).open(), list(algorithms))
    jets, taus = events.L1SeededConeJet, events.L1NNPuppiTau
    fired = {
        "L1_BJet40": ak.any((jets.pt_corrected >= 40) & (jets.tag_b > 0.05), axis=1),
        "L1_Tau30": ak.any((taus.pt >= 30) & (taus.id > 0.5), axis=1),
        "L1_MLMET80": events.L1METML.pt >= 80,
        "L1_LongLived": events.TOoLLiP.score >= 2,
    }
    total = rates.total.value / np.mean(np.any([ak.to_numpy(x) for x in fired.values()], axis=0))
    for seed in rates.seeds:
        share = ak.mean(fired[seed.name])
        assert seed.rate.value == pytest.approx(share * total), seed.name
    assert any(0 < ak.mean(x) < 1 for x in fired.values())


def true_class(particles, eta, phi):
    """Code of the hard particle above 20 GeV within 0.3 of a direction, leptons first; else 0."""
    turn = (particles.Phi - phi + np.pi) % (2 * np.pi) - np.pi
    near = particles[(np.hypot(particles.Eta - eta, turn) < 0.3) & (particles.PT > 20)]
    codes = set(np.abs(near.PID))
    return next((code for code in (15, 13, 11, 5) if code in codes), 0)


@pytest.mark.heavy
def test_the_published_tagger_knows_leptons_and_b_jets_of_simulated_top_pairs(data):
    """A wrong unit or order of the inputs leaves every bit as given, and no physics."""
    folder = checkout("L1TSC4NGJetModel", "L1TSC4NGJetModel_v0")
    with uproot.open(data / "ttbar2l_PU140.root") as file:
        names = ("PID", "PT", "Eta", "Phi")
        read = file["Delphes"].arrays([f"Particle.{name}" for name in names])
        truth = ak.zip({name: read[f"Particle.{name}"] for name in names})
        events = l1kd.insert(
            inspect_file(str(data / "ttbar2l_PU140.root")).open(), [L1TSC4NGJet(folder)]
        )
    classes = ("b", "c", "uds", "g", "tau_p", "tau_n", "mu", "e")
    tags = {0: [], 5: [], 11: [], 13: [], 15: []}
    for event, jets in enumerate(events.L1SeededConeJet):
        for jet in jets[(jets.pt > 20) & (np.abs(jets.eta) < 2.4)]:
            code = true_class(truth[event], jet.eta, jet.phi)
            tags[code].append([jet[f"tag_{name}"] for name in classes])
    tags = {code: np.array(rows) for code, rows in tags.items()}
    assert min(len(tags[code]) for code in (0, 5, 11, 13)) > 15
    for code, name in ((13, "mu"), (11, "e")):
        best = tags[code].argmax(axis=1)
        assert np.mean(best == classes.index(name)) > 0.5, name
    assert np.mean(tags[5].argmax(axis=1) >= 4) < 0.1, "b jets are no leptons"
    assert tags[5][:, 0].mean() > 1.3 * tags[0][:, 0].mean()


def test_particles_that_were_changed_after_the_candidates_are_refused(model, weighted):
    network, particles = L1TSC4NGJet(model(ALL[0])), weighted.L1Cand
    for changed in (particles[particles.pt > 5.0], particles[:, :0], particles[:, ::-1]):
        with pytest.raises(InputError, match=r"charged candidates of L1PuppiCand are none of its"):
            l1kd.insert(ak.with_field(weighted, changed, "L1Cand"), [network])
    bare = particles[[name for name in particles.fields if name not in ("z0", "dz")]]
    with pytest.raises(MissingBranchError, match="neither z0 nor dz"):
        l1kd.insert(ak.with_field(weighted, bare, "L1Cand"), [network])
