"""`l1kd.weights`: own arrays get the numbers that `insert` gives."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import Puppi
from l1kd.emulators.particles.puppi import CMS_RUN2
from l1kd.errors import ConfigurationError, InputError, MissingBranchError
from l1kd.formats.delphes import vertex_count

WEIGHTS = ["puppi", "linpuppi", "distillnet", "qdistillnet"]
COLUMNS = ("pt", "eta", "phi", "energy", "charge", "pid", "d0", "dz", "dz_error")


@pytest.fixture(scope="module")
def events(data, open_events):
    return open_events(data / "ttbar2l_PU140.root", entry_stop=6)


@pytest.fixture(scope="module")
def particles(events):
    found = l1kd.candidates(events)
    return ak.zip({name: found[name] for name in COLUMNS})


@pytest.fixture(scope="module")
def expected(events):
    return l1kd.insert(events, WEIGHTS).L1Cand


def flat(particles):
    return {name: ak.to_numpy(ak.flatten(particles[name])) for name in particles.fields}


def test_flat_columns_and_counts_in_one_line(events, particles, expected):
    found = l1kd.weights(
        flat(particles), ak.num(particles.pt), WEIGHTS, n_vertices=vertex_count(events)
    )
    for name in WEIGHTS:
        assert found[name].dtype == np.float32
        want = ak.to_numpy(ak.flatten(expected[f"{name}_weight"]))
        np.testing.assert_array_equal(found[name], want, err_msg=name)


def test_jagged_columns_give_jagged_weights(events, particles, expected):
    columns = {name: particles[name] for name in COLUMNS} | {"n_vertices": vertex_count(events)}
    found = l1kd.weights(columns, algorithms="qdistillnet")
    assert ak.array_equal(found, expected.qdistillnet_weight, check_parameters=False)
    record = l1kd.weights(particles, None, "puppi", n_vertices=vertex_count(events))
    assert ak.array_equal(record, expected.puppi_weight, check_parameters=False)


def test_azimuths_of_another_period_are_the_same_particles(events, particles, expected):
    columns = flat(particles)
    columns["phi"] = np.where(columns["phi"] < 0, columns["phi"] + 2 * np.pi, columns["phi"])
    found = l1kd.weights(
        columns, ak.num(particles.pt), "distillnet", n_vertices=vertex_count(events)
    )
    want = ak.to_numpy(ak.flatten(expected.distillnet_weight))
    np.testing.assert_allclose(found, want, atol=2e-3)


def test_private_ntuples_have_masses_and_identities(data, open_events):
    """PFNano's own branches, uncut: class from pdgId, energy from the mass."""
    events = open_events(data / "pfnano.root")
    stored = events.PFCands
    tracked = (stored.charge != 0) & (stored.dzErr >= 0)
    columns = {name: stored[name] for name in ("pt", "eta", "phi", "mass", "charge", "pdgId")}
    columns["puppi_weight"] = stored.puppiWeight
    for name, error in (("d0", "d0Err"), ("dz", "dzErr")):
        columns[name] = ak.where(tracked, stored[name], ak.where(stored.charge != 0, np.nan, 0.0))
        if name == "dz":
            columns["dz_error"] = ak.where(tracked, stored[error], 0.0)
    own = l1kd.weights(columns, None, "linpuppi")
    want = l1kd.insert(events, ["linpuppi"]).L1Cand.linpuppi_weight
    assert ak.array_equal(own, want, check_parameters=False)
    vertices = np.array([20, 30, 40])
    first = l1kd.weights(columns, None, Puppi(config=CMS_RUN2), n_vertices=vertices)
    assert ak.all(ak.num(first) == ak.num(stored.pt))


def test_without_energy_where_none_is_needed(events, particles, expected):
    columns = flat(particles)
    del columns["energy"]
    counts = ak.num(particles.pt)
    found = l1kd.weights(columns, counts, "puppi", n_vertices=vertex_count(events))
    np.testing.assert_array_equal(found, ak.to_numpy(ak.flatten(expected.puppi_weight)))
    with pytest.raises(MissingBranchError, match="distillnet needs the candidates' 'energy'"):
        l1kd.weights(columns, counts, "distillnet", n_vertices=vertex_count(events))


def test_no_particles_at_all(particles):
    columns = {name: x[:0] for name, x in flat(particles).items()}
    found = l1kd.weights(columns, [0, 0], "puppi", n_vertices=[1, 1])
    assert found.shape == (0,)


