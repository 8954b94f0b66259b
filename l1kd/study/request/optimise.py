"""A search for the thresholds of a menu."""

import math

from pydantic import Field

from l1kd.study.request.execution import Execution
from l1kd.study.request.vertex import VertexChoice

__all__ = ["OptimiseRequest"]


class OptimiseRequest(Execution):
    """Which thresholds may move, and what the menu may cost."""

    chunksize: int = Field(10_000, ge=1, description="Events a chunk.")
    budget: float | None = Field(None, gt=0, description="Rate of the whole menu [kHz].")
    scan: tuple[str, ...] = Field(
        (), description="SEED:LEG:FIRST:LAST:STEP, thresholds that may be chosen."
    )
    shares: tuple[str, ...] = Field(
        (), description="GROUP=SHARE of the budget; groups are the menu's; equal by default."
    )
    seeds: tuple[str, ...] | None = Field(
        None, description="Seeds that count beside the scanned ones; all others by default."
    )
    signal: tuple[str, ...] = Field((), description="Signal files; NAME=FILE.")
    anomaly: str | None = Field(
        None, description="BRANCH:STEP of a score, for one more seed, as CICADA.score:0.00390625."
    )
    extra: float = Field(1.0, gt=0, description="Rate that the one more seed may add [kHz].")
    weights: str = Field(
        "relative", pattern="^(relative|none)$", description="Count events with their weights."
    )
    per: str = Field(
        "crossing",
        pattern="^(crossing|weight)$",
        description="Rates by crossings, or by weights in Hz (stitched samples).",
    )
    normalisation: str = Field(
        "hl_lhc", description="Rate normalisation: hl_lhc, run3, phase2_2700."
    )
    algorithms: tuple[str, ...] = Field((), description="Algorithms to insert first.")
    source: str | None = Field(None, description="Particle collection, see `l1kd inspect`.")
    vertex: VertexChoice = Field(
        None,
        description="Vertex that dz is relative to: found by the trigger from the tracks, or "
        "simulated (the file's own). Default: found, where tracks have z0.",
    )
    level: float = Field(
        math.erf(math.sqrt(0.5)), gt=0, lt=1, description="Content of the intervals."
    )
