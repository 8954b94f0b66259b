import awkward as ak
import h5py
import numpy as np
import pytest

from l1kd.errors import InputError, MissingBranchError, UnknownFormatError, UnreadableFileError
from l1kd.objects import KINDS, objects, read_object_array


def jagged(**columns):
    return ak.zip({name: ak.Array(values) for name, values in columns.items()})


def nano(**changes):
    """Two events: the first with more jets than fit, the second without leptons."""
    jets = [[20.0 + i for i in range(12)], [30.0, 50.0]]
    events = {
        "Muon": jagged(pt=[[5.0, 9.0], []], eta=[[0.1, 0.2], []], phi=[[3.2, -3.2], []]),
        "Electron": jagged(pt=[[7.0], []], eta=[[-1.0], []], phi=[[0.5], []]),
        "Jet": jagged(
            pt=jets,
            eta=[[0.1 * i for i in range(12)], [1.0, 2.0]],
            phi=[[0.0] * 12, [1.0, 2.0]],
        ),
        "PuppiMET": ak.zip({"pt": [33.0, 44.0], "phi": [0.3, -0.4]}),
    }
    return ak.zip(events | changes, depth_limit=1)


def test_rows_are_sorted_by_pt_cut_and_padded():
    found = objects(nano())
    assert found.shape == (2, 19, 3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[0, :4, 0], [9, 5, 0, 0])
    np.testing.assert_allclose(found[0, 4:8, 0], [7, 0, 0, 0])
    np.testing.assert_allclose(found[0, 8:18, 0], [31, 30, 29, 28, 27, 26, 25, 24, 23, 22])
    np.testing.assert_allclose(found[0, 8, 1], 1.1, rtol=1e-6)
    np.testing.assert_allclose(found[1, 8:11], [[50, 2, 2], [30, 1, 1], [0, 0, 0]])
    np.testing.assert_allclose(found[:, 18], [[33, 0, 0.3], [44, 0, -0.4]], rtol=1e-6)


def test_phi_lies_within_a_turn():
    found = objects(nano())
    np.testing.assert_allclose(found[0, :2, 2], [-3.2 + 2 * np.pi, 3.2 - 2 * np.pi], rtol=1e-5)


def trigger(hardware):
    """Objects of crossing 0 among others; muon indices count pt from one."""
    bx = [[0, 1, 0]]
    if hardware:
        muon = jagged(
            bx=bx, hwPt=[[11, 99, 45]], hwEtaAtVtx=[[10, 0, -20]], hwPhiAtVtx=[[0, 0, 500]]
        )
        calorimeter = jagged(bx=bx, hwPt=[[20, 99, 60]], hwEta=[[4, 0, -8]], hwPhi=[[10, 0, 140]])
        sums = jagged(
            bx=[[0, 0, -2]], hwPt=[[100, 80, 70]], hwPhi=[[0, 36, 0]], etSumType=[[1, 2, 2]]
        )
    else:
        step = 2 * np.pi / 576
        muon = jagged(
            bx=bx,
            pt=[[5.0, 49.0, 22.0]],
            etaAtVtx=[[10 * 0.010875, 0, -20 * 0.010875]],
            phiAtVtx=[[0.0, 0.0, 500 * step - 2 * np.pi]],
            eta=[[9.0, 9.0, 9.0]],
            phi=[[1.0, 1.0, 1.0]],
        )
        step = 2 * np.pi / 144
        calorimeter = jagged(
            bx=bx,
            pt=[[10.0, 49.5, 30.0]],
            eta=[[4 * 0.0435, 0, -8 * 0.0435]],
            phi=[[10 * step, 0, 140 * step - 2 * np.pi]],
        )
        sums = jagged(
            bx=[[0, 0, -2]],
            pt=[[50.0, 40.0, 35.0]],
            phi=[[0.0, 36 * step, 0.0]],
            etSumType=[[1, 2, 2]],
        )
    return ak.zip(
        {"L1Mu": muon, "L1EG": calorimeter, "L1Jet": calorimeter, "L1EtSum": sums}, depth_limit=1
    )


