"""Rate against pile-up: bins and fits."""

import numpy as np
import pytest

from l1kd.errors import InputError
from l1kd.statistics import Estimate
from l1kd.trigger.rates.curves import normalisation
from l1kd.trigger.rates.pileup import fit_pileup, rates_by_pileup
from tests.l1kd.trigger.patterns import table

NORM = normalisation("run3")


def events(n, seed=2):
    """One seed whose probability is a parabola in the pile-up."""
    generator = np.random.default_rng(seed)
    pileup = generator.integers(20, 70, n)
    fired = generator.random(n) < 1e-3 + 2e-4 * pileup + 1e-5 * pileup**2
    return table(fired[:, None], strata={"pileup": pileup}), pileup, fired


def test_bins_are_those_of_their_events():
    found, pileup, fired = events(20_000)
    bins = rates_by_pileup(found, [20, 40, 60, 80], NORM)
    for each in bins:
        chosen = (pileup >= each.low) & (pileup < each.high)
        assert each.mean == pytest.approx(pileup[chosen].mean())
        assert each.rates.total.value == pytest.approx(fired[chosen].mean() * NORM.input_hz)
    assert len(rates_by_pileup(found, [0, 10, 30], NORM)) == 1
    with pytest.raises(InputError, match="between 100 and 200"):
        rates_by_pileup(found, [100, 200], NORM)
    with pytest.raises(InputError, match="not by 'pileup'"):
        rates_by_pileup(found.by(), [0, 100], NORM)


def test_fit_finds_the_parabola():
    found, _, _ = events(400_000)
    bins = rates_by_pileup(found, list(range(20, 71, 5)), NORM)
    result = fit_pileup(
        [b.mean for b in bins],
        [b.rates.total for b in bins],
        NORM.input_hz,
        [b.rates.n_events for b in bins],
    )
    value, low, high = result.at([30.0, 60.0])
    true = NORM.input_hz * np.array([1e-3 + 6e-3 + 9e-3, 1e-3 + 12e-3 + 36e-3])
    assert np.all(np.abs(value - true) < 4 * (high - low) / 2)
    assert np.all(high - low < 0.1 * true)
    assert result.p_value > 1e-3
    straight = fit_pileup(
        [b.mean for b in bins],
        [b.rates.total for b in bins],
        NORM.input_hz,
        [b.rates.n_events for b in bins],
        degree=1,
    )
    assert straight.deviance > result.deviance + 10


def test_empty_bins_count():
    rates = [Estimate(k / 1000 * 1e6, 0.0, 1.0, 1000) for k in (0, 0, 4)]
    result = fit_pileup([10.0, 20.0, 30.0], rates, 1e6, [1000.0] * 3, degree=2)
    np.testing.assert_allclose(result.at([10.0, 20.0, 30.0])[0], [0, 0, 4000], atol=30)
    assert np.isnan(result.p_value)


def test_what_cannot_be_fitted_is_refused():
    one = [Estimate(1.0, 0.0, 2.0, 10)]
    with pytest.raises(InputError, match="1 bins for 3 coefficients"):
        fit_pileup([10.0], one, 1e6, [10.0])
    with pytest.raises(InputError, match="nothing passes"):
        fit_pileup([1.0, 2.0, 3.0], [Estimate(0.0, 0.0, 1.0, 9)] * 3, 1e6, [9.0] * 3)
