"""Parts, processes and groups of the samples, from either kind of file."""

import numpy as np
import pytest

from l1kd.errors import InputError, UnreadableFileError
from l1kd.models.objects.data import PARTS, ObjectData, ObjectFiles, blocks_of


def test_parts_hold_every_event_once(data, files):
    assert sum(len(data.background(part)) for part in PARTS) == 2000
    with np.load(files.folder / "background.npz") as archive:
        wanted = archive["X"][archive["split"] == 2]
    np.testing.assert_array_equal(data.background("test").objects, wanted)


def test_signals_go_by_the_names_of_their_processes(data):
    assert data.signal_names == ("jets", "leptons")
    assert sum(len(data.signals(part)["jets"]) for part in PARTS) == 300


def test_events_of_one_collision_are_one_block(data):
    background, signal = data.background("test"), data.signals("test")["jets"]
    blocks = blocks_of(signal, background)
    assert blocks.n_events == len(signal) + len(background)
    groups = len(np.unique(signal.group)) + len(np.unique(background.group))
    assert blocks.n_blocks == groups


def test_public_files_are_one_process_each(tmp_path, data):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "signal.h5", "w") as content:
        content["Particles"] = np.ones((1000, 19, 4), np.float32)
    np.savez(tmp_path / "background.npz", X=data.background("train").objects)
    found = ObjectData.read(
        ObjectFiles(folder=tmp_path, background="background.npz", signals=("signal.h5",))
    )
    counts = [len(found.signals(part)["signal"]) for part in PARTS]
    assert counts == [500, 100, 400]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"nothing\.npz"):
        ObjectData.read(ObjectFiles(folder=tmp_path, background="nothing.npz", signals=()))


@pytest.mark.parametrize(
    ("column", "values"), [("split", np.full(5, 3)), ("group", np.zeros(4, int))]
)
def test_columns_that_do_not_fit_are_refused(tmp_path, column, values):
    np.savez(tmp_path / "bad.npz", X=np.zeros((5, 19, 3), np.float32), **{column: values})
    with pytest.raises(InputError, match=column):
        ObjectData.read(ObjectFiles(folder=tmp_path, background="bad.npz", signals=()))
