"""Records of weights in `summary.json`: what networks are, agree with, rely on and cost."""

from pydantic import BaseModel, ConfigDict, Field

from l1kd.report.numbers import Number, Table

__all__ = [
    "BackgroundStudy",
    "EfficiencyRecord",
    "ImportanceStudy",
    "LatencyPoint",
    "LatencyRecord",
    "NetworkRecord",
    "WeightHistograms",
    "WeightStudy",
]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")


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


class NetworkRecord(_Record):
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


class WeightHistograms(_Record):
    """Counts of particles in bins of equal width of the weight."""

    edges: list[float]
    counts: dict[str, dict[str, list[int]]] = Field(description="{class: {weighting: counts}}")


class WeightStudy(_Record):
    """Weights of one dataset under one charged association."""

    dataset: str
    association: str
    agreement: dict[str, dict[str, Table]] = Field(
        description="{reference: {all or neutral: {weighting: agreement}}}"
    )
    histograms: WeightHistograms
    distance: Table = Field(default={}, description="distance from the event without pile-up")


class EfficiencyRecord(_Record):
    """What a threshold on MET keeps of signals, at one share of background."""

    fraction: float
    threshold: dict[str, float | None] = Field(description="weighting: GeV")
    efficiency: dict[str, dict[str, Number]] = Field(description="{signal: {weighting: number}}")


class BackgroundStudy(_Record):
    """Fake MET of one background under one charged association."""

    dataset: str
    association: str
    fake_met: Table
    efficiencies: list[EfficiencyRecord]


class ImportanceStudy(_Record):
    """What networks lose when one of their inputs is shuffled."""

    dataset: str
    association: str
    events: int
    networks: dict[str, Table] = Field(description="{network: {input: numbers}}")
