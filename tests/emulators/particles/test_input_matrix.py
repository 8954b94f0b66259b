"""The input matrix: the paper's columns, then the local ones, the same for every caller."""

import awkward as ak
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from l1kd.algorithms import columns_of
from l1kd.algorithms.networks import QDistillNet
from l1kd.emulators.particles.distillnet_inputs import distillnet_inputs
from l1kd.emulators.particles.input_matrix import INPUT_SETS, input_matrix
from l1kd.emulators.particles.local_inputs import local_inputs

OFFSETS = np.array([0, 40, 40, 100], np.int64)


def columns(seed=1):
    rng = np.random.default_rng(seed)
    n = OFFSETS[-1]
    return {
        "pt": rng.exponential(5, n).astype(np.float32),
        "eta": rng.uniform(-4, 4, n).astype(np.float32),
        "phi": rng.uniform(-3, 3, n).astype(np.float32),
        "energy": rng.exponential(50, n).astype(np.float32),
        "charge": rng.integers(-1, 2, n).astype(np.int8),
        "pid": rng.integers(0, 8, n).astype(np.uint8),
        "puppi_weight": rng.integers(0, 2, n).astype(np.float32),
        "d0": rng.normal(0, 0.1, n).astype(np.float32),
        "dz": rng.normal(0, 0.5, n).astype(np.float32),
    }


def test_paper_inputs_are_those_of_the_paper():
    given = columns()
    found = input_matrix("paper", **given, offsets=OFFSETS)
    assert_array_equal(found, distillnet_inputs(**given))


def test_local_inputs_follow_the_papers():
    given = columns()
    found = input_matrix("local", **given, offsets=OFFSETS)
    around = {k: v for k, v in given.items() if k not in ("energy", "pid")}
    assert found.shape == (100, len(INPUT_SETS["local"]))
    assert_array_equal(found[:, :16], distillnet_inputs(**given))
    assert_array_equal(found[:, 16:], local_inputs(**around, offsets=OFFSETS))


def test_an_event_does_not_see_its_neighbours_in_the_file():
    given = columns()
    together = input_matrix("local", **given, offsets=OFFSETS)
    first = {name: column[:40] for name, column in given.items()}
    assert_array_equal(together[:40], input_matrix("local", **first, offsets=OFFSETS[:2]))


def test_unknown_set_is_refused_by_name():
    with pytest.raises(ValueError, match="no input set 'global'; known are paper, local"):
        input_matrix("global", **columns(), offsets=OFFSETS)


def test_insertion_training_and_firmware_read_the_same_numbers(data):
    """The three callers, on real events: the bits that reach the network are equal."""
    from l1kd.datasets import inspect_file
    from l1kd.models.firmware.vectors.events import particle_rows
    from l1kd.models.weights.particles import read_particles

    file = data / "ttbar2l_PU140.root"
    particles, _ = read_particles([file], 10)
    seen = []

    class Watching(QDistillNet):
        def infer(self, inputs):
            seen.append(inputs.copy())
            return super().infer(inputs)

    events = inspect_file(str(file)).open()[:10]
    algorithm = Watching()
    algorithm(events)
    inserted = np.concatenate(seen)
    table = columns_of(algorithm.particles(events), "pt")
    assert len(inserted) == ak.sum(ak.num(table))
    assert_array_equal(particles.inputs("local"), inserted)
    rows = particle_rows(file, len(inserted), "local")
    assert_array_equal(rows[: len(inserted)], inserted)
