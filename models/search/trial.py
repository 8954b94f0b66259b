"""One trial of a search, as it is kept and shown."""

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Trial"]


@dataclass(frozen=True)
class Trial:
    """A trial of a search.

    Attributes
    ----------
    number : int
        In the order in which they were asked for.
    student : dict
        As JSON.
    quantized : bool
        False for a trial in floating point, which is no student for firmware.
    state : str
        ``running``, ``complete``, ``pruned`` or ``too large``.
    objective : float or None
        What is to be small: a difference from the teacher's score; None where it was stopped.
    cost : int or None
        Effective bit operations.
    mse : dict
        What was measured, by name: the difference by sample.
    rungs : dict
        Objective and cost after some epochs.
    seconds : float
    """

    number: int
    student: dict[str, Any]
    quantized: bool
    state: str = "running"
    objective: float | None = None
    cost: int | None = None
    mse: dict[str, float] = field(default_factory=dict)
    rungs: dict[str, tuple[float, int]] = field(default_factory=dict)
    seconds: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return asdict(self)
