"""Turn-ons, and algorithms at equal rate."""

import math
from pathlib import Path
from typing import Any

from pydantic import Field

from l1kd.study.request.execution import Execution
from l1kd.study.request.vertex import VertexChoice

__all__ = ["EfficiencyRequest"]


class EfficiencyRequest(Execution):
    """Which turn-ons to measure, and which algorithms to compare at equal rate."""

    chunksize: int = Field(500, ge=1, description="Events a chunk.")
    turn_ons: Path | None = Field(None, description="YAML: names with their turn-ons.")
    online: str | None = Field(None, description="One turn-on: Collection.field of the trigger.")
    reference: str | None = Field(None, description="Collection.field of the axis.")
    match: float | None = Field(None, gt=0, description="Largest dR; without it by event.")
    edges: tuple[float, ...] = Field((), description="First, last and width of the bins.")
    thresholds: tuple[float, ...] = Field((), description="Thresholds on the online quantity.")
    algorithms: tuple[Any, ...] = Field(
        (), description="Algorithms to insert first; those that are compared at equal rate."
    )
    source: str | None = Field(None, description="Particle collection, see `l1kd inspect`.")
    vertex: VertexChoice = Field(
        None,
        description="Vertex that dz is relative to: found by the trigger from the tracks, or "
        "simulated (the file's own). Default: found, where tracks have z0.",
    )
    background: tuple[str, ...] = Field(
        (), description="Zero-bias files, to compare algorithms at equal rate; NAME=FILE."
    )
    quantity: str = Field("met", description="Quantity that is compared at equal rate.")
    weighting_reference: str = Field("puppi", description="Algorithm to which others compare.")
    per: str = Field(
        "crossing",
        pattern="^(crossing|weight)$",
        description="Rates by crossings, or by weights in Hz (stitched samples).",
    )
    normalisation: str = Field(
        "hl_lhc", description="Rate normalisation: hl_lhc, run3, phase2_2700."
    )
    targets: tuple[float, ...] = Field(
        (750.0, 100.0, 30.0), description="Rates of the comparison [kHz]."
    )
    replicas: int = Field(200, ge=2, description="Replicas of the paired bootstrap.")
    grid: float = Field(0.25, gt=0, description="Spacing of the thresholds of the comparison.")
    min_pt: float = Field(0.0, ge=0, description="Particles above enter the sums [GeV].")
    level: float = Field(
        math.erf(math.sqrt(0.5)), gt=0, lt=1, description="Content of the intervals."
    )
    label: str = Field("", description="What the sample is, for the page.")
