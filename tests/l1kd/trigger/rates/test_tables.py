"""Rates of a menu against a plain loop over events and outcomes; closure; intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import clopper_pearson
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.rates.tables import EventClass, menu_rates
from tests.l1kd.trigger.patterns import SEEDS, brute_force, prescales, samples, table

MHZ = 30e6


def one_class(found):
    return [EventClass("zero bias", found, MHZ)]


@given(samples(weighted=True), st.tuples(*[prescales] * 4))
def test_every_rate_equals_the_plain_loop(sample, columns):
    events, weights = sample
    acceptance = [1.0 / p if p else 0.0 for p in columns]
    expected = brute_force(events, weights, acceptance)
    hertz = MHZ / sum(weights)
    found = menu_rates(
        one_class(table(events, weights)), prescales=dict(zip(SEEDS, columns, strict=False))
    )
    assert found.total.value == pytest.approx(hertz * expected["total"], abs=1e-6)
    for i, seed in enumerate(found.seeds):
        for name in ("final", "pure", "proportional", "cumulative"):
            rate = getattr(seed, name)
            assert rate.value == pytest.approx(hertz * expected[name][i], abs=1e-6), name
            assert 0.0 <= rate.low <= rate.value <= rate.high <= MHZ * (1 + 1e-12)
    np.testing.assert_allclose(found.overlap, hertz * np.array(expected["overlap"]), atol=1e-6)


@given(samples(weighted=True), st.tuples(*[prescales] * 4))
def test_closure(sample, columns):
    events, weights = sample
    found = menu_rates(
        one_class(table(events, weights)), prescales=dict(zip(SEEDS, columns, strict=False))
    )
    shared = sum(seed.proportional.value for seed in found.seeds)
    assert shared == pytest.approx(found.total.value, rel=1e-12, abs=1e-6)
    assert found.seeds[-1].cumulative.value == pytest.approx(found.total.value, rel=1e-12, abs=1e-6)
    for i, seed in enumerate(found.seeds):
        assert seed.pure.value <= seed.proportional.value * (1 + 1e-12) + 1e-6
        assert seed.proportional.value <= seed.final.value * (1 + 1e-12) + 1e-6
        assert found.overlap[i, i] == pytest.approx(seed.final.value, rel=1e-12, abs=1e-6)


@given(samples(), st.sampled_from([0.5, 0.6827, 0.95]))
def test_intervals_of_plain_counts_are_clopper_and_pearsons(sample, level):
    events, _ = sample
    found = menu_rates(one_class(table(events)), level=level)
    for i, seed in enumerate(found.seeds):
        k = sum(event[i] for event in events)
        low, high = clopper_pearson(k, len(events), level)
        assert seed.n_events == k
        assert seed.rate.low == pytest.approx(MHZ * float(low), rel=1e-9, abs=1e-6)
        assert seed.rate.high == pytest.approx(MHZ * float(high), rel=1e-9)


def test_limit_of_a_prescaled_seed_is_its_own_share():
    events = [(False, True)] * 10
    found = menu_rates(one_class(table(events)), prescales={"A": 100.0, "B": 0.0})
    assert found["A"].final.high == pytest.approx(found["A"].rate.high / 100.0)
    assert (found["B"].final.value, found["B"].final.high) == (0.0, 0.0)
    assert found["B"].rate.value == MHZ
    assert found.total.high == pytest.approx(found["A"].final.high)


def test_prescale_does_not_change_the_relative_error():
    events = [(True,)] * 20 + [(False,)] * 10_000
    plain, scaled = (
        menu_rates(one_class(table(events)), prescales={"A": p})["A"].final for p in (1.0, 50.0)
    )
    assert scaled.high / scaled.value == pytest.approx(plain.high / plain.value, rel=1e-3)
    assert scaled.low / scaled.value == pytest.approx(plain.low / plain.value, rel=1e-3)


def test_masks_and_groups():
    events = [(True, True, False), (False, True, True), (False, False, True), (False,) * 3]
    groups = {"AB": ["A", "B"], "C": ["C"]}
    found = menu_rates(one_class(table(events)), groups=groups)
    quarter = MHZ / 4
    ab, c = found.groups
    assert [g.final.value for g in (ab, c)] == [2 * quarter, 2 * quarter]
    assert [g.pure.value for g in (ab, c)] == [quarter, quarter]
    assert ab.proportional.value + c.proportional.value == found.total.value == 3 * quarter
    masked = menu_rates(one_class(table(events)), masked=["B"])
    assert masked["B"].final.value == 0.0
    assert masked["B"].rate.value == 2 * quarter
    assert masked.total.value == masked.unprescaled.value == 3 * quarter


def test_classes_add_up_with_their_own_rates():
    soft = table([(True, False)] + [(False, False)] * 99)
    hard = table([(True, True)] * 5 + [(False, False)] * 5)
    found = menu_rates([EventClass("soft", soft, 29e6), EventClass("hard", hard, 1e6)])
    assert found["A"].rate.value == pytest.approx(29e6 / 100 + 0.5e6)
    assert found["B"].rate.value == pytest.approx(0.5e6)
    assert found.input_hz == 30e6
    # one more soft event might have fired B: it stands for 290 kHz
    assert found["B"].rate.high > 0.5e6 + 290e3
    assert found.classes == {"soft": (100, 29e6), "hard": (10, 1e6)}


def test_events_that_share_a_collision_have_wider_intervals():
    # 64 events fire, all with the same collision in them
    blocks = [0] * 64 + list(range(1, 6337))
    events = [(True,)] * 64 + [(False,)] * 6336
    options = {"resampling": Resampling(200), "blocks": blocks}
    alone = menu_rates(one_class(table(events)))["A"].rate
    shared = menu_rates(one_class(table(events, **options)))["A"].rate
    assert shared.value == alone.value
    assert shared.high - shared.low > 4 * (alone.high - alone.low)
    assert shared.low == 0.0


def test_independent_blocks_agree_with_counting():
    events = [(True,)] * 400 + [(False,)] * 3600
    alone = menu_rates(one_class(table(events)))["A"].rate
    own = menu_rates(one_class(table(events, resampling=Resampling(400), blocks=range(4000))))[
        "A"
    ].rate
    assert own.high - own.low == pytest.approx(alone.high - alone.low, rel=0.2)


def test_a_handful_of_blocks_is_said():
    events = [(True,)] * 20 + [(False,)] * 80
    found = menu_rates(one_class(table(events, resampling=Resampling(50), blocks=[1] * 100)))
    alone = menu_rates(one_class(table(events)))["A"].rate
    assert found["A"].rate == alone
    assert "a handful of blocks" in found.notes[0]


def test_what_cannot_be_computed_is_refused():
    found = one_class(table([(True, False)]))
    with pytest.raises(ConfigurationError, match="lacks 1 seeds of the menu: B"):
        menu_rates(found, prescales={"A": 1.0})
    with pytest.raises(ConfigurationError, match=r"prescale 0\.5 of B"):
        menu_rates(found, prescales={"A": 1.0, "B": 0.5})
    with pytest.raises(ConfigurationError, match="mask: no seed is called X"):
        menu_rates(found, masked=["X"])
    with pytest.raises(ConfigurationError, match="group 'g': no seed is called X"):
        menu_rates(found, groups={"g": ["X"]})
    with pytest.raises(InputError, match="no events"):
        menu_rates([])
    with pytest.raises(InputError, match="no events, or all of weight zero"):
        menu_rates(one_class(table([(True, False)], [0.0])))
    with pytest.raises(InputError, match="negative weight"):
        menu_rates(one_class(table([(True, False), (False, False)], [-1.0, 3.0])))
    with pytest.raises(InputError, match="other seeds"):
        menu_rates([*found, EventClass("other", table([(True,)]), MHZ)])


def test_seeds_without_decisions_are_named():
    found = menu_rates(
        one_class(table([(True,)])), prescales={"A": 1.0, "L1_New": 3.0, "L1_Off": 0.0}
    )
    assert found.not_evaluated == ("L1_New",)
