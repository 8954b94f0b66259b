"""LinPUPPI tuned for given candidates."""

import numpy as np
import pytest

from l1kd.emulators.correlator.linpuppi import PRESETS, TUNED, LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB
from l1kd.errors import ConfigurationError
from l1kd.study.tuning import Regions, Sample, _Board, figure_of_merit, tune


def test_figure_is_the_efficiency_at_the_threshold_that_keeps_the_rate():
    met = np.array([50.0, 40.0, 30.0, 20.0])
    hertz = np.array([10.0, 10.0, 10.0, 10.0])
    signal = np.array([60.0, 45.0, 35.0, 5.0])
    # a rate of 20 Hz: two events may pass, the third value is the threshold
    assert figure_of_merit((met, hertz), [signal], (20.0,)) == pytest.approx(0.75)
    assert figure_of_merit((met, hertz), [signal], (5.0, 20.0)) == pytest.approx(0.5)


def sample(n_events, seed, hard):
    """Events of soft neutrals, and some hard ones that balance nothing."""
    generator = np.random.default_rng(seed)
    n = 30
    shape = (n_events, n)
    pt = generator.exponential(2.0, shape) + 1
    pt[:, 0] += hard * generator.exponential(20.0, n_events)
    particles = {
        "pt": pt.ravel(),
        "eta": generator.uniform(-4.5, 4.5, shape).ravel(),
        "phi": generator.uniform(-np.pi, np.pi, shape).ravel(),
        "charge": np.tile(np.arange(n) % 3 - 1, n_events).astype(np.int8),
        "pid": np.tile(np.where(np.arange(n) % 3 == 1, 4, np.arange(n) % 2 * 2), n_events),
        "z0": generator.normal(0.0, 1.0, n_events * n),
    }
    inputs, _ = Regionizer().run(particles, np.arange(n_events + 1) * n, 0.0)
    return Sample(Regions(inputs, n_events), np.full(n_events, 1000.0))


def test_tuning_only_keeps_what_helps():
    zero_bias, signal = [sample(60, 1, False)], [sample(60, 2, True)]
    found = tune(zero_bias, signal, rates_hz=(5000.0, 10_000.0), rounds=1)
    assert found.after >= found.before
    figures = [found.before, *(figure for _, _, figure in found.history)]
    assert figures == sorted(figures)
    assert figures[-1] == found.after
    assert tune(zero_bias, signal, rates_hz=(5000.0, 10_000.0), rounds=1) == found


def test_shipped_parameters_fit_the_firmware_and_keep_its_slots():
    for boards in TUNED.values():
        for name, tuned in boards.items():
            tuned.raw()
            same = ("n_track", "n_in", "n_out", "n_final", "final_sort", "eta_edges")
            assert all(getattr(tuned, f) == getattr(PRESETS[name], f) for f in same)
            assert tuned.reference != PRESETS[name].reference


def test_tuning_needs_both_kinds_of_events():
    with pytest.raises(ConfigurationError, match="zero bias"):
        tune([], [sample(2, 1, True)])


def test_the_search_sees_the_sums_that_linpuppi_gives():
    """Without the cut of the final lists, which these events do not reach."""
    given = sample(20, 3, True)
    for kind, board in enumerate(BOARDS):
        for changes in ({}, {"prior": (2.0,) * len(PRESETS[board.name].prior), "dr_min": 0.1}):
            parameters = PRESETS[board.name].replace(**changes)
            found = _Board(given.regions, parameters, kind).vectors(parameters)
            out = LinPuppi(parameters).run(given.regions.inputs[board.name])
            pt, phi = out["out_puppi_hwPt"] * PT_LSB, out["out_puppi_hwPhi"] * ETA_PHI_LSB
            wanted = [(pt * f(phi)).reshape(20, -1).sum(axis=1) for f in (np.cos, np.sin)]
            assert found == pytest.approx(np.stack(wanted, axis=1), abs=1e-9)
