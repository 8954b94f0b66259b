"""Small made events of objects."""

import numpy as np
import pytest

from l1kd.models.objects.data import ObjectData, ObjectFiles
from l1kd.objects import KINDS


def made_events(count, seed, jets=2.0, leptons=1.0):
    """Events with Poisson numbers of objects of falling pt."""
    rng = np.random.default_rng(seed)
    events = np.zeros((count, 19, 3), np.float32)
    for kind, (first, last) in KINDS.items():
        size = last - first
        mean = {"met": 50.0, "jet": jets}.get(kind, leptons)
        number = np.minimum(rng.poisson(mean, count), size)
        there = np.arange(size) < number[:, None]
        pt = np.sort(rng.exponential(25.0, (count, size)) + 5.0, axis=1)[:, ::-1]
        eta = rng.uniform(-2.0, 2.0, (count, size)) * (kind != "met")
        phi = rng.uniform(-np.pi, np.pi, (count, size))
        events[:, first:last] = np.where(there[..., None], np.stack([pt, eta, phi], -1), 0.0)
    return events


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Files of background and of two signals, busier ones."""
    folder = tmp_path_factory.mktemp("objects")
    rng = np.random.default_rng(8)

    def write(name, events, **more):
        count = len(events)
        np.savez(
            folder / name, X=events, split=rng.choice(3, count, p=(0.5, 0.2, 0.3)).astype(np.uint8),
            group=np.arange(count, dtype=np.int32) // 2, **more,
        )  # fmt: skip

    write("background.npz", made_events(2000, 1))
    signals = np.concatenate([made_events(300, 2, jets=5.0), made_events(300, 3, leptons=2.5)])
    process = np.repeat(np.array([0, 1], np.uint8), 300)
    write("signals.npz", signals, process=process, process_names=np.array(["jets", "leptons"]))
    return ObjectFiles(folder=folder, background="background.npz", signals=("signals.npz",))


@pytest.fixture(scope="session")
def data(files):
    return ObjectData.read(files)
