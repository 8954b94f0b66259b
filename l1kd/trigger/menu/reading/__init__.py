"""Readers of menus: one for each form of file, chosen by the file's ending."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Final

from l1kd.errors import MenuError
from l1kd.trigger.menu.model import MenuText
from l1kd.trigger.object_menu import shipped_menus

from .html import read_html
from .plain import read_plain
from .xml import read_xml

__all__ = ["READERS", "read_text"]

READERS: Final[dict[str, Callable[[Path], MenuText]]] = {
    ".xml": read_xml,
    ".html": read_html,
    ".htm": read_html,
    ".json": read_plain,
    ".yaml": read_plain,
    ".yml": read_plain,
}
"""Reader of every ending; add your own to read another form."""


def read_text(path: str | PathLike[str]) -> MenuText:
    """Return what a menu's file says.

    Parameters
    ----------
    path
        File; the ending chooses the reader, also with `.gz` after it.

    Raises
    ------
    MenuError
        No reader knows the ending, or the file is no menu.
    UnreadableFileError
        The file is missing, truncated or corrupt.
    """
    file = Path(path)
    ending = Path(file.stem).suffix if file.suffix == ".gz" else file.suffix
    if ending.lower() not in READERS:
        raise MenuError(
            f"{file}: a menu ends in {', '.join(READERS)} (or that and .gz), or is one that l1kd "
            f"ships: {', '.join(shipped_menus())}"
        )
    return READERS[ending.lower()](file)
