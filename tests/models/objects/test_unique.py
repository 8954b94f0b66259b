"""What a score keeps beside seeds, against counts made by hand."""

import numpy as np
import pytest

from l1kd.models.objects.unique import EXTRA, SEED_RATE, seeds, unique_beside_seeds


def multiplicity(events):
    return (events[..., 0] > 0).sum(axis=1).astype(np.float64)


def test_seeds_keep_their_share(data):
    sample = data.background("train")
    for name, (cut, threshold) in seeds(sample).items():
        share = (cut(sample.objects) >= threshold).mean()
        assert share == pytest.approx(SEED_RATE, abs=0.002), name


def test_only_what_no_seed_keeps_counts(data):
    background, signals = data.background("test"), data.signals("test")
    found = unique_beside_seeds(multiplicity, data.background("train"), background, signals)

    def taken(events):
        chosen = seeds(data.background("train")).values()
        return np.any([cut(events) >= threshold for cut, threshold in chosen], axis=0)

    passed = multiplicity(background.objects) >= found["score"]
    assert (passed & ~taken(background.objects)).sum() == found["events"]
    assert found["events"] <= EXTRA * len(background)
    events = signals["leptons"].objects
    unique = ((multiplicity(events) >= found["score"]) & ~taken(events)).mean()
    assert found["signals"]["leptons"]["unique"]["value"] == pytest.approx(unique)
    assert found["signals"]["leptons"]["seeds"]["value"] == pytest.approx(taken(events).mean())
