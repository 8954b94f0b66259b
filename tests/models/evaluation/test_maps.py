import numpy as np
import pytest

from l1kd.models.evaluation.maps import ETA_EDGES, cell_distance, event_maps, weight_maps
from l1kd.models.evaluation.measure import NO_PILEUP
from l1kd.models.evaluation.samples import Sample, Twin


def as_twin(sample: Sample) -> Twin:
    p = sample.any_particles
    return Twin(p.pt, p.eta, p.phi, p.energy, p.offsets)


def test_maps_hold_all_weights_and_momenta(sample):
    p = sample.any_particles
    maps = weight_maps(p, {"none": np.ones_like(p.pt), "puppi": p.puppi_weight}, sample.twin)
    inside = np.abs(p.eta) <= ETA_EDGES[-1]
    assert maps.weight["none"].sum() * p.n_events == pytest.approx(inside.sum())
    expected = (p.puppi_weight * p.pt)[inside].sum()
    assert maps.momentum["puppi"].sum() * p.n_events == pytest.approx(expected)
    assert maps.momentum[NO_PILEUP].sum() * p.n_events == pytest.approx(
        sample.twin.pt[np.abs(sample.twin.eta) <= ETA_EDGES[-1]].sum()
    )


def test_event_maps_show_one_event(sample):
    p = sample.any_particles
    maps = event_maps(p, {"none": np.ones_like(p.pt)}, sample.twin, 2)
    mine = p.events(2, 3)
    assert list(maps) == [NO_PILEUP, "none"]
    inside = np.abs(mine.eta) <= ETA_EDGES[-1]
    assert maps["none"].sum() == pytest.approx(mine.pt[inside].sum(), rel=1e-6)


def test_distance_is_zero_from_itself_and_one_from_nothing(sample):
    p = sample.any_particles
    weights = {"puppi": np.ones_like(p.pt), "nothing": np.zeros_like(p.pt)}
    found = cell_distance(p, weights, as_twin(sample))
    assert found["puppi"]["distance"]["value"] == pytest.approx(0.0, abs=1e-12)
    assert found["nothing"]["distance"]["value"] == pytest.approx(1.0)


def test_true_shares_come_closest_to_no_pileup(sample):
    p = sample.any_particles
    weights = {"none": np.ones_like(p.pt), "puppi": p.puppi_weight, "soft_truth": p.truth}
    found = cell_distance(p, weights, sample.twin)
    values = [found[name]["distance"]["value"] for name in ("soft_truth", "puppi", "none")]
    assert values == sorted(values)
    assert found["soft_truth"]["distance_ratio"]["high"] < 1.0
    assert found["puppi"]["distance"]["n"] == p.n_events
