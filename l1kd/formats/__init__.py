"""The input formats, one small adapter each, and the registry by which they are known."""

from collections.abc import Callable, Iterator
from typing import Any

from l1kd._edge import collections, shown
from l1kd.errors import RefusedFormatError, UnknownFormatError
from l1kd.formats.cms import NANOAOD, PERFNANO, PFNANO
from l1kd.formats.delphes import DELPHES
from l1kd.formats.format import Format, Reader
from l1kd.registry import Registry

__all__ = [
    "FORMATS",
    "Format",
    "Reader",
    "choose",
    "first",
    "format_of",
    "known",
    "readers",
    "refusals",
    "trees",
]

FORMATS: Registry[Format] = Registry(
    "format", lambda item: isinstance(item, Format), (DELPHES, PFNANO, PERFNANO, NANOAOD)
)
"""Input formats by name."""


def _by_precedence() -> Iterator[Format]:
    """Yield formats in the order in which they are asked: the user's come first."""
    own = FORMATS.own
    yield from own
    yield from (FORMATS[name] for name in FORMATS if FORMATS[name] not in own)


def format_of(tree: str, branches: set[str]) -> Format | None:
    """Format of a file that has this tree with these branches; None if no format claims it."""
    marked = [form for form in _by_precedence() if form.claims(tree, branches)]
    return next((form for form in marked if form.marks), marked[0] if marked else None)


def trees() -> tuple[str, ...]:
    """Names of the trees that some format has."""
    return tuple(dict.fromkeys(form.tree for form in _by_precedence()))


def readers(kind: str, events: Any) -> list[Reader]:
    """Readers of a kind ("candidates", "gen_met", ...) that fit the events, the default first."""
    return [reader for reader in _all(kind) if reader.fits(events)]


def first(kind: str, events: Any) -> Reader | None:
    """Return the reader of a kind to use, None if the events hold nothing of it."""
    return next(iter(readers(kind, events)), None)


def choose(kind: str, events: Any, source: str | None, say: Callable[[str], str]) -> Reader:
    """Return the reader of this name, or the default one.

    Parameters
    ----------
    say
        Turns what was found into the message of the error.

    Raises
    ------
    UnknownFormatError
        If the events hold nothing of the kind, or not the source asked for.
    RefusedFormatError
        If candidates are asked of a format that has none to be weighted.
    """
    found = readers(kind, events)
    for reader in found:
        if source is None or reader.name == source:
            return reader
    present = collections(events)
    if kind == "candidates":
        refused = refusals()
        asked = [source] if source in refused else []
        for name in asked or ([c for c in refused if c in present] if source is None else []):
            raise RefusedFormatError(refused[name])
    if source is not None:
        names = list(dict.fromkeys(reader.name for reader in _all(kind)))
        what = "calorimeter collection" if kind == "regions" else "source"
        raise UnknownFormatError(
            f"expected the {what} {source}, which is not in these events; they hold "
            f"{[reader.name for reader in found] or 'none'} of the known sources {names}"
        )
    raise UnknownFormatError(say(shown(present)))


def refusals() -> dict[str, str]:
    """Return the collections that no particles can be taken from, with the reason."""
    return {name: why for form in _by_precedence() for name, why in form.refusals.items()}


def known(kind: str) -> list[tuple[str, ...]]:
    """Say what the readers of a kind need, for messages."""
    return [reader.needs for reader in _all(kind)]


def _all(kind: str) -> list[Reader]:
    return [reader for form in _by_precedence() for reader in getattr(form, kind)]
