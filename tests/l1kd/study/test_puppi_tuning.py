"""PUPPI tuned for given candidates."""

import numpy as np
import pytest

from l1kd.emulators.correlator.vertex import VertexFinder
from l1kd.emulators.particles.region_puppi import TRIGGER_PUPPI
from l1kd.errors import ConfigurationError
from l1kd.study.puppi_tuning import Particles, _Search, tune_puppi


def sample(n_events, seed, hard, scale=1.0):
    """Events of soft particles, and some hard neutrals that balance nothing."""
    generator = np.random.default_rng(seed)
    n = 30
    total = n_events * n
    pt = generator.exponential(2.0, (n_events, n)) + 1
    pt[:, 1] += hard * generator.exponential(20.0, n_events)
    columns = {
        "pt": scale * pt.ravel(),
        "eta": generator.uniform(-4.5, 4.5, total),
        "phi": generator.uniform(-np.pi, np.pi, total),
        "charge": np.tile(np.arange(n) % 3 - 1, n_events).astype(np.int8),
        "pid": np.tile(np.where(np.arange(n) % 3 == 1, 4, 0), n_events),
        "z0": generator.normal(0.0, 1.0, total),
    }
    offsets = np.arange(n_events + 1) * n
    vertex = np.asarray(VertexFinder().run(columns, offsets).z0, np.float64)
    return Particles(columns, offsets, np.ones(total, bool), vertex, np.full(n_events, 1000.0))


def met(given, parameters):
    """MET of weights of all particles at once."""
    weight = parameters.weights(given.columns, given.offsets, given.vertex)
    event = np.repeat(np.arange(len(given.vertex)), np.diff(given.offsets))
    momentum = np.where(given.kept, weight * given.columns["pt"], 0.0)
    phi = given.columns["phi"]
    return np.hypot(*(np.bincount(event, momentum * of(phi)) for of in (np.cos, np.sin)))


def test_tuning_only_keeps_what_helps_and_repeats_itself():
    zero_bias, signal = [sample(40, 1, False)], [sample(40, 2, True)]
    found = tune_puppi(zero_bias, signal, rates_hz=(5000.0, 10_000.0), rounds=1)
    figures = [found.before, *(figure for _, _, figure in found.history)]
    assert figures == sorted(figures)
    assert figures[-1] == found.after
    assert (found.parameters == TRIGGER_PUPPI) == (not found.history)
    assert tune_puppi(zero_bias, signal, rates_hz=(5000.0, 10_000.0), rounds=1) == found


@pytest.mark.parametrize(
    "change", [{"dz": 0.5}, {"dz_eta2": 0.01}, *({"cone": 0.8, "place": k} for k in range(4)),
               *({"neutral_pt_min": 30.0, "place": k} for k in range(4))],
)  # fmt: skip
def test_ranges_weighed_by_themselves_are_those_of_whole_events(change):
    """A trial weighs anew only what changes; MET is that of weights of all particles at once."""
    samples = [sample(40, seed, True, scale=5.0) for seed in (3, 4)]
    samples = [s._replace(kept=np.arange(len(s.kept)) % 4 != 0) for s in samples]
    search = _Search(samples[:1], samples[1:], (3000.0,))
    (name, value), *where = change.items()
    place = where[0][1] if where else -1
    owner = TRIGGER_PUPPI if place < 0 else TRIGGER_PUPPI.config.bins[place]
    trial = search.trial("PUPPI", (name, place, value - getattr(owner, name)))
    parameters, sums = trial.kept
    for number, given in enumerate(samples):
        assert sums.met(number, parameters) == pytest.approx(met(given, parameters), rel=1e-6)
    assert any(
        (np.abs(met(given, parameters) - met(given, TRIGGER_PUPPI)) > 0.01).any()
        for given in samples
    )


def test_a_particle_on_an_edge_is_weighed_in_one_range():
    given = sample(8, 5, True)
    given.columns["eta"][::3] = np.resize([1.5, -1.5, 2.4, 4.0], len(given.kept[::3]))
    search = _Search([given], [given], (3000.0,))
    assert search.sums.met(0, TRIGGER_PUPPI) == pytest.approx(met(given, TRIGGER_PUPPI), rel=1e-6)


def test_particles_without_a_slot_do_not_count():
    given = sample(5, 3, True)
    nothing = given._replace(kept=np.zeros_like(given.kept))
    search = _Search([given], [nothing], (3000.0,))
    assert search.sums.met(0, TRIGGER_PUPPI).sum() > 0
    assert search.sums.met(1, TRIGGER_PUPPI).tolist() == [0.0] * 5


def test_tuning_needs_both_kinds_of_events():
    with pytest.raises(ConfigurationError, match="zero bias"):
        tune_puppi([], [sample(2, 1, True)])
