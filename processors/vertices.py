"""Which vertex a chunk is weighed with, and how often the trigger's finder is right."""

from typing import Any, Final

import awkward as ak
import numpy as np

from l1kd._edge import collections
from l1kd.candidates import has_z0, recorded_vertex
from l1kd.truth import hard_vertex
from l1kd.vertices import FOUND, SIMULATED, Vertex

__all__ = ["NEAR", "trigger_vertex", "vertex_counts"]

NEAR: Final = 0.15
"""A found vertex is the simulated one within this distance [cm], one bin of the finder."""


def trigger_vertex(events: Any, source: str | None, asked: Vertex | None) -> Vertex | None:
    """Return the vertex for rates and zero bias: the one asked for, else that of the trigger.

    None where the events have candidates already, whose vertex stays; the simulated one where
    tracks have no z0, so that nothing can be found.
    """
    if asked is not None:
        return asked
    if "L1Cand" in collections(events):
        return None
    return FOUND if has_z0(events, source) else SIMULATED


def vertex_counts(events: ak.Array) -> dict[str, int]:
    """Count the events of a chunk by vertex, and those in which the found one is right.

    Returns
    -------
    `found`, `simulated` or `given` (a user's `L1Cand`): all events of the chunk; where the
    simulation knows its hard vertex `compared` and `near`, those within `NEAR` of it.
    """
    there = collections(events)
    if "L1Cand" not in there:
        return {}
    counts: dict[str, int] = {recorded_vertex(events["L1Cand"]) or "given": len(events)}
    true = hard_vertex(events) if "L1FoundVertex" in there else None
    if true is not None:
        distance = np.abs(ak.to_numpy(events["L1FoundVertex"]["z0"]) - true)
        counts |= {"compared": len(events), "near": int((distance < NEAR).sum())}
    return counts
