"""Vectors of a proof: their kinds, their edges, and rows from files."""

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Graph
from l1kd.errors import InputError
from l1kd.models.firmware.vectors import vectors
from tests.models.firmware.networks import dense, make_network


@pytest.fixture(scope="module")
def network():
    return make_network()


def test_the_same_seed_gives_the_same_vectors(network):
    one, two, other = (vectors.make(network, 500, seed).raw for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, two)
    assert (one != other).any()


def test_kinds_are_counted_in_their_order(network):
    real = np.full((10, 4), 5)
    made = vectors.make(network, 100, 1, real)
    assert made.counts == {"real": 10, "edge": 11, "random": 79}
    assert sum(made.counts.values()) == len(made.raw)
    assert [made.kind(row) for row in (0, 9, 10, 20, 21, 99)] == [
        "real", "real", "edge", "edge", "random", "random",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "form", [FixedPoint(7, 3), FixedPoint(5, 9, False), FixedPoint(1, 1, False)]
)
def test_all_together_reach_every_edge_of_the_format(form):
    source = Tensor("x", (3,), form)
    layer = dense("layer", source, 2, None)
    made = vectors.make(Network(Graph("n", (source,), (layer.output.name,), (layer,))), 800, 1)
    low, high = form.minimum, form.maximum
    assert made.raw.min() == low
    assert made.raw.max() == high
    for value in {low, high, 0, max(low, -1), min(high, 1)}:
        assert (made.raw == value).all(axis=1).any()


def test_one_vector_is_enough(network):
    assert len(vectors.make(network, 1, 1).raw) == 1


@pytest.mark.parametrize("bad", [np.zeros((3, 5), np.int64), np.full((3, 4), 64)])
def test_real_inputs_must_fit(network, bad):
    with pytest.raises(InputError, match="do not fit network 'small'"):
        vectors.make(network, 100, 1, bad)


def test_integers_are_stored_as_narrow_as_they_fit():
    for value, kind in ((127, "i1"), (-129, "i2"), (40_000, "i4"), (1 << 40, "i8")):
        assert vectors.narrow(np.array([[value]])).dtype == np.dtype(f"<{kind}")


def test_rows_from_a_file(network, tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.array([[1.0, -4.0, 0.03125, 99.0]]))
    assert vectors.load_rows(path, network).tolist() == [[16, -64, 0, 63]]
    np.save(path, np.array([[1, 2, 3, 4]], np.int16))
    assert vectors.load_rows(path, network).tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize("rows", [np.zeros((2, 3)), np.zeros(4), np.array([[np.nan] * 4])])
def test_rows_that_do_not_fit_name_their_file(network, tmp_path, rows):
    np.save(tmp_path / "rows.npy", rows)
    with pytest.raises(InputError, match=r"rows\.npy"):
        vectors.load_rows(tmp_path / "rows.npy", network)


def test_a_file_that_is_no_array_is_named(network, tmp_path):
    (tmp_path / "rows.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match="expected a NumPy array"):
        vectors.load_rows(tmp_path / "rows.npy", network)
