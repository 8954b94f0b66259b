"""Candidates of events for tests: ties, wraps, absent ones, all identities."""

import numpy as np

from l1kd.emulators.correlator.jets import SeededCone
from l1kd.emulators.correlator.jets.constituents import jet_of_candidates
from l1kd.emulators.deployed.candidate_arrays import CandidateArrays

__all__ = ["candidates", "jets_of"]


def candidates(seed, events=40, slots=128, *, crowded=True):
    """Random candidates; momenta repeat, azimuths lie around half a turn, some events are empty."""
    rng = np.random.default_rng(seed)
    shape = (events, slots)
    identity = rng.integers(0, 8, shape)
    charged = identity >= 2
    often = [1, 2, 3, 4, 8, 8, 20, 60, 61, 90, 100]
    pt = rng.choice([*often * 5, 400, 3000, 16383, 0], shape)
    centre = rng.integers(-500, 500, (events, 1)) if crowded else 0
    spread = rng.choice([60, 300], (events, 1)) if crowded else 900
    eta = np.clip(centre + rng.integers(-spread, spread, shape), -1000, 1000)
    phi = (
        rng.choice([-715, 0, 715], (events, 1)) + rng.integers(-spread, spread, shape) + 720
    ) % 1440
    z0 = rng.integers(-512, 512, shape)
    dxy = rng.integers(0, 256, shape)
    count = rng.integers(0, slots + 1, events)
    count[:2] = 0, slots
    return CandidateArrays.of(
        {
            "count": count,
            "hwPt": pt,
            "hwEta": eta,
            "hwPhi": phi - 720,
            "hwId": identity,
            "hwPuppiW": np.where(charged, 256, rng.integers(0, 257, shape)),
            "hwEmID": np.where(charged, 0, rng.integers(0, 64, shape)),
            "hwZ0": np.where(charged, z0, 0),
            "hwDxy": np.where(charged, dxy, 0),
            "hwTkQuality": np.where(charged, rng.integers(0, 8, shape), 0),
            "dz": np.where(charged, rng.normal(0, 3, shape), 0).astype(np.float32),
            "d0": np.where(charged, np.abs(rng.normal(0, 1, shape)), 0).astype(np.float32),
        }
    )


def jets_of(c):
    """Jets of the candidates, and the jet of every candidate."""
    cone = SeededCone()
    names = ("hwPt", "hwEta", "hwPhi")
    inputs = {f"cand_{name}": getattr(c, name).astype(np.int16) for name in names}
    jets = cone.run({"n_cand": c.count.astype(np.int16), **inputs})
    return jets, jet_of_candidates(c.count, c.hwEta, c.hwPhi, jets, cone.cone2)
