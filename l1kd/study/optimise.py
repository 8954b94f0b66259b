"""Thresholds of a menu for a budget, and what an anomaly seed adds: files in, tables out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from l1kd.emulators.array_types import Floats
from l1kd.errors import ConfigurationError
from l1kd.execution import run
from l1kd.execution.faults import require_writable, writing
from l1kd.processors.menu_rates import NOTHING, MenuRateProcessor
from l1kd.report import studies
from l1kd.study.request import OptimiseRequest
from l1kd.study.samples import named_files
from l1kd.trigger.counts.decisions import Decisions
from l1kd.trigger.menus import Scan, groups_of, open_menu
from l1kd.trigger.rates.curves import normalisation
from l1kd.trigger.rates.optimise import (
    Budget,
    Events,
    Optimised,
    UniqueEfficiency,
    optimise,
    unique_efficiency,
)

__all__ = ["OptimiseRequest", "OptimiseResult", "optimise_menu", "write_optimised"]


class OptimiseResult(NamedTuple):
    """Thresholds for the budget and what one more seed adds; None for what was not asked."""

    optimised: Optimised | None
    unique: UniqueEfficiency | None


class _Joint(NamedTuple):
    """Joint table of one dataset, its rows as often as their events."""

    table: Decisions
    rows: Any
    weights: Floats

    @classmethod
    def of(cls, table: Decisions) -> "_Joint":
        rows = np.repeat(np.arange(len(table)), table.counts)
        mean = table.weights.values() / np.maximum(table.counts, 1)
        return cls(table, rows, mean[rows])

    def scan(self, scan: Scan) -> Floats:
        """Largest threshold that each event passes."""
        passed = self.table.stratum(scan.name)[self.rows]
        return np.append(-np.inf, scan.thresholds)[passed]

    def quantity(self, name: str, step: float) -> Floats:
        steps = self.table.stratum(name)[self.rows]
        return np.where(steps == NOTHING, -np.inf, steps * step)

    def any_of(self, seeds: Sequence[str]) -> Any:
        """Whether one of the seeds fired."""
        chosen = [self.table.seeds.index(seed) for seed in seeds]
        return np.any(self.table.fired()[:, chosen], axis=1)[self.rows]


def _together(parts: Sequence[_Joint], request: OptimiseRequest, values: Any, fixed: Any) -> Events:
    weights = np.concatenate([part.weights for part in parts])
    if request.per == "crossing":
        weights = weights * normalisation(request.normalisation).input_hz / weights.sum()
    found: dict[str, Floats] = {}
    for name in values(parts[0]):
        found[name] = np.concatenate([values(part)[name] for part in parts])
    return Events(found, weights, np.concatenate([fixed(part) for part in parts]))


def _shares(request: OptimiseRequest, groups: Mapping[str, Sequence[str]]) -> dict[str, float]:
    shares = dict.fromkeys(groups, 1.0)
    for text in request.shares:
        name, _, share = text.partition("=")
        if name not in shares:
            raise ConfigurationError(
                f"share {text!r}: no group {name!r} of scanned seeds; there are: "
                + ", ".join(shares)
            )
        try:
            shares[name] = float(share)
        except ValueError:
            raise ConfigurationError(f"share {text!r}: expected GROUP=NUMBER") from None
    return shares


def optimise_menu(
    menu_source: str | Path, fileset: Any, request: OptimiseRequest, **more: Any
) -> OptimiseResult:
    """Find thresholds for a budget, and the efficiency that one more seed adds.

    Parameters
    ----------
    menu_source
        File or name of a menu.
    fileset
        Zero bias, as `l1kd.study.menu_rates.accumulate` takes it.
    request
        What to find.
    **more
        For `l1kd.execution.run`.

    Raises
    ------
    ConfigurationError
        If nothing was asked for, or names do not fit the menu.
    """
    scans = [Scan.parse(text) for text in request.scan]
    if not (scans and request.budget) and request.anomaly is None:
        raise ConfigurationError(
            "give a budget and scans of the seeds that may move, or an anomaly"
        )
    menu = open_menu(menu_source)
    quantities = {}
    if request.anomaly is not None:
        path, _, step = request.anomaly.partition(":")
        try:
            quantities[path] = (path, float(step))
        except ValueError:
            raise ConfigurationError(
                f"anomaly {request.anomaly!r}: expected BRANCH:STEP, as CICADA.score:0.00390625"
            ) from None
    processor = MenuRateProcessor(
        menu,
        weights="none" if request.weights == "none" else "relative",
        algorithms=request.algorithms,
        source=request.source,
        vertex=request.vertex,
        scans=scans,
        quantities=quantities,
        joint=True,
    )
    tables = _run(processor, fileset, request, **more)
    signals = _run(processor, list(request.signal), request, **more) if request.signal else {}
    background = list(tables.values())
    seeds = background[0].table.seeds
    moving = {scan.seed for scan in scans} if request.budget else set()
    others = [s for s in (seeds if request.seeds is None else request.seeds) if s not in moving]
    unknown = sorted(set(others) - set(seeds))
    if unknown:
        raise ConfigurationError(f"no decisions of the seeds {', '.join(unknown)}")

    def fixed(part: _Joint) -> Any:
        return part.any_of(others)

    optimised = None
    if request.budget and scans:

        def values(part: _Joint) -> dict[str, Floats]:
            return {scan.name: part.scan(scan) for scan in scans}

        groups: dict[str, list[str]] = {}
        known = {seed: group for group, own in groups_of(menu).items() for seed in own}
        for scan in scans:
            groups.setdefault(known.get(scan.seed, "other"), []).append(scan.name)
        optimised = optimise(
            _together(background, request, values, fixed),
            Budget(1e3 * request.budget, _shares(request, groups), groups),
            allowed={scan.name: scan.thresholds for scan in scans},
            signals={
                name: Events(values(own), own.weights, fixed(own)) for name, own in signals.items()
            },
            level=request.level,
        )
    unique = None
    if request.anomaly is not None:
        ((name, (_, spacing)),) = quantities.items()

        def score(part: _Joint) -> dict[str, Floats]:
            return {"score": part.quantity(name, spacing)}

        whole = _together(background, request, score, fixed)
        unique = unique_efficiency(
            whole.values["score"],
            whole.accepted,
            whole.weights,
            {n: (score(own)["score"], fixed(own), own.weights) for n, own in signals.items()},
            1e3 * request.extra,
            step=spacing,
            level=request.level,
        )
    return OptimiseResult(optimised, unique)


def _run(
    processor: MenuRateProcessor, fileset: Any, request: OptimiseRequest, **more: Any
) -> dict[str, _Joint]:
    files = named_files([str(f) for f in fileset]) if isinstance(fileset, list | tuple) else fileset
    result = run(processor, files, **request.execution(), **more)
    return {name: _Joint.of(own["decisions"]) for name, own in sorted(result.output.items())}


def write_optimised(
    result: OptimiseResult, out: str | Path, *, command: Sequence[str] | None = None
) -> Path:
    """Write optimised.json into a folder; returns its path."""
    folder = Path(out)
    require_writable(folder)
    content: dict[str, Any] = {"provenance": studies.provenance({}, command=command).model_dump()}
    if result.optimised is not None:
        found = result.optimised
        content["optimised"] = {
            "thresholds": {k: v if np.isfinite(v) else None for k, v in found.thresholds.items()},
            "proportional_hz": found.proportional_hz,
            "group_hz": found.group_hz,
            "total": found.total.as_dict(),
            "efficiency": {k: v.as_dict() for k, v in found.efficiency.items()},
        }
    if result.unique is not None:
        extra = result.unique
        content["unique"] = {
            "threshold": extra.threshold if np.isfinite(extra.threshold) else None,
            "extra": extra.extra.as_dict(),
            "rate": extra.rate.as_dict(),
            "unique": {k: v.as_dict() for k, v in extra.unique.items()},
            "menu": {k: v.as_dict() for k, v in extra.menu.items()},
        }
    path = folder / "optimised.json"
    with writing(folder):
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
