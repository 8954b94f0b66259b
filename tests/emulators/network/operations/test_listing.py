"""Operation lists of da4ml and alkaid: what is no such list is one error, and early.

Random lists are compared with exact fractions, operation by operation. Lists that tools save are
compared in ``tests/models/firmware``, where the tools are.
"""

import json
import os

import numpy as np
import pytest

from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Binary
from l1kd.emulators.network.operations import listing
from tests.emulators.network.operations.random_lists import evaluate, random_list, table, whole


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "{}",
        "[]",
        "null",
        "3",
        "NaN",
        "[" * 100_000,
        '{"a":' * 50_000,
        json.dumps([[1, 2, 3]]),
        json.dumps([None] * 9),
        json.dumps({"operations": None, "inputs": 3}),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_other_texts_are_one_error(tmp_path, text):
    (tmp_path / "list.json").write_text(text)
    with pytest.raises(ValueError, match=r"."):
        Network.from_operation_list(tmp_path / "list.json")


def test_bytes_that_are_no_text_are_one_error(tmp_path):
    (tmp_path / "list.json").write_bytes(b"\xff\xfe\x00[")
    with pytest.raises(ValueError, match="no operation list"):
        Network.from_operation_list(tmp_path / "list.json")


@pytest.mark.parametrize("special", ["/dev/zero", "fifo", "."])
def test_endless_and_other_special_files_stop_at_once(tmp_path, special):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="it is no file"):
        Network.from_operation_list(tmp_path / special)


def test_files_larger_than_any_list_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(listing, "MAX_BYTES", 10)
    (tmp_path / "list.json").write_text("[1, 2, 3, 4]")
    with pytest.raises(ValueError, match="larger than"):
        Network.from_operation_list(tmp_path / "list.json")


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Network.from_operation_list(tmp_path / "none.json")


def save(path, operations, inputs, outputs, tables):
    count = len(outputs)
    layout = [[inputs, count], [0] * inputs, outputs, [0] * count, [False] * count]
    path.write_text(json.dumps([*layout, operations, -1, -1, tables]))
    return Network.from_operation_list(path)


def test_one_table_read_with_two_steps(tmp_path):
    """Indices of equal range in raw units, whose steps differ, at one depth of the list."""
    values = [5, -3, 7, 0, 2, -8, 1, 4]
    operations = [
        [0, -1, -1, 0, [-1.0, 0.75, 0.25], 0.0, 0.0],
        [1, -1, -1, 0, [-4.0, 3.0, 1.0], 0.0, 0.0],
        [0, -1, 8, 0, [-8.0, 7.0, 1.0], 0.0, 0.0],
        [1, -1, 8, 0, [-8.0, 7.0, 1.0], 0.0, 0.0],
    ]
    network = save(tmp_path / "list.json", operations, 2, [2, 3], [table(values, 1.0)])
    raw = np.array([(first, second) for first in range(-4, 4) for second in range(-4, 4)])
    wanted = np.array([[values[first + 4], values[second + 4]] for first, second in raw])
    np.testing.assert_array_equal(network.predict(raw * [0.25, 1.0]), wanted)


@pytest.mark.parametrize("seed", range(40))
def test_random_lists_equal_exact_fractions(tmp_path, seed):
    program = random_list(seed)
    every = list(range(len(program.operations)))
    network = save(
        tmp_path / "list.json", program.operations, program.inputs, every, program.tables
    )
    x = whole(program, 60, seed)
    np.testing.assert_array_equal(network.predict(x), [evaluate(program, row) for row in x])


def test_choices_by_the_sign_of_a_difference_are_extremes(tmp_path):
    """The larger, the smaller, the magnitude, and a choice that only looks like one of them."""
    shifted = (1 << 32) | 2
    operations = [
        [0, -1, -1, 0, [-1.0, 0.75, 0.25], 0.0, 0.0],
        [1, -1, -1, 0, [-4.0, 3.0, 1.0], 0.0, 0.0],
        [0, 1, 1, 0, [-4.0, 4.75, 0.25], 0.0, 0.0],
        [1, 0, 6, 2, [-1.0, 3.0, 0.25], 0.0, 0.0],
        [0, 1, 6, 2, [-4.0, 0.75, 0.25], 0.0, 0.0],
        [0, 0, -6, 0, [-1.0, 1.0, 0.25], 0.0, 0.0],
        [0, 1, 6, shifted, [-8.0, 6.0, 0.25], 0.0, 0.0],
    ]
    network = save(tmp_path / "list.json", operations, 2, [3, 4, 5, 6], [])
    a, b = np.meshgrid(np.arange(-4, 4) / 4, np.arange(-4, 4))
    a, b = a.ravel(), b.ravel()
    wanted = [np.maximum(a, b), np.minimum(a, b), -np.abs(a), np.where(a < b, a, 2 * b)]
    np.testing.assert_array_equal(network.predict(np.stack([a, b], 1)), np.stack(wanted, 1))
    kinds = [op.kind for op in network.graph.operations if isinstance(op, Binary)]
    assert sorted(kinds) == ["maximum", "minimum", "multiply"]  # one operation for each


def test_what_is_cut_to_zero_or_sums_to_zero(tmp_path):
    operations = [
        [0, -1, -1, 0, [-1.0, 0.75, 0.25], 0.0, 0.0],
        [0, -1, 3, 0, [0.0, 0.0, 1.0], 0.0, 0.0],
        [0, -1, -2, 0, [0.0, 0.0, 0.5], 0.0, 0.0],
        [-1, -1, 5, 3, [1.5, 1.5, 0.5], 0.0, 0.0],
        [3, -1, 4, -3, [0.0, 0.0, 0.5], 0.0, 0.0],
    ]
    network = save(tmp_path / "list.json", operations, 1, [1, 2, 4], [])
    np.testing.assert_array_equal(network.predict(np.arange(-4, 4)[:, None] / 4), np.zeros((8, 3)))
