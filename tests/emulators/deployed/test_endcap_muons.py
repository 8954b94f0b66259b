"""EMTF_NN against the caller, track by track."""

import numpy as np
import pytest

from l1kd.emulators.deployed import EndcapMuons, endcap_muon_inputs
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.deployed.stand_in import StandIn

OF_STATION = {1: (0, 1, 2), 2: (0, 3, 4), 3: (1, 3, 5), 4: (2, 4, 5)}


def caller(mode, dphi, sign_phi, dtheta, sign_theta, pattern, theta):
    """The 29 numbers of one track, as CMSSW fills them."""
    hit = {1: mode >= 8, 2: mode % 8 >= 4, 3: mode % 4 >= 2, 4: mode % 2 == 1}
    phis = [0 if x == 8191 else x for x in dphi]
    thetas = [0 if x == 127 else x for x in dtheta]
    patterns = [p if hit[k + 1] else 0 for k, p in enumerate(pattern)]
    for station, pairs in OF_STATION.items():
        if not hit[station]:
            for pair in pairs:
                phis[pair] = thetas[pair] = 0
    return [*phis, *sign_phi, *thetas, *sign_theta, *patterns, theta]


def tracks(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 16, count),
        rng.choice([0, 1, 50, 8190, 8191], (count, 6)),
        rng.integers(0, 2, (count, 6)),
        rng.choice([0, 3, 126, 127], (count, 6)),
        rng.integers(0, 2, (count, 6)),
        rng.integers(0, 11, (count, 4)),
        rng.integers(0, 128, count),
    )


def test_tracks_are_arranged_as_the_caller_does():
    arrays = tracks()
    inputs = endcap_muon_inputs(*arrays)
    expected = [caller(*(x.tolist() for x in track)) for track in zip(*arrays, strict=True)]
    assert inputs.tolist() == expected


def test_numbers_wrap_and_the_displacement_has_an_end():
    stand_in = StandIn([(29, FixedPoint(13, 13, False))], [(2, FixedPoint(8, 8, False))])
    inputs = endcap_muon_inputs(*tracks(seed=1))
    inputs[0, 0] = 8192 + 5
    pt, dxy = EndcapMuons(stand_in).predict(inputs)
    assert stand_in.seen[0][0, 0] == 5
    raw = stand_in.predict_raw(*stand_in.seen)
    assert pt.tolist() == raw[:, 0].tolist()
    assert dxy.max() == 127 < raw[:, 1].max()


def test_wrong_arrays_are_refused():
    arrays = list(tracks(3))
    with pytest.raises(ValueError, match=r"dphi: shape \(3, 6\) expected"):
        endcap_muon_inputs(arrays[0], arrays[1][:, :5], *arrays[2:])
    with pytest.raises(ValueError, match="mode: shape"):
        endcap_muon_inputs(arrays[1], *arrays[1:])


@pytest.mark.parametrize("place", range(7))
def test_numbers_that_no_word_holds_are_refused(place):
    names = ("mode", "dphi", "sign_phi", "dtheta", "sign_theta", "pattern", "theta")
    largest = (15, 8191, 1, 127, 1, 10, 127)
    for bad in (largest[place] + 1, -1):
        arrays = [array.copy() for array in tracks(4)]
        arrays[place].flat[-1] = largest[place]
        endcap_muon_inputs(*arrays)
        arrays[place].flat[-1] = bad
        expected = f"{names[place]}: expected 0 to {largest[place]}, .*found {bad}"
        with pytest.raises(ValueError, match=expected):
            endcap_muon_inputs(*arrays)
