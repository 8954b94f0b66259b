"""PUPPI with the window in dz and the thresholds of a trigger."""

import numpy as np

from l1kd.emulators.particles.puppi import CHARGED_PILEUP, CHARGED_PV, NEUTRAL
from l1kd.emulators.particles.region_puppi import TRIGGER_PUPPI

PARTICLES = {
    "pt": np.array([10.0, 10.0, 5.0, 20.0, 3.0, 30.0]),
    "eta": np.array([0.0, 2.0, 2.0, 0.05, 0.4, 3.5]),
    "phi": np.array([0.0, 1.0, 1.05, 0.05, 2.0, 2.5]),
    "charge": np.array([1, 1, -1, 0, 0, 0], np.int8),
    "pid": np.array([0, 0, 1, 3, 4, 5]),
    "z0": np.array([1.1, 1.5, 2.0, 0.0, 0.0, 0.0]),
}
DZ = np.array([0.1, 0.5, 1.0, 0.0, 0.0, 0.0])


def test_the_window_widens_with_eta_and_leptons_are_bystanders():
    codes = TRIGGER_PUPPI.association(PARTICLES, DZ)
    # 0.5 cm is far at eta of 0 (0.19 cm), and near at 2 (0.61 cm)
    assert codes.tolist() == [CHARGED_PV, CHARGED_PV, -CHARGED_PILEUP, *[NEUTRAL] * 3]


def test_weights_follow_the_vertex_and_the_thresholds_of_neutrals():
    given = TRIGGER_PUPPI.weights(PARTICLES, np.array([0, 6]), np.array([1.0]))
    assert given[:3].tolist() == [1.0, 1.0, 0.0]
    assert given[3] > 0
    softer = TRIGGER_PUPPI.with_bin(0, neutral_pt_min=21.0)
    assert softer.weights(PARTICLES, np.array([0, 6]), np.array([1.0]))[3] == 0.0
    assert softer.config.bins[1:] == TRIGGER_PUPPI.config.bins[1:]