def test_hardware_integers_and_physical_columns_give_the_same():
    found = objects(trigger(hardware=True))
    np.testing.assert_allclose(found[0, :3, 0], [22, 5, 0])
    np.testing.assert_allclose(found[0, 4:7, 0], [30, 10, 0])
    np.testing.assert_allclose(found[0, 18], [40, 0, np.pi / 2], rtol=1e-6)
    np.testing.assert_allclose(found, objects(trigger(hardware=False)), rtol=1e-5, atol=1e-6)


def test_delphes_events(open_events, shared):
    events = open_events(shared / "samples" / "ttbar2l_PU140_uncut100.root")
    found = objects(events)
    first, last = KINDS["jet"]
    expected = ak.sort(events.Jet.PT, axis=1, ascending=False)
    expected = ak.fill_none(ak.pad_none(expected, last - first, clip=True), 0)
    np.testing.assert_allclose(found[:, first:last, 0], ak.to_numpy(expected))
    np.testing.assert_allclose(
        found[:, 18, 0], ak.to_numpy(ak.flatten(events.MissingET.MET, axis=None))
    )


def test_l1_nano_of_a_test_vector(open_events, shared):
    folder = shared / "golden" / "menu" / "L1Menu_Collisions2024_v1_3_0-d1"
    events = open_events(folder / "l1nano_from_vector_data.root")
    found = objects(events, "L1")
    np.testing.assert_allclose(found[:, 8, 0], ak.fill_none(ak.max(events.L1Jet.pt, axis=1), 0))
    assert (np.abs(found[:, :, 2]) <= np.float32(np.pi)).all()


def test_offline_objects_are_taken_where_asked_for():
    events = nano()
    both = ak.with_field(events, ak.broadcast_arrays(events.PuppiMET, 0)[0], "MET")
    np.testing.assert_array_equal(objects(both, "MET"), objects(events))


def test_no_events_give_no_rows():
    assert objects(nano()[:0]).shape == (0, 19, 3)


def test_unknown_events_are_refused_with_what_they_hold():
    events = ak.zip({"Tau": jagged(pt=[[1.0]])}, depth_limit=1)
    with pytest.raises(UnknownFormatError, match="found Tau"):
        objects(events)
    with pytest.raises(UnknownFormatError, match="need L1Mu, L1EG, L1Jet, L1EtSum"):
        objects(nano(), "L1")
    with pytest.raises(UnknownFormatError, match="did you mean 'Delphes'"):
        objects(nano(), "delphes")


def test_a_missing_branch_is_named():
    with pytest.raises(MissingBranchError, match="Jet has no eta"):
        objects(nano(Jet=jagged(pt=[[1.0], []], phi=[[1.0], []])))


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_what_is_no_momentum_is_refused(value):
    jets = jagged(pt=[[value], []], eta=[[0.0], []], phi=[[0.0], []])
    with pytest.raises(InputError, match="Jet"):
        objects(nano(Jet=jets))


def test_what_is_wrong_in_events_is_said_with_its_place():
    pt = jagged(pt=[[2.0], [3.0, np.inf]], eta=[[0.0], [0.0, 0.0]], phi=[[0.0], [0.0, 0.0]])
    with pytest.raises(
        InputError, match=r"Jet\.pt: expected finite pt, found inf in event 1, obj.* 1"
    ):
        objects(nano(Jet=pt))
    low = jagged(pt=[[2.0], [-3.0]], eta=[[0.0], [0.0]], phi=[[0.0], [0.0]])
    with pytest.raises(InputError, match=r"Jet\.pt: expected pt >= 0 GeV, found -3.0 in event 1"):
        objects(nano(Jet=low))


