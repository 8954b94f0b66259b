"""Inputs of a network in the correlator, against a model in Python's integers."""

import numpy as np
import pytest

from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.weighing import COLUMNS, FORMAT, NAMES, region_inputs
from tests.emulators.correlator.weighing.crowds import crowded
from tests.emulators.correlator.weighing.model import all_rows

STEP = np.pi / 720


@pytest.mark.parametrize(("tracks", "n"), [("none", 2), ("kept", 19), ("every", 19)])
def test_every_input_equals_the_model(tracks, n):
    events, offsets = crowded(n, 700, seed=3)  # 19: more than a batch
    found = region_inputs(events, offsets, vertex=0.1, tracks=tracks)
    regions, _ = Regionizer().run(events, offsets, vertex=0.1)
    expected = all_rows(regions, n, tracks)
    keys = zip(found.event, found.board, found.region, found.slot, found.track, strict=True)
    rows = {tuple(map(int, key)): row for key, row in zip(keys, found.values, strict=True)}
    assert rows.keys() == {tuple(map(int, key)) for key in expected}
    for key, row in expected.items():
        assert dict(zip(NAMES, rows[tuple(map(int, key))].tolist(), strict=True)) == row, key
    of_tracks = {"track", "muon", "dz", "own_z_pt"} if tracks == "none" else set()
    seen = {name: np.unique(found.values[:, i]) for i, name in enumerate(NAMES)}
    same = {name for name, values in seen.items() if len(values) == 1}
    assert same == of_tracks, "columns that never differ"
    weight = found.values[:, NAMES.index("linpuppi_weight")]
    assert (found.linpuppi == weight).all()
    assert (tracks == "every") == (set(weight[found.track]) == {0, 256})


def test_columns_say_their_largest_value():
    found = region_inputs(*crowded(4, 2000, seed=5))
    assert (found.values >= 0).all()
    assert (found.values <= [c.largest for c in COLUMNS]).all()
    assert all(c.largest <= FORMAT.maximum for c in COLUMNS)


def test_sources_are_the_particles_with_what_else_is_known_of_them():
    events, offsets = crowded(3, 500, seed=8)
    found = region_inputs(events, offsets)
    assert len(np.unique(found.source)) == len(found.source)
    assert (found.source >= offsets[found.event]).all()
    assert (found.source < offsets[found.event + 1]).all()
    assert (np.rint(4 * events["pt"][found.source]) == found.hw_pt).mean() > 0.999  # ties
    assert np.abs(events["eta"][found.source] / STEP - found.hw_eta).max() < 0.51
    assert (found.track <= (events["charge"][found.source] != 0)).all()


def test_neutrals_alone_and_chosen_columns():
    events, offsets = crowded(3, 500, seed=9)
    whole = region_inputs(events, offsets)
    names = ("neutral_max_02", "pt", "alpha", "event_pileup_count")
    part = region_inputs(events, offsets, names=names, tracks="none")
    assert part.names == names
    assert (part.source == whole.source[~whole.track]).all()
    columns = [NAMES.index(name) for name in names]
    assert (part.values == whole.values[~whole.track][:, columns]).all()


def test_eta_and_phi_have_no_sign():
    # positions off all edges, so that a mirrored particle lies in the mirrored region
    events, offsets = crowded(4, 400, seed=10)
    events["eta"] = (np.rint(events["eta"] / STEP / 2) * 2 + 1) * STEP
    events["phi"] = (np.rint(events["phi"] / STEP / 2) * 2 + 1) * STEP
    odd = {**events, "eta": -events["eta"]}
    plain, mirrored = region_inputs(events, offsets), region_inputs(odd, offsets)
    a, b = np.argsort(plain.source), np.argsort(mirrored.source)
    assert (plain.source[a] == mirrored.source[b]).all()
    assert (plain.values[a] == mirrored.values[b]).all()


def test_unknown_inputs_are_refused():
    events, offsets = crowded(1, 20, seed=1)
    with pytest.raises(ValueError, match="unknown: \\['energy'\\]"):
        region_inputs(events, offsets, names=("pt", "energy"))
    with pytest.raises(ValueError, match="each once"):
        region_inputs(events, offsets, names=("pt", "pt"))
    with pytest.raises(ValueError, match="each once"):
        region_inputs(events, offsets, names=())


@pytest.mark.parametrize("tracks", [True, False, "all"])
def test_unknown_choices_of_tracks_are_refused(tracks):
    with pytest.raises(ValueError, match="expected one of none, kept, every"):
        region_inputs(*crowded(1, 20, seed=1), tracks=tracks)


def test_every_track_adds_those_that_linpuppi_drops():
    events, offsets = crowded(3, 500, seed=9)
    kept, every = (region_inputs(events, offsets, tracks=tracks) for tracks in ("kept", "every"))
    stays = ~every.track | (every.linpuppi == 256)
    assert 0 < stays.sum() < len(stays)
    assert (every.source[stays] == kept.source).all()
    assert (every.values[stays] == kept.values).all()


def test_events_without_particles():
    events, _ = crowded(1, 20, seed=1)
    empty = {name: values[:0] for name, values in events.items()}
    assert region_inputs(empty, [0, 0, 0]).values.shape == (0, len(NAMES))
    assert region_inputs(empty, [0]).source.shape == (0,)
