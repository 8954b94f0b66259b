"""The seal of network files: what is not exactly as it was written is refused, early."""

import json
import os
import zipfile

import numpy as np
import pytest

from l1kd.emulators import archive

KIND = archive.Kind("l1kd test", "content", 3)
CONTENT = {"name": "small", "numbers": [1, 2]}
DATA = np.arange(-3, 9)


def both(content, data):
    return content, data


@pytest.fixture
def path(tmp_path):
    archive.write(tmp_path / "a.npz", KIND, CONTENT, DATA)
    return tmp_path / "a.npz"


def members(path):
    with np.load(path, allow_pickle=False) as stored:
        return json.loads(stored["header"].tobytes()), stored["data"]


def pack(path, header, data):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as target:
        for name, array in (("header", np.frombuffer(raw, np.uint8)), ("data", data)):
            with target.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, np.asarray(array))
    return path


def test_what_is_written_is_read(path, tmp_path):
    content, data = archive.read(path, KIND, both)
    assert content == CONTENT
    np.testing.assert_array_equal(data, DATA)
    archive.write(tmp_path / "b.npz", KIND, content, data)
    assert (tmp_path / "b.npz").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("place", range(DATA.size))
def test_a_changed_number_breaks_the_seal(path, place):
    """Nothing but the SHA-256 can tell: the file is well formed and the number possible."""
    header, data = members(path)
    data[place] += 1
    with pytest.raises(ValueError, match="SHA-256"):
        archive.read(pack(path, header, data), KIND, both)


def test_a_changed_description_breaks_the_seal(path):
    header, data = members(path)
    header["content"] = header["content"].replace("small", "smell")
    with pytest.raises(ValueError, match="SHA-256"):
        archive.read(pack(path, header, data), KIND, both)


def test_numbers_of_another_width_break_the_seal(path):
    header, data = members(path)
    with pytest.raises(ValueError, match="SHA-256"):
        archive.read(pack(path, header, data.astype(np.int32)), KIND, both)


def test_a_seal_that_is_missing_or_none_is_refused(path):
    header, data = members(path)
    for seal in ({}, {"sha256": None}, {"sha256": ""}, {"sha256": [header["sha256"]]}):
        changed = {key: value for key, value in header.items() if key != "sha256"} | seal
        with pytest.raises(ValueError, match="cannot be read"):
            archive.read(pack(path, changed, data), KIND, both)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b'"l1kd test"',
        b"[" * 100_000,
        b'{"l1kd test":' * 50_000,
        b'{"l1kd test": 3}',
        b'{"l1kd test": 3, "content": null, "sha256": null}',
        b'{"l1kd test": "3", "content": "{}"}',
        b'{"other": 1}',
    ],
    ids=lambda header: repr(header[:30]),
)
def test_odd_headers_are_one_error(path, header):
    with pytest.raises(ValueError, match=r"a\.npz cannot be read: .{1,200}$"):
        archive.read(pack(path, header, DATA), KIND, both)


@pytest.mark.parametrize(
    "data",
    [
        np.zeros(3), np.zeros((2, 2), int), np.zeros(3, np.uint64), np.zeros(3, bool),
        np.zeros(2, "U3"),
    ],
    ids=lambda data: f"{data.dtype}{data.shape}",
)  # fmt: skip
def test_other_arrays_are_refused(path, data):
    with pytest.raises(ValueError, match="cannot be read"):
        archive.read(pack(path, members(path)[0], data), KIND, both)


def test_whatever_the_reader_of_the_content_meets_is_one_error(path):
    def fail(content, data):
        raise KeyError("layers")

    with pytest.raises(ValueError, match="cannot be read: 'layers'"):
        archive.read(path, KIND, fail)


@pytest.mark.parametrize("special", ["/dev/zero", "/dev/null", "fifo", "."])
def test_endless_and_other_special_files_stop_at_once(tmp_path, special):
    os.mkfifo(tmp_path / "fifo")
    if not (tmp_path / special).exists():
        pytest.skip("no such device here")
    with pytest.raises(ValueError, match="it is no file"):
        archive.read(tmp_path / special, KIND, both)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        archive.read(tmp_path / "none.npz", KIND, both)
