"""The histogram vertex finder against a model with the firmware's types one by one."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from l1kd.emulators.correlator.vertex import VertexFinder
from l1kd.emulators.correlator.vertex.kernels import INVERSE


class Fixed:
    """An ap_fixed or ap_ufixed: a format, and what assignment to it makes of a number."""

    def __init__(self, width: int, whole: int, signed: bool, rounding: str) -> None:
        self.fraction = width - whole
        self.low = -(1 << (width - 1)) if signed else 0
        self.high = (1 << (width - 1 if signed else width)) - 1
        self.rounding = rounding

    def __call__(self, value: Fraction | int | float) -> Fraction:
        scaled = Fraction(value) * 2**self.fraction
        low = floor(scaled)
        rest = scaled - low
        half = Fraction(1, 2)
        up = rest > half
        if rest == half:
            up = scaled >= 0 if self.rounding == "RND_INF" else low % 2 == 1
        raw = min(max(low + up, self.low), self.high)
        return Fraction(raw, 2**self.fraction)


PT = Fixed(14, 9, False, "RND_CONV")
BIN_SUM = Fixed(16, 11, False, "RND_INF")
LINK = Fixed(9, 9, False, "RND_INF")
INV = Fixed(14, 1, False, "RND_INF")
SLIDING = Fixed(20, 10, True, "RND_INF")
Z0 = Fixed(15, 6, True, "RND_CONV")


def model(pt: list, eta: list, charge: list, z0: list) -> tuple[Fraction, int]:
    """Position and momentum of the first window with the largest sum."""
    untruncated = [Fraction(0)] * 256
    for p, e, q, z in zip(pt, eta, charge, z0, strict=True):
        if q == 0 or p < 2 or abs(e) > 2.4 or not abs(z) <= 15:
            continue
        word = min(max(floor(z / (2 * 20.46912512 / 4096)), -2048), 2047)
        b = (word + 2048) >> 4
        untruncated[b] = BIN_SUM(untruncated[b] + PT(p))
    bins = [LINK(floor(x)) for x in untruncated]
    best, z = Fraction(0), SLIDING(-999)
    for b in range(254):
        total = sum(bins[b : b + 3])
        if total > best:
            best = total
            position = SLIDING((bins[b + 1] + 2 * bins[b + 2]) * INV(Fraction(1, int(total))))
            position = SLIDING(position + b + Fraction(1, 2))
            z = SLIDING(Z0((position - 128) * SLIDING(0.15991504)))
    return Z0(z), int(best)


def events(n: int, per_event: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2 * per_event, n)
    total = counts.sum()
    step = np.where(rng.random(total) < 0.5, 1 / 64, 0.001)  # halves of the step, and others
    return {
        "pt": np.round((1 + rng.exponential(4, total)) / step) * step,
        "eta": rng.uniform(-2.6, 2.6, total),
        "charge": rng.choice([-1, 0, 1], total, p=[0.4, 0.2, 0.4]),
        "z0": rng.normal(0, 6, total),
    }, np.concatenate([[0], np.cumsum(counts)])


@pytest.mark.parametrize(("per_event", "hard"), [(150, 0.0), (4, 0.0), (60, 0.05)])
def test_every_bit_equals_the_model(per_event: int, hard: float):
    tracks, offsets = events(60, per_event, seed=per_event)
    rng = np.random.default_rng(1)
    tracks["pt"] *= np.where(rng.random(offsets[-1]) < hard, 200, 1)  # saturates bins and tracks
    found = VertexFinder().run(tracks, offsets)
    for k in range(60):
        mine = slice(offsets[k], offsets[k + 1])
        z0, total = model(*(tracks[n][mine] for n in ("pt", "eta", "charge", "z0")))
        assert found.raw_z0[k] == z0 * 512
        assert found.z0[k] == z0
        assert found.sum_pt[k] == total


def test_table_of_reciprocals():
    assert len(INVERSE) == 3 * 511 + 1
    assert [INVERSE[x] for x in (1, 2, 3, 1533)] == [8192, 4096, 2731, 5]


def track(pt: float, z0: float, eta: float = 0.0, charge: int = 1) -> tuple:
    return pt, eta, charge, z0


def run(*tracks: tuple) -> tuple[float, int]:
    pt, eta, charge, z0 = (np.array(c, dtype=float) for c in zip(*tracks, strict=True))
    found = VertexFinder().run({"pt": pt, "eta": eta, "charge": charge, "z0": z0}, [0, len(pt)])
    return float(found.z0[0]), int(found.sum_pt[0])


def test_vertex_with_the_largest_momentum_is_found():
    z0, total = run(*[track(3, 5 + 0.01 * i) for i in range(6)], track(10, -8.0))
    assert total == 18
    assert abs(z0 - 5.025) < 0.16
    # of equal windows the first: the one at smaller z0
    assert run(track(5, 4.0), track(5, -4.0))[0] < 0


def test_tracks_that_do_not_count():
    good = track(3, 1.0)
    for bad in (track(1.9, -3), track(9, 16.0), track(9, -3, eta=2.5), track(9, -3, charge=0)):
        assert run(good, bad) == run(good)
    assert run(good, track(9, np.nan)) == run(good)


def test_without_tracks_the_word_is_the_lowest():
    assert run(track(1.0, 0.0)) == (-32.0, 0)


def test_bins_saturate():
    assert run(track(400, 0.08), track(400, 0.08))[1] == 511
    assert run(*[track(500, 0.08)] * 6)[1] == 511


def test_positions_are_unbiased():
    z = np.arange(-14, 14, 0.01)
    n = len(z)
    tracks = {"pt": np.full(n, 5.0), "eta": np.zeros(n), "charge": np.ones(n), "z0": z}
    found = VertexFinder().run(tracks, np.arange(n + 1))
    # a single track is in the first of the windows that hold it: at the centre of its bin
    assert np.abs(found.z0 - z).max() < 0.12
    assert abs(np.mean(found.z0 - z)) < 0.02


def test_no_events():
    nothing = {k: np.zeros(0) for k in ("pt", "eta", "charge", "z0")}
    assert VertexFinder().run(nothing, [0]).z0.shape == (0,)
    assert VertexFinder().run(nothing, [0, 0]).sum_pt.tolist() == [0]


@pytest.mark.parametrize(
    ("change", "offsets", "message"),
    [
        ({"z0": None}, [0, 1], "track column z0 is missing"),
        ({"eta": [0.0, 0.0]}, [0, 1], r"eta has shape \(2,\); expected \(1,\)"),
        ({}, [1, 1], "offsets must run from 0"),
    ],
)
def test_wrong_tracks(change: dict, offsets: list, message: str):
    columns = {"pt": [5.0], "eta": [0.0], "charge": [1], "z0": [0.0], **change}
    with pytest.raises(ValueError, match=message):
        VertexFinder().run({k: v for k, v in columns.items() if v is not None}, offsets)
