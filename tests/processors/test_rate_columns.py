"""Columns of rates: exact for small samples, bounded for large ones."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import InputError
from l1kd.processors.rate_columns import RateColumns
from l1kd.report import studies
from l1kd.trigger.counts import spectra
from l1kd.trigger.rates.curves import normalisation, threshold_for_rate

NORM = normalisation("hl_lhc")


def columns(place, met, weights=None):
    met = np.asarray(met, float)
    weight = np.ones(met.size) if weights is None else np.asarray(weights, float)
    return RateColumns(
        {("f", place): {"event_weight": weight, "met:puppi": met, "cicada_score": met / 2}},
        {"cicada_score": 1 / 256},
    )


@given(
    st.lists(st.floats(0.0, 300.0), min_size=1, max_size=40),
    st.randoms(),
    st.sampled_from([3, 10, 100_000]),
)
def test_any_partition_gives_the_same(met, random, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spectra, "EXACT_EVENTS", limit)
        weights = [random.choice([1.0, 2.5]) for _ in met]
        whole = columns(0, met, weights)
        edges = sorted({0, len(met), *(random.randint(0, len(met)) for _ in range(3))})
        parts = [columns(a, met[a:b], weights[a:b]) for a, b in pairwise(edges)]
        random.shuffle(parts)
        merged = RateColumns(None, {"cicada_score": 1 / 256})
        for part in parts:
            merged = merged + part
        assert merged == whole
        assert (len(met) > limit) == (merged.columns is None)


def test_size_does_not_grow(monkeypatch):
    monkeypatch.setattr(spectra, "EXACT_EVENTS", 1000)
    generator = np.random.default_rng(1)
    total, sizes = RateColumns(), []
    for i in range(30):
        total = total + columns(i, np.minimum(generator.exponential(20.0, 4000), 99.0))
        sizes.append(total.joined()["met:puppi"].values.size)
    assert total.n_events == 120_000
    assert max(sizes) <= 99 * 64 + 1


def test_large_samples_give_the_same_numbers_on_the_grid(monkeypatch):
    generator = np.random.default_rng(2)
    met = np.round(generator.exponential(20.0, 3000) * 4) / 4
    exact = columns(0, met).joined()
    monkeypatch.setattr(spectra, "EXACT_EVENTS", 10)
    binned = columns(0, met).joined()
    cuts = np.arange(0.0, 100.0, 0.25)
    for name in ("met:puppi", "cicada_score"):
        one, other = (studies.rate_curve(c[name], cuts, NORM) for c in (exact, binned))
        np.testing.assert_array_equal(one.n_pass, other.n_pass)
        np.testing.assert_allclose(one.high, other.high, rtol=1e-9)
        found = [
            threshold_for_rate(c[name], 200e3, NORM, step=1 / 64).value for c in (exact, binned)
        ]
        assert found[0] == found[1]


def test_a_study_of_a_large_sample_has_everything(monkeypatch):
    generator = np.random.default_rng(3)
    monkeypatch.setattr(spectra, "EXACT_EVENTS", 10)
    background = columns(0, generator.exponential(20.0, 500)).joined()
    signal = columns(0, generator.exponential(60.0, 300), generator.uniform(0.5, 1.5, 300)).joined()
    study = studies.rate_study("minbias", background, {"tt": signal}, NORM)
    assert study.n_events == 500
    row = study.thresholds["met:puppi"][0]
    assert 0.0 < row.efficiency["tt"].value < 1.0
    assert studies.rate_plots("minbias", background, NORM)
    assert studies.score_study("minbias", background, {"tt": signal}).auc["tt"].value > 0.5
    assert studies.score_plots("minbias", background, {"tt": signal}, NORM)


def test_weights_of_zero_bias_count():
    met, weights = [10.0, 50.0, 60.0], [8.0, 1.0, 1.0]
    for limit in (0, 100):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(spectra, "EXACT_EVENTS", limit)
            found = columns(0, met, weights).joined()
            study = studies.rate_study(
                "minbias", found, {}, NORM, targets_hz=[0.25 * NORM.input_hz]
            )
            row = study.thresholds["met:puppi"][0]
            assert row.rate_hz.value == pytest.approx(0.2 * NORM.input_hz)
            assert 10.0 < row.value <= 10.0 + spectra.GRID


def test_a_chunk_counts_once(monkeypatch):
    with pytest.raises(InputError, match="came twice"):
        columns(0, [1.0]) + columns(0, [1.0])
    monkeypatch.setattr(spectra, "EXACT_EVENTS", 1)
    with pytest.raises(InputError, match="came twice"):
        columns(0, [1.0, 2.0]) + columns(0, [1.0, 2.0])
    other = RateColumns({("g", 0): {"event_weight": np.ones(2), "ht:puppi": np.ones(2)}})
    with pytest.raises(InputError, match="differ in what they hold"):
        columns(0, [1.0, 2.0]) + other
