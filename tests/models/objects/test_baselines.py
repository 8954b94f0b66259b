"""Simple scores on an event that is written out."""

import numpy as np
import pytest

from l1kd.models.objects.baselines import baselines


@pytest.fixture(scope="module")
def scores(data):
    return baselines(data.background("train").objects)


def test_sums_and_largest_values(scores):
    event = np.zeros((1, 19, 3), np.float32)
    event[0, 0] = (30.0, 0.1, 0.2)
    event[0, 8] = (50.0, 1.0, 0.0)
    event[0, 9] = (20.0, -1.0, 0.0)
    event[0, 18] = (15.0, 0.0, 3.0)
    wanted = {"HT": 70.0, "leading pT": 50.0, "MET": 15.0, "multiplicity": 3.0}
    assert {name: scores[name](event)[0] for name in wanted} == wanted


@pytest.mark.parametrize("name", ["PCA", "Mahalanobis"])
def test_distances_rise_with_what_background_does_not_have(scores, name, data):
    background = data.background("validation").objects
    busy = data.signals("validation")["leptons"].objects
    assert np.median(scores[name](busy)) > np.median(scores[name](background))
    assert (scores[name](background) >= 0).all()
