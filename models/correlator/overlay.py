"""More events: the hard parts of some on the soft crossings of others.

A hard collision is turned by whole columns of the coarsest calorimeter, and reflected, so that
its towers stay towers; its parts are what the simulation says they are. Events stay within their
half of the data, collisions and crossings alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l1kd.models.correlator.crossings import Raw

__all__ = ["hard_parts", "overlaid"]

TURNS = 36
"""Turns by ten degrees, the columns of HF."""
SMALLEST_SHARE = 0.02
STEP = 0.25
"""Transverse energy of towers is stored in these steps [GeV]."""


def hard_parts(raw: Raw) -> Raw:
    """Return the events without their pile-up."""
    share = raw.particles["hard_fraction"]
    charged = raw.particles["charge"] != 0
    pt = np.where(charged, raw.particles["pt"], np.rint(raw.particles["pt"] * share / STEP) * STEP)
    whole = {**raw.particles, "pt": pt, "hard_fraction": np.ones_like(share)}
    kept = (share > SMALLEST_SHARE) & (pt > 0.0)
    return Raw(whole, raw.offsets, raw.weight).where(kept)


def _moved(raw: Raw, generator: np.random.Generator) -> Raw:
    """Turn and reflect each event."""
    sizes = np.diff(raw.offsets)
    turn = np.repeat(generator.integers(0, TURNS, raw.n_events) * (2 * np.pi / TURNS), sizes)
    sign = np.repeat(generator.choice([-1.0, 1.0], raw.n_events), sizes)
    phi = (raw.particles["phi"] + turn + np.pi) % (2 * np.pi) - np.pi
    eta = raw.particles["eta"] * sign
    return Raw({**raw.particles, "phi": phi, "eta": eta}, raw.offsets, raw.weight)


def _together(one: Raw, other: Raw) -> Raw:
    """Add the particles of events to those of others, one by one."""
    sizes = np.diff(one.offsets) + np.diff(other.offsets)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    event = [np.repeat(np.arange(r.n_events), np.diff(r.offsets)) for r in (one, other)]
    order = np.argsort(np.concatenate(event), kind="stable")
    both = {
        name: np.concatenate([x, np.asarray(other.particles[name], x.dtype)])[order]
        for name, x in one.particles.items()
    }
    return Raw(both, offsets, one.weight)


def overlaid(
    raw: Raw, half: NDArray[np.int8], soft: Sequence[tuple[Raw, NDArray[np.int8]]],
    shares: Sequence[float], times: int, seed: int,
) -> tuple[Raw, NDArray[np.int8]]:  # fmt: skip
    """Put hard parts on soft crossings.

    Parameters
    ----------
    raw, half
        Hard parts of events, and the half of the data they belong to.
    soft
        Samples of soft crossings with their halves.
    shares
        How often each sample is used.
    times
        How often each event is used.
    seed
        Of the draws.

    Returns
    -------
    The overlays, and their halves.
    """
    generator = np.random.default_rng(seed)
    chosen = np.tile(np.arange(raw.n_events), times)
    hard = _moved(raw.events(chosen), generator)
    which = generator.choice(len(soft), len(chosen), p=np.asarray(shares) / sum(shares))
    parts, halves = [], []
    for number, (crossings, of) in enumerate(soft):
        mine = np.flatnonzero(which == number)
        wanted = half[chosen[mine]]
        under = np.zeros(len(mine), np.int64)
        for side in (0, 1):
            there = np.flatnonzero(of == side)
            under[wanted == side] = generator.choice(there, int((wanted == side).sum()))
        nothing = {**crossings.particles}
        nothing["hard_fraction"] = np.zeros_like(nothing["hard_fraction"])
        quiet = Raw(nothing, crossings.offsets, crossings.weight).events(under)
        parts.append(_together(hard.events(mine), quiet))
        halves.append(wanted)
    particles = {
        name: np.concatenate([p.particles[name] for p in parts]) for name in parts[0].particles
    }
    sizes = np.concatenate([np.diff(p.offsets) for p in parts])
    weight = np.concatenate([p.weight for p in parts])
    return Raw(particles, np.concatenate([[0], np.cumsum(sizes)]), weight), np.concatenate(halves)


def one_side(raw: Raw, seed: int) -> Raw:
    """Make one side of hard collisions invisible: what is within 90 degrees of a jet, or opposite.

    Of two jets one is left, anywhere in the detector: events with missing momentum whose jets
    reach as far forward as those of vector-boson fusion. The side is drawn.

    Parameters
    ----------
    raw
        Hard parts of events.
    seed
        Of the draws.
    """
    generator = np.random.default_rng(seed)
    sizes = np.diff(raw.offsets)
    event = np.repeat(np.arange(raw.n_events), sizes)
    order = np.lexsort((-raw.particles["pt"], event))
    some = sizes > 0
    axis = np.zeros(raw.n_events)
    axis[some] = raw.particles["phi"][order][raw.offsets[:-1][some]]
    axis += np.pi * generator.integers(0, 2, raw.n_events)
    return raw.where(np.cos(raw.particles["phi"] - axis[event]) > 0.0)
