"""Strategies of a search against each other: how low, how surely, after how many trials."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.errors import ConfigurationError, UnreadableFileError
from l1kd.models.search.front import best_trial, finished
from l1kd.models.search.trial import Trial
from l1kd.statistics import ONE_SIGMA, Estimate, clopper_pearson

__all__ = [
    "COSTS",
    "Found",
    "Runs",
    "Search",
    "best_by_cost",
    "compare",
    "extent",
    "first_within",
    "joined",
    "read_search",
    "verdict",
]

NEAR = 1.1
"""Within 10% of the best."""
COSTS = (10_000, 30_000, 100_000)
"""Effective bit operations up to which the smallest error is shown."""
_REPLICAS = 2000
_ERRORS = ("data", "teacher", "pool")
"""Keys of a configuration that say what the errors of a search are."""


@dataclass(frozen=True)
class Runs:
    """Searches of one strategy, by seed."""

    strategy: str
    by_seed: Mapping[int, Sequence[Trial]]

    @property
    def trials(self) -> list[Trial]:
        """All trials of all seeds."""
        return [trial for trials in self.by_seed.values() for trial in trials]


@dataclass(frozen=True)
class Found:
    """What a strategy's searches found.

    Attributes
    ----------
    best : float
        Smallest objective.
    bests : dict of int to float
        The same by seed.
    needed : dict of int to (int or None)
        By seed: how many trials until one was near the best of all strategies; None: never.
    typical_needed : Estimate
        Its median over the bootstrap; NaN where most replicas never come near.
    reached : float
        Share of the replicas that come near.
    near : Estimate
        Share of the quantized trials, stopped ones included, that are near the best.
    median : Estimate
        Median objective of the finished trials.
    counts : dict
        Trials by state; ``seconds``, mean time of one.
    by_cost : dict of int to list of float
        Smallest objective of each seed among students that cost at most `COSTS`.
    """

    best: float
    bests: dict[int, float]
    needed: dict[int, int | None]
    typical_needed: Estimate
    reached: float
    near: Estimate
    median: Estimate
    counts: dict[str, float]
    by_cost: dict[int, list[float]]


@dataclass(frozen=True)
class Search:
    """What a finished search left in its folder."""

    folder: Path
    strategy: str
    seed: int
    configuration: dict[str, Any]
    trials: list[Trial]


def read_search(folder: Path) -> Search:
    """Read a finished search.

    Raises
    ------
    UnreadableFileError
        The folder holds none.
    """
    path = folder / "trials.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        trials = [
            Trial(**{**entry, "rungs": {k: tuple(v) for k, v in entry["rungs"].items()}})
            for entry in content["trials"]
        ]
        configuration = dict(content.get("configuration", {}))
        return Search(folder, content["strategy"], int(content["seed"]), configuration, trials)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFileError(
            f"{path}: expected the trials of `l1kd search objects`: {error}"
        ) from error


def _difference(one: Any, other: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """Return the first key whose values differ, dotted, and both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {**one, **other}:
            deeper = f"{key}.{name}" if key else name
            found = _difference(one.get(name), other.get(name), deeper)
            if found is not None:
                return found
        return None
    return None if one == other else (key, one, other)


def joined(searches: Sequence[Search]) -> list[Runs]:
    """Join searches of a strategy by seed.

    Raises
    ------
    ConfigurationError
        Two have one seed, or configurations that make their errors incomparable: any difference
        within a strategy; data, teacher or pool between two.
    """
    found: dict[str, dict[int, Search]] = {}
    for search in searches:
        seeds = found.setdefault(search.strategy, {})
        if search.seed in seeds:
            raise ConfigurationError(
                f"{search.folder}: a second search {search.strategy!r} with seed {search.seed}: "
                "give each once"
            )
        own = next(iter(seeds.values()), search)
        for first, keys in ((own, None), (searches[0], _ERRORS)):
            one, other = (
                {k: v for k, v in each.configuration.items() if keys is None or k in keys}
                for each in (first, search)
            )
            different = _difference(one, other)
            if different is not None:
                key, before, after = different
                raise ConfigurationError(
                    f"{first.folder} and {search.folder} are searches of different configurations: "
                    f"{key} is {before!r} and {after!r}; compare searches of one"
                )
        seeds[search.seed] = search
    return [
        Runs(strategy, {seed: search.trials for seed, search in seeds.items()})
        for strategy, seeds in found.items()
    ]


