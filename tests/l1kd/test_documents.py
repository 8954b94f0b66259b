"""Arrays in files that a person gives: nothing is unpickled, and messages are our own."""

import numpy as np
import pytest

from l1kd._documents import open_arrays, read_array
from l1kd.datasets.overlay import RegionLibrary
from l1kd.errors import UnreadableFileError
from l1kd.trigger.counts.record import RateRecord


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04K\x01.", b"\x93NUMPY\x01"])
def test_what_is_no_file_of_arrays_is_refused(content, tmp_path):
    path = tmp_path / "wrong"
    path.write_bytes(content)
    for read in (read_array, lambda path: open_arrays(path).__enter__()):
        with pytest.raises(ValueError, match=r"expected|damaged|header|magic") as error:
            read(path)
        assert "pickle" not in str(error.value)


def test_python_objects_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}]))
    np.savez(tmp_path / "x.npz", x=np.array([{}]), y=np.arange(3))
    with pytest.raises(ValueError, match="the file holds Python objects"):
        read_array(tmp_path / "x.npy")
    with (
        pytest.raises(ValueError, match="the archive holds Python objects"),
        open_arrays(tmp_path / "x.npz") as archive,
    ):
        archive["x"]
    with open_arrays(tmp_path / "x.npz") as archive:
        np.testing.assert_array_equal(archive["y"], np.arange(3))


@pytest.mark.parametrize("read", [RegionLibrary.read, RateRecord.read])
def test_files_of_this_package_give_no_advice_to_unpickle(read, tmp_path):
    path = tmp_path / "wrong.npz"
    path.write_text("no archive", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"wrong\.npz.*no zip archive") as error:
        read(path)
    assert "pickle" not in str(error.value)