@pytest.mark.parametrize(
    ("change", "counts", "error", "message"),
    [
        ({}, None, InputError, "flat columns need counts"),
        ({}, [1], InputError, "with 1 particles in 1 events"),
        ({"etta": [0.0, 0.0]}, [2], ConfigurationError, "did you mean 'eta'"),
        ({"pt": [1.0, -1.0]}, [2], InputError, r"pt: expected 0 to .* found -1"),
        ({"pt": [1.0, 1e38]}, [2], InputError, r"expected 0 to 100000 GeV, found 1e\+38"),
        ({"eta": [0.0, 999.9]}, [2], InputError, "eta: expected -15 to 15, found 999"),
        ({"phi": [0.0, np.nan]}, [2], InputError, "phi: expected .* found nan"),
        ({"charge": [1, 256]}, [2], InputError, "charge: expected -100 to 100 e .* found 256"),
        ({"pid": [0, 8]}, [2], InputError, "pid: expected 0 to 7"),
        ({"dz": [np.nan, 0.0]}, [2], MissingBranchError, "no candidate of this source has one"),
        ({"n_vertices": [1, 2, 3]}, [2], InputError, "n_vertices for 1 events"),
        ({"n_vertices": [np.nan]}, [2], InputError, "n_vertices: expected 0 to 10000 .* found nan"),
        ({"n_vertices": [-5]}, [2], InputError, "n_vertices: expected 0 to 10000 .* found -5"),
        ({"n_vertices": ["3"]}, [2], InputError, "'n_vertices' is no column of numbers"),
        ({"pt": ["1", "2"]}, [2], InputError, "'pt' is no column of numbers: its type is <U1"),
        ({"pt": [1j, 2j]}, [2], InputError, "'pt' is no column of numbers: its type is complex"),
        ({"dz": [[0.0], [0.0, 1.0]]}, [2], InputError, "'dz' is no column of numbers"),
        ({"dz": ak.Array([None, 0.0])}, [2], InputError, "'dz' is None or masked in 1 places"),
        ({"charge": np.ma.masked_equal([1, 0], 0)}, [2], InputError, "'charge' is None or masked"),
        ({}, np.ma.masked_equal([2], 2), InputError, "'counts' is None or masked"),
        ({}, ["2"], InputError, "'counts' is no column of numbers"),
    ],
)
def test_wrong_arrays_say_what_is_wrong(change, counts, error, message):
    columns = {"pt": [1.0, 2.0], "eta": [0.0, 0.5], "phi": [0.0, 0.1], "charge": [1, 0]}
    columns |= {"pid": [0, 4], "dz": [0.0, 0.0], "n_vertices": [3]}
    with pytest.raises(error, match=message):
        l1kd.weights(columns | change, counts, "puppi")


def test_scores_are_no_weights(particles):
    with pytest.raises(ConfigurationError, match="cicada scores events"):
        l1kd.weights(flat(particles), ak.num(particles.pt), "cicada")
    with pytest.raises(InputError, match="counts belong to flat columns"):
        l1kd.weights(particles, ak.num(particles.pt))


def test_hand_made_candidates_in_events_become_vectors(events, particles, expected):
    plain = ak.zip(dict(zip(particles.fields, ak.unzip(particles), strict=True)))
    inserted = l1kd.insert(ak.with_field(events, plain, "L1Cand"), ["puppi"])
    assert ak.array_equal(
        inserted.L1Cand.puppi_weight, expected.puppi_weight, check_parameters=False
    )
    assert inserted.L1Cand[0, :3].px.tolist() == pytest.approx(expected[0, :3].px.tolist())


def test_a_source_beside_candidates_is_never_ignored(events, particles):
    first = l1kd.insert(events, ["puppi"])
    assert "qdistillnet_weight" in l1kd.insert(first, ["qdistillnet"], source="EFlow").L1Cand.fields
    with pytest.raises(ConfigurationError, match="already have L1Cand, made from EFlow"):
        l1kd.insert(first, ["qdistillnet"], source="ParticleFlowCandidate")
    with pytest.raises(ConfigurationError, match="already have L1Cand, made from EFlow"):
        Puppi(source="ParticleFlowCandidate")(first)
    by_hand = ak.with_field(events, particles, "L1Cand")
    with pytest.raises(ConfigurationError, match="an unknown source"):
        l1kd.insert(by_hand, ["puppi"], source="EFlow")
    with pytest.raises(ConfigurationError, match="several particle sources"):
        l1kd.insert(events, [Puppi(source="ParticleFlowCandidate")], source="EFlow")


def test_pfnano_keeps_its_parameters_when_more_is_inserted(data, open_events):
    events = open_events(data / "pfnano.root")
    at_once = l1kd.insert(events, ["puppi"]).L1Cand.puppi_weight
    later = l1kd.insert(l1kd.insert(events, ["linpuppi"]), ["puppi"]).L1Cand.puppi_weight
    assert ak.array_equal(at_once, later, check_parameters=False)
    run2 = l1kd.insert(events, [Puppi(config=CMS_RUN2)]).L1Cand.puppi_weight
    assert ak.array_equal(at_once, run2, check_parameters=False)
