"""What the user of a build decides, and what a build gives."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from l1kd.models.firmware.hls import hls
from l1kd.models.firmware.proof.proof import Proof
from l1kd.models.firmware.sources.frameworks import Precisions
from l1kd.models.firmware.vectors.vectors import DEFAULT_VECTORS

__all__ = ["HLS_BACKENDS", "RTL_BACKENDS", "Backend", "BuildOptions", "Built"]

Backend = Literal["vitis", "vivado", "da4ml", "alkaid"]
HLS_BACKENDS = ("vitis", "vivado")
RTL_BACKENDS = ("da4ml", "alkaid")
_ADDER_NS = 0.8
"""Time that one adder with its wires is given where no cutoff is asked for."""
_REGION_MARGIN = 0.85
"""Part of a cycle to which the network within a region is cut: what Yosys maps exceeds the tool's
estimate of delays by up to 9%, and a region must meet its frames' clock."""


@dataclass(frozen=True)
class BuildOptions:
    """What the user decides.

    Attributes
    ----------
    clock_mhz : float
        Clock frequency [MHz].
    latency_cutoff : float, optional
        Longest delay of a pipeline stage, about one adder each; 0 gives combinational logic. None
        takes what fits the clock, 0.8 ns an adder, and 85% of it for networks of kind "correlator".
    vectors : int
        Vectors of the proof.
    events : tuple of pathlib.Path
        Event files or arrays for real inputs; the events of the package where there are none.
    synthesize : bool
        Whether Yosys, and Vitis or Vivado where installed, are run.
    board : str
        Board type of the correlator, for networks of kind "correlator".
    """

    backend: Backend
    part: str = "xcvu13p-flga2577-2-e"
    clock_mhz: float = 240.0
    latency_cutoff: float | None = None
    strategy: hls.Strategy = "latency"
    vectors: int = DEFAULT_VECTORS
    seed: int = 1
    events: tuple[Path, ...] = ()
    precisions: Precisions = field(default_factory=dict)
    synthesize: bool = True
    board: str = "barrel"

    @property
    def period(self) -> float:
        """Clock period [ns]."""
        return 1000.0 / self.clock_mhz

    @property
    def cutoff(self) -> float | None:
        """Cutoff for the pipeline; None for combinational logic."""
        if self.latency_cutoff is None:
            return self.period / _ADDER_NS
        return self.latency_cutoff or None

    def of_region(self) -> "BuildOptions":
        """Return the options for a region, whose network has a margin where no cutoff is given."""
        if self.latency_cutoff is not None:
            return self
        return replace(self, latency_cutoff=_REGION_MARGIN * self.period / _ADDER_NS)


@dataclass(frozen=True)
class Built:
    """A finished build.

    Attributes
    ----------
    folder : pathlib.Path
    description, figures : dict
        As in ``project.json`` and ``reports/figures.json``.
    proof : Proof
    failed : dict
        Steps that failed for an error, with the reason, though everything they need is there.
    """

    folder: Path
    description: dict[str, Any]
    figures: dict[str, Any]
    proof: Proof
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing differs and nothing failed."""
        return not (self.proof.differing or self.failed)
