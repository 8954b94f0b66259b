"""PUPPI: worked examples, properties, refusals. Delphes' own results: test_puppi_delphes.py."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from l1kd.emulators.particles.puppi import (
    CHARGED_PILEUP,
    CHARGED_PV,
    CMS_RUN2,
    DELPHES,
    NEUTRAL,
    PHASE2,
    EtaBin,
    PuppiConfig,
    charged_association,
    flagged_association,
    puppi_weights,
)
from l1kd.emulators.particles.puppi_kernels import chi2_quantile, pool_statistics

ONE_BIN = PuppiConfig(
    bins=(EtaBin(0.0, 2.0, 0.3, True, "charged_pileup", 0.0, 0.1, 0.0),), weight_min=0.01
)


def random_events(n_events=6, size=400, seed=1):
    rng = np.random.default_rng(seed)
    n = n_events * size
    codes = rng.choice([NEUTRAL, CHARGED_PV, CHARGED_PILEUP], n, p=[0.6, 0.05, 0.35])
    eta = np.where(codes == NEUTRAL, rng.uniform(-5, 5, n), rng.uniform(-4, 4, n))
    return {
        "pt": rng.exponential(np.where(codes == CHARGED_PV, 10.0, 2.0)).astype(np.float32),
        "eta": eta.astype(np.float32),
        "phi": rng.uniform(-np.pi, np.pi, n).astype(np.float32),
        "association": codes.astype(np.int8),
        "offsets": np.arange(0, n + 1, size),
        "n_vertices": np.full(n_events, 10),
    }


def one_event(rows, config=ONE_BIN, **more):
    """Weights of one event given as rows of pt, eta, phi, code."""
    pt, eta, phi, codes = (np.array(column, float) for column in zip(*rows, strict=True))
    offsets = np.array([0, len(pt)])
    return puppi_weights(pt, eta, phi, codes.astype(np.int8), offsets, [1], config, **more)


# A leading charged particle, and three from pile-up at 0.1, 0.2 and 0.25 from it.
AROUND = [
    (10.0, 0.0, 0.0, CHARGED_PV),
    (1.0, 0.0, 0.1, CHARGED_PILEUP),
    (1.0, 0.0, -0.2, CHARGED_PILEUP),
    (1.0, 0.25, 0.0, CHARGED_PILEUP),
]


def test_worked_example():
    alphas = np.log(100.0 / np.array([0.1, 0.2, 0.25]) ** 2)
    median = alphas[1]
    rms = np.sqrt(np.mean((alphas[1:] - median) ** 2))
    # The vertex' own particle has no neighbour: alpha 0, below the median, shifts both.
    shift = np.sqrt(chi2.ppf(1 / (1 + 0.5 * 3), 1) * rms)
    alpha = np.log(100.0 / 0.02**2)
    expected = chi2.cdf(((alpha - (median - shift)) / (rms - shift)) ** 2, 1)
    weights = one_event([*AROUND, (5.0, 0.0, 0.02, NEUTRAL), (5.0, 1.0, 1.0, NEUTRAL)])
    np.testing.assert_allclose(weights[:4], [1, 0, 0, 0])
    assert weights[4] == pytest.approx(expected, abs=1e-6)
    assert weights[5] == 0.0, "without a neighbour from the vertex a neutral is dropped"
    assert weights.dtype == np.float32


def test_low_weighted_pt_is_dropped():
    weights = one_event([*AROUND, (0.05, 0.0, 0.02, NEUTRAL)])
    assert weights[4] == 0.0


def test_threshold_rises_with_vertices():
    event = random_events()
    few = puppi_weights(**event, config=PHASE2)
    many = puppi_weights(**{**event, "n_vertices": np.full(6, 150)}, config=PHASE2)
    assert ((many == 0) | (many == few)).all()
    assert (many > 0).sum() < (few > 0).sum()


def test_without_pileup_neutrals_are_kept():
    weights = one_event([(10.0, 0.0, 0.0, CHARGED_PV), (5.0, 1.0, 1.0, NEUTRAL)])
    np.testing.assert_array_equal(weights, [1.0, 1.0])


def test_neutrals_outside_every_bin_are_dropped_and_charged_follow_their_vertex():
    weights = one_event(
        [(9.0, 3.0, 0.0, NEUTRAL), (9.0, 3.0, 0.0, CHARGED_PV), (9.0, 3.0, 0.0, CHARGED_PILEUP)]
    )
    np.testing.assert_array_equal(weights, [0.0, 1.0, 0.0])


def test_bystanders_change_nobody_else():
    event = [*AROUND, (5.0, 0.0, 0.02, NEUTRAL)]
    extra = [(40.0, 0.0, 0.03, -CHARGED_PV), (40.0, 0.0, 0.03, -CHARGED_PILEUP)]
    with_extra = one_event(event + extra)
    np.testing.assert_array_equal(with_extra[:5], one_event(event))
    np.testing.assert_array_equal(with_extra[5:], [1.0, 0.0])


@pytest.mark.parametrize("config", [PHASE2, CMS_RUN2])
def test_events_are_independent(config):
    event = random_events()
    together = puppi_weights(**event, config=config)
    for number in range(6):
        part = slice(event["offsets"][number], event["offsets"][number + 1])
        columns = {name: event[name][part] for name in ("pt", "eta", "phi", "association")}
        alone = puppi_weights(**columns, offsets=[0, 400], n_vertices=[10], config=config)
        np.testing.assert_array_equal(alone, together[part])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([PHASE2, CMS_RUN2]))
def test_weights_lie_in_range_and_do_not_depend_on_order(seed, config):
    event = random_events(1, 200, seed)
    weights = puppi_weights(**event, config=config)
    assert ((weights >= 0) & (weights <= 1)).all()
    assert not ((weights > 0) & (weights < config.weight_min)).any()
    order = np.random.default_rng(seed).permutation(200)
    for name in ("pt", "eta", "phi", "association"):
        event[name] = event[name][order]
    np.testing.assert_allclose(puppi_weights(**event, config=config), weights[order], atol=1e-5)


@pytest.mark.parametrize("config", [PHASE2, CMS_RUN2])
def test_turning_the_event_in_phi_changes_nothing(config):
    event = random_events(seed=5)
    event["phi"] = event["phi"].astype(np.float64)
    turned = {**event, "phi": event["phi"] + 2.5}
    np.testing.assert_allclose(
        puppi_weights(**turned, config=config), puppi_weights(**event, config=config), atol=1e-6
    )


def test_bins_that_share_their_neighbours_weigh_as_each_alone():
    event = random_events(seed=8)
    whole = puppi_weights(**event, config=PHASE2)
    eta = np.abs(event["eta"])
    for eta_bin in PHASE2.bins:
        here = (event["association"] == NEUTRAL) & (eta > eta_bin.eta_min) & (eta < eta_bin.eta_max)
        alone = puppi_weights(**event, config=replace(PHASE2, bins=(eta_bin,)))
        np.testing.assert_array_equal(whole[here], alone[here])
        assert (whole[here] > 0.0).any()


def test_empty_events_and_no_events():
    event = random_events(2)
    padded = {
        **event,
        "offsets": np.array([0, 0, 400, 400, 800, 800]),
        "n_vertices": np.full(5, 10),
    }
    np.testing.assert_array_equal(puppi_weights(**padded), puppi_weights(**event))
    nothing = np.zeros(0, np.float32)
    empty = puppi_weights(nothing, nothing, nothing, nothing.astype(np.int8), [0], [])
    assert empty.shape == (0,)
    assert empty.dtype == np.float32


def test_massless_particles_have_equal_rapidity_and_pseudorapidity():
    event = random_events()
    massless = puppi_weights(**event, config=DELPHES, mass=np.zeros(2400))
    np.testing.assert_allclose(massless, puppi_weights(**event, config=PHASE2), atol=1e-6)
    heavy = puppi_weights(**event, config=DELPHES, mass=np.full(2400, 5.0))
    assert (heavy != massless).any()


@pytest.mark.parametrize("probability", [1e-6, 0.03, 0.5, 0.9, 0.999])
def test_chi2_quantile(probability):
    assert chi2_quantile(probability) == pytest.approx(chi2.ppf(probability, 1), rel=1e-9)


def test_pool_statistics():
    # Sorted 0 0 1 2 3 5; the middle of the five from the last zero on is 2.
    median, rms = pool_statistics(np.array([3.0, 0.0, 1.0, 2.0, 0.0, 5.0], np.float32))
    assert median == 2.0
    assert rms == pytest.approx(np.sqrt(0.5))
    median, rms = pool_statistics(np.array([1.0, 2.0, 4.0], np.float32))
    assert median == 2.0
    assert rms == pytest.approx(np.sqrt(0.5))
    assert pool_statistics(np.array([2.0], np.float32))[1] == pytest.approx(np.sqrt(1e-5))


def test_association_by_dz():
    charge = np.array([1, -1, 1, 0, 1, 1])
    dz = np.array([0.05, -0.07, 0.07, 5.0, np.nan, 0.07])
    error = np.array([0.0, 0.0, 0.03, 0.0, 0.0, np.nan])
    codes = charged_association(charge, dz, error)
    assert codes.dtype == np.int8
    assert codes.tolist() == [
        CHARGED_PV,
        CHARGED_PILEUP,
        CHARGED_PV,
        NEUTRAL,
        CHARGED_PV,
        CHARGED_PILEUP,
    ]
    wider = charged_association(charge, dz, error, significance=4.0)
    assert wider[1] == CHARGED_PV


def test_association_by_flag():
    codes = flagged_association(np.array([0, 1, -1]), np.array([True, True, False]))
    assert codes.tolist() == [NEUTRAL, CHARGED_PILEUP, CHARGED_PV]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pt": -np.ones(800)}, "negative"),
        ({"pt": np.full(800, np.nan)}, "pt contains NaN"),
        ({"eta": np.full(800, np.inf)}, "eta contains NaN or infinity"),
        ({"phi": np.ones(799)}, "phi has shape"),
        ({"association": np.full(800, 3, np.int8)}, "association"),
        ({"association": np.full(800, -128, np.int8)}, "association"),
        ({"n_vertices": np.ones(3)}, "n_vertices"),
        ({"offsets": np.array([0, 900, 800])}, "offsets"),
        ({"config": DELPHES}, "mass"),
        ({"config": DELPHES, "mass": np.ones(3)}, "mass"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(ValueError, match=message):
        puppi_weights(**{**random_events(2), **change})


def test_configurations_are_frozen():
    with pytest.raises(AttributeError):
        PHASE2.weight_min = 0.1
    assert replace(PHASE2, eta_as_rapidity=True) == DELPHES
