"""The whole job: which events, algorithms, sums and rates."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import Field, field_validator

from l1kd.study.request.execution import Execution
from l1kd.study.request.settings import recorded
from l1kd.study.request.vertex import VertexChoice

__all__ = ["Request"]


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
            name: recorded(getattr(self, name))
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
