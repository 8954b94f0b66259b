import numpy as np
import pytest

from l1kd.physics.response import ResponseSample
from l1kd.physics.tails import (
    fake_met,
    fake_met_table,
    signal_efficiencies,
    survival,
)
from l1kd.statistics import clopper_pearson

N = 400


def sample(size: float, scale: float = 0.5, weight: np.ndarray | None = None) -> ResponseSample:
    """Fake MET of an exponential size; `small` shrinks everything."""
    rng = np.random.default_rng(5)
    momentum, phi = rng.exponential(size, N), rng.uniform(-np.pi, np.pi, N)
    met = np.stack([momentum * np.cos(phi), momentum * np.sin(phi)])
    none = np.zeros(0)
    return ResponseSample(
        np.zeros((2, N)),
        {"puppi": met, "small": scale * met},
        np.ones(N) if weight is None else weight,
        none,
        none,
        none.astype(np.int64),
        {"puppi": none, "small": none},
    )


def test_fake_missing_momentum_is_a_vector_difference():
    events = sample(10.0)._replace(gen_met=sample(10.0).met["puppi"])
    assert fake_met(events, "puppi") == pytest.approx(0.0)
    assert fake_met(events, "small") == pytest.approx(0.5 * np.hypot(*events.gen_met))


def test_a_weighting_that_shrinks_everything_gains_nothing_after_correction():
    table = fake_met_table(sample(10.0), {"puppi": 1.0, "small": 0.5})
    values = np.hypot(*sample(10.0).met["puppi"])
    assert table["puppi"]["q90"]["value"] == pytest.approx(np.quantile(values, 0.9))
    assert table["small"]["q90_ratio"]["value"] == pytest.approx(0.5)
    assert table["small"]["corrected_q90_ratio"]["value"] == pytest.approx(1.0)
    assert table["small"]["corrected_q99_ratio"]["low"] == pytest.approx(1.0)


def test_unknown_response_gives_no_corrected_number():
    table = fake_met_table(sample(10.0), {"puppi": 1.0})
    assert table["small"]["corrected_median"]["value"] is None
    assert table["small"]["median"]["value"] > 0.0


def test_event_weights_move_the_quantiles():
    values = np.hypot(*sample(10.0).met["puppi"])
    heavy = np.where(values > 20.0, 100.0, 1.0)
    plain = fake_met_table(sample(10.0), {})["puppi"]["median"]["value"]
    assert fake_met_table(sample(10.0, weight=heavy), {})["puppi"]["median"]["value"] > 2.0 * plain


def test_survival_has_clopper_pearson_intervals():
    share, low, high = survival(np.arange(10.0), np.ones(10), np.array([0.0, 7.0, 20.0]))
    assert share.tolist() == [1.0, 0.3, 0.0]
    expected = clopper_pearson([10, 3, 0], [10, 10, 10])
    assert low == pytest.approx(expected[0])
    assert high == pytest.approx(expected[1])


def test_efficiency_at_a_share_of_background_does_not_depend_on_the_scale():
    found = signal_efficiencies(sample(10.0), {"signal": sample(50.0)}, (0.1, 0.01))
    tight = found[1]
    passed = (np.hypot(*sample(10.0).met["puppi"]) >= tight["threshold"]["puppi"]).mean()
    assert passed == 0.01
    row = tight["efficiency"]["signal"]
    assert row["small"] == row["puppi"]
    assert 0.0 < row["puppi"]["low"] < row["puppi"]["value"] < row["puppi"]["high"] < 1.0
    assert tight["threshold"]["small"] == pytest.approx(0.5 * tight["threshold"]["puppi"])
    assert found[0]["efficiency"]["signal"]["puppi"]["value"] > row["puppi"]["value"]


@pytest.mark.parametrize("weight", [None, np.r_[1e6, np.ones(N - 1)]])
def test_a_share_of_fewer_than_three_events_is_not_resolved(weight):
    """Also where one event carries nearly all of the weight."""
    found = signal_efficiencies(sample(10.0, weight=weight), {"s": sample(50.0)}, (0.005,))[0]
    assert found["threshold"] == {"puppi": None, "small": None}
    assert found["efficiency"] == {"s": {}}
