"""More events: the hard parts of some on the soft crossings of others.

A hard collision is turned by whole columns of the coarsest calorimeter, and reflected, so that
its towers stay towers; its parts are what the simulation says they are. Events stay within their
half of the data, collisions and crossings alike.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.errors import ConfigurationError
from l1kd.models.correlator.crossings import Raw

__all__ = [
    "forward_pairs", "hard_parts", "one_side", "overlaid", "pileup_parts", "recombined",
]  # fmt: skip

FORWARD = 1.7
"""A jet beyond this |eta| is a forward one."""

FITTING = 6
"""Sides of other events among which `recombined` draws."""
SMALLEST_TOWER = 1.0
"""Transverse energy below which towers are not stored [GeV]."""
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


def pileup_parts(raw: Raw) -> Raw:
    """Return the events without their hard collisions: soft crossings with one collision less.

    Towers keep what the simulation gives to pile-up, in the steps and above the threshold in which
    towers are stored.
    """
    share = raw.particles["hard_fraction"]
    charged = raw.particles["charge"] != 0
    rest = np.rint(raw.particles["pt"] * (1.0 - share) / STEP) * STEP
    whole = {
        **raw.particles,
        "pt": np.where(charged, raw.particles["pt"], rest),
        "hard_fraction": np.zeros_like(share),
    }
    kept = np.where(charged, share <= SMALLEST_SHARE, rest >= SMALLEST_TOWER)
    return Raw(whole, raw.offsets, raw.weight).where(kept)


def _moved(raw: Raw, generator: np.random.Generator) -> Raw:
    """Turn and reflect each event."""
    turn = generator.integers(0, TURNS, raw.n_events) * (2 * np.pi / TURNS)
    sign = generator.choice([-1.0, 1.0], raw.n_events)
    return _shifted(raw, turn, sign, np.zeros(raw.n_events))


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
    event, axis = _axes(raw)
    axis += np.pi * generator.integers(0, 2, raw.n_events)
    return raw.where(np.cos(raw.particles["phi"] - axis[event]) > 0.0)


def forward_pairs(
    raw: Raw, half: NDArray[np.int8], number: int, seed: int
) -> tuple[Raw, NDArray[np.int8]]:
    """Make events of two forward jets in opposite halves of the detector and no others.

    Missing momentum beside two forward jets is what vector-boson fusion to invisible leaves. Each
    jet is one side of a hard collision whose momentum lies beyond |eta| of `FORWARD`; the tracks
    of the second are moved along the beam to the vertex of the first. The angle between them is
    drawn from 0 to 180 degrees.

    Parameters
    ----------
    raw, half
        Hard parts of events, and the half of the data they belong to.
    number
        How many pairs each half gets.
    seed
        Of the draws.

    Returns
    -------
    The events, and their halves.

    Raises
    ------
    ConfigurationError
        If a half has no forward jet.
    """
    generator = np.random.default_rng(seed)
    first, second = (_sides(raw, opposite) for opposite in (0.0, np.pi))
    sides = first.followed_by(second)
    eta, phi, z0 = _jets(sides)
    of = np.tile(half, 2)
    pairs, halves = [], []
    for side in np.unique(half):
        there = np.flatnonzero((of == side) & (np.abs(eta) > FORWARD))
        if not len(there):
            raise ConfigurationError(
                f"no jet of these hard collisions lies beyond |eta| of {FORWARD}: pairs of "
                "forward jets need samples with such jets"
            )
        one, other = generator.choice(there, (2, number))
        turns = generator.integers(-TURNS // 2, TURNS // 2, number) * (2 * np.pi / TURNS)
        angle = phi[one] + turns - phi[other]
        angle = np.rint(angle * TURNS / (2 * np.pi)) * (2 * np.pi / TURNS)
        partner = _shifted(
            sides.events(other), angle, -np.sign(eta[one] * eta[other]),
            np.nan_to_num(z0[one] - z0[other]),
        )  # fmt: skip
        pairs.append(_together(sides.events(one), partner))
        halves.append(np.full(number, side, np.int8))
    joined = pairs[0]
    for more in pairs[1:]:
        joined = joined.followed_by(more)
    return joined, np.concatenate(halves)


def recombined(raw: Raw, half: NDArray[np.int8], seed: int) -> Raw:
    """Give every hard collision the opposite side of another one, so that two jets balance.

    The rate of MET is made by jets that are measured badly, each by itself: two sides that were
    measured in different events are as good an event. The other one is drawn among the `FITTING`
    of the same half whose side, turned by whole columns, is nearest in transverse momentum to the
    one that it replaces; it is reflected or not, and its tracks are moved along the beam to the
    vertex of the side that stays.

    Parameters
    ----------
    raw, half
        Hard parts of events, and the half of the data they belong to.
    seed
        Of the draws.

    Returns
    -------
    As many events; one that is alone in its half stays as it is.
    """
    generator = np.random.default_rng(seed)
    stay, leave = _sides(raw, 0.0), _sides(raw, np.pi)
    x, y = _momenta(leave)
    size, phi = np.hypot(x, y), np.arctan2(y, x)
    column = 2 * np.pi / TURNS
    number = np.arange(raw.n_events)
    partner, turn = number.copy(), np.zeros(raw.n_events)
    for event, side in enumerate(half):
        there = np.flatnonzero((half == side) & (number != event))
        if not len(there):
            continue
        turns = np.rint((phi[event] - phi[there]) / column) * column
        off_x = size[there] * np.cos(phi[there] + turns) - x[event]
        off_y = size[there] * np.sin(phi[there] + turns) - y[event]
        drawn = generator.choice(np.argsort(np.hypot(off_x, off_y), kind="stable")[:FITTING])
        partner[event], turn[event] = there[drawn], turns[drawn]
    sign = generator.choice([-1.0, 1.0], raw.n_events)
    opposite = leave.events(partner)
    along = np.nan_to_num(_jets(stay)[2] - _jets(opposite)[2])
    return _together(stay, _shifted(opposite, turn, sign, along))


def _momenta(raw: Raw) -> list[NDArray[np.float64]]:
    """Transverse momentum of each event, x and y."""
    event = np.repeat(np.arange(raw.n_events), np.diff(raw.offsets))
    pt, phi = (raw.particles[name].astype(np.float64) for name in ("pt", "phi"))
    parts = (pt * np.cos(phi), pt * np.sin(phi))
    return [np.bincount(event, p, raw.n_events).astype(np.float64) for p in parts]


def _sides(raw: Raw, opposite: float) -> Raw:
    """Keep the side of the leading particle of each event, or the opposite one."""
    event, axis = _axes(raw)
    return raw.where(np.cos(raw.particles["phi"] - axis[event] - opposite) > 0.0)


def _axes(raw: Raw) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Event of each particle, and azimuth of each event's leading particle."""
    sizes = np.diff(raw.offsets)
    event = np.repeat(np.arange(raw.n_events), sizes)
    order = np.lexsort((-raw.particles["pt"], event))
    axis = np.zeros(raw.n_events)
    axis[sizes > 0] = raw.particles["phi"][order][raw.offsets[:-1][sizes > 0]]
    return event, axis


