"""Events to train on, with either association of charged particles or with both."""

import numpy as np
import pytest

from l1kd.models.weights.config import Loss, ParticleData
from l1kd.models.weights.samples import Samples


def read(data, association, **loss):
    chosen = ParticleData(
        folder=data,
        train=("ttbar2l_PU140.root",),
        no_pileup=("ttbar2l_PU0.root",),
        test={"top pairs": "ttbar2l_PU140.root"},
        validation_fraction=0.25,
        max_events=4,
        association=association,
    )
    return Samples.read(chosen, Loss(**loss))


@pytest.fixture(scope="module")
def samples(data):
    return {name: read(data, name) for name in ("dz", "truth", "both")}


def test_with_both_associations_every_event_is_met_twice(samples):
    both = samples["both"]
    assert both.train.particles.n_events == 6
    assert both.validation.particles.n_events == 2
    for part in ("train", "validation"):
        events = getattr(both, part)
        half = events.particles.n_events // 2
        for name, (begin, end) in {"dz": (0, half), "truth": (half, 2 * half)}.items():
            alone, found = getattr(samples[name], part), events.part(begin, end)
            for column in ("pt", "phi", "puppi_weight", "truth", "offsets"):
                np.testing.assert_array_equal(
                    getattr(found.particles, column), getattr(alone.particles, column)
                )
            np.testing.assert_array_equal(found.jets, alone.jets)
            np.testing.assert_array_equal(found.target, alone.target)


def test_where_the_association_is_true_charged_particles_keep_it(samples):
    both = samples["both"].train
    dz, truth = both.part(0, 3), both.part(3, 6)
    assert not dz.kept.any()
    np.testing.assert_array_equal(truth.kept, truth.particles.charge != 0)
    assert not samples["truth"].train.kept.any()


def test_charged_particles_keep_either_association_if_the_loss_says_so(data):
    events = read(data, "both", charged="vertex").train
    np.testing.assert_array_equal(events.kept, events.particles.charge != 0)


def test_tests_are_made_with_both_associations(samples):
    both = samples["both"].tests
    assert list(both) == ["top pairs", "top pairs, charged by the true association"]
    for found, name in zip(both.values(), ("dz", "truth"), strict=True):
        ((alone, _),) = samples[name].tests.values()
        np.testing.assert_array_equal(found[0].puppi_weight, alone.puppi_weight)
    dz, truth = (particles.puppi_weight for particles, _ in both.values())
    assert (dz != truth).any()


def test_the_events_without_pile_up_are_there_twice_as_well(data, samples):
    events = read(data, "both", transport=1.0).train
    assert samples["both"].train.no_pileup is None
    assert events.no_pileup.n_events == events.particles.n_events == 6
    first, second = events.part(0, 3).no_pileup, events.part(3, 6).no_pileup
    np.testing.assert_array_equal(first.pt, second.pt)
