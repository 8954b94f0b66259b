"""Results that take long are computed once, and again where their file is not what it should be."""

import numpy as np
import pytest

from l1kd.models.memoise import memoise_on_disk


@pytest.fixture
def counted():
    calls = []

    def compute():
        calls.append(None)
        return np.arange(5) / 4

    compute.calls = calls
    return compute


def test_the_second_time_it_is_read(tmp_path, counted):
    path = tmp_path / "folder" / "key.npy"
    first = memoise_on_disk(path, 5, counted)
    second = memoise_on_disk(path, 5, counted)
    assert len(counted.calls) == 1
    assert first.dtype == second.dtype == np.float32
    np.testing.assert_array_equal(first, second)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "stored", [np.zeros(4, np.float32), np.zeros(5, np.float64), np.zeros((5, 1), np.float32)]
)
def test_an_array_of_another_kind_is_made_anew(tmp_path, counted, stored):
    path = tmp_path / "key.npy"
    np.save(path, stored)
    np.testing.assert_array_equal(memoise_on_disk(path, 5, counted), np.arange(5) / 4)
    assert len(counted.calls) == 1
    np.testing.assert_array_equal(np.load(path), np.arange(5) / 4)


@pytest.mark.parametrize("length", [0, 7, 100])
def test_a_file_that_was_cut_short_is_made_anew(tmp_path, counted, length):
    path = tmp_path / "key.npy"
    memoise_on_disk(path, 5, counted)
    path.write_bytes(path.read_bytes()[:length])
    np.testing.assert_array_equal(memoise_on_disk(path, 5, counted), np.arange(5) / 4)
    assert len(counted.calls) == 2


def test_objects_are_not_unpickled(tmp_path, counted):
    path = tmp_path / "key.npy"
    np.save(path, np.array([{}] * 5, object), allow_pickle=True)
    np.testing.assert_array_equal(memoise_on_disk(path, 5, counted), np.arange(5) / 4)


def test_a_computation_that_fails_leaves_no_file(tmp_path):
    def broken():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        memoise_on_disk(tmp_path / "key.npy", 5, broken)
    assert list(tmp_path.iterdir()) == []
