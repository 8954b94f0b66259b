"""Events in, a record that merges out."""

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from l1kd.errors import ConfigurationError, InputError
from l1kd.execution import run
from l1kd.processors.menu_rates import MenuRateProcessor
from l1kd.study.menu_rates.prescales import prescale_table
from l1kd.study.request import MenuRequest
from l1kd.study.samples import named_files
from l1kd.trigger.conditions.luminosity import LumiMask, PileupTable
from l1kd.trigger.conditions.prescales import PrescaleTable
from l1kd.trigger.counts.record import DatasetRates, RateRecord
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.menus import (
    Scan,
    fingerprint,
    groups_of,
    indices_of,
    open_menu,
    prescales_of,
)

__all__ = ["accumulate"]


def accumulate(
    menu_source: str | Path, fileset: Any, request: MenuRequest, **more: Any
) -> RateRecord:
    """Evaluate a menu on files and keep what rates are made of.

    Parameters
    ----------
    menu_source
        File or name of a menu.
    fileset
        As `l1kd.datasets.load_fileset`, or a list of files in which `name=FILE` belongs to a
        dataset of that name.
    request
        How.
    **more
        For `l1kd.execution.run`.

    Raises
    ------
    L1KDError
        As `l1kd.execution.run`, or if no seed can be evaluated.
    """
    menu = open_menu(menu_source)
    indices = indices_of(menu)
    own_prescales = prescales_of(menu)
    table = prescale_table(request, menu.name, own_prescales)
    scans = [Scan.parse(text) for text in request.scan]
    counters = None
    settings: dict[str, Any] = {
        "menu": fingerprint(menu),
        "weights": request.weights,
        "algorithms": [str(getattr(a, "name", a)) for a in request.algorithms],
        "pileup": request.pileup,
        "pileup_width": request.pileup_width if request.pileup else None,
        "sections": request.sections,
        "lumi_mask": str(request.lumi_mask.name) if request.lumi_mask else None,
        "scans": {scan.name: list(scan.thresholds) for scan in scans},
        "decisions": "unprescaled",
    }
    if request.counters:
        if table is None:
            raise ConfigurationError("counters need a prescale table: --prescales TABLE")
        column, counters, _ = table.column(request.column, indices)
        settings["decisions"] = f"final, counters of {column}"
    if request.stored:
        if request.counters or scans:
            raise ConfigurationError("stored decisions have no counters and no scans")
        settings["decisions"] = "final, as stored"
    keep = _kept(request, indices, table)
    if keep is not None:
        settings["seeds"] = sorted(keep)
    pileup: PileupTable | str | None = request.pileup
    if request.pileup is not None and request.pileup.endswith(".csv"):
        pileup = PileupTable.read(request.pileup)
    processor = MenuRateProcessor(
        menu,
        weights=request.weights,
        algorithms=request.algorithms,
        source=request.source,
        vertex=request.vertex,
        pileup="" if pileup == "auto" else pileup,
        pileup_width=request.pileup_width,
        sections=request.sections,
        lumi_mask=None if request.lumi_mask is None else LumiMask.read(request.lumi_mask),
        scans=scans,
        quantities=_quantities(request.quantity),
        resampling=Resampling(request.replicas) if request.replicas else None,
        counters=counters,
        keep=keep,
        stored=request.stored,
    )
    if isinstance(fileset, list | tuple):
        fileset = named_files([str(path) for path in fileset])
    result = run(processor, fileset, **request.execution(), **more)
    used = {v for own in result.output.values() for v in own["vertex"]}
    settings["vertex"] = " and ".join(sorted(used - {"compared", "near"})) or None
    reasons = {seed: why for own in result.output.values() for seed, why in sorted(own["reasons"])}
    if all(not own["decisions"].seeds for own in result.output.values()):
        first = next(iter(reasons.items()), ("", "the menu has no seeds"))
        raise InputError(
            f"no seed of {menu.name} can be evaluated on these files; {first[0]}: {first[1]}"
        )
    files = _files_of(result.events, fileset)
    return RateRecord(
        menu.name,
        indices,
        groups_of(menu),
        settings,
        reasons,
        {
            name: DatasetRates(
                own["decisions"],
                own["spectra"],
                own["seen"],
                own["used"],
                dict(own["skipped"]),
                files.get(name, {}),
                dict(own["vertex"]),
            )
            for name, own in sorted(result.output.items())
        },
        own_prescales,
    )


def _quantities(texts: Sequence[str]) -> dict[str, tuple[str, float]]:
    found = {}
    for text in texts:
        path, _, step = text.partition(":")
        try:
            found[path] = (path, float(step or 0.0))
        except ValueError:
            raise ConfigurationError(
                f"quantity {text!r}: expected BRANCH:STEP, for example L1PuppiMET.pt:0.25"
            ) from None
    return found


def _kept(
    request: MenuRequest, indices: Mapping[str, int], table: PrescaleTable | None
) -> list[str] | None:
    """Seeds whose decisions are kept; None for all."""
    chosen = list(indices)
    if request.seeds is not None:
        chosen = [s for s in indices if any(fnmatch.fnmatchcase(s, p) for p in request.seeds)]
    if request.active:
        if table is None:
            raise ConfigurationError(
                "active seeds are those of a prescale table: --prescales TABLE"
            )
        _, prescales, _ = table.column(request.column, indices)
        chosen = [s for s in chosen if prescales[s]]
    if not chosen:
        raise ConfigurationError("no seed of the menu is left to keep")
    return None if len(chosen) == len(indices) else chosen


def _files_of(events: Mapping[str, int], fileset: Any) -> dict[str, dict[str, int]]:
    """Events processed of each file, by dataset, files by their full path."""
    from l1kd.datasets import load_fileset

    found: dict[str, dict[str, int]] = {}
    for name, dataset in load_fileset(fileset).items():
        own = {path: events[path] for path in dataset.files if path in events}
        found[name] = {
            path if "://" in path else str(Path(path).resolve()): n for path, n in own.items()
        }
    return found
