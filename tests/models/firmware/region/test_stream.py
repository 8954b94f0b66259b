"""The emulator of a region's stream: frames in, weights out."""

import json

import numpy as np
import pytest

from l1kd.emulators.correlator import correlate
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.weighing import NAMES, NetworkWeight, region_inputs
from l1kd.emulators.correlator.weighing.columns import OF_MET, OF_PLACES, OF_TRACK_MET
from l1kd.emulators.correlator.weighing.event_numbers import event_numbers
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.vectors import vectors
from tests.emulators.correlator.weighing.crowds import crowded
from tests.emulators.correlator.weighing.model import all_rows
from tests.emulators.correlator.weighing.networks import dense_network


def stream_of(board: str, names=NAMES, tracks="kept", puppi=None, **options):
    network, plain = dense_network(len(names), seed=5, gain=1)
    weight = NetworkWeight(network, tuple(names), tracks=tracks)
    return RegionStream(weight, board, puppi or LinPuppi.preset(board), **options), plain


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


@pytest.mark.parametrize("board", ["barrel", "hf"])
def test_weights_are_those_of_correlate_with_the_met_of_all_boards(board):
    puppi = {name: LinPuppi(PRESETS[name].replace(dz=2.0)) for name in ("barrel", "hgcal")}
    puppi["hf"] = LinPuppi(PRESETS["hf"].replace(pt_cut=(4.0,)))
    names = ("pt", "abs_eta", *OF_MET, *OF_TRACK_MET)
    stream, _ = stream_of(board, names, "every", puppi[board], others=puppi)
    events, offsets = crowded(3, 900, seed=14)
    frames = stream.frames_of(events, offsets)
    results = stream.predict_raw(*vectors.split(stream, frames))
    results = results if isinstance(results, tuple) else (results,)
    rows = region_inputs(events, offsets, names=names, tracks="every", puppi=puppi)
    weights = stream.weight.weigh(rows.values)
    final = correlate(events, offsets, puppi=puppi, weight=stream.weight).weights[rows.source]
    (kind,) = (k for k, b in enumerate(BOARDS) if b.name == board)
    region = BOARDS[kind].n_regions * rows.event + rows.region
    for track, found in enumerate(results):
        own = (rows.board == kind) & (rows.track == bool(track))
        assert (np.ptp(rows.values[own][:, 2:], axis=0) > 30).all()
        frame, lane = np.divmod(rows.slot[own], found.shape[1])
        weight = found[6 * region[own] + frame, lane]
        np.testing.assert_array_equal(weight, weights[own])
        passes = final[own] > 0
        np.testing.assert_array_equal(weight[passes], 256 * final[own][passes])
        assert passes.sum() > 10
    preset = stream_of(board, names, "every", puppi[board])[0].frames_of(events, offsets)
    different = np.flatnonzero((preset != frames).any(axis=0))
    changed = {stream.inputs[k].name for k in different}
    assert "met_phi" in changed
    assert changed <= {"event_met", "met_phi"}


@pytest.mark.parametrize(("which", "column"), [("met", 4), ("track_met", 6)])
def test_the_azimuth_of_a_met_is_that_from_the_centre_of_the_region(which, column):
    stream, _ = stream_of("barrel", (*OF_MET, *OF_TRACK_MET))
    events, offsets = crowded(3, 900, seed=14)
    regions, _ = Regionizer().run(events, offsets)
    numbers, _ = event_numbers(regions, 3, {})
    names = [t.name for t in stream.inputs]
    frames = stream.frames_of(events, offsets).reshape(3, -1, 6, sum(t.size for t in stream.inputs))
    met, phi = (frames[..., names.index(name)] for name in (f"event_{which}", f"{which}_phi"))
    assert (met == numbers[:, column][:, None, None]).all()
    assert phi.min() > -720
    assert phi.max() <= 720
    centre = regions["barrel"]["region_hwPhiCenter"].reshape(3, -1, 1).astype(int)
    assert not ((phi + centre - numbers[:, column + 1][:, None, None]) % 1440).any()
    assert len(np.unique(phi)) > 20


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
    path.write_text(json.dumps({k: x for k, x in json.loads(text).items() if k != "others"}))
    assert RegionStream.load(tmp_path / "network.npz").puppi.parameters == puppi.parameters
    (tmp_path / "alone").mkdir()
    network.save(tmp_path / "alone" / "network.npz")
    with pytest.raises(ValueError, match="is a network alone"):
        RegionStream.load(tmp_path / "alone" / "network.npz")
    (tmp_path / "region.json").write_text("{}")
    with pytest.raises(ValueError, match="expected the description of a region"):
        RegionStream.load(tmp_path / "network.npz")


def test_other_boards_are_known_where_the_network_reads_their_met(tmp_path):
    others = {
        "hf": LinPuppi(PRESETS["hf"].replace(pt_cut=(4.0,))),
        "barrel": LinPuppi.preset("barrel"),
    }
    stream, _ = stream_of("hgcal", ("pt", "met_toward"), others=others)
    stream.save(tmp_path / "network.npz")
    read = RegionStream.load(tmp_path / "network.npz").others
    assert read.keys() == others.keys()
    for board, puppi in read.items():
        assert puppi.parameters == others[board].parameters
    assert not stream_of("hgcal", ("pt", "em"), others=others)[0].others


def test_frames_have_what_the_network_reads():
    usual = [name for name in NAMES if name not in (*OF_PLACES, *OF_MET, *OF_TRACK_MET)]
    before, places, after = (
        stream_of("barrel", names)[0] for names in (usual, [*usual, *OF_PLACES], NAMES)
    )
    of_places = {"event_second_pt", "track_z_pt"}
    assert {t.name for t in places.inputs} - {t.name for t in before.inputs} == of_places
    met, track_met = ["event_met", "met_phi"], ["event_track_met", "track_met_phi"]
    assert {t.name for t in after.inputs} - {t.name for t in places.inputs} == {*met, *track_met}
    assert {*of_places, *met} - {t.name for t in stream_of("hf")[0].inputs} == {"track_z_pt"}
    header = ["start", "pv", "eta_centre", "event_vertex_pt", "event_vertex_count",
              "event_pileup_count"]  # fmt: skip
    assert [t.name for t in before.inputs][:7] == [*header, "neutral_pt"]
    every = [*header, "event_second_pt", *met, *track_met]
    assert [t.name for t in after.inputs][:11] == every
    for columns, words in ((OF_MET, met), (OF_TRACK_MET, track_met)):
        for name in columns:
            read = [t.name for t in stream_of("barrel", (name,))[0].inputs]
            assert read[:8] == [*header, *words]
    one = stream_of("barrel", ("pt", "second_pt_02"))[0]
    assert {t.name for t in one.inputs} - {t.name for t in before.inputs} == {"track_z_pt"}
