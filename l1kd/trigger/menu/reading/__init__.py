"""Readers of menus: one for each form of file, chosen by the file's ending."""

import gzip
import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import IO, Final, cast

import yaml

from l1kd.errors import MenuError, UnreadableFileError
from l1kd.trigger.menu.model import MenuText

from .html import read_html
from .plain import read_mapping
from .xml import read_xml

__all__ = ["READERS", "read_text"]

Reader = Callable[[IO[bytes], str], MenuText]


def _read_json(stream: IO[bytes], source: str) -> MenuText:
    """Return the menu of a JSON file."""
    try:
        content = json.load(stream)
    except ValueError as error:
        raise MenuError(f"{source}: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise MenuError(f"{source}: a menu is a mapping")
    return read_mapping(content, source)


def _read_yaml(stream: IO[bytes], source: str) -> MenuText:
    """Return the menu of a YAML file."""
    try:
        content = yaml.safe_load(stream)
    except yaml.YAMLError as error:
        raise MenuError(f"{source}: not YAML ({error})") from error
    if not isinstance(content, dict):
        raise MenuError(f"{source}: a menu is a mapping")
    return read_mapping(content, source)


READERS: Final[dict[str, Reader]] = {
    ".xml": read_xml,
    ".html": read_html,
    ".htm": read_html,
    ".json": _read_json,
    ".yaml": _read_yaml,
    ".yml": _read_yaml,
}
"""Reader of every ending; add your own to read another form."""


def read_text(path: str | PathLike[str]) -> MenuText:
    """Return what a menu's file says.

    Parameters
    ----------
    path
        File; the ending chooses the reader, `.gz` after it is unpacked.

    Raises
    ------
    MenuError
        No reader knows the ending, or the file is no menu.
    UnreadableFileError
        The file is missing, truncated or corrupt.
    """
    file = Path(path)
    packed = file.suffix == ".gz"
    ending = Path(file.stem).suffix if packed else file.suffix
    if ending.lower() not in READERS:
        raise MenuError(f"{file}: a menu ends in {', '.join(READERS)} (or that and .gz)")
    try:
        with file.open("rb") as plain:
            stream = cast("IO[bytes]", gzip.GzipFile(fileobj=plain)) if packed else plain
            return READERS[ending.lower()](stream, str(file))
    except (OSError, EOFError) as error:
        raise UnreadableFileError(f"{file}: cannot be read ({error})") from error
