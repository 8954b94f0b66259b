"""What to evaluate a menu on, and which tables to make: models of options, quick to import."""

import math
from pathlib import Path
from typing import Literal

from pydantic import Field

from l1kd.study.request.execution import Execution
from l1kd.study.request.settings import Settings
from l1kd.study.request.vertex import VertexChoice
from l1kd.trigger.rates.classes import SIGMA_INELASTIC_MB

__all__ = ["MenuRequest", "TableRequest"]


class TableRequest(Settings):
    """What rates are normalised to and which seeds count: options that need no events."""

    normalisation: str = Field(
        "hl_lhc", description="Rate normalisation: hl_lhc, run3, phase2_2700."
    )
    bunches: int | None = Field(
        None, gt=0, le=3564, description="Colliding bunches, instead of the normalisation's."
    )
    luminosity: float | None = Field(
        None,
        gt=0,
        description="Instantaneous luminosity [/cm2/s]; with the mean pile-up it gives "
        "the number of bunches.",
    )
    mean_pileup: float | None = Field(None, gt=0, description="Mean pile-up of the luminosity.")
    sigma_inelastic: float = Field(
        SIGMA_INELASTIC_MB, gt=0, description="Inelastic cross section [mb]."
    )
    per: Literal["crossing", "weight", "time"] = Field(
        "crossing",
        description="Rates by crossings; by weights in Hz (stitched samples); or by "
        "time, for unbiased data.",
    )
    zero_bias_prescale: float = Field(
        1.0, ge=1, description="Prescale of the trigger that took unbiased data."
    )
    lumi_sections: int | None = Field(
        None, gt=0, description="Number of luminosity sections, if not those of the events."
    )
    profile: Path | None = Field(
        None, description="csv of low,high,weight: pile-up profile to reweight to."
    )
    prescales: Path | None = Field(None, description="Prescale table, csv or XML.")
    column: str | None = Field(
        None, description="Column of the prescale table, or one that a menu of objects writes."
    )
    mask: Path | None = Field(None, description="XML with the mask of the final OR.")
    groups: Path | None = Field(
        None, description="YAML: groups with their seeds; * stands for any letters."
    )
    targets: tuple[float, ...] = Field(
        (750.0, 100.0, 30.0), description="Rates for which thresholds of scans are given [kHz]."
    )
    pileup_edges: tuple[float, ...] = Field(
        (), description="Edges of the bins of the pile-up figure."
    )
    level: float = Field(
        math.erf(math.sqrt(0.5)), gt=0, lt=1, description="Content of the intervals."
    )
    label: str = Field("", description="What the sample is, for the page.")


class MenuRequest(Execution, TableRequest):
    """Which events to evaluate a menu on, and how."""

    chunksize: int = Field(10_000, ge=1, description="Events a chunk.")
    weights: Literal["relative", "none"] = Field(
        "relative", description="Count events with their weights, or once each."
    )
    algorithms: tuple[str, ...] = Field(
        (), description="Algorithms to insert first, for menus on what they make."
    )
    source: str | None = Field(None, description="Particle collection, see `l1kd inspect`.")
    vertex: VertexChoice = Field(
        None,
        description="Vertex that dz is relative to: found by the trigger from the tracks, or "
        "simulated (the file's own). Default: found, where tracks have z0.",
    )
    lumi_mask: Path | None = Field(None, description="Certification JSON.")
    pileup: str | None = Field(
        None, description="Divide by pile-up: csv of luminosity sections, a branch, or `auto`."
    )
    pileup_width: int = Field(1, ge=1, description="Width of the bins of pile-up kept.")
    sections: bool = Field(False, description="Divide by run and luminosity section.")
    seeds: tuple[str, ...] | None = Field(
        None, description="Seeds to keep, * stands for any letters; all by default."
    )
    active: bool = Field(
        False, description="Keep only seeds that the prescale column has on: fewer patterns."
    )
    stored: bool = Field(
        False, description="Take the stored (final) decisions of NanoAOD, not the menu's."
    )
    scan: tuple[str, ...] = Field(
        (), description="SEED:LEG:FIRST:LAST:STEP, thresholds to try on a leg."
    )
    quantity: tuple[str, ...] = Field(
        (), description="BRANCH:STEP, distributions to keep, as L1PuppiMET.pt:0.25."
    )
    replicas: int = Field(
        0, ge=0, description="Replicas of a bootstrap over luminosity sections or events."
    )
    counters: bool = Field(
        False, description="Prescale with counters, event by event, instead of the expectation."
    )