def test_public_files_have_another_order(tmp_path):
    rng = np.random.default_rng(1)
    array = rng.uniform(0, 3, (5, 19, 3)).astype(np.float32)
    np.savez(tmp_path / "own.npz", X=array)
    public = np.zeros((5, 19, 4), np.float32)
    public[:, 0, :3] = array[:, 18]
    public[:, 1:5, :3] = array[:, 4:8]
    public[:, 5:9, :3] = array[:, 0:4]
    public[:, 9:, :3] = array[:, 8:18]
    with h5py.File(tmp_path / "public.h5", "w") as file:
        file["Particles"] = public
    np.testing.assert_array_equal(read_object_array(tmp_path / "own.npz"), array)
    np.testing.assert_array_equal(read_object_array(tmp_path / "public.h5"), array)


def test_files_without_the_array_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", Y=np.zeros(3))
    np.savez(tmp_path / "shape.npz", X=np.zeros((3, 18, 3)))
    (tmp_path / "broken.h5").write_bytes(b"no HDF5")
    for name in ("other.npz", "broken.h5", "absent.npz"):
        with pytest.raises(UnreadableFileError, match=name):
            read_object_array(tmp_path / name)
    with pytest.raises(InputError, match=r"found \(3, 18, 3\)"):
        read_object_array(tmp_path / "shape.npz")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ((3, 8, 2), np.nan, r"X: event 3, row 8 \(jet\), phi: expected .* finite .*, found nan"),
        ((4, 18, 0), -np.inf, r"X: event 4, row 18 \(met\), pt: expected .* finite .*, found -inf"),
        ((0, 4, 1), 1e300, r"X: event 0, row 4 \(electron\), eta: .* finite .*, found 1e\+300"),
        ((1, 0, 0), -2.0, r"X: event 1, row 0 \(muon\), pt: expected pt >= 0 GeV, found -2.0"),
    ],
)
def test_a_wrong_value_of_a_file_is_said_with_its_place(place, value, said, tmp_path):
    array = np.zeros((5, 19, 3))
    array[place] = value
    np.savez(tmp_path / "nan.npz", X=array)
    with pytest.raises(InputError, match=r"nan\.npz: " + said):
        read_object_array(tmp_path / "nan.npz")


def test_arrays_of_another_kind_are_refused_in_the_words_of_this_package(tmp_path):
    np.savez(tmp_path / "other.npz", Y=np.zeros(3), Z=np.zeros(3))
    np.savez(tmp_path / "objects.npz", X=np.array([{}]))
    np.savez(tmp_path / "complex.npz", X=np.zeros((1, 19, 3), complex))
    (tmp_path / "text.npz").write_text("no archive", encoding="utf-8")
    np.save(tmp_path / "array.npy", np.zeros((1, 19, 3)))
    (tmp_path / "array.npy").rename(tmp_path / "array.npz")
    whole = (tmp_path / "other.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    for name, said in (
        ("other", r"expected X of shape \(n, 19, 3\) in it, found the arrays Y, Z"),
        ("objects", "holds Python objects where numbers are expected"),
        ("complex", "X: expected real numbers, found complex128"),
        ("text", "found a file that is no zip archive"),
        ("array", "found a file that is no zip archive"),
        ("half", "found a file that is no zip archive"),
    ):
        with pytest.raises((UnreadableFileError, InputError), match=said) as error:
            read_object_array(tmp_path / f"{name}.npz")
        assert f"{name}.npz" in str(error.value)
        assert "pickle" not in str(error.value)


def test_public_files_of_another_layout_are_told_the_right_one(tmp_path):
    for name, shape in (("few", (5, 19, 2)), ("three", (5, 19, 3)), ("flat", (5, 57))):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["Particles"] = np.zeros(shape)
        with pytest.raises(InputError, match=r"h5: Particles: expected shape \(n, 19, 4\), found"):
            read_object_array(tmp_path / f"{name}.h5")
    with h5py.File(tmp_path / "group.h5", "w") as file:
        file.create_group("Particles")
    with h5py.File(tmp_path / "none.h5", "w") as file:
        file["Jets"] = np.zeros(3)
    for name, said in (("group", "a group Particles"), ("none", "no array Particles.* has Jets")):
        with pytest.raises(UnreadableFileError, match=rf"{name}\.h5.*\(n, 19, 4\), found {said}"):
            read_object_array(tmp_path / f"{name}.h5")
