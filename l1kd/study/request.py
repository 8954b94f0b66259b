"""What to study and how to run it: one model for Python, for YAML and for the command line."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from l1kd._documents import read_document, shown_value
from l1kd.errors import ConfigurationError
from l1kd.registry import nearest

__all__ = [
    "AtRateRequest",
    "CicadaRequest",
    "EfficiencyRequest",
    "EvaluateRequest",
    "Execution",
    "OptimiseRequest",
    "Request",
    "Settings",
    "TuneRequest",
    "VertexChoice",
    "WeightRequest",
    "nearest",
    "read_settings",
]

_Part = TypeVar("_Part", bound="Execution")


def _not_renamed(vertex: Any) -> Any:
    if vertex == "tracks":
        raise ValueError("'tracks' is called 'found' now")
    return vertex


VertexChoice = Annotated[Literal["found", "simulated"] | None, BeforeValidator(_not_renamed)]
"""As `l1kd.vertices.Vertex`, which takes longer to import; None for the default of a study."""


class Settings(BaseModel):
    """Options by name; an unknown name is an error that names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, options: Mapping[str, Any], where: str = "options") -> Self:
        """Check options and take them; None stands for the default.

        Raises
        ------
        ConfigurationError
            If a name is unknown or a value is outside its range.
        """
        require_known(options, cls.model_fields, where)
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or where
            raise ConfigurationError(f"{name}: {first['msg']}, found {first['input']!r}") from error


