"""Columns of CMS formats, particle by particle: what a branch that is there, or not, means."""

import awkward as ak
import numpy as np
import pytest

from l1kd.candidates import PID, candidates
from l1kd.errors import InputError, MissingBranchError
from l1kd.regions import regions

PION, MUON = 0.13957, 0.10566


def events(counts=(2, 3), name="L1PFCands", **columns):
    """Make events with one collection of candidates, and a vertex at 1 and 2 cm."""
    n = sum(counts)
    filled = {
        "pt": np.full(n, 5.0),
        "eta": np.zeros(n),
        "phi": np.zeros(n),
        "pdgId": [211, 22, -211, 130, 13],
        **columns,
    }
    flat = {key: np.asarray(v) for key, v in filled.items() if v is not None}
    vertices = ak.zip({"z0": [[1.0, 9.0], [2.0]]})
    return ak.zip({name: ak.unflatten(ak.zip(flat), counts), "L1PV": vertices}, depth_limit=1)


def values(array):
    return np.asarray(ak.flatten(array))


def test_charge_and_class_come_from_the_pdg_code():
    found = candidates(events(pdgId=[211, 11, -211, 130, -13]))
    assert values(found.charge).tolist() == [1, -1, -1, 0, 1]
    names = ("charged hadron", "electron", "charged hadron", "neutral hadron", "muon")
    assert values(found.pid).tolist() == [PID[name] for name in names]


def test_a_stored_charge_counts_before_the_code():
    found = candidates(events(charge=[0, -1, 1, 0, 0]))
    assert values(found.charge).tolist() == [0, -1, 1, 0, 0]


def test_without_masses_charged_particles_have_those_of_their_kind():
    found = candidates(events())
    expected = np.sqrt(25.0 + np.array([PION, 0, PION, 0, MUON]) ** 2)
    np.testing.assert_allclose(values(found.energy), expected, rtol=1e-6)


def test_without_masses_and_codes_there_is_no_energy():
    with pytest.raises(MissingBranchError, match="mass' is missing"):
        ak.materialize(candidates(events(pdgId=None, charge=[1, 0, -1, 0, 1])).energy)


def test_z0_is_relative_to_the_first_vertex_of_the_event():
    found = candidates(events(z0=[1.5, 0.0, 2.5, 0.0, 1.0]))
    np.testing.assert_allclose(values(found.dz), [0.5, 0.0, 0.5, 0.0, -1.0])


def test_one_vertex_an_event_may_be_a_plain_number():
    given = events(z0=[1.5, 0.0, 2.5, 0.0, 1.0])
    given = ak.with_field(given, ak.zip({"z0": [1.0, 2.0]}), "L1PV")
    np.testing.assert_allclose(values(candidates(given).dz), [0.5, 0.0, 0.5, 0.0, -1.0])


def pfnano(**columns):
    return events(
        name="PFCands",
        **{
            "d0": [0.1, -1.0, -1.0, -1.0, 0.2],
            "d0Err": [0.01, -1.0, -1.0, -1.0, 0.01],
            "dz": [0.3, -1.0, -1.0, -1.0, -0.4],
            "dzErr": [0.02, -1.0, -1.0, -1.0, 0.02],
            **columns,
        },
    )


def test_an_error_of_minus_one_is_no_track():
    found = candidates(pfnano())
    np.testing.assert_allclose(values(found.dz), [0.3, 0.0, np.nan, 0.0, -0.4], rtol=1e-6)
    np.testing.assert_allclose(values(found.d0), [0.1, 0.0, np.nan, 0.0, 0.2], rtol=1e-6)
    np.testing.assert_allclose(values(found.dz_error), [0.02, 0.0, np.nan, 0.0, 0.02], rtol=1e-6)


def test_without_errors_every_charged_particle_has_a_track():
    found = candidates(pfnano(dzErr=None))
    np.testing.assert_allclose(values(found.dz), [0.3, 0.0, -1.0, 0.0, -0.4], rtol=1e-6)


def jets(index):
    return ak.with_field(pfnano(), ak.zip({"pFCandsIdx": ak.Array(index)}), "JetPFCands")


@pytest.mark.parametrize(
    ("index", "warns"),
    [
        ([[0, 1], [0, 1, 2]], True),
        ([[0, 1], [0, 1]], False),
        ([[1], [0, 1, 2]], False),
        ([[0, 1], [0, 1, 2, -1, 99]], True),
    ],
)
def test_candidates_that_are_all_constituents_of_jets_are_said(index, warns):
    given = jets(index)
    if warns:
        with pytest.warns(UserWarning, match="constituent"):
            candidates(given)
    else:
        candidates(given)


def calorimeter(name, **columns):
    flat = {key: np.asarray(v) for key, v in columns.items()}
    return ak.zip(
        {name: ak.unflatten(ak.zip(flat), [len(next(iter(flat.values())))])}, depth_limit=1
    )


def test_counts_begin_at_zero_and_are_whole():
    towers = {"ieta": [1, -1], "iphi": [1, 72]}
    assert regions(calorimeter("L1EmulCaloTower", iet=[0, 3], **towers)).sum() == 3
    for bad in (-1, 0.5):
        with pytest.raises(InputError, match="iet"):
            regions(calorimeter("L1EmulCaloTower", iet=[bad, 3], **towers))


def test_region_ntuples_have_their_own_edges():
    whole = {"ieta": [4, 17], "iphi": [0, 17]}
    assert regions(calorimeter("Regions", et=[0, 7], **whole))[0, 17, 13] == 7
    for name, bad in (("et", -1), ("ieta", 22), ("iphi", 18)):
        given = {"et": [1, 1], **whole}
        given[name] = [given[name][0], bad]
        with pytest.raises(InputError, match=name):
            regions(calorimeter("Regions", **given))
