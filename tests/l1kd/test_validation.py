"""Nothing silent: what an algorithm lacks, and values that no file should hold."""

import awkward as ak
import numpy as np
import pytest
import uproot
from typer.testing import CliRunner

import l1kd
from l1kd.algorithms import LinPuppi, Puppi
from l1kd.cli import app
from l1kd.datasets import inspect_file
from l1kd.errors import InputError, L1KDError, MissingBranchError
from l1kd.inspection import inspect
from l1kd.processors.resolution import ResolutionProcessor
from l1kd.truth import event_weight, gen_jets, gen_met
from l1kd.validation import ANGLE, CHARGE, ENERGY, FINITE, PT, Limits, check, require_columns

PARTICLES = ["puppi", "linpuppi", "distillnet", "qdistillnet"]


@pytest.fixture(scope="module")
def delphes(data, open_events):
    return open_events(data / "ttbar2l_PU140.root", entry_stop=4)


@pytest.fixture(scope="module")
def pfnano(data, open_events):
    return open_events(data / "pfnano.root")


def changed(events, collection, branch, values):
    """The events with one branch replaced."""
    plain = ak.Array(ak.to_layout(events[collection]), behavior={})
    return ak.with_field(events, ak.with_field(plain, values, branch), collection)


def first_is(events, collection, branch, value):
    """The events with another first value of a branch."""
    stored = ak.materialize(events[collection][branch])
    flat = ak.to_numpy(ak.flatten(stored)).astype(np.float64)
    flat[0] = value
    return changed(events, collection, branch, ak.unflatten(flat, ak.num(stored)))


def test_a_check_says_what_was_found_where():
    values = np.array([1.0, np.nan, 2e5, -1.0])
    with pytest.raises(InputError) as caught:
        check(values, PT, "PFCands.pt", "file.root")
    message = str(caught.value)
    assert "file.root: PFCands.pt: expected 0 to 100000 GeV, found nan at position 1" in message
    assert "3 such values" in message
    assert "mask these events or mend the file" in message


@pytest.mark.parametrize(
    ("limits", "good", "bad"),
    [
        (PT, [0.0, 1e5], [-0.1, 1.1e5, np.inf, np.nan]),
        (ANGLE, [-3.2, 6.3], [7.1, np.nan]),
        (ENERGY, [0.0, 1e6], [1e19, -1.0]),
        (FINITE, [-1e30, 1e30], [np.inf, -np.inf, np.nan]),
        (CHARGE, [-2.0, 1.0], [0.5, 300.0]),
    ],
)
def test_limits(limits, good, bad):
    assert check(np.array(good), limits, "x").tolist() == good
    for value in bad:
        with pytest.raises(InputError, match="x: expected"):
            check(np.array([good[0], value]), limits, "x")


def test_limits_of_integers_and_nothing():
    assert check(np.array([], np.float32), PT, "x").size == 0
    assert check(np.array([True, False]), PT, "x").dtype == np.bool_
    with pytest.raises(InputError, match="expected 1 to 3 in whole numbers, found 4"):
        check(np.array([1, 4]), Limits(1, 3, whole=True), "x")


def test_a_column_of_nan_only_is_missing():
    columns = {"pt": np.ones(3), "charge": np.array([1, 0, -1])}
    columns["dz"] = np.array([np.nan, 0.0, np.nan])
    with pytest.raises(MissingBranchError, match=r"file\.root: own needs dz of charged"):
        require_columns("own", columns, ("pt", "dz"), "file.root")
    require_columns("own", columns, ("pt",))
    columns["dz"][0] = 0.1
    require_columns("own", columns, ("pt", "dz"))
    with pytest.raises(InputError, match="dz: expected finite values, found inf"):
        require_columns("own", columns | {"dz": np.array([np.inf, 0.0, 1.0])}, ("dz",))


@pytest.mark.parametrize("name", PARTICLES)
def test_every_algorithm_refuses_a_source_without_dz(name, delphes, pfnano):
    for events, source in ((delphes, "ParticleFlowCandidate"), (without(pfnano, "dz"), None)):
        with pytest.raises(MissingBranchError, match="dz of charged candidates"):
            l1kd.insert(events, [name], source)


