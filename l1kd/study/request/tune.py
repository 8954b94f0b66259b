"""A search for the parameters of LinPUPPI or PUPPI."""

from typing import Any

from pydantic import Field

from l1kd.study.request.settings import Settings

__all__ = ["TuneRequest"]


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
