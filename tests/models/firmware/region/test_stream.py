"""The emulator of a region's stream: frames in, weights out."""

import json

import numpy as np
import pytest

from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.weighing import NAMES, NetworkWeight
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.vectors import vectors
from tests.emulators.correlator.weighing.crowds import crowded
from tests.emulators.correlator.weighing.model import all_rows
from tests.emulators.correlator.weighing.networks import dense_network


def stream_of(board: str, names=NAMES, tracks="kept"):
    network, plain = dense_network(len(names), seed=5, gain=1)
    weight = NetworkWeight(network, tuple(names), tracks=tracks)
    return RegionStream(weight, board, LinPuppi.preset(board)), plain


@pytest.mark.parametrize("tracks", ["kept", "every"])
@pytest.mark.parametrize("board", [b.name for b in BOARDS])
def test_weights_of_events_equal_the_model(board, tracks):
    stream, plain = stream_of(board, tracks=tracks)
    events, offsets = crowded(3, 900, seed=14)
    frames = stream.frames_of(events, offsets)
    results = stream.predict_raw(*vectors.split(stream, frames))
    results = results if isinstance(results, tuple) else (results,)
    regions, _ = Regionizer().run(events, offsets)
    (kind,) = (k for k, b in enumerate(BOARDS) if b.name == board)
    n_regions = BOARDS[kind].n_regions
    seen = 0
    for (event, k, region, slot, track), row in all_rows(regions, 3, tracks).items():
        if k != kind:
            continue
        frame, lane = divmod(slot, stream.n_tracks if track else stream.n_neutrals)
        found = results[int(track)][6 * (event * n_regions + region) + frame, lane]
        assert found == plain([row[name] for name in NAMES])
        seen += 1
    assert seen > 50


def test_regions_are_whole_and_follow_each_other():
    stream, _ = stream_of("hf", NAMES[:3])
    size = len(vectors.element_formats(stream))
    rows = stream.arranged(np.ones((10, size), np.int64))
    assert rows[:, 0].tolist() == [1, 0, 0, 0, 0, 0] * 2
    assert not rows[10:, 1:].any()
    rows[3, 0] = 1
    with pytest.raises(ValueError, match="regions of six frames"):
        stream.predict_raw(*vectors.split(stream, rows))


def test_slots_beyond_those_that_linpuppi_reads_have_no_weight():
    stream, _ = stream_of("barrel", NAMES[:3])
    rows = vectors.make(stream, 60, seed=2).raw.astype(np.int64)
    rows[:, 6:] = np.maximum(rows[:, 6:], 1)
    neutrals, tracks = stream.predict_raw(*vectors.split(stream, rows))
    assert neutrals.shape == (60, 5)
    assert tracks.shape == (60, 4)
    assert not neutrals[5::6].any()  # 25 of 30
    assert not tracks[5::6, 2:].any()  # 22 of 24


def test_a_stream_is_read_as_it_was_written(tmp_path):
    network, _ = dense_network(4, seed=5)
    puppi = LinPuppi(PRESETS["hgcal"].replace(dz=0.4, pt_cut=(2.0, 3.0)))
    stream = RegionStream(
        NetworkWeight(network, NAMES[6:10], tracks="every"),
        "hgcal",
        puppi,
        clusters=Clusterer(windows=("3x3", "cross", "2x2")),
    )
    stream.save(tmp_path / "network.npz")
    read = RegionStream.load(tmp_path / "network.npz")
    assert read.puppi.parameters == puppi.parameters
    assert (read.board, read.weight.names, read.weight.tracks) == ("hgcal", NAMES[6:10], "every")
    assert read.clusters == stream.clusters
    given = vectors.make(stream, 120, seed=4)
    assert (vectors.emulate(stream, given.raw) == vectors.emulate(read, given.raw)).all()
    path = tmp_path / "region.json"
    text = path.read_text()
    for before, now in ((True, "kept"), (False, "none")):
        path.write_text(json.dumps(json.loads(text) | {"tracks": before}))
        assert RegionStream.load(tmp_path / "network.npz").weight.tracks == now
    (tmp_path / "alone").mkdir()
    network.save(tmp_path / "alone" / "network.npz")
    with pytest.raises(ValueError, match="is a network alone"):
        RegionStream.load(tmp_path / "alone" / "network.npz")
    (tmp_path / "region.json").write_text("{}")
    with pytest.raises(ValueError, match="expected the description of a region"):
        RegionStream.load(tmp_path / "network.npz")


def test_frames_have_what_the_network_reads():
    before, after = (stream_of("barrel", names)[0] for names in (NAMES[:34], NAMES))
    extra = {"event_second_pt", "track_z_pt"}
    assert {t.name for t in after.inputs} - {t.name for t in before.inputs} == extra
    assert extra - {t.name for t in stream_of("hf")[0].inputs} == {"track_z_pt"}
    one = stream_of("barrel", ("pt", "second_pt_02"))[0]
    assert {t.name for t in one.inputs} - {t.name for t in before.inputs} == {"track_z_pt"}