def without(events, *branches):
    particles = ak.Array(ak.to_layout(events["PFCands"]), behavior={})
    kept = {n: particles[n] for n in particles.fields if n not in branches}
    return ak.with_field(events, ak.zip(kept), "PFCands")


def test_dz_of_neutrals_is_never_used(pfnano):
    stored = pfnano.PFCands
    dz = ak.where(stored.charge == 0, np.nan, stored.dz)
    expected = l1kd.insert(pfnano, ["puppi", "linpuppi"]).L1Cand
    found = l1kd.insert(changed(pfnano, "PFCands", "dz", dz), ["puppi", "linpuppi"]).L1Cand
    for name in ("puppi_weight", "linpuppi_weight"):
        assert ak.array_equal(found[name], expected[name], check_parameters=False), name


def test_nan_of_one_track_is_an_error(pfnano):
    stored = pfnano.PFCands
    tracked = (stored.charge != 0) & (stored.dzErr >= 0)
    hardest = stored.pt == ak.max(stored.pt[tracked])
    dz = ak.where(tracked & hardest, np.nan, stored.dz)
    with pytest.raises(InputError, match=r"PFCands\.dz \(tracks\): expected finite values"):
        l1kd.insert(changed(pfnano, "PFCands", "dz", dz), ["puppi"])


@pytest.mark.parametrize("name", PARTICLES)
def test_pile_up_without_vertex_is_refused_by_name(name, delphes):
    with pytest.raises(MissingBranchError, match=r"'Vertex'.*particles of pile-up"):
        l1kd.insert(ak.without_field(delphes, "Vertex"), [name])


def test_no_pile_up_needs_no_vertex_if_it_is_at_zero(data, open_events):
    events = ak.without_field(open_events(data / "ttbar2l_PU0.root", entry_stop=4), "Vertex")
    with pytest.raises(MissingBranchError, match=r"'Vertex'.*mm from z = 0"):
        l1kd.insert(events, ["puppi"])
    at_zero = changed(events, "EFlowTrack", "DZ", events.EFlowTrack.DZ * 0)
    assert ak.max(l1kd.insert(at_zero, ["puppi"]).L1Cand.puppi_weight) == 1.0
    without_flag = ak.zip(
        {
            n: at_zero.EFlowTrack[n]
            for n in ("PT", "Eta", "Phi", "Mass", "D0", "DZ", "Charge", "PID")
        }
    )
    with pytest.raises(MissingBranchError, match=r"nor 'EFlowTrack\.IsPU'"):
        l1kd.insert(ak.with_field(at_zero, without_flag, "EFlowTrack"), ["puppi"])


@pytest.mark.parametrize(
    ("collection", "branch", "value"),
    [
        ("EFlowTrack", "PT", 1e38),
        ("EFlowTrack", "Eta", 999.9),
        ("EFlowPhoton", "Phi", np.inf),
        ("EFlowNeutralHadron", "ET", -1.0),
        ("EFlowTrack", "Charge", 1000.0),
        ("EFlowTrack", "PID", np.nan),
        ("Vertex", "Z", np.nan),
        ("Tower", "Eta", np.nan),
        ("Tower", "Phi", np.inf),
        ("Tower", "Ehad", 1e19),
        ("Tower", "Eem", 1e30),
        ("Tower", "Eta", 999.9),
    ],
)
def test_values_that_no_detector_gives(collection, branch, value, delphes):
    broken = first_is(delphes, collection, branch, value)
    with pytest.raises(InputError, match=rf"{collection}\.{branch}: expected .* at position 0"):
        l1kd.insert(broken, ["cicada" if collection == "Tower" else "puppi"])


def test_an_energy_is_never_infinite(delphes):
    broken = first_is(delphes, "EFlowTrack", "Eta", 14.9)
    assert np.isfinite(ak.max(l1kd.candidates(broken).energy))


