"""The correlator with a network's weights, against a model in Python's integers."""

import pickle

import numpy as np
import pytest

from l1kd.emulators.correlator.chain import correlate
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.sums import ht, met, select_jets
from l1kd.emulators.correlator.weighing import NAMES, NetworkWeight
from l1kd.emulators.correlator.weighing.network_weight import weights_of
from l1kd.emulators.correlator.weighing.region_weights import region_weights
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.correlator.weighing.chain_model import layer2
from tests.emulators.correlator.weighing.crowds import crowded
from tests.emulators.correlator.weighing.model import all_rows
from tests.emulators.correlator.weighing.networks import dense_network

FIELDS = ("hwPt", "hwEta", "hwPhi", "hwPuppiW", "hwId", "source")
SOFT = {"barrel": (0.0,), "hgcal": (0.5, 1.0), "hgcalnotk": (2.0,), "hf": (4.0,)}


def model(events, offsets, names, plain, tracks, cuts, vertex):
    """Compute weights and lists of layer 2 without any of the kernels under test."""
    regions, _ = Regionizer().run(events, offsets, vertex=vertex)
    by_region = {}
    weighed = "kept" if tracks == "none" else tracks
    rows = all_rows(regions, len(offsets) - 1, weighed)
    for (event, kind, region, slot, track), row in rows.items():
        drawn = tracks != "none" or not track
        weight = plain([row[name] for name in names]) if drawn else 256
        by_region.setdefault((event, kind, region), {})[slot, track] = weight
    raw_cuts = {name: [round(4 * c) for c in cut] for name, cut in cuts.items()}
    return layer2(regions, len(offsets) - 1, lambda key: by_region.get(key, {}), raw_cuts)


def compare(result, lists, lost):
    n_cand = result.candidates["n_cand"]
    assert n_cand.tolist() == [len(one) for one in lists]
    for i, field in enumerate(FIELDS):
        for event, one in enumerate(lists):
            found = result.candidates[f"cand_{field}"][event, : len(one)]
            assert found.tolist() == [row[i] for row in one], (field, event)
    assert result.losses["layer2_list"].tolist() == lost
    plain = {k: v for k, v in result.candidates.items() if k in ("cand_hwPt", "cand_hwEta")}
    plain |= {"n_cand": n_cand, "cand_hwPhi": result.candidates["cand_hwPhi"]}
    plain["cand_hwId"] = result.candidates["cand_hwId"]
    jets = SeededCone().run(plain)
    for part, wanted in (
        (result.jets, jets),
        (result.met, met(plain)),
        (result.ht, ht(select_jets(jets))),
    ):
        assert all((part[name] == values).all() for name, values in wanted.items())


SOME = tuple(np.random.default_rng(4).permutation(NAMES)[:20])


@pytest.mark.parametrize(
    ("tracks", "names"), [("none", SOME), ("kept", SOME), ("every", SOME), ("every", NAMES)]
)
def test_everything_equals_the_model(tracks, names):
    network, plain = dense_network(len(names), seed=21, gain=2 if names == NAMES else 15)
    events, offsets = crowded(18, 900, seed=6)
    weight = NetworkWeight(network, names, tracks=tracks, pt_cut=SOFT)
    result = correlate(events, offsets, vertex=0.1, weight=weight)
    lists, lost = model(events, offsets, names, plain, tracks, SOFT, 0.1)
    compare(result, lists, lost)
    given = result.candidates["cand_hwPuppiW"][result.candidates["cand_source"] >= 0]
    assert len(np.unique(given)) > 50


def test_cuts_are_linpuppis_where_none_are_given():
    names = NAMES[:6]
    network, plain = dense_network(6, seed=3)
    events, offsets = crowded(3, 900, seed=7)
    cuts = {name: p.pt_cut for name, p in PRESETS.items()}
    result = correlate(events, offsets, weight=NetworkWeight(network, names), vertex=0.0)
    compare(result, *model(events, offsets, names, plain, "none", cuts, 0.0))


def test_weights_of_particles_are_those_of_the_list():
    network, _ = dense_network(len(NAMES), seed=5)
    events, offsets = crowded(5, 900, seed=8)
    weight = NetworkWeight(network, NAMES, tracks="every")
    result = correlate(events, offsets, weight=weight)
    source = result.candidates["cand_source"]
    listed = result.candidates["cand_hwPuppiW"][source >= 0] / 256
    assert (result.weights[source[source >= 0]] == listed).all()
    assert result.weights.min() >= 0
    assert result.weights.max() <= 1


