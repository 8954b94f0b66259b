"""Decision patterns for the tests, and what a plain loop over events makes of them."""

import itertools
import math

import numpy as np
from hypothesis import strategies as st

from l1kd.trigger.counts.decisions import Decisions, pack

SEEDS = ("A", "B", "C", "D", "E")


def table(events, weights=None, **options):
    """Table of events, each a tuple of booleans, one a seed."""
    fired = np.array(list(events), dtype=bool).reshape(len(events), -1)
    return Decisions.of(SEEDS[: fired.shape[1]], pack(fired), weights, **options)


@st.composite
def samples(draw, *, most=30, seeds=4, weighted=False):
    """Events (tuples of booleans) and their weights."""
    event = st.tuples(*[st.booleans()] * seeds)
    events = draw(st.lists(event, min_size=1, max_size=most))
    weight = st.sampled_from([0.25, 1.0, 3.0]) if weighted else st.just(1.0)
    weights = draw(st.lists(weight, min_size=len(events), max_size=len(events)))
    return events, weights


prescales = st.sampled_from([0.0, 1.0, 1.5, 2.0, 10.0, 1000.0])


def brute_force(events, weights, acceptance):
    """Sums over events and over every outcome of the prescales, with its probability."""
    k = len(acceptance)
    sums = {
        "total": 0.0,
        "final": [0.0] * k,
        "pure": [0.0] * k,
        "proportional": [0.0] * k,
        "cumulative": [0.0] * k,
        "overlap": [[0.0] * k for _ in range(k)],
    }
    for event, weight in zip(events, weights, strict=True):
        for outcome in itertools.product((False, True), repeat=k):
            chance = math.prod(
                a if kept else 1.0 - a for a, kept in zip(acceptance, outcome, strict=True)
            )
            accepts = [i for i in range(k) if event[i] and outcome[i]]
            for i in accepts:
                sums["final"][i] += weight * chance
                sums["proportional"][i] += weight * chance / len(accepts)
                for j in accepts:
                    sums["overlap"][i][j] += weight * chance
            if len(accepts) == 1:
                sums["pure"][accepts[0]] += weight * chance
            if accepts:
                sums["total"] += weight * chance
                for i in range(accepts[0], k):
                    sums["cumulative"][i] += weight * chance
    return sums
