"""Show the four source folders to mkdocstrings as the one package `l1kd` that they install as.

`setup.cfg` maps emulators/, processors/ and models/ into the package. mkdocstrings reads sources,
not installations, and cannot follow that map in an editable install. So the pages are made from a
folder of links with the layout of the installed package, whatever is installed.
"""

import tempfile
from pathlib import Path
from typing import Any

from mkdocs.plugins import event_priority

MAPPED = ("emulators", "processors", "models")
_links: list[tempfile.TemporaryDirectory[str]] = []


@event_priority(100)  # before mkdocstrings reads its own configuration
def on_config(config: Any) -> Any:
    """Lay out the links and point mkdocstrings to them."""
    root = Path(config.config_file_path).parent
    folder = tempfile.TemporaryDirectory(prefix="l1kd-docs-")
    _links.append(folder)
    package = Path(folder.name) / "l1kd"
    package.mkdir()
    sources = [path for path in (root / "l1kd").iterdir() if path.name != "__pycache__"]
    for source in [*sources, *(root / name for name in MAPPED)]:
        (package / source.name).symlink_to(source, target_is_directory=source.is_dir())
    config.plugins["mkdocstrings"].config["handlers"]["python"]["paths"] = [folder.name]
    return config


def on_shutdown() -> None:
    """Remove the links."""
    while _links:
        _links.pop().cleanup()
