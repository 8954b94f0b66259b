"""Turned, mirrored and merged events."""

import numpy as np
import pytest

from l1kd.models.objects.events import augment, merged, merged_by_kind, present
from l1kd.objects import KINDS

MET = KINDS["met"][0]


@pytest.fixture
def events(data):
    return data.background("train").objects[:200]


def test_turned_events_keep_momenta_and_angles_between_objects(events):
    turned = augment(events, np.random.default_rng(1))
    np.testing.assert_array_equal(turned[..., 0], events[..., 0])
    np.testing.assert_array_equal(np.abs(turned[..., 1]), np.abs(events[..., 1]))
    there = present(events)
    both = there[:, 0] & there[:, 8]

    def apart(some):
        return np.cos(some[both, 0, 2] - some[both, 8, 2])

    np.testing.assert_allclose(apart(turned), apart(events), atol=1e-5)
    assert (np.abs(turned[..., 2]) <= np.float32(np.pi)).all()
    assert not turned[~there].any()
    assert np.abs(turned[there][:, 2] - events[there][:, 2]).max() > 0.1


def test_merged_events_hold_the_objects_of_both(events):
    both = merged(events, 2, np.random.default_rng(2))
    first, last = KINDS["muon"]
    muons = present(both)[:, first:last].sum(axis=1)
    assert (muons >= present(events)[:, first:last].sum(axis=1)).all()
    pt = both[:, first:last, 0]
    assert (np.diff(pt, axis=1) <= 0).all()
    assert (both[:, MET, 1] == 0).all()
    # momenta that are missing add as vectors: neither more than their sum nor less than the rest
    assert both[:, MET, 0].mean() < 2 * events[:, MET, 0].mean()


def test_the_same_generator_gives_the_same_events(events):
    again = [merged(events, 3, np.random.default_rng(5)) for _ in range(2)]
    np.testing.assert_array_equal(*again)


def test_kinds_of_objects_come_from_another_number_of_events_each(events):
    result = merged_by_kind(events, 3, np.random.default_rng(6))
    assert result.dtype == np.float32
    more = {}
    for kind in ("muon", "electron", "jet"):
        first, last = KINDS[kind]
        before, after = (present(some)[:, first:last].sum(axis=1) for some in (events, result))
        assert (after >= before).all()
        assert (np.diff(result[:, first:last, 0], axis=1) <= 0).all()
        more[kind] = after > before
    assert (more["muon"] & ~more["jet"]).any()
    assert (more["jet"] & ~more["muon"] & ~more["electron"]).any()
    np.testing.assert_array_equal(result[:, MET, 0], events[:, MET, 0])
    assert not result[~present(result)].any()
