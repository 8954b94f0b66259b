"""The file format: equality, damage, hostile content."""

import json
import zipfile

import numpy as np
import pytest

from l1kd.emulators.archive import digest
from l1kd.emulators.network import Network
from l1kd.emulators.network.archive import KIND
from tests.emulators.network.small_networks import small_network


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / "network.npz"
    network = small_network()
    network.save(path)
    return path, network


def events(count=200):
    return np.random.default_rng(0).integers(-128, 128, (count, 4))


def test_round_trip_and_equal_files(saved, tmp_path):
    path, network = saved
    loaded = Network.load(path)
    np.testing.assert_array_equal(loaded.predict_raw(events()), network.predict_raw(events()))
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()


def test_numpy_reads_it_without_pickle(saved):
    with np.load(saved[0], allow_pickle=False) as members:
        assert set(members) == {"header", "data"}


def test_other_schema_is_refused(saved, tmp_path):
    header, data = contents(saved[0])
    header["l1kd network"] = 99
    with pytest.raises(ValueError, match="schema is 99"):
        Network.load(pack(tmp_path / "n.npz", header, data))


@pytest.mark.parametrize("damage", ["truncated", "changed", "extra", "compressed", "text", "empty"])
def test_damage_is_named(saved, tmp_path, damage):
    path, raw = tmp_path / "n.npz", saved[0].read_bytes()
    if damage == "truncated":
        path.write_bytes(raw[: len(raw) // 2])
    elif damage == "changed":
        position = raw.find(b'\\"small\\"') + 3
        path.write_bytes(raw[:position] + b"S" + raw[position + 1 :])
    elif damage in ("extra", "compressed"):
        kind = zipfile.ZIP_DEFLATED if damage == "compressed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(path, "w", kind) as target, zipfile.ZipFile(saved[0]) as source:
            for name in source.namelist():
                target.writestr(name, source.read(name))
            if damage == "extra":
                target.writestr("../evil.npy", b"")
    else:
        path.write_text("not a zip file" if damage == "text" else "")
    with pytest.raises(ValueError, match="cannot be read"):
        Network.load(path)


def test_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "none.npz")


def test_object_arrays_are_refused(tmp_path):
    path = tmp_path / "n.npz"
    np.savez(path, header=np.array([{}], dtype=object), data=np.zeros(1))
    with pytest.raises(ValueError, match="cannot be read"):
        Network.load(path)


def contents(path):
    with np.load(path, allow_pickle=False) as members:
        return json.loads(members["header"].tobytes()), members["data"]


def pack(path, header, data):
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8), data=data)
    return path


def signed(path, graph, data):
    text = json.dumps(graph)
    header = {"l1kd network": KIND.schema, "sha256": digest(text, data), "graph": text}
    return pack(path, header, data)


def mutate(value, rng):
    """Change one thing somewhere in nested JSON."""
    if isinstance(value, dict) and value:
        key = list(value)[rng.integers(len(value))]
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return value | {key: mutate(value[key], rng)}
    if isinstance(value, list) and value:
        position = rng.integers(len(value))
        if rng.random() < 0.1:
            return value[:position] + value[position + 1 :]
        return [*value[:position], mutate(value[position], rng), *value[position + 1 :]]
    choices = [0, -1, 1, 2, 7, 63, 64, 1 << 31, 1 << 40, 1 << 62, -(1 << 70), 10**30, 1e300, None]
    choices += ["", "x", "../x", "sums", "ap_fixed<64,1>", "ap_fixed<1024,1>", "float", [], {}]
    return choices[rng.integers(len(choices))]


def survive(path):
    """Load and run a file; only a ValueError may come of it."""
    try:
        network = Network.load(path)
        shapes = [(3, tensor.size) for tensor in network.inputs]
        network.predict_raw(*(np.zeros(shape, np.int64) for shape in shapes))
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("count", [600, pytest.param(6000, marks=pytest.mark.heavy)])
def test_mutated_graphs_never_crash(saved, tmp_path, count):
    header, data = contents(saved[0])
    graph, rng = json.loads(header["graph"]), np.random.default_rng(count)
    alive = 0
    for _ in range(count):
        changed, numbers = graph, data.copy()
        if rng.random() < 0.8:
            changed = mutate(graph, rng)
        else:
            numbers[rng.integers(data.size)] = rng.choice([-(1 << 31), -2, 0, 9, (1 << 31) - 1])
        path = tmp_path / "n.npz"
        alive += survive(signed(path, changed, numbers))
    assert alive > 0


@pytest.mark.parametrize("count", [600, pytest.param(4000, marks=pytest.mark.heavy)])
def test_mutated_bytes_are_refused(saved, tmp_path, count):
    raw, rng = bytearray(saved[0].read_bytes()), np.random.default_rng(count)
    path, network = tmp_path / "n.npz", saved[1]
    expected = network.predict_raw(events(3))
    for _ in range(count):
        changed = bytearray(raw)
        for _ in range(rng.integers(1, 4)):
            changed[rng.integers(len(raw))] = rng.integers(256)
        path.write_bytes(changed[: rng.integers(1, len(raw))] if rng.random() < 0.2 else changed)
        try:
            loaded = Network.load(path)
        except ValueError:
            continue
        # Bytes that carry no content, such as dates, may change.
        np.testing.assert_array_equal(loaded.predict_raw(events(3)), expected)
