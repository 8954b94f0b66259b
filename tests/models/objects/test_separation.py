"""Areas and efficiencies, against counts made by hand."""

import numpy as np
import pytest

from l1kd.models.objects.separation import RATES, areas, efficiencies, mean_area


def leading(events):
    return events[..., 0].max(axis=1)


def test_areas_are_shares_of_pairs_in_the_right_order(data):
    background, signals = data.background("test"), data.signals("test")
    table = areas({"pt": leading, "none": lambda e: np.zeros(len(e))}, background, signals)
    a, b = leading(signals["jets"].objects), leading(background.objects)
    pairs = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
    assert table["jets"]["pt"]["auc"] == pytest.approx(pairs, abs=1e-4)
    assert table["jets"]["pt"]["error"] > 0
    assert table["jets"]["none"]["auc"] == 0.5
    assert mean_area(table, "none") == 0.5


def test_a_threshold_passes_no_more_than_the_rate(data):
    background, signals = data.background("test"), data.signals("test")
    rows = efficiencies({"HT": leading}, background, signals)["HT"]
    scores = leading(background.objects)
    for rate, row in zip(RATES, rows, strict=True):
        passing = int((scores >= row["threshold"]).sum())
        assert passing == row["background_events"] <= rate * len(scores)
        assert row["low"] <= passing / len(scores) <= row["high"]
        value = np.mean(leading(signals["jets"].objects) >= row["threshold"])
        assert row["efficiency"]["jets"]["value"] == pytest.approx(value)
    assert [row["resolved"] for row in rows] == [False, False, True]
