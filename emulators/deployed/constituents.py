"""The constituents of jets, in the order in which networks of jets read them."""

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.deployed.candidate_arrays import CandidateArrays

__all__ = ["hardest_constituents"]


def hardest_constituents(
    candidates: CandidateArrays, jet: AnyArray, n_jets: AnyArray, most: int
) -> tuple[Integers, Integers]:
    """Find the constituents of highest momentum of every jet.

    Parameters
    ----------
    candidates : CandidateArrays
        Of n events.
    jet : integers, shape (n, slots)
        Jet of every candidate, -1 of none: `jet_of_candidates`.
    n_jets : integers, shape (n,)
        Jets of every event.
    most : int
        How many to keep of a jet.

    Returns
    -------
    event, slots : int64, shapes (jets,) and (jets, most)
        Event of every jet, events one after another; slots of its constituents by falling
        momentum, equal ones in the order of the candidates, -1 behind the last one.
    """
    counts = np.asarray(n_jets, np.int64)
    start = np.cumsum(counts) - counts
    event, slot = np.nonzero(np.asarray(jet) >= 0)
    owner = start[event] + jet[event, slot]
    order = np.lexsort((slot, -candidates.hwPt[event, slot], owner))
    owner, slot = owner[order], slot[order]
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = place < most
    slots = np.full((int(counts.sum()), most), -1, np.int64)
    slots[owner[kept], place[kept]] = slot[kept]
    return np.repeat(np.arange(len(counts)), counts), slots
