"""Networks from files that are none: one of l1kd's errors, with the file's name, and early."""

from pathlib import Path

import numpy as np
import pytest

from l1kd.algorithms.models import loaded, read_network
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import FirmwareSourceError
from l1kd.errors import ArtefactError, UnreadableFileError


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text", b"\x00" * 1000])
@pytest.mark.parametrize("read", [read_network, lambda path: loaded(path, LogicNetwork.load)])
def test_other_files_are_damaged_artefacts(tmp_path, content, read):
    path = tmp_path / "network.npz"
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"network\.npz cannot be read"):
        read(path)


def test_arrays_of_something_else_are_damaged_artefacts(tmp_path):
    np.savez(tmp_path / "events.npz", x=np.zeros(3))
    with pytest.raises(ArtefactError, match="members"):
        read_network(tmp_path / "events.npz")


def test_endless_files_stop_at_once():
    with pytest.raises(ArtefactError, match="it is no file"):
        read_network(Path("/dev/zero"))


def test_a_missing_file_says_what_is_expected(tmp_path):
    with pytest.raises(UnreadableFileError, match="firmware folder or a network file"):
        read_network(tmp_path / "none.npz")


def test_a_folder_without_firmware_names_what_is_missing(tmp_path):
    with pytest.raises(FirmwareSourceError):
        read_network(tmp_path)
