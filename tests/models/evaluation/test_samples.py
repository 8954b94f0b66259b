from pathlib import Path

import awkward as ak
import numpy as np
import pytest

from l1kd.algorithms import LinPuppi, Puppi
from l1kd.errors import ConfigurationError, PairingError
from l1kd.models.evaluation.samples import describe_files, read_sample
from l1kd.models.evaluation.weightings import CLASSES, all_weightings, weight_counts


@pytest.fixture(scope="module")
def events(data: Path, open_events):
    return open_events(data / "ttbar2l_PU140.root", entry_stop=8)


def test_every_association_has_its_own_puppi_weight(sample, events):
    for association in ("dz", "truth"):
        expected = ak.to_numpy(ak.flatten(Puppi(association=association)(events)))
        np.testing.assert_array_equal(sample.particles[association].puppi_weight, expected)
    assert sample.particles["dz"].pt is sample.particles["truth"].pt


def test_linpuppi_is_the_firmwares_with_dz(sample, events):
    expected = ak.to_numpy(ak.flatten(LinPuppi()(events)))
    np.testing.assert_array_equal(sample.linpuppi["dz"], expected)


def test_linpuppi_with_the_ideal_association_keeps_no_charged_pileup(sample, events):
    p = sample.particles["truth"]
    pileup = ak.to_numpy(ak.flatten(events.EFlowTrack.IsRecoPU)).astype(bool)
    # tracks come first within an event
    counts = ak.to_numpy(ak.num(events.EFlowTrack))
    tracks = np.concatenate(
        [np.arange(first, first + n) for first, n in zip(p.offsets[:-1], counts, strict=True)]
    )
    central = np.abs(p.eta[tracks]) < 2.4
    muon = p.pid[tracks] == 2
    ideal, real = (sample.linpuppi[a][tracks] > 0.0 for a in ("truth", "dz"))
    assert not ideal[pileup & central & ~muon].any()
    assert real[pileup & central & ~muon].any()
    np.testing.assert_array_equal(ideal[~pileup], real[~pileup])


def test_twin_is_cut_at_the_softest_stored_particle(data: Path, sample):
    assert sample.twin.pt.min() >= sample.any_particles.pt.min()
    assert len(sample.twin.offsets) == sample.n_events + 1
    assert len(sample.twin.above(2.0).pt) == (sample.twin.pt >= 2.0).sum()
    assert sample.twin.above(1e6).offsets.tolist() == [0] * (sample.n_events + 1)


def test_first_events_are_those_of_a_shorter_reading(data: Path, sample):
    files, truth = sample.files, [data / "ttbar2l_PU0.root"]
    short = read_sample("test", files, ("dz",), truth=truth, max_events=3)
    first = sample.first(3)
    np.testing.assert_array_equal(first.particles["dz"].pt, short.particles["dz"].pt)
    np.testing.assert_array_equal(first.linpuppi["dz"], short.linpuppi["dz"])
    np.testing.assert_array_equal(first.generated.met, short.generated.met)
    np.testing.assert_array_equal(first.generated.jets.pt, short.generated.jets.pt)
    np.testing.assert_array_equal(first.generated.jets.offsets, short.generated.jets.offsets)
    np.testing.assert_array_equal(first.twin.offsets, short.twin.offsets)
    np.testing.assert_array_equal(first.n_vertices, short.n_vertices)
    assert sample.first(1000).n_events == sample.n_events


def test_description(sample):
    found = describe_files(sample)
    assert (found["events"], found["paired"]) == (8, True)
    assert 100 < found["vertices"] < 180


def test_a_twin_of_other_events_is_refused(data: Path):
    files = [data / "minbias_PU140.root"]
    with pytest.raises(PairingError, match="entry 0"):
        read_sample("x", files, ("dz",), truth=[data / "ttbar2l_PU0.root"], max_events=2)


def test_one_twin_for_each_file(data: Path):
    file = data / "ttbar2l_PU140.root"
    with pytest.raises(ConfigurationError, match="2 files with pile-up and 1 without"):
        read_sample("x", [file, file], ("dz",), truth=[data / "ttbar2l_PU0.root"])


def test_histograms_hold_every_particle_once(sample):
    p = sample.particles["dz"]
    weights = all_weightings(sample, "dz", [])
    assert list(weights) == ["none", "puppi", "linpuppi", "soft_truth"]
    counts = weight_counts(p, weights)["counts"]
    total = {w: sum(sum(counts[kind][w]) for kind in CLASSES) for w in weights}
    assert set(total.values()) == {len(p)}
    hard = (p.charge != 0) & (p.truth >= 0.5)
    assert counts["charged, hard"]["none"][-1] == hard.sum()