def test_the_message_names_the_file(data, tmp_path):
    path = tmp_path / "broken.root"
    with uproot.recreate(path) as file:
        towers = ak.zip({"iet": [[3]], "ieta": [[1]], "iphi": [[99]]})
        file.mktree("Events", {"L1EmulCaloTower": towers.type.content}).extend(
            {"L1EmulCaloTower": towers}
        )
    with pytest.raises(InputError, match=r"broken\.root: L1EmulCaloTower\.iphi: expected 1 to 72"):
        l1kd.insert(inspect_file(str(path)).open(), ["cicada"])


def test_masses_follow_from_identities(delphes, pfnano):
    track = ak.Array(ak.to_layout(delphes["EFlowTrack"]), behavior={})
    lighter = ak.zip({n: track[n] for n in track.fields if n.lower() != "mass"})
    found = l1kd.candidates(ak.with_field(delphes, lighter, "EFlowTrack"))
    expected = l1kd.candidates(delphes)
    pions = np.abs(ak.to_numpy(ak.flatten(track.PID))) == 211
    charged = ak.flatten(found.energy[found.charge != 0])[pions]
    want = ak.flatten(expected.energy[expected.charge != 0])[pions]
    np.testing.assert_allclose(charged, want, rtol=1e-4)
    massless = l1kd.candidates(without(pfnano, "mass")).energy
    assert ak.all(massless <= l1kd.candidates(pfnano).energy * 1.2)
    with pytest.raises(
        MissingBranchError, match=r"'PFCands\.mass' is missing, and 'PFCands\.pdgId'"
    ):
        ak.materialize(l1kd.candidates(without(pfnano, "mass", "pdgId")).energy)


def dropped(source, path, keep, tree="Events"):
    """Write the branches of a flat file for which `keep(name)`."""
    with uproot.open(source) as file, uproot.recreate(path) as out:
        arrays = file[tree].arrays([name for name in file[tree].keys() if keep(name)])  # noqa: SIM118
        counters = [name[1:] for name in arrays.fields if name.startswith("n")]
        columns = {}
        for name in counters:
            parts = {
                f.removeprefix(f"{name}_"): arrays[f]
                for f in arrays.fields
                if f.startswith(f"{name}_")
            }
            if parts:
                columns[name] = ak.zip(parts)
        taken = {
            f for f in arrays.fields for n in counters if f == f"n{n}" or f.startswith(f"{n}_")
        }
        columns |= {f: arrays[f] for f in arrays.fields if f not in taken}
        out.mktree(tree, {n: x.type.content for n, x in columns.items()}).extend(columns)
    return str(path)


@pytest.mark.parametrize("absent", ["PFCands_mass", "GenJet_mass", "PFCands_pt", "PFCands_charge"])
def test_inspecting_a_file_without_a_branch_never_ends_in_a_traceback(absent, data, tmp_path):
    path = dropped(data / "pfnano.root", tmp_path / "less.root", lambda name: name != absent)
    found = inspect(path)
    if absent == "GenJet_mass":
        assert found.truth["generated jets"] is None, "jets without a mass are massless"
        assert found.computable == [n for n in PARTICLES if found.algorithms[n] is None]
    if absent == "PFCands_pt":
        assert found.computable == []
    if absent == "PFCands_charge":
        assert found.algorithms["linpuppi"] is None, "the charge follows from the identity"


def test_missing_momentum_is_studied_without_generated_jets(delphes):
    events = ak.without_field(delphes, "GenJet")
    output = next(iter(ResolutionProcessor(["none", "puppi"]).process(events).values()))
    assert output["absent"] == {"generated jets": 4}
    columns = output["columns"].joined()
    assert columns["n_gen_jets"].tolist() == [0, 0, 0, 0]
    assert np.all(np.isfinite(columns["met_px:puppi"]))
    with pytest.raises(L1KDError, match="no generated jets"):
        gen_jets(events)


def test_generated_values_and_weights_are_checked(delphes):
    with pytest.raises(InputError, match=r"GenMissingET\.MET: expected 0 to 100000 GeV, found nan"):
        gen_met(first_is(delphes, "GenMissingET", "MET", np.nan))
    with pytest.raises(InputError, match=r"GenJet\.Eta"):
        gen_jets(first_is(delphes, "GenJet", "Eta", np.inf))
    weighted = ak.with_field(
        ak.without_field(delphes, "Event"), ak.Array([1.0, np.nan, 1.0, 1.0]), "genWeight"
    )
    with pytest.raises(InputError, match="event 1 with nan"):
        event_weight(weighted)


