"""PUPPI tuned for given candidates."""

import numpy as np
import pytest

from l1kd.emulators.correlator.vertex import VertexFinder
from l1kd.emulators.particles.region_puppi import TRIGGER_PUPPI
from l1kd.errors import ConfigurationError
from l1kd.study.puppi_tuning import Particles, tune_puppi


def sample(n_events, seed, hard):
    """Events of soft particles, and some hard neutrals that balance nothing."""
    generator = np.random.default_rng(seed)
    n = 30
    total = n_events * n
    pt = generator.exponential(2.0, (n_events, n)) + 1
    pt[:, 0] += hard * generator.exponential(20.0, n_events)
    columns = {
        "pt": pt.ravel(),
        "eta": generator.uniform(-4.5, 4.5, total),
        "phi": generator.uniform(-np.pi, np.pi, total),
        "charge": np.tile(np.arange(n) % 3 - 1, n_events).astype(np.int8),
        "pid": np.tile(np.where(np.arange(n) % 3 == 1, 4, 0), n_events),
        "z0": generator.normal(0.0, 1.0, total),
    }
    offsets = np.arange(n_events + 1) * n
    vertex = np.asarray(VertexFinder().run(columns, offsets).z0, np.float64)
    return Particles(columns, offsets, np.ones(total, bool), vertex, np.full(n_events, 1000.0))


def test_tuning_only_keeps_what_helps_and_repeats_itself():
    zero_bias, signal = [sample(40, 1, False)], [sample(40, 2, True)]
    found = tune_puppi(zero_bias, signal, rates_hz=(5000.0, 10_000.0), rounds=1)
    figures = [found.before, *(figure for _, _, figure in found.history)]
    assert figures == sorted(figures)
    assert figures[-1] == found.after
    assert (found.parameters == TRIGGER_PUPPI) == (not found.history)
    assert tune_puppi(zero_bias, signal, rates_hz=(5000.0, 10_000.0), rounds=1) == found


def test_particles_without_a_slot_do_not_count():
    from l1kd.study.puppi_tuning import _met

    given = sample(5, 3, True)
    nothing = given._replace(kept=np.zeros_like(given.kept))
    assert _met(given, TRIGGER_PUPPI).sum() > 0
    assert _met(nothing, TRIGGER_PUPPI).tolist() == [0.0] * 5


def test_tuning_needs_both_kinds_of_events():
    with pytest.raises(ConfigurationError, match="zero bias"):
        tune_puppi([], [sample(2, 1, True)])
