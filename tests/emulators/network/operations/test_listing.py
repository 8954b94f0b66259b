"""Operation lists of da4ml and alkaid: what is no such list is one error, and early.

Lists that the tools save are compared in ``tests/models/firmware``, where the tools are.
"""

import json
import os

import pytest

from l1kd.emulators.network import Network
from l1kd.emulators.network.operations import listing


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