def require_known(given: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse a name that is not known, naming the nearest that is.

    Raises
    ------
    ConfigurationError
        For the first unknown name.
    """
    names = list(known)
    for name in given:
        if name not in names:
            hint = nearest(name, names) or f"; known: {', '.join(sorted(names))}"
            raise ConfigurationError(f"{where}: unknown key {name!r}{hint}")


class Execution(Settings):
    """How a processor is run over files, see `l1kd.execution.run`."""

    executor: Literal["iterative", "futures", "dask"] = Field(
        "iterative", description="Where chunks are processed."
    )
    workers: int = Field(2, ge=1, description="Processes of futures or of a local dask.")
    scheduler: str | None = Field(None, description="Address of a dask scheduler.")
    checkpoint: str | None = Field(None, description="Folder from which a run goes on.")
    skip_bad_files: bool = Field(
        False, description="Skip files that cannot be read, and list them."
    )
    chunksize: int = Field(100, ge=1, description="Events a chunk.")

    def execution(self) -> dict[str, Any]:
        """Return the arguments of `l1kd.execution.run`."""
        return {name: getattr(self, name) for name in Execution.model_fields}


def _recorded(value: Any) -> Any:
    """Return a value in plain JSON types; an open end is None, an object its description."""
    if isinstance(value, tuple):
        return [_recorded(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else repr(value)


class Request(Execution):
    """What to study.

    The fields with a description are options of the command line and keys of a YAML file, too.

    Attributes
    ----------
    fileset
        Signals, in a form of `l1kd.datasets.load_fileset`; may hold the zero-bias dataset.
    resolution, rates
        Which of the studies to make.
    algorithms
        Names of what to insert and to study, or algorithm objects; None for all of the default
        that the files allow.
    status
        Show progress.
    command
        Command line, for the provenance.
    """

    fileset: Any = None
    resolution: bool = True
    rates: bool = True
    status: bool = False
    command: Sequence[str] | None = None

    truth: tuple[str, ...] = Field(
        (), description="Files of the same events without pile-up, in the order of the files."
    )
    minbias: tuple[str, ...] = Field((), description="Files of zero-bias events, for rates.")
    zero_bias: str = Field("minbias", description="Dataset of the fileset that gives the rates.")
    algorithms: tuple[Any, ...] | None = Field(
        None, description="Algorithms, see `l1kd models`; none: weight one, as well."
    )
    source: str | None = Field(None, description="Particle collection, see `l1kd inspect`.")
    vertex: VertexChoice = Field(
        None,
        description="Vertex that dz is relative to: found by the trigger from the tracks, or "
        "simulated (the file's own). Default: found if there is zero bias and tracks have z0.",
    )
    min_pt: float = Field(0.0, ge=0, description="Particles above enter the sums [GeV].")
    jet_min_pt: float = Field(15.0, gt=0, description="Jets have pt above [GeV].")
    max_dr: float = Field(0.4, gt=0, description="Jets match generated ones within this distance.")
    ht_min_pt: float = Field(30.0, ge=0, description="Jets above enter HT [GeV].")
    ht_max_eta: float = Field(2.4, gt=0, description="Jets within this |eta| enter HT.")
    met_edges: tuple[float, ...] = Field(
        (0.0, 20.0, 40.0, 60.0, 80.0, 120.0, float("inf")),
        description="Edges of the bins of generated MET [GeV].",
    )
    jet_edges: tuple[float, ...] = Field(
        (15.0, 20.0, 30.0, 45.0, 70.0, 110.0, float("inf")),
        description="Edges of the bins of generated jet pt [GeV].",
    )
    normalisation: str = Field(
        "hl_lhc", description="Rate normalisation: hl_lhc, run3, phase2_2700."
    )
    bunches: int | None = Field(
        None, gt=0, le=3564, description="Colliding bunches, instead of the normalisation's."
    )
    library: int | None = Field(
        None, gt=0, description="Collisions that the zero bias was overlaid from, and shares."
    )
    mean_pileup: float | None = Field(
        None, gt=0, description="Mean number of collisions of a crossing, for the library."
    )
    targets: tuple[float, ...] = Field(
        (750.0, 100.0, 30.0), description="Rates for which thresholds are given [kHz]."
    )
    label: str = Field("", description="What the sample is, for the page.")

    def options(self) -> dict[str, Any]:
        """Return what was asked of the study, but for its files, as it is recorded."""
        own = [n for n in Request.model_fields if n not in Execution.model_fields]
        shown = [n for n in own if Request.model_fields[n].description]
        return {
            name: _recorded(getattr(self, name))
            for name in shown
            if name not in ("truth", "minbias", "label")
        }

    @field_validator("met_edges", "jet_edges")
    @classmethod
    def _rising(cls, edges: tuple[float, ...]) -> tuple[float, ...]:
        if len(edges) < 2 or any(low >= high for low, high in pairwise(edges)):
            raise ValueError("expected two or more rising edges")
        return edges

    @field_validator("targets")
    @classmethod
    def _positive(cls, targets: tuple[float, ...]) -> tuple[float, ...]:
        if not targets or any(not target > 0 for target in targets):
            raise ValueError("expected rates above zero")
        return targets


class WeightRequest(Execution):
    """Which particle weights to compare, on which samples.

    Attributes
    ----------
    fileset
        Test sample: Delphes files with pile-up.
    status, command
        As for `Request`.
    """

    fileset: Any = None
    status: bool = False
    command: Sequence[str] | None = None

    truth: tuple[str, ...] = Field((), description="For each file the same events without pile-up.")
    models: tuple[str, ...] = Field(
        (), description="Artefacts, names or folders; all shipped ones if none is named."
    )
    association: Literal["dz", "truth", "both"] = Field(
        "both", description="Of charged particles. dz: realistic; truth: idealised (IsRecoPU)."
    )
    background: tuple[str, ...] = Field(
        (), description="NAME=FILE: events whose MET is fake; the name again adds a file."
    )
    signal: tuple[str, ...] = Field((), description="NAME=FILE: another signal.")
    vertex: VertexChoice = Field(
        None,
        description="Vertex that dz is relative to under the association dz: found by the trigger, "
        "or simulated (the true one). Default: found if there is a background.",
    )
    charged: Literal["own", "vertex"] = Field(
        "own", description="Charged particles in networks' rows: their own weight, or PUPPI's."
    )
    max_events: int | None = Field(None, ge=1, description="Events of each file.")
    importance_events: int = Field(150, ge=0, description="Events on which inputs are shuffled.")
    timing: bool = Field(True, description="Measure times against batch size.")
    label: str = Field("", description="What the samples are, for the page.")

    @property
    def associations(self) -> tuple[Literal["dz", "truth"], ...]:
        """Charged associations that are compared, the realistic one first."""
        return ("dz", "truth") if self.association == "both" else (self.association,)

    def vertex_of(self, association: Literal["dz", "truth"]) -> Literal["found", "simulated"]:
        """Vertex of one association; the idealised one knows the true vertex."""
        if association == "truth":
            return "simulated"
        return self.vertex or ("found" if self.background else "simulated")

    def options(self) -> dict[str, Any]:
        """Return what was asked, but for files, as it is recorded."""
        names = ("models", "association", "vertex", "charged", "max_events", "importance_events",
                 "timing")  # fmt: skip
        return {name: _recorded(getattr(self, name)) for name in names}


class AtRateRequest(Execution):
    """Which weights of the correlator to compare, and on which samples.

    Attributes
    ----------
    fileset
        Signals: files, `NAME=FILE` for more than one sample.
    """

    fileset: Any = None
    status: bool = False
    command: Sequence[str] | None = None
    chunksize: int = Field(100, ge=1, description="Events a chunk.")
    zero_bias: tuple[str, ...] = Field(
        (), description="Zero-bias files; event weights are rates in Hz. NAME=FILE for classes."
    )
    models: tuple[str, ...] = Field((), description="Further networks of the correlator.")
    pileup: tuple[str, ...] = Field(
        (), description="MU=FILE: soft collisions at mean pile-up MU, the zero bias's included."
    )
    targets: tuple[float, ...] = Field(
        (310.0, 100.0, 20.0), description="Rates of the comparison [kHz]."
    )
    replicas: int = Field(200, ge=2, description="Replicas of the paired bootstrap.")
    mean_pileup: float = Field(200.0, gt=0, description="Mean number of collisions of a crossing.")
    library: int | None = Field(
        None, gt=0, description="Collisions that the zero bias was overlaid from, and shares."
    )
    mean_of: tuple[str, ...] = Field(
        (), description="Signals of the mean gain; all where none is named."
    )
    towers: bool = Field(True, description="Compare with LinPUPPI on unclustered towers, too.")
    label: str = Field("", description="What the samples are, for the page.")


class EvaluateRequest(WeightRequest, AtRateRequest):
    """Options of `l1kd evaluate`: those of the comparison offline, and of that at equal rate."""

    at_rate: bool = Field(
        False, description="Weights of the correlator at equal rate, with the found vertex."
    )

    def part(self, kind: type[_Part]) -> _Part:
        """Return the request of one of the two comparisons."""
        return kind(**{name: getattr(self, name) for name in kind.model_fields})


class TuneRequest(Settings):
    """On which candidates, and by which events, LinPUPPI or PUPPI is tuned.

    Attributes
    ----------
    fileset
        Signals.
    """

    fileset: Any = None
    zero_bias: tuple[str, ...] = Field(
        (), description="Zero-bias files; event weights are rates in Hz."
    )
    clusters: bool = Field(True, description="Form clusters of the neutral particles first.")
    puppi: bool = Field(False, description="Tune PUPPI in floating point instead of LinPUPPI.")
    rounds: int = Field(5, ge=1, description="How often every parameter is tried.")
    seed: int = Field(20261130, description="Of the order in which changes are tried.")


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


class CicadaRequest(Settings):
    """Which scores of the calorimeter image to compare, on which libraries.

    Attributes
    ----------
    fileset
        Folders of libraries ``regions_NAME.npz``, or such files; NAME=FILE names one.
    command
        Command line, for the provenance.
    """

    fileset: Any = None
    command: Sequence[str] | None = None

    models: tuple[str, ...] = Field(
        (),
        description="Scores by name, artefacts, firmware folders, network files; NAME=FOLDER names "
        "one. None: all shipped networks and the scores without training.",
    )
    teacher: str | None = Field(
        None, description="Artefact of the teacher; the shipped one if there is one."
    )
    reference: str = Field("ring_chi2", description="Score to which the others are compared.")
    mu: tuple[float, ...] = Field((60.0, 140.0), description="Mean pile-ups of the comparison.")
    curve_mu: tuple[float, ...] = Field(
        (40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0, 200.0, 225.0, 250.0),
        description="Mean pile-ups at which rates and scores are followed.",
    )
    minimum_bias: str = Field("minbias", description="Library of minimum bias.")
    slices: tuple[str, ...] = Field(
        ("qcd35=0.0676", "qcd50=0.0223", "qcd150=0.000225"),
        description="NAME=MILLIBARN: libraries of hard collisions for stitched zero bias.",
    )
    signals: tuple[str, ...] = Field(
        (), description="Libraries of signals; all but minimum bias and the softest slice if none."
    )
    part: tuple[float, ...] = Field(
        (0.7, 1.0), description="Share of the minimum-bias collisions that is used, from and to."
    )
    signal_part: tuple[float, ...] = Field(
        (0.5, 1.0), description="Share of signal events and hard collisions, from and to."
    )
    images: int = Field(20_000, ge=100, description="Zero-bias images for areas and pile-up.")
    soft_images: int = Field(60_000, ge=100, description="Soft crossings of stitched zero bias.")
    hard_images: int = Field(10_000, ge=10, description="Hard crossings of each slice.")
    normalisation: str = Field(
        "hl_lhc", description="Rate normalisation: hl_lhc, run3, phase2_2700."
    )
    targets: tuple[float, ...] = Field(
        (1.0, 3.0, 10.0, 30.0, 100.0), description="Rates of the efficiencies [kHz]."
    )
    seeds: float = Field(
        30.0, gt=0, description="Rate of each of the jet, HT and MET seeds of the menu [kHz]."
    )
    extra: float = Field(10.0, gt=0, description="Rate that one more seed may add [kHz].")
    built: tuple[str, ...] = Field(
        (), description="NAME=FOLDER: firmware builds of `l1kd build`, for the cost table."
    )
    seed: int = Field(20261130, ge=0, description="Of all images.")
    label: str = Field("", description="What the libraries are, for the page.")

    def options(self) -> dict[str, Any]:
        """Return what was asked, but for files, as it is recorded."""
        return {
            name: _recorded(getattr(self, name))
            for name, field in CicadaRequest.model_fields.items()
            if field.description and name not in ("label", "built")
        }

    @field_validator("part", "signal_part")
    @classmethod
    def _range(cls, part: tuple[float, ...]) -> tuple[float, ...]:
        if len(part) != 2 or not 0.0 <= part[0] < part[1] <= 1.0:
            raise ValueError("expected two rising numbers between 0 and 1")
        return part


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read options from a YAML file; a name may be written with `-` or with `_`.

    Raises
    ------
    UnreadableFileError
        If there is no such file.
    ConfigurationError
        If it is not text, or not a YAML mapping of names to values.
    """
    content = read_document(Path(path))
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise ConfigurationError(
            f"{path}: expected names with their values, found {shown_value(content)}"
        )
    return {key.replace("-", "_"): value for key, value in content.items()}
