"""Menus as a mapping: the JSON of golden vectors and l1kd's own YAML.

menu: L1Menu_Collisions2024_v1_3_0
source: html documentation page          # then the emulator's limits are given
external_signals: {ZeroBias_BPTX_AND_VME: 9}
cuts: {MU-ETA_2p10: {minimum: -2.104, maximum: 2.104, data: ""}}
algorithms: [{index: 1, name: L1_SingleMu22, expression: "MU22[MU-QLTY_SNGL]"}]
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from l1kd._documents import read_document
from l1kd.errors import MenuError
from l1kd.trigger.menu.model import OVERLAP_ERAS, Cut, MenuText, Seed

__all__ = ["read_mapping", "read_plain"]

_KEYS = ("menu", "source", "external_signals", "cuts", "algorithms", "overlap_removal", "comment")
_CUT_KEYS = ("minimum", "maximum", "minimum_emulator", "maximum_emulator", "data")


def read_plain(path: Path) -> MenuText:
    """Return the menu of a JSON or YAML file.

    Raises
    ------
    MenuError
        A key is unknown or missing, or a value has the wrong type.
    ConfigurationError
        The file is not JSON or YAML.
    UnreadableFileError
        The file is missing, truncated or corrupt.
    """
    content = read_document(path)
    if not isinstance(content, Mapping):
        raise MenuError(f"{path}: a menu is a mapping")
    return read_mapping(content, str(path))


def read_mapping(content: Mapping[str, Any], source: str) -> MenuText:
    """Return the menu that a mapping describes.

    Parameters
    ----------
    content
        The mapping, as JSON or YAML gave it.
    source
        File it came from, for messages.

    Raises
    ------
    MenuError
        A key is unknown or missing, or a value has the wrong type; the message names it.
    """
    if unknown := [key for key in content if key not in _KEYS]:
        raise MenuError(f"{source}: unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}")
    algorithms = content.get("algorithms")
    if not isinstance(algorithms, Sequence) or isinstance(algorithms, str):
        raise MenuError(f"{source}: 'algorithms' must be a list of seeds")
    menu = MenuText(str(content.get("menu", "")), source)
    emulator = "html" in str(content.get("source", ""))
    for name, entry in _mapping(content, "cuts", source).items():
        menu.cuts[str(name)] = _cut(str(name), entry, emulator, source)
    for name, bit in _mapping(content, "external_signals", source).items():
        if not isinstance(bit, int) or isinstance(bit, bool) or bit < 0:
            raise MenuError(f"{source}: external signal {name}: {bit!r} is not a bit number")
        menu.externals[str(name)] = bit
    for entry in algorithms:
        menu.add_seed(_seed(entry, source))
    era = str(content.get("overlap_removal", ""))
    if era and era not in OVERLAP_ERAS:
        raise MenuError(f"{source}: overlap_removal is {' or '.join(OVERLAP_ERAS)}, not {era!r}")
    menu.overlap_removal = era
    return menu


def _mapping(content: Mapping[str, Any], key: str, source: str) -> Mapping[str, Any]:
    """Return a part that must be a mapping, empty where it is absent."""
    part = content.get(key) or {}
    if not isinstance(part, Mapping):
        raise MenuError(f"{source}: {key!r} must be a mapping")
    return part


def _seed(entry: Any, source: str) -> Seed:
    """Return one seed."""
    if not isinstance(entry, Mapping) or not {"index", "name", "expression"} <= set(entry):
        raise MenuError(f"{source}: a seed needs index, name and expression, found {entry!r}")
    index = entry["index"]
    if not isinstance(index, int) or not 0 <= index < 512:
        raise MenuError(f"{source}: seed {entry['name']}: index {index!r} is not in 0..511")
    return Seed(str(entry["name"]), index, str(entry["expression"]), str(entry.get("comment", "")))


def _cut(name: str, entry: Any, emulator: bool, source: str) -> Cut:
    """Return one cut."""
    if not isinstance(entry, Mapping):
        raise MenuError(f"{source}: cut {name} must be a mapping, found {entry!r}")
    if unknown := [key for key in entry if key not in _CUT_KEYS]:
        raise MenuError(f"{source}: cut {name}: unknown key {unknown[0]!r}")
    values = {key: _number(entry.get(key), name, key, source) for key in _CUT_KEYS[:-1]}
    low, high = values["minimum_emulator"], values["maximum_emulator"]
    given = emulator and low is not None
    kind = Cut.split(name)
    return Cut(
        name=name,
        object=kind[0],
        kind=kind[1],
        minimum=values["minimum"],
        maximum=values["maximum"],
        emulator=(low or 0.0, math.inf if high is None else high) if given else None,
        data=str(entry.get("data", "")),
    )


def _number(value: Any, name: str, key: str, source: str) -> float | None:
    """Return a limit as a number, None where it is not given."""
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise MenuError(f"{source}: cut {name}: {key} is not a number: {value!r}") from None
