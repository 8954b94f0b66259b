"""The table of decision patterns: counts, exact merging, strata, files."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import InputError
from l1kd.trigger.counts import decisions as module
from l1kd.trigger.counts.decisions import Decisions, pack
from l1kd.trigger.counts.resampling import Resampling
from tests.l1kd.trigger.patterns import SEEDS, samples, table


def test_counts_of_patterns():
    found = table([(True, False), (False, False), (True, False), (True, True)])
    assert len(found) == 3
    assert found.n_events == 4
    assert found.unweighted
    assert {tuple(f): c for f, c in zip(found.fired().tolist(), found.counts, strict=True)} == {
        (False, False): 1,
        (True, False): 2,
        (True, True): 1,
    }


def test_lowest_bit_first():
    assert pack([[True, False, True]]).tolist() == [[5]]
    assert pack(np.eye(9, dtype=bool))[8].tolist() == [0, 1]


@given(samples(weighted=True), st.randoms())
def test_any_partition_in_any_order_gives_the_same_table(sample, random):
    events, weights = sample
    strata = [random.randint(-2, 2) for _ in events]
    resampling = Resampling(5, seed=3)
    options = {"resampling": resampling}
    whole = table(events, weights, strata={"bin": strata}, blocks=range(len(events)), **options)
    order = list(range(len(events)))
    random.shuffle(order)
    n_parts = random.randint(1, 4)
    merged = None
    for i in range(n_parts):
        part = order[i::n_parts]
        if not part:
            continue
        made = table(
            [events[j] for j in part],
            [weights[j] for j in part],
            strata={"bin": [strata[j] for j in part]},
            blocks=part,
            **options,
        )
        merged = made if merged is None else merged + made
    assert merged == whole
    assert merged.weights.values().tobytes() == whole.weights.values().tobytes()
    assert merged.replicas.values().tobytes() == whole.replicas.values().tobytes()


def test_empty_tables_add_up():
    some = table([(True, False)])
    assert some + Decisions(SEEDS[:2]) == some
    assert Decisions(SEEDS[:2]).n_events == 0
    divided = table([(True, False)], strata={"run": [1]})
    nothing = Decisions.of(SEEDS[:2], np.zeros((0, 1), np.uint8), strata={"run": []})
    assert divided + nothing == nothing + divided == divided


def test_strata_are_kept_apart_and_summed():
    found = table([(True,), (True,), (False,)], strata={"run": [1, 2, 2], "lumi": [5, 5, 6]})
    assert len(found) == 3
    by_run = found.by("run")
    assert by_run.strata_names == ("run",)
    assert sorted(by_run.stratum("run")) == [1, 2, 2]
    assert len(found.by()) == 2
    assert found.where(found.stratum("run") == 2).n_events == 2
    with pytest.raises(InputError, match="divided by run, lumi, not by 'pileup'"):
        found.by("pileup")


def test_masked_seeds_join_patterns():
    found = table([(True, False), (True, True), (False, True)]).masked(["A"])
    assert len(found) == 2
    assert found.seeds == ("A", "B")
    assert not found.fired()[:, 1].any()
    with pytest.raises(InputError, match="no seed is called X"):
        found.masked(["X"])


def test_blocks_are_drawn_together():
    found = Resampling(50, seed=1).multiplicities([7, 8, 7])
    assert found.shape == (3, 50)
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


def test_multiplicities_are_poisson_numbers_of_mean_one():
    drawn = Resampling(100, seed=5).multiplicities(np.arange(20_000))
    n = drawn.size
    assert abs(drawn.mean() - 1.0) < 5 / np.sqrt(n)
    assert abs(drawn.var() - 1.0) < 5 * np.sqrt(3 / n)
    for k, share in enumerate([0.36788, 0.36788, 0.18394, 0.06131]):
        assert abs((drawn == k).mean() - share) < 5 * np.sqrt(share / n)
    correlation = np.corrcoef(drawn[:-1].ravel(), drawn[1:].ravel())[0, 1]
    assert abs(correlation) < 5 / np.sqrt(n)


def test_a_seed_changes_the_replicas():
    first, second = (Resampling(20, seed=s).multiplicities([1, 2, 3]) for s in (1, 2))
    assert not np.array_equal(first, second)
    with pytest.raises(InputError, match="two replicas"):
        Resampling(1)


def test_saved_and_loaded_without_pickle():
    found = table(
        [(True, False), (False, True), (True, True)],
        [0.1, 0.2, 1e6],
        strata={"run": [3, -1, 3]},
        resampling=Resampling(4),
        blocks=[1, 1, 2],
    )
    header, arrays = found.state()
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = Decisions.from_state(json.loads(json.dumps(header)), dict(stored))
    assert again == found


@pytest.mark.parametrize("lost", ["counts", "patterns", "weights", "replicas"])
def test_a_damaged_state_is_refused(lost):
    header, arrays = table([(True,)], resampling=Resampling(4), blocks=[1]).state()
    with pytest.raises(InputError):
        Decisions.from_state(header, {k: v for k, v in arrays.items() if k != lost})
    with pytest.raises(InputError, match="shape"):
        Decisions.from_state(header, {**arrays, lost: np.zeros((7, 7), np.int64)})


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"expected \(n_events, 1\) for 2 seeds"):
        Decisions.of(("A", "B"), np.zeros((3, 2), np.uint8))
    with pytest.raises(InputError, match="beyond the 2 seeds"):
        Decisions.of(("A", "B"), np.full((1, 1), 4, np.uint8))
    with pytest.raises(InputError, match="not finite"):
        table([(True,)], [np.nan])
    with pytest.raises(InputError, match="for 1 events"):
        table([(True,)], [1.0, 2.0])
    with pytest.raises(InputError, match="twice: A"):
        Decisions(("A", "A"))
    with pytest.raises(InputError, match="needs the block"):
        table([(True,)], resampling=Resampling(4))


def test_tables_of_different_things_do_not_add_up():
    mine = table([(True, False)])
    with pytest.raises(InputError, match=r"different seeds do not add up \(B, C\)"):
        mine + Decisions.of(("A", "C"), mine.patterns)
    with pytest.raises(InputError, match="only their order"):
        mine + Decisions.of(("B", "A"), mine.patterns)
    with pytest.raises(InputError, match="divided by"):
        mine + table([(True, False)], strata={"run": [1]})


def test_number_of_patterns_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_PATTERNS", 3)
    events = [(bool(i & 1), bool(i & 2)) for i in range(4)]
    with pytest.raises(InputError, match="4 distinct decision patterns"):
        table(events)


@given(samples(most=60, seeds=5), samples(most=4, seeds=5))
def test_a_small_table_in_a_large_one(large, small):
    events, few = large[0], small[0]
    strata = [{"run": [len(e) + sum(e) for e in part]} for part in (events, few)]
    one, other = (table(e, strata=s) for e, s in zip((events, few), strata, strict=True))
    whole = table([*events, *few], strata={"run": [*strata[0]["run"], *strata[1]["run"]]})
    assert one + other == other + one == whole
