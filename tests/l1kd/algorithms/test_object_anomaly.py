"""The anomaly trigger on objects, from arrays and from events, as its firmware computes it."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import ObjectAnomaly, algorithm
from l1kd.algorithms.image_scores import CaloSum
from l1kd.algorithms.object_inputs import PREPARATION, object_inputs
from l1kd.errors import InputError, UnknownFormatError
from l1kd.objects import KINDS, objects, read_object_array
from l1kd.trigger.quantities import quantity

MODELS = ("object_anomaly_hgq-v1", "object_anomaly-v1", "object_anomaly_small-v2")


@pytest.fixture
def events():
    """Trigger objects in hardware units, as L1 NANO has them."""

    def jagged(**columns):
        return ak.zip({**columns, "bx": ak.zeros_like(next(iter(columns.values())))})

    muons = jagged(hwPt=[[61], [], [41, 21]], hwEtaAtVtx=[[10], [], [-50, 3]],
                   hwPhiAtVtx=[[100], [], [5, 500]])  # fmt: skip
    electrons = jagged(hwPt=[[], [70], []], hwEta=[[], [20], []], hwPhi=[[], [3], []])
    jets = jagged(hwPt=[[80, 60], [100], []], hwEta=[[1, -20], [30], []], hwPhi=[[0, 70], [9], []])
    sums = jagged(hwPt=[[50], [20], [10]], hwPhi=[[0], [50], [100]], etSumType=[[2], [2], [2]])
    parts = {"L1Mu": muons, "L1EG": electrons, "L1Jet": jets, "L1EtSum": sums}
    return ak.zip(parts, depth_limit=1)


@pytest.mark.parametrize("model", MODELS)
def test_events_have_the_score_of_their_arrays(events, model):
    score = ObjectAnomaly(model)
    arrays = objects(events)
    inserted = l1kd.insert(events, [score])
    np.testing.assert_array_equal(inserted.ObjectAD.score, score.score(arrays))
    raw = score.network.predict_raw(
        score.network.inputs[0].format.from_float(object_inputs(arrays))
    )
    step = 2.0 ** -score.network.outputs[0].format.fraction
    np.testing.assert_array_equal(score.score(arrays), raw[:, 0] * step)
    assert step % score.step == 0
    assert score.version == model


def test_scores_lie_on_the_grid_and_busier_events_have_larger_ones():
    rng = np.random.default_rng(4)
    arrays = np.zeros((2000, 19, 3))
    arrays[:, 0] = (30.0, 0.2, 1.0)
    arrays[:, 18, 0] = 20.0
    quiet = ObjectAnomaly().score(arrays)
    for row in (1, 2, 4, 5, 8, 9, 10):
        arrays[:, row, 0] = 60.0
        arrays[:, row, 1:] = rng.uniform(-2, 2, (2000, 2))
    busy = ObjectAnomaly().score(arrays)
    for scores in (quiet, busy):
        np.testing.assert_array_equal(scores * 1024, np.round(scores * 1024))
        assert ((scores >= 0) & (scores < 16)).all()
    assert np.median(busy) > np.median(quiet)


def test_it_is_a_quantity_by_name():
    assert algorithm("object_anomaly=object_anomaly-v1").version == MODELS[1]
    found = quantity("object_anomaly_score")
    assert found.step == 1 / 1024
    assert not found.weighted


def test_arrays_of_another_shape_are_refused():
    with pytest.raises(InputError, match="19, 3"):
        ObjectAnomaly().score(np.zeros((5, 18, 3)))
    with pytest.raises(InputError, match="finite"):
        ObjectAnomaly().score(np.full((5, 19, 3), np.nan))


@pytest.mark.parametrize("model", MODELS)
def test_angles_of_any_turn_give_one_score(model):
    rng = np.random.default_rng(3)
    arrays = rng.uniform((5.0, -2.0, -3.1), (90.0, 2.0, 3.1), (400, 19, 3))
    # angles that single precision and a turn leave as they are
    arrays[..., 2] = np.round(arrays[..., 2] * 64) / 64
    score = ObjectAnomaly(model).score
    expected = score(arrays)
    for turn in (1, -1, 3):
        turned = arrays.copy()
        turned[::2, :, 2] += 2 * np.pi * turn
        np.testing.assert_allclose(
            object_inputs(turned), object_inputs(arrays), rtol=0, atol=2**-21
        )
        assert (score(turned) == expected).mean() > 0.95
    positive = np.where(arrays < 0, [0.0, 0.0, 2 * np.pi], 0.0) + arrays
    assert (score(positive) == expected).mean() > 0.95


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (3.0, "one array"),
        (None, "one array"),
        (np.zeros((2, 19, 3), complex), "real numbers"),
        (np.full((2, 19, 3), 1e300), "finite in single precision"),
        (-np.ones((2, 19, 3)), "pt >= 0"),
    ],
)
def test_what_is_no_event_is_refused(wrong, found):
    with pytest.raises(InputError, match=found):
        ObjectAnomaly().score(wrong)
    with pytest.raises(InputError, match="one array"):
        ObjectAnomaly().score()


def sorted_events(rng, count):
    """Events as `objects` gives them: each kind by falling pt, absent objects zero."""
    arrays = np.zeros((count, 19, 3), np.float32)
    for first, last in KINDS.values():
        pt = -np.sort(-rng.exponential(60.0, (count, last - first)))
        arrays[:, first:last] = np.stack(
            [pt, rng.uniform(-6, 6, pt.shape), rng.uniform(-np.pi, np.pi, pt.shape)], -1
        )
        absent = np.arange(last - first) >= rng.integers(0, last - first + 1, (count, 1))
        arrays[:, first:last][absent] = 0.0
    return arrays


@pytest.mark.parametrize("model", MODELS)
def test_one_pass_gives_the_bits_of_its_steps(model):
    """Also for large pt, ties of the casts, and events that only the slower way takes."""
    rng = np.random.default_rng(11)
    arrays = sorted_events(rng, 3000)
    arrays[:500, :, 0] *= 1e4
    arrays[500:900] = np.round(arrays[500:900] * 64) / 64
    arrays[900:1000] = 0.0
    score = ObjectAnomaly(model)
    network = score.network
    network.specialise(PREPARATION)
    raw = network.inputs[0].format.from_float(object_inputs(arrays))
    expected = network.predict_raw(raw)[:, 0] * 2.0 ** -network.outputs[0].format.fraction
    odd = arrays.copy()
    odd[17, 8, 2] += 2 * np.float32(np.pi)
    for values in (arrays, arrays.astype(np.float64), arrays[::-1][::-1]):
        assert network.predict_prepared(values.reshape(-1, 57), PREPARATION) is not None
        np.testing.assert_array_equal(score.score(values), expected)
    assert network.predict_prepared(odd.reshape(-1, 57), PREPARATION) is None
    kept = np.arange(len(odd)) != 17
    np.testing.assert_array_equal(score.score(odd)[kept], expected[kept])


def test_objects_in_any_order_have_the_score_of_the_sorted_ones():
    rng = np.random.default_rng(12)
    arrays = sorted_events(rng, 300)
    mixed = arrays.copy()
    for first, last in KINDS.values():
        order = rng.permuted(np.tile(np.arange(first, last), (300, 1)), axis=1)
        mixed[:, first:last] = np.take_along_axis(arrays, order[..., None], 1)
    assert not np.array_equal(mixed, arrays)
    np.testing.assert_array_equal(object_inputs(mixed), object_inputs(arrays))
    np.testing.assert_array_equal(object_inputs(mixed.astype(float)), object_inputs(arrays))
    np.testing.assert_array_equal(ObjectAnomaly().score(mixed), ObjectAnomaly().score(arrays))


def test_equal_objects_keep_their_order_and_kinds_do_not_mix():
    arrays = np.zeros((1, 19, 3))
    arrays[0, 0:3] = [(20, 1.0, 0.1), (30, 2.0, 0.2), (20, 3.0, 0.3)]
    arrays[0, 4] = (90, 1.5, 0.4)
    rows = object_inputs(arrays).reshape(19, 3)
    np.testing.assert_array_equal(rows[:3, 1], [2.0, 1.0, 3.0])
    assert rows[4, 1] == 1.5


def test_rows_without_pt_hold_no_object():
    arrays = sorted_events(np.random.default_rng(13), 400)
    filled = arrays.copy()
    absent = arrays[..., 0] == 0.0
    filled[absent, 1:] = (1.3, -2.0)
    assert absent.any()
    np.testing.assert_array_equal(object_inputs(filled), object_inputs(arrays))
    np.testing.assert_array_equal(ObjectAnomaly().score(filled), ObjectAnomaly().score(arrays))
    filled[absent, 2] = np.nan
    with pytest.raises(InputError, match="finite"):
        ObjectAnomaly().score(filled)


def wide_events(count):
    """Sorted events with angles some turns away, which single precision would round first."""
    rng = np.random.default_rng(14)
    arrays = sorted_events(rng, count).astype(np.float64)
    arrays[..., 2] += 2 * np.pi * rng.integers(-50, 51, arrays.shape[:2])
    return arrays


@pytest.mark.parametrize("dtype", [">f8", np.longdouble])
def test_the_score_does_not_depend_on_how_doubles_are_stored(dtype):
    score, arrays = ObjectAnomaly("object_anomaly-v1").score, wide_events(4000)
    np.testing.assert_array_equal(score(arrays.astype(dtype)), score(arrays))
    assert not np.array_equal(score(arrays.astype(np.float32)), score(arrays))


@pytest.mark.parametrize("dtype", [">f4", "f2", ">f2", "i1", "u2", ">i2", "i4", ">i4", "u4", "i8"])
def test_the_score_of_any_type_is_that_of_its_values(dtype):
    score, arrays = ObjectAnomaly("object_anomaly-v1").score, wide_events(500)
    limit = 100 if dtype == "i1" else 300
    stored = np.clip(arrays, 0 if np.dtype(dtype).kind == "u" else -limit, limit).astype(dtype)
    if stored.dtype.itemsize >= 4 and stored.dtype.kind in "iu":
        stored[..., 2] *= 1_000_003  # more digits than single precision holds
    np.testing.assert_array_equal(score(stored), score(stored.astype(np.float64)))


def test_a_file_of_doubles_gives_the_scores_of_its_array(tmp_path):
    arrays = wide_events(4000)
    score = ObjectAnomaly("object_anomaly-v1").score
    for dtype in ("<f8", ">f8"):
        np.savez(tmp_path / "wide.npz", X=arrays.astype(dtype))
        read = read_object_array(tmp_path / "wide.npz")
        assert read.dtype == np.float32
        assert np.abs(read[..., 2]).max() <= np.float32(np.pi)
        np.testing.assert_array_equal(score(read), score(arrays))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (0, -1.0, "pt: expected pt >= 0 GeV, found -1.0"),
        (1, np.inf, "eta: expected a number that is finite in single precision, found inf"),
        (2, np.nan, "phi: .* found nan"),
        (0, 1e300, r"pt: .* found 1e\+300"),
    ],
)
def test_a_wrong_value_is_said_with_its_place(column, value, said):
    """Also behind the first block of events."""
    arrays = np.zeros((20_000, 19, 3))
    arrays[19_999, 9, column] = value
    with pytest.raises(InputError, match=rf"objects: event 19999, row 9 \(jet\), {said}"):
        ObjectAnomaly().score(arrays)


def test_an_unknown_source_is_refused_at_once():
    with pytest.raises(UnknownFormatError, match=r"unknown source of objects 'L2'.*L1, L1Emul"):
        ObjectAnomaly(source="L2")
    assert ObjectAnomaly(source="L1Emul").source == "L1Emul"


def test_masked_entries_are_refused():
    arrays = np.ma.zeros((10, 19, 3))
    expected = ObjectAnomaly().score(np.zeros((10, 19, 3)))
    np.testing.assert_array_equal(ObjectAnomaly().score(arrays), expected)
    arrays[3, 2] = np.ma.masked
    with pytest.raises(InputError, match="objects: expected no masked entries, found 3"):
        ObjectAnomaly().score(arrays)
    images = np.ma.zeros((4, 18, 14), np.uint16)
    np.testing.assert_array_equal(CaloSum().score(images), np.zeros(4))
    images[1, 2, 3] = np.ma.masked
    with pytest.raises(InputError, match="calo_sum: regions: expected no masked entries, found 1"):
        CaloSum().score(images)


def test_pt_counts_as_rounded_to_single_precision():
    arrays = sorted_events(np.random.default_rng(15), 20).astype(np.float64)
    arrays[:, 3] = (-1e-60, 1.0, 2.0)
    expected = arrays.copy()
    expected[:, 3] = 0.0
    np.testing.assert_array_equal(ObjectAnomaly().score(arrays), ObjectAnomaly().score(expected))
    arrays[:, 3, 0] = -1e-44
    with pytest.raises(InputError, match="pt >= 0"):
        ObjectAnomaly().score(arrays)
