"""Per-event arrays that come out the same whatever the order and size of the chunks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.errors import InputError

__all__ = ["Arrays", "Columns", "chunk_key"]

Arrays = Mapping[str, NDArray[Any]]
"""Named arrays of one chunk."""


def chunk_key(metadata: Mapping[str, Any]) -> tuple[str, int]:
    """Place of a chunk in its dataset, (file, first entry), from the events' metadata."""
    return str(metadata.get("filename", "")), int(metadata.get("entrystart", 0))


class Columns:
    """Named arrays of several chunks; adding two joins them, and `joined` puts them in order.

    coffea merges results in the order in which they come. Here every chunk keeps its place (file
    and first entry), so addition is associative and commutative, and the joined arrays depend
    neither on the executor nor on the chunk size.
    """

    def __init__(self, chunks: Mapping[tuple[str, int], Arrays] | None = None) -> None:
        self.chunks: dict[tuple[str, int], dict[str, NDArray[Any]]] = {
            key: dict(arrays) for key, arrays in (chunks or {}).items()
        }

    @property
    def histograms(self) -> Any:
        """Histograms of all events, where not all of them are kept: here they are, so None."""
        return None

    def __add__(self, other: "Columns") -> "Columns":
        """Return the chunks of both.

        Raises
        ------
        InputError
            If both hold the same chunk, which would count its events twice.
        """
        return Columns(self.chunks).__iadd__(other)

    def __iadd__(self, other: "Columns") -> "Columns":
        """Take in the chunks of `other`, see `__add__`."""
        twice = self.chunks.keys() & other.chunks.keys()
        if twice:
            file, start = min(twice)
            raise InputError(f"the chunk of {file!r} that begins at entry {start} came twice")
        self.chunks.update(other.chunks)
        return self

    def __eq__(self, other: object) -> bool:
        """Whether the joined arrays are equal bit for bit, however they are cut into chunks."""
        if not isinstance(other, Columns):
            return NotImplemented
        mine, theirs = self.joined(), other.joined()
        return mine.keys() == theirs.keys() and all(
            x.dtype == theirs[name].dtype
            and x.shape == theirs[name].shape
            and x.tobytes() == theirs[name].tobytes()
            for name, x in mine.items()
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self.chunks)

    def joined(self) -> dict[str, NDArray[Any]]:
        """Join every column over the chunks, by file name and first entry.

        Raises
        ------
        InputError
            If a chunk lacks a column that another one has.
        """
        ordered = [self.chunks[key] for key in sorted(self.chunks)]
        names = list(ordered[0]) if ordered else []
        for key in sorted(self.chunks):
            if self.chunks[key].keys() != set(names):
                odd = sorted(self.chunks[key].keys() ^ set(names))
                raise InputError(
                    f"the chunks of one dataset differ in what they hold: {key[0]!r} from entry "
                    f"{key[1]} and the first one do not both have {', '.join(odd)}; put files of "
                    "different content into different datasets"
                )
        return {name: np.concatenate([arrays[name] for arrays in ordered]) for name in names}
