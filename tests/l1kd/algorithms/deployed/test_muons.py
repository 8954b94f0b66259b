"""EMTF_NN on tracks of events."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import EMTF_NN
from l1kd.errors import InputError, MissingBranchError
from tests.emulators.deployed.test_endcap_muons import tracks

PAIRS = ("12", "13", "14", "23", "24", "34")


def events_of(arrays, counts):
    mode, dphi, sign_phi, dtheta, sign_theta, pattern, theta = arrays
    columns = {"mode": mode, "theta": theta}
    for k, pair in enumerate(PAIRS):
        columns[f"dphi_{pair}"], columns[f"sign_dphi_{pair}"] = dphi[:, k], sign_phi[:, k]
        columns[f"dtheta_{pair}"], columns[f"sign_dtheta_{pair}"] = dtheta[:, k], sign_theta[:, k]
    columns |= {f"pattern_{k + 1}": pattern[:, k] for k in range(4)}
    return ak.zip({"EMTFTrack": ak.unflatten(ak.zip(columns), counts)}, depth_limit=1)


def test_tracks_get_momentum_and_displacement(model):
    arrays = tracks(30)
    events = events_of(arrays, [0, 10, 20])
    algorithm = EMTF_NN(model("EMTFnn_v1"))
    inserted = l1kd.insert(events, [algorithm])
    pt, dxy = algorithm.network.predict(algorithm.arrays(events)[0])
    assert ak.flatten(inserted.EMTFTrack.pt_displaced).tolist() == pt.tolist()
    assert ak.flatten(inserted.EMTFTrack.dxy).tolist() == dxy.tolist()
    assert inserted.EMTF_NN.pt.tolist() == [0, pt[:10].max(), pt[10:].max()]
    assert len(np.unique(pt)) > 10


def test_events_without_tracks_are_refused(model):
    events = events_of(tracks(3), [1, 2])
    with pytest.raises(MissingBranchError, match=r"needs tracks .*no NANO flavour stores them"):
        l1kd.insert(events, [EMTF_NN(model("EMTFnn_v1"), source="Other")])
    lacking = ak.with_field(events, events.EMTFTrack[["mode", "theta"]], "EMTFTrack")
    with pytest.raises(MissingBranchError, match=r"'EMTFTrack.dphi_12' is missing"):
        l1kd.insert(lacking, [EMTF_NN(model("EMTFnn_v1"))])
    assert not EMTF_NN().applies_to(ak.zip({"L1Mu": ak.Array([[1]])}, depth_limit=1))
    assert EMTF_NN().applies_to(events)


@pytest.mark.parametrize(
    ("branch", "value", "limits"),
    [("mode", 16, "0 to 15"), ("sign_dphi_12", 2, "0 to 1"), ("sign_dtheta_34", -1, "0 to 1"),
     ("pattern_1", 11, "0 to 10"), ("theta", 300, "0 to 127"), ("dphi_12", 8192, "0 to 8191"),
     ("dtheta_13", -5, "0 to 127"), ("theta", np.nan, "0 to 127")],
)  # fmt: skip
def test_what_a_word_cannot_hold_is_refused(model, branch, value, limits):
    events = events_of(tracks(3), [1, 2])
    changed = ak.with_field(events.EMTFTrack, value, branch)
    events = ak.with_field(events, changed, "EMTFTrack")
    with pytest.raises(
        InputError, match=rf"EMTFTrack\.{branch}: expected {limits} .*found {value}"
    ):
        l1kd.insert(events, [EMTF_NN(model("EMTFnn_v1"))])
