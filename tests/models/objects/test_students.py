"""Students: what they read, how they learn, what their bits cost, and that firmware is exact."""

import numpy as np
import pytest

from l1kd.algorithms.object_inputs import N_INPUTS, object_inputs
from l1kd.emulators.network import Network
from l1kd.errors import InputError
from l1kd.models.config import Optimisation
from l1kd.models.firmware.record.metrics import ebops
from l1kd.models.objects.students.architecture import Bits, Hgq, Student, parameters
from l1kd.models.objects.students.config import ObjectStudentConfig
from l1kd.models.objects.students.pool import Pool, PoolSizes, exposed
from l1kd.models.objects.students.quick import Pace, objective, train_quickly
from l1kd.models.objects.students.training import emulated, export, train_student
from l1kd.models.recipe import Job

BITS = Bits(weight=6, weight_integer=1, activation=6, activation_integer=3)
KINDS = {
    "float": Student(hidden=(8, 4)),
    "qkeras": Student(hidden=(8, 4), numbers=BITS),
    "hgq": Student(hidden=(8, 4), numbers=Hgq(first_beta=1e-8, beta=1e-6)),
}


def busy(events):
    """Stand for a teacher: the log of what an event holds."""
    return np.log1p(events[..., 0].sum(axis=1) / 50.0).astype(np.float32)


@pytest.fixture(scope="module")
def pool(data):
    return Pool.make(data, busy, PoolSizes(copies=1, merged=(0.3,)), 1)


def test_inputs_are_exact_shifts_and_saturate():
    events = np.zeros((1, 19, 3), np.float32)
    events[0, 0] = (32.0, 1.25, -0.5)
    events[0, 8] = (5000.0, -7.0, 3.0)
    rows = object_inputs(events)
    assert rows.shape == (1, N_INPUTS)
    np.testing.assert_array_equal(rows[0, :3], [0.5, 1.25, -0.5])
    np.testing.assert_array_equal(rows[0, 24:27], np.float32([8 - 1 / 256, -5.0, 3.0]))
    events[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="finite"):
        object_inputs(events)
    with pytest.raises(InputError, match="19, 3"):
        object_inputs(events[:, :18])


def test_parameters_are_weights_and_biases():
    assert parameters((64, 32)) == 57 * 64 + 64 + 64 * 32 + 32 + 32 + 1


def test_exposure_is_busier_and_its_size_is_what_was_asked(data):
    train = data.background("train").objects
    events = exposed(train, PoolSizes(copies=2, merged=(0.5, 1.5)), np.random.default_rng(1))
    assert len(events) == 4 * len(train)
    number = (events[..., 0] > 0).sum(axis=1)
    assert number[-len(train) :].mean() > 1.5 * number[: len(train)].mean()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_training_gives_the_same_student(tf, pool, kind):
    if kind == "hgq":
        pytest.importorskip("hgq", reason="HGQ2 is not installed")
    pace = Pace(4, 128, 0.01, (2,))
    first, _ = train_quickly(KINDS[kind], pool, pace, 7)
    again, _ = train_quickly(KINDS[kind], pool, pace, 7)
    assert first == again
    assert objective(first.mse) < first.rungs[2][0]
    stopped, _ = train_quickly(KINDS[kind], pool, pace, 7, lambda *_: True)
    assert stopped.mse == {}
    assert stopped.rungs == first.rungs


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["qkeras", "hgq"])
def test_a_student_is_firmware_bit_for_bit(tf, files, data, kind, tmp_path):
    if kind == "hgq":
        pytest.importorskip("hgq", reason="HGQ2 is not installed")
    config = ObjectStudentConfig(
        kind="object_student", name="student", version=1, seed=2, data=files, teacher="none",
        student=KINDS[kind], pool=PoolSizes(copies=1, merged=(0.3,)), check_vectors=3000,
        optimisation=Optimisation(epochs=2, batch=128, learning_rate=0.01),
    )  # fmt: skip
    model, history = train_student(config, data, busy, Job(tmp_path, True))
    network, found = export(config, data, model, tmp_path)
    assert found["mismatches_keras_emulator"] == found["mismatches_firmware_emulator"] == 0
    assert found["vectors"] >= 3000
    events = data.background("test").objects
    np.testing.assert_array_equal(
        emulated(Network.load(tmp_path / "network.npz"))(events), emulated(network)(events)
    )
    if kind == "qkeras":
        assert ebops(network) == history[-1]["ebops"]