def test_a_result_is_the_events_own():
    network, _ = dense_network(len(NAMES), seed=5)
    weight = pickle.loads(pickle.dumps(NetworkWeight(network, NAMES, tracks="every")))
    events, offsets = crowded(40, 500, seed=9)
    whole = correlate(events, offsets, weight=weight)
    a, b = offsets[17], offsets[19]
    part = correlate({k: v[a:b] for k, v in events.items()}, offsets[17:20] - a, weight=weight)
    assert (whole.weights[a:b] == part.weights).all()
    assert (whole.met["met_hwPt"][17:19] == part.met["met_hwPt"]).all()
    assert (whole.candidates["cand_hwPt"][17:19] == part.candidates["cand_hwPt"]).all()


def test_other_linpuppis_change_what_the_network_reads():
    network, _ = dense_network(len(NAMES), seed=5)
    events, offsets = crowded(5, 900, seed=8)
    weight = NetworkWeight(network, NAMES)
    narrow = {"barrel": LinPuppi(PRESETS["barrel"].replace(dz=0.1))}
    usual = correlate(events, offsets, vertex=0.1, weight=weight)
    other = correlate(events, offsets, vertex=0.1, weight=weight, puppi=narrow)
    assert (usual.weights != other.weights).any()


@pytest.mark.parametrize(
    ("fraction", "raw", "expected"),
    [
        (8, [0, 255, 256, 300, -1], [0, 255, 256, 256, 0]),
        (10, [1, 2, 1022, 1021, 5000], [0, 1, 256, 255, 256]),
        (4, [0, 1, 16, 17], [0, 16, 256, 256]),
    ],
)
def test_outputs_become_steps_of_one_in_256(fraction, raw, expected):
    assert weights_of(np.array(raw), fraction).tolist() == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (FixedPoint(10, 6), [[5, 511], [17, 0]]),
        (FixedPoint(14, 6), [[5 << 4, 511 << 4], [17 << 4, 0]]),
        (FixedPoint(29, 5, False), [[5 << 20, 511 << 20], [17 << 20, 0]]),
        (FixedPoint(38, 10), [[5 << 24, 511 << 24], [17 << 24, 0]]),
        (FixedPoint(12, 4, True, "TRN", "WRAP"), [[5 << 4, -16], [17 << 4, 0]]),
        (FixedPoint(6, 5, False, "TRN", "SAT"), [[0, 63], [2, 0]]),
    ],
)
def test_inputs_are_cast_to_the_networks_own_format(form, expected):
    network, _ = dense_network(2, seed=1, form=form)
    found = NetworkWeight(network, NAMES[:2]).weigh(np.array([[5, 511], [17, 0]], np.int16))
    assert (found == network.predict_raw(np.array(expected))[:, 0]).all()


def test_what_does_not_fit_is_refused():
    network, _ = dense_network(3, seed=1)
    with pytest.raises(ValueError, match="expected one input of 2 values"):
        NetworkWeight(network, NAMES[:2])
    with pytest.raises(ValueError, match="unknown: \\['energy'\\]"):
        NetworkWeight(network, ("pt", "em", "energy"))
    with pytest.raises(ValueError, match="tracks True: expected one of none, kept, every"):
        NetworkWeight(network, NAMES[:3], tracks=True)
    with pytest.raises(ValueError, match="unknown board types \\['endcap'\\]"):
        NetworkWeight(network, NAMES[:3], pt_cut={"endcap": (1.0,)})
    wrong = NetworkWeight(network, NAMES[:3], pt_cut={"hgcal": (1.0,)})
    with pytest.raises(ValueError, match="expected 2 numbers"):
        correlate(*crowded(1, 10, seed=1), weight=wrong)


def test_numbers_of_events_of_another_width_are_refused():
    network, _ = dense_network(1, seed=1)
    weight = NetworkWeight(network, ("event_track_met",))
    inputs = {"pv": np.zeros(3, np.int16)}
    with pytest.raises(ValueError, match=r"events: expected shape \(3, 8\).* found \(3, 4\)"):
        region_weights("hf", LinPuppi.preset("hf"), weight, inputs, np.zeros((3, 4), np.int64))