def _jets(raw: Raw) -> tuple[NDArray[np.float64], ...]:
    """Direction of the summed momentum of each event, and mean z0 of its tracks (NaN if none)."""
    pt, eta, z0 = (raw.particles[name].astype(np.float64) for name in ("pt", "eta", "z0"))
    n, event = raw.n_events, np.repeat(np.arange(raw.n_events), np.diff(raw.offsets))
    (x, y), z = _momenta(raw), np.bincount(event, pt * np.sinh(eta), n)
    charged = np.where(raw.particles["charge"] != 0, pt, 0.0)
    total = np.bincount(event, charged, n)
    mean = np.full(n, np.nan)
    np.divide(np.bincount(event, charged * z0, n), total, out=mean, where=total > 0.0)
    return np.arcsinh(z / np.maximum(np.hypot(x, y), 1e-3)), np.arctan2(y, x), mean


def _shifted(raw: Raw, turn: NDArray[Any], sign: NDArray[Any], along: NDArray[Any]) -> Raw:
    """Turn events, reflect those of sign -1 in eta, and move their tracks along the beam."""
    sizes = np.diff(raw.offsets)
    of, flip, move = (np.repeat(x, sizes) for x in (turn, sign, along))
    phi = (raw.particles["phi"] + of + np.pi) % (2 * np.pi) - np.pi
    z0 = np.where(raw.particles["charge"] != 0, raw.particles["z0"] + move, raw.particles["z0"])
    moved = {"phi": phi, "eta": raw.particles["eta"] * flip, "z0": z0}
    return Raw({**raw.particles, **moved}, raw.offsets, raw.weight)
