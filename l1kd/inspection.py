"""What a file is, and what can be computed from it."""

from dataclasses import asdict, dataclass
from typing import Any

from l1kd.algorithms import ALGORITHMS, algorithm
from l1kd.candidates import sources
from l1kd.datasets import inspect_file
from l1kd.errors import L1KDError
from l1kd.regions import region_sources
from l1kd.truth import gen_jets, gen_met

__all__ = ["Inspection", "inspect"]


@dataclass(frozen=True)
class Inspection:
    """What was found in a file.

    Attributes
    ----------
    path, kind, tree, entries
        As `l1kd.datasets.InputFile`.
    particle_sources, region_sources
        Names that `source=` takes; the first is the default.
    algorithms, truth
        For each algorithm and each kind of truth None if it can be computed, or the reason.
    """

    path: str
    kind: str
    tree: str
    entries: int
    particle_sources: list[str]
    region_sources: list[str]
    algorithms: dict[str, str | None]
    truth: dict[str, str | None]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def inspect(path: str) -> Inspection:
    """Open a file and try every algorithm on its first event.

    Raises
    ------
    UnreadableFileError, UnknownFormatError
        If it cannot be opened, or has no events tree.
    """
    file = inspect_file(path)
    events = file.open(0, min(1, file.entries))

    def reason(compute: Any) -> str | None:
        try:
            compute(events)
        except L1KDError as error:
            return str(error)
        return None

    return Inspection(
        path=path,
        kind=file.kind,
        tree=file.tree,
        entries=file.entries,
        particle_sources=sources(events),
        region_sources=region_sources(events),
        algorithms={name: reason(algorithm(name)) for name in ALGORITHMS},
        truth={"generated MET": reason(gen_met), "generated jets": reason(gen_jets)},
    )
