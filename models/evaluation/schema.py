"""The schema of `evaluation.json`: every number of an evaluation, with its interval."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from l1kd.report.summary import BinTable, Number, Provenance, Table, Timing

__all__ = [
    "SCHEMA_VERSION",
    "AssociationRecord",
    "BackgroundRecord",
    "EfficiencyRecord",
    "Evaluation",
    "LatencyPoint",
    "LatencyRecord",
    "ModelRecord",
    "SampleRecord",
    "Tables",
    "WeightHistograms",
    "gain",
]

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes away."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")


class SampleRecord(_Record):
    """One sample that was read."""

    name: str
    role: str = Field(description="test, background or signal")
    files: list[str]
    events: int
    particles: int
    vertices: float | None = Field(description="mean number of vertices of an event")
    paired: bool = Field(description="whether the same events without pile-up were given")


class LatencyPoint(_Record):
    """Time of one batch size, for 9,000 particles."""

    batch: int
    particles: int
    ms: float = Field(description="median wall time [ms]")
    cpu_ms: float = Field(description="median processor time [ms]")
    low: float = Field(description="lower quartile of the processor time [ms]")
    high: float = Field(description="upper quartile of the processor time [ms]")
    measurements: int


class LatencyRecord(_Record):
    """Time against batch size."""

    unit: str = Field(description="what a batch counts: particles or events")
    points: list[LatencyPoint]
    best: LatencyPoint | None = Field(description="the point of the smallest processor time")
    inputs: dict[str, float] | None = Field(description="time of a student's inputs")


class ModelRecord(_Record):
    """One network: what it is and what it costs."""

    name: str
    kind: str
    folder: str
    description: str
    parameters: int | None
    zeros: int
    flops_per_particle: float | None
    flops_without_zeros: float | None
    flops_per_event: float | None = Field(description="for 9,000 particles")
    latency: LatencyRecord | None = None


class Tables(_Record):
    """Resolutions of one sample; quantities are those of `l1kd.physics.response`."""

    met: Table
    jets: Table = Field(description="generated pt > 15 GeV")
    jets_card: Table = Field(description="generated pt > 20 GeV, abs(eta) < 4, as in the cards")
    met_by_gen_met: list[BinTable] = []
    met_by_vertices: list[BinTable] = []
    jets_by_pt: list[BinTable] = []
    jets_by_eta: list[BinTable] = []
    jets_by_vertices: list[BinTable] = []


class EfficiencyRecord(_Record):
    """What a threshold on missing momentum keeps of signals, at one share of background."""

    fraction: float
    threshold: dict[str, float | None] = Field(description="weighting: GeV")
    efficiency: dict[str, dict[str, Number]] = Field(description="{signal: {weighting: number}}")


class BackgroundRecord(_Record):
    """Fake missing momentum of one background."""

    fake_met: Table
    efficiencies: list[EfficiencyRecord]


class WeightHistograms(_Record):
    """Counts of particles in bins of equal width of the weight."""

    edges: list[float]
    counts: dict[str, dict[str, list[int]]] = Field(description="{class: {weighting: counts}}")


class AssociationRecord(_Record):
    """Everything measured with one charged association."""

    association: str
    samples: dict[str, Tables]
    accuracy: dict[str, dict[str, Table]] = Field(
        description="{reference: {all or neutral: {weighting: agreement}}}"
    )
    weights: WeightHistograms
    distance: Table = Field(default={}, description="distance from the event without pile-up")
    backgrounds: dict[str, BackgroundRecord] = {}
    importance: dict[str, Table] = Field(default={}, description="{network: {input: numbers}}")


class Evaluation(_Record):
    """Everything that an evaluation found."""

    schema_version: int = SCHEMA_VERSION
    title: str = "l1kd evaluate"
    provenance: Provenance
    charged: str = Field(description="own: networks weight charged particles; vertex: PUPPI does")
    samples: list[SampleRecord]
    models: list[ModelRecord]
    associations: list[AssociationRecord]
    timings: list[Timing] = []

    def write(self, path: Path) -> Path:
        """Write the JSON file, ending in a newline."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> "Evaluation":
        """Read an `evaluation.json` and check it against the schema."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return self.model_dump(mode="json")


def gain(ratio: Number | None) -> Number | None:
    """Gain, one minus the ratio to PUPPI; the interval turns round."""
    if ratio is None or ratio.value is None:
        return None
    ends = {"value": ratio.value, "low": ratio.high, "high": ratio.low}
    return Number(n=ratio.n, **{key: None if x is None else 1.0 - x for key, x in ends.items()})
