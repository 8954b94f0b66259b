"""The schema of `summary.json`: every number of a run, with its interval, and where it came from.

`Summary` is what the page shows and what a script reads. Numbers are objects
{"value", "low", "high", "n"}: the interval's ends and the size of the sample; null is a number that
could not be computed or an open end. Energies are in GeV, rates in Hz, times in seconds.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from l1kd.report.numbers import BinTable, Number, Table
from l1kd.report.weight_records import (
    BackgroundStudy,
    ImportanceStudy,
    NetworkRecord,
    WeightStudy,
)

__all__ = [
    "SCHEMA_VERSION",
    "BinTable",
    "DatasetRecord",
    "FileRecord",
    "Number",
    "Provenance",
    "RateCurveRecord",
    "RateStudy",
    "ResolutionStudy",
    "ScoreStudy",
    "Summary",
    "ThresholdRow",
    "Timing",
]

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes away."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")


class FileRecord(_Record):
    """One input file: what it was, how many of its events were processed."""

    path: str
    dataset: str
    entries: int | None = Field(default=None, description="by the file's own count")
    processed: int = 0
    truth: str | None = Field(default=None, description="paired file without pile-up")
    skipped: str | None = Field(default=None, description="why the file was skipped, if it was")


class DatasetRecord(_Record):
    """One dataset of one study: events seen, used, skipped and why."""

    name: str
    study: str
    seen: int
    used: int
    skipped: dict[str, int] = Field(default={}, description="reason: number of events")
    absent: dict[str, int] = Field(default={}, description="weighting: events that lack its inputs")
    role: str = Field(default="", description="test, background or signal, where it has a role")
    particles: int | None = Field(default=None, description="in all its events")
    vertices: float | None = Field(default=None, description="mean number of vertices of an event")


class Timing(_Record):
    """Wall time of one step and, where it went over events, their number."""

    step: str
    seconds: float
    events: int | None = None


class Provenance(_Record):
    """What made these numbers."""

    l1kd: str
    commit: str = Field(default="unknown", description="of the code that ran; -dirty if changed")
    python: str
    platform: str
    cpus: int
    started: str = Field(description="ISO 8601, UTC")
    command: str
    packages: dict[str, str] = Field(description="name: version")
    algorithms: dict[str, str] = Field(default={}, description="name: model or parameters used")
    options: dict[str, Any] = Field(
        default={}, description="of the study; null is an open end or nothing given"
    )
    executor: str = "iterative"
    workers: int = 1


class VertexRecord(_Record):
    """Vertex to which dz of one dataset's particles is relative."""

    dataset: str
    vertex: str = Field(
        description="found: the trigger's, from the tracks; simulated: the file's own; given: a "
        "user's candidates; several, where files differ"
    )
    efficiency: Number | None = Field(
        default=None,
        description="events in which the found vertex is within 1.5 mm of the simulated hard one",
    )


class ResolutionStudy(_Record):
    """Resolution of one dataset; the quantities are those of `l1kd.physics.response`."""

    dataset: str
    association: str = Field(default="dz", description="how charged particles get their vertex")
    reference: str
    level: float
    replicas: int
    replicas_in_bins: int | None = Field(default=None, description="where they are others")
    seed: int
    binned: bool = Field(
        default=False, description="quantiles are of fine histograms, not of the events one by one"
    )
    met: Table
    met_bins: list[BinTable] = []
    met_by_vertices: list[BinTable] = []
    jets: Table
    jets_card: Table = Field(
        default={}, description="generated pt > 20 GeV, abs(eta) < 4, as in the model cards"
    )
    jet_bins: list[BinTable] = []
    jets_by_eta: list[BinTable] = []
    jets_by_vertices: list[BinTable] = []


class ThresholdRow(_Record):
    """Smallest threshold whose rate stays within the target, and what it leaves of each signal.

    `value`, `low` and `high` are the threshold and its interval in the unit of the variable; null
    for `value` or `low` means that all events may pass, for `high` that the sample is too small to
    bound it. `resolved` is false where not one event of the
    sample may pass, or one collision that events share makes more than the target.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    rate_hz: Number
    target_hz: float
    resolved: bool
    efficiency: dict[str, Number] = {}


class RateCurveRecord(_Record):
    """Rate [Hz] against threshold, with its Clopper-Pearson interval."""

    thresholds: list[float]
    rate: list[float | None]
    low: list[float]
    high: list[float]


class RateStudy(_Record):
    """Rates of one zero-bias dataset; a variable is `met:puppi`, `ht:none`, `cicada_score`, ..."""

    dataset: str
    normalisation: str
    bunches: int
    input_hz: float
    shared_hz: float = Field(
        default=0.0, description="of the crossings that one collision of the library is in"
    )
    level: float
    n_events: int
    curves: dict[str, RateCurveRecord]
    thresholds: dict[str, list[ThresholdRow]]


class ScoreStudy(_Record):
    """How well a score tells each signal from zero-bias events."""

    score: str
    background: str
    auc: dict[str, Number] = Field(
        description="area under the ROC curve, DeLong interval; each event counts once"
    )
    distance: dict[str, float] = Field(
        default={}, description="earth mover's distance of the score's distributions"
    )


class Summary(_Record):
    """Everything that a run found."""

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    title: str = "l1kd run"
    sample_label: str = Field(default="", description="for example Delphes simulation, 14 TeV")
    provenance: Provenance
    files: list[FileRecord] = []
    datasets: list[DatasetRecord] = []
    vertices: list[VertexRecord] = []
    resolution: list[ResolutionStudy] = []
    rates: list[RateStudy] = []
    scores: list[ScoreStudy] = []
    charged: str | None = Field(
        default=None, description="own: networks weight charged particles; vertex: PUPPI does"
    )
    weights: list[WeightStudy] = []
    backgrounds: list[BackgroundStudy] = []
    importance: list[ImportanceStudy] = []
    networks: list[NetworkRecord] = []
    timings: list[Timing] = []
    notes: list[str] = Field(default=[], description="what a reader must know")

    def write(self, path: str | Path) -> Path:
        """Write the JSON file, keys in the schema's order, ending in a newline."""
        path = Path(path)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: str | Path) -> "Summary":
        """Read a `summary.json` and check it against the schema."""
        return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return self.model_dump(mode="json")
