"""WeightProcessor on real events: classes, agreement, maps, chunks."""

import awkward as ak
import numpy as np
import pytest
from coffea.processor import accumulate

from l1kd.algorithms import LinPuppi, Puppi
from l1kd.datasets import inspect_file
from l1kd.errors import ConfigurationError, MissingBranchError
from l1kd.insertion import insert
from l1kd.physics.agreement import agreement
from l1kd.physics.maps import ETA_EDGES
from l1kd.processors.weights import CLASSES, KINDS, N_BINS, WeightProcessor, agreement_of, map_of

WEIGHTINGS = ("none", "puppi", "soft_truth")
N = 8


@pytest.fixture(scope="module")
def file(data):
    return inspect_file(
        str(data / "ttbar2l_PU140.root"), "top", truth=str(data / "ttbar2l_PU0.root")
    )


@pytest.fixture(scope="module")
def processor():
    return WeightProcessor(WEIGHTINGS, min_pt_without=0.5)


@pytest.fixture(scope="module")
def output(file, processor):
    return processor.process(file.open(0, N))["top"]


@pytest.fixture(scope="module")
def inserted(file):
    return insert(file.open(0, N), ["puppi"])["L1Cand"]


def test_every_particle_is_in_one_class_and_bin(output, inserted):
    assert output["counts"].shape == (len(CLASSES), len(WEIGHTINGS), N_BINS)
    assert output["particles"] == ak.sum(ak.num(inserted.pt))
    assert set(output["counts"].sum(axis=(0, 2))) == {output["particles"]}
    hard = ak.sum((inserted.charge != 0) & (inserted.hard_fraction >= 0.5))
    assert output["counts"][CLASSES.index("charged, hard"), 0, -1] == hard


def test_agreement_is_that_of_all_particles(output, inserted):
    columns = output["columns"].joined()
    flat = {name: ak.to_numpy(ak.flatten(inserted[name])) for name in inserted.fields}
    offsets = np.concatenate([[0], np.cumsum(ak.num(inserted.pt))])
    given, wanted = flat["puppi_weight"], flat["hard_fraction"]
    for kind, mask in zip(KINDS, (None, flat["charge"] == 0), strict=True):
        found = agreement_of(columns, kind, "soft_truth", "puppi").table()
        assert found == agreement(given, wanted, offsets, mask)


def test_true_shares_come_closest_to_the_event_without_pileup(output):
    columns = output["columns"].joined()
    medians = [np.median(columns[f"distance:{w}"]) for w in ("soft_truth", "puppi", "none")]
    assert medians == sorted(medians)
    assert columns["distance:puppi"].shape == (N,)


def test_maps_hold_all_weights_and_momenta(output, inserted):
    maps = output["maps"].joined()
    inside = abs(inserted.eta) <= ETA_EDGES[-1]
    weight, momentum = (map_of(maps, name, N) for name in ("weight", "momentum"))
    assert weight["none"].sum() * N == pytest.approx(ak.sum(inside))
    expected = ak.sum((inserted.pt * inserted.puppi_weight)[inside])
    assert momentum["puppi"].sum() * N == pytest.approx(expected, rel=1e-5)
    assert 0.0 < momentum["no_pileup"].sum() < momentum["none"].sum()


def test_the_event_shown_has_the_largest_generated_met(output, file, inserted):
    maps = output["maps"].joined()
    sizes = ak.to_numpy(ak.flatten(file.open(0, N).GenMissingET.MET))
    assert maps["event_met"] == [sizes.max()]
    one = inserted[int(np.argmax(sizes))]
    inside = abs(one.eta) <= ETA_EDGES[-1]
    assert maps["event:none"].sum() == pytest.approx(ak.sum(one.pt[inside]), rel=1e-6)


def test_chunks_do_not_matter(file, processor, output):
    parts = accumulate([processor.process(file.open(a, b)) for a, b in ((5, N), (0, 5))])["top"]
    assert parts["columns"] == output["columns"]
    np.testing.assert_array_equal(parts["counts"], output["counts"])
    whole, cut = (map_of(x["maps"].joined(), "momentum", N) for x in (output, parts))
    for name in whole:
        np.testing.assert_allclose(cut[name], whole[name], rtol=1e-9)


def test_without_a_paired_file_there_is_no_distance(data, processor):
    alone = inspect_file(str(data / "ttbar2l_PU140.root"), "top").open(0, 2)
    found = processor.process(alone)["top"]
    assert not any(name.startswith("distance") for name in found["columns"].joined())
    assert "weight:no_pileup" not in found["maps"].joined()


def test_linpuppi_with_the_ideal_association_keeps_no_charged_pileup(file):
    events = file.open(0, N)
    ideal, real = (insert(events, [LinPuppi(association=a)])["L1Cand"] for a in ("truth", "dz"))
    pileup = ideal.is_reco_pu & (ideal.charge != 0)
    central = (abs(ideal.eta) < 2.4) & (ideal.pid != 2)  # muons have their own path
    assert not ak.any(ideal.linpuppi_weight[pileup & central] > 0)
    assert ak.any(real.linpuppi_weight[pileup & central] > 0)
    kept = ~pileup & (ideal.charge != 0)
    assert ak.all(ideal.linpuppi_weight[kept] == real.linpuppi_weight[kept])
    assert LinPuppi(association="truth").version != LinPuppi().version


def test_associations_that_do_not_exist(data):
    with pytest.raises(ConfigurationError, match="expected 'dz' or 'truth'"):
        LinPuppi(association="best")
    events = inspect_file(str(data / "pfnano.root")).open(0, 1)
    with pytest.raises(MissingBranchError, match="IsRecoPU"):
        LinPuppi(association="truth")(events)


def test_puppi_of_each_association_is_another_weight(file):
    events = file.open(0, 2)
    one, other = (
        WeightProcessor(("puppi",), ("puppi",), algorithms=[Puppi(association=a)]).process(events)[
            "top"
        ]["counts"]
        for a in ("dz", "truth")
    )
    assert not np.array_equal(one, other)