def _values(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Objectives by trial; infinite for what is no finished quantized student."""
    done = {trial.number for trial in finished(trials)}
    return np.array([t.objective if t.number in done else np.inf for t in trials], np.float64)


def first_within(values: NDArray[np.float64], limit: float) -> int | None:
    """Return how many trials it takes until one is at most the limit, None if none is."""
    hits = np.flatnonzero(values <= limit)
    return int(hits[0]) + 1 if len(hits) else None


def best_by_cost(trials: Sequence[Trial]) -> dict[int, float]:
    """Return the smallest error of students that cost at most `COSTS`; infinite where none is."""
    done = [(t.objective, t.cost) for t in finished(trials)]
    return {
        most: min((e for e, c in done if e is not None and c is not None and c <= most),
                  default=np.inf)
        for most in COSTS
    }  # fmt: skip


def _interval(replicas: NDArray[np.float64], value: float, count: int) -> Estimate:
    tail = 0.5 * (1.0 - ONE_SIGMA)
    low, high = np.quantile(replicas, (tail, 1.0 - tail), method="nearest")
    return Estimate(float(value), float(low), float(high), count)


def _share(replicas: NDArray[np.float64], hits: NDArray[np.bool_]) -> Estimate:
    """Return a share with the interval of its replicas, and no narrower than that of a count.

    Where none or all are hits, every replica gives the same.
    """
    spread = _interval(replicas, float(hits.mean()), len(hits))
    low, high = clopper_pearson(int(hits.sum()), len(hits), ONE_SIGMA)
    return spread._replace(low=min(spread.low, float(low)), high=max(spread.high, float(high)))


def _found(runs: Runs, limit: float, rng: np.random.Generator) -> Found:
    by_seed = [_values(trials) for trials in runs.by_seed.values()]
    quantized = [np.array([t.quantized for t in trials]) for trials in runs.by_seed.values()]
    needed, near, median = (np.empty(_REPLICAS) for _ in range(3))
    for k in range(_REPLICAS):
        chosen = rng.integers(0, len(by_seed), len(by_seed))
        # trials in their order, which is what a search learns from
        rows = [np.sort(rng.integers(0, len(by_seed[c]), len(by_seed[c]))) for c in chosen]
        drawn = [by_seed[c][r] for c, r in zip(chosen, rows, strict=True)]
        first = [first_within(values, limit) for values in drawn]
        needed[k] = np.median([np.inf if number is None else number for number in first])
        every = np.concatenate(drawn)
        marked = np.concatenate([quantized[c][r] for c, r in zip(chosen, rows, strict=True)])
        near[k] = (every[marked] <= limit).mean() if marked.any() else 0.0
        done = every[np.isfinite(every)]
        median[k] = np.median(done) if len(done) else np.inf
    values = np.concatenate(by_seed)
    marked = np.concatenate(quantized)
    done = values[np.isfinite(values)]
    states = [trial.state for trial in runs.trials]
    typical = float(np.median(needed))
    best = best_trial(runs.trials)
    return Found(
        float(best.objective) if best and best.objective is not None else np.inf,
        {s: float(v.min(initial=np.inf)) for s, v in zip(runs.by_seed, by_seed, strict=True)},
        {s: first_within(_values(t), limit) for s, t in runs.by_seed.items()},
        _interval(needed, typical, len(values)),
        float(np.isfinite(needed).mean()),
        _share(near, values[marked] <= limit),
        _interval(median, float(np.median(done)), len(done)),
        {
            **{state: states.count(state) for state in sorted(set(states))},
            "seconds": float(np.mean([trial.seconds for trial in runs.trials])),
        },
        {most: [best_by_cost(t)[most] for t in runs.by_seed.values()] for most in COSTS},
    )


def compare(searches: Sequence[Runs], seed: int = 1) -> dict[str, Found]:
    """Compare strategies with the best quantized trial of all of them.

    Intervals are of a bootstrap of seeds and, within each, of trials in their order (68%).
    """
    bests = [best_trial(runs.trials) for runs in searches]
    limit = NEAR * min(b.objective for b in bests if b is not None and b.objective is not None)
    rng = np.random.default_rng(seed)
    return {runs.strategy: _found(runs, limit, rng) for runs in searches}


def _judged(a: str, b: str, left: Estimate, right: Estimate, better: str) -> str:
    """Say which interval lies above the other, if they do not overlap."""
    if left.low > right.high:
        return f"{a} has {better} than {b}"
    if right.low > left.high:
        return f"{b} has {better} than {a}"
    return f"{a} and {b} do not differ by more than their intervals"


def verdict(found: Mapping[str, Found], a: str = "cosearch", b: str = "phasesearch") -> str:
    """Say whether one strategy beats another: more trials near the best, a lower error in general.

    Returns
    -------
    str
        Sentences; a difference that the intervals do not show is said to be none. Empty where a
        strategy was not searched.
    """
    if a not in found or b not in found:
        return ""
    left, right = found[a], found[b]

    def share(entry: Found) -> str:
        value, low, high = (100 * x for x in (entry.near.value, entry.near.low, entry.near.high))
        return f"{value:.1f}% ({low:.1f} to {high:.1f})"

    def median(entry: Found) -> str:
        return f"{entry.median.value:.3f} ({entry.median.low:.3f} to {entry.median.high:.3f})"

    bests = [", ".join(f"{best:.4f}" for best in entry.bests.values()) for entry in (left, right)]
    return (
        f"Quantized trials within 10% of the best of all strategies: {share(left)} of {a}, "
        f"{share(right)} of {b}; "
        f"{_judged(a, b, left.near, right.near, 'more')}. "
        f"Median error: {median(left)} against {median(right)}; "
        f"{_judged(b, a, left.median, right.median, 'the lower median')}. "
        f"Smallest error by seed: {bests[0]} against {bests[1]}."
    )


def extent(searches: Sequence[Runs]) -> str:
    """Say how many searches of how many trials were compared, and what one seed cannot show."""
    parts = []
    for runs in searches:
        counts = sorted({len(trials) for trials in runs.by_seed.values()})
        seeds = ", ".join(str(seed) for seed in sorted(runs.by_seed))
        many = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
        parts.append(f"{runs.strategy} with {many} trials for each of the seeds {seeds}")
    alone = [runs.strategy for runs in searches if len(runs.by_seed) == 1]
    text = f"Compared: {'; '.join(parts)}."
    if alone:
        text += (
            f" One seed of {', '.join(alone)}: the intervals are of the trials of that search "
            "alone, and do not contain what another seed would change."
        )
    return text
