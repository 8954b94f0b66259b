"""A comparison of particle weights offline."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from l1kd.study.request.execution import Execution
from l1kd.study.request.settings import recorded
from l1kd.study.request.vertex import VertexChoice

__all__ = ["WeightRequest"]


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
        return {name: recorded(getattr(self, name)) for name in names}
