"""What networks of the image take in firmware, beside the paper's."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l1kd.algorithms import Cicada, EventScore
from l1kd.emulators.logic import LogicNetwork
from l1kd.errors import ConfigurationError, UnreadableFileError
from l1kd.models.firmware.record.metrics import ebops
from l1kd.models.firmware.record.tables import PAPERS

__all__ = ["COLUMNS", "RESIDUAL_STAGE", "cost_table"]

COLUMNS = ("latency_cycles", "dsp", "ff", "lut", "ebops")
RESIDUAL_STAGE = {
    "lut": 12_500, "dsp": 252, "lut_of_a_region_without_dsp": 579, "by": "yosys, xc7, unplaced",
}  # fmt: skip
"""What residuals of an image take beside a network that reads them, see docs/cicada.md."""
_RESOURCES = ("dsp", "ff", "lut")


def _built(entry: str) -> tuple[str, dict[str, Any]]:
    """Read the figures of a build: NAME=FOLDER."""
    name, equals, place = entry.partition("=")
    if not equals:
        raise ConfigurationError(f"--built {entry}: expected NAME=FOLDER")
    path = Path(place) / "reports" / "figures.json"
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFileError(
            f"{path}: the figures of a build by `l1kd build` cannot be read: {error}"
        ) from error
    return name, figures


def _resources(figures: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Numbers of the tool that knows most, and its name."""
    for tool, entry in sorted(dict(figures.get("resources", {})).items()):
        if any(entry.get(name) is not None for name in _RESOURCES):
            return tool, entry
    return "", {}


def _bit_operations(score: EventScore) -> float | None:
    """EBOPs of an integer network; None for gates and for what is no network."""
    if not isinstance(score, Cicada):
        return None
    network = score.network
    found = None if isinstance(network, LogicNetwork) else ebops(network)
    return None if found is None else float(found)


def cost_table(scores: Mapping[str, EventScore], built: tuple[str, ...]) -> list[dict[str, Any]]:
    """Latency, DSP, FF, LUT and EBOPs: the paper's networks, and ours as far as they were built.

    They are of the network alone; where ``reads_residuals``, `RESIDUAL_STAGE` comes beside.

    Raises
    ------
    ConfigurationError, UnreadableFileError
        If a build is of no network here, or its figures cannot be read.
    """
    builds = dict(_built(entry) for entry in built)
    strange = [name for name in builds if name not in scores]
    if strange:
        raise ConfigurationError(
            f"--built {strange[0]}=...: no score is called so; there are {', '.join(scores)}"
        )
    rows: list[dict[str, Any]] = [
        {"name": row.name, "paper": True, "by": row.by, **{c: getattr(row, c) for c in COLUMNS}}
        for row in PAPERS
        if row.family == "cicada"
    ]
    for name, score in scores.items():
        if not isinstance(score, Cicada):
            continue
        figures = builds.get(name, {})
        tool, used = _resources(figures)
        row = {"name": name, "paper": False, "by": tool or "not built"}
        row["latency_cycles"] = figures.get("latency_cycles")
        row |= {column: used.get(column) for column in _RESOURCES}
        row["ebops"] = _bit_operations(score)
        row["reads_residuals"] = score.normalisation is not None
        rows.append(row)
    return rows
