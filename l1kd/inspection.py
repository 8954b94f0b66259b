"""What a file is, and what can be computed from it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from l1kd._edge import has_branch
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
    missing_references
        Number of coffea's cross-references between collections for which the file has no index.
    """

    path: str
    kind: str
    tree: str
    entries: int
    particle_sources: list[str]
    region_sources: list[str]
    algorithms: dict[str, str | None]
    truth: dict[str, str | None]
    missing_references: int = 0

    @property
    def computable(self) -> list[str]:
        """Names of the algorithms that can be computed."""
        return [name for name, reason in self.algorithms.items() if reason is None]

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


def inspect(path: str | Path) -> Inspection:
    """Open a file and try every algorithm on its first event.

    Raises
    ------
    UnreadableFileError, UnknownFormatError
        If it cannot be opened, or has no events tree.
    """
    path = str(path)
    file = inspect_file(path)
    events = file.open(0, min(1, file.entries))

    def reason(compute: Any) -> str | None:
        try:
            compute(events)
        except L1KDError as error:
            return str(error)
        except Exception as error:  # what a file can do to coffea is not known beforehand
            words = " ".join(str(error).split())[:200]
            return f"{type(error).__name__} of the file's content: {words}"
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
        missing_references=_missing_references(events, file.schema),
    )


def _missing_references(events: Any, schema: Any) -> int:
    """Count indices of one collection into another that coffea's schema knows and the file lacks.

    coffea would warn of each one.
    """
    references = getattr(schema, "all_cross_references", {})
    there = set(events.fields)
    return sum(
        not has_branch(events, *reference.split("_", 1))
        for reference, target in references.items()
        if reference.split("_", 1)[0] in there or target in there
    )