def test_what_an_algorithm_needs_depends_on_its_options():
    assert "dz" in LinPuppi().needs
    assert "dz" in Puppi().needs
    assert "dz" not in Puppi(association="truth").needs
    assert Puppi(from_source=True).needs == ("pt", "puppi_weight")
    assert "dz_error" not in Puppi().needs, "an unknown error counts as 0"


def trigger_candidates(vertices):
    """A perfNano-like event, its vertices under the given name."""
    columns = {"pt": [[5.0, 3.0, 2.0]], "eta": [[0.1, 0.2, 0.3]], "phi": [[0.0, 1.0, 2.0]]}
    columns |= {"mass": [[0.14, 0.14, 0.0]], "charge": [[1, -1, 0]], "pdgId": [[211, -211, 22]]}
    fields = {"L1PuppiCands": ak.zip({**columns, "z0": [[4.0, 9.0, 0.0]]})}
    if vertices is not None:
        fields[vertices] = ak.zip({"z0": [[4.01, 9.0]], "sumPt": [[50.0, 5.0]]})
    return ak.zip(fields, depth_limit=1)


@pytest.mark.parametrize("name", ["L1PV", "L1Vertex", "L1Vtx"])
def test_vertices_of_the_trigger_have_three_names(name):
    weights = l1kd.insert(trigger_candidates(name), ["puppi"]).L1Cand
    assert weights.dz[0, :2].tolist() == pytest.approx([-0.01, 4.99], abs=1e-5)
    assert weights.puppi_weight[0, :2].tolist() == [1.0, 0.0]


def test_trigger_candidates_without_vertices_have_no_distance():
    for name in ("puppi", "linpuppi"):
        with pytest.raises(MissingBranchError, match=f"{name} needs dz"):
            l1kd.insert(trigger_candidates(None), [name])


FAULTS = {
    "novertex": ("puppi", "Vertex"),
    "noeflow": ("puppi", "dz"),
    "pf_nodz": ("linpuppi", "dz"),
}


@pytest.mark.parametrize(("file", "algorithm", "named"), [(f, *x) for f, x in FAULTS.items()])
def test_faulty_files_are_refused(file, algorithm, named, shared, open_events):
    with pytest.raises(MissingBranchError, match=named):
        l1kd.insert(open_events(shared / "faults" / f"{file}.root"), [algorithm])


@pytest.mark.parametrize("file", ["plain", "nomass", "pf_nandz", "pf_npvs", "perf_L1PV"])
def test_fine_files_are_accepted(file, shared):
    assert inspect(str(shared / "faults" / f"{file}.root")).computable[:4] == PARTICLES


def test_both_names_of_vertices_give_the_same(shared, open_events):
    first, second = (
        l1kd.insert(open_events(shared / "faults" / f"perf_{name}.root"), PARTICLES).L1Cand
        for name in ("L1PV", "L1Vertex")
    )
    for name in PARTICLES:
        assert ak.array_equal(first[f"{name}_weight"], second[f"{name}_weight"]), name


def test_the_command_exits_with_one_if_nothing_can_be_computed(data, tmp_path):
    fine = CliRunner().invoke(app, ["inspect", str(data / "pfnano.root")])
    assert fine.exit_code == 0
    assert "cross-references that the file lacks" in fine.output
    path = dropped(data / "pfnano.root", tmp_path / "less.root", lambda n: n != "PFCands_eta")
    useless = CliRunner().invoke(app, ["inspect", path, "--quiet"])
    assert useless.exit_code == 1
    as_json = CliRunner().invoke(app, ["inspect", path, "--json"])
    assert as_json.exit_code == 1
    assert "branch 'PFCands.eta' is missing" in as_json.output


def test_errors_of_lazy_columns_say_nothing_of_awkward(delphes):
    with pytest.raises(MissingBranchError) as caught:
        l1kd.insert(ak.without_field(delphes, "Vertex"), ["puppi"])
    assert not getattr(caught.value, "__notes__", [])
