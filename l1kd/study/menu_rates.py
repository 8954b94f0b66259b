"""Rates of a menu: events in, a record that merges, and from it tables, plots and a page."""

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from l1kd._documents import read_document
from l1kd.errors import ConfigurationError, InputError
from l1kd.execution import run
from l1kd.execution.faults import require_writable, writing
from l1kd.processors.menu_rates import MenuRateProcessor
from l1kd.report import studies
from l1kd.report.menu_page import RateReport, write_rate_page
from l1kd.study.menu_request import MenuRequest, TableRequest
from l1kd.study.samples import named_files
from l1kd.trigger.conditions.luminosity import LumiMask, PileupProfile, PileupTable
from l1kd.trigger.conditions.prescales import PrescaleTable, read_mask
from l1kd.trigger.counts.record import DatasetRates, RateRecord
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import SpectrumClass, Survival, survival
from l1kd.trigger.menus import (
    Scan,
    fingerprint,
    groups_of,
    indices_of,
    open_menu,
    prescales_of,
)
from l1kd.trigger.plots import menus as menu_plots
from l1kd.trigger.rates.classes import by_pileup, by_weight, in_sections, zero_bias
from l1kd.trigger.rates.curves import (
    REVOLUTION_FREQUENCY,
    Normalisation,
    Threshold,
    normalisation,
)
from l1kd.trigger.rates.export import write_tables
from l1kd.trigger.rates.pileup import PileupBin, fit_pileup, rates_by_pileup
from l1kd.trigger.rates.scans import threshold_at
from l1kd.trigger.rates.tables import EventClass, menu_rates

__all__ = ["MenuRequest", "TableRequest", "accumulate", "make_tables", "write_report"]


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


def _table(
    request: TableRequest, menu: str, own: Mapping[str, Mapping[str, float]]
) -> PrescaleTable | None:
    """Table of prescales that a request means: its file, or a column that the menu writes."""
    if request.prescales is not None:
        return PrescaleTable.read(request.prescales)
    if request.column is None:
        return None
    if not own:
        raise ConfigurationError("a column needs a prescale table: --prescales TABLE")
    return PrescaleTable.of_menu(own, f"menu {menu}")


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
    table = _table(request, menu.name, own_prescales)
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
            )
            for name, own in sorted(result.output.items())
        },
        own_prescales,
    )


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


def _norm(request: TableRequest) -> Normalisation:
    norm = normalisation(request.normalisation)
    bunches = request.bunches
    if request.luminosity is not None:
        if request.mean_pileup is None or bunches is not None:
            raise ConfigurationError("a luminosity needs the mean pile-up, and no bunches")
        collisions = request.luminosity * request.sigma_inelastic * 1e-27
        bunches = round(collisions / (request.mean_pileup * REVOLUTION_FREQUENCY))
        if not 0 < bunches <= 3564:
            raise ConfigurationError(
                f"luminosity {request.luminosity:g} at pile-up {request.mean_pileup:g} needs "
                f"{bunches} bunches; the LHC has 1 to 3564"
            )
    return norm if bunches is None else norm.model_copy(update={"bunches": bunches})


def _groups(
    request: TableRequest, record: RateRecord, seeds: Sequence[str]
) -> dict[str, list[str]]:
    if request.groups is None:
        own = {
            name: [s for s in members if s in set(seeds)] for name, members in record.groups.items()
        }
        return {name: members for name, members in own.items() if members}
    content = read_document(request.groups)
    if not isinstance(content, Mapping):
        raise ConfigurationError(f"{request.groups}: expected groups with their seeds")
    groups = {}
    for name, patterns in content.items():
        if not isinstance(patterns, list):
            raise ConfigurationError(f"{request.groups}: group {name!r}: expected a list of seeds")
        chosen = [s for s in seeds if any(fnmatch.fnmatchcase(s, str(p)) for p in patterns)]
        if not chosen:
            raise ConfigurationError(f"{request.groups}: no seed fits the group {name!r}")
        groups[str(name)] = chosen
    return groups


def _classes(
    request: TableRequest, record: RateRecord, norm: Normalisation
) -> tuple[list[EventClass], list[str]]:
    tables = record.tables()
    if request.per == "weight":
        if record.settings.get("weights") == "none":
            raise ConfigurationError(
                "rates by weight need the events' weights, which these rates were made without"
            )
        return by_weight(tables), []
    if request.per == "time":
        return in_sections(tables, request.zero_bias_prescale, request.lumi_sections), []
    if request.profile is not None:
        classes, without = by_pileup(tables, norm, PileupProfile.read(request.profile))
        notes = [f"{100 * without:.1f}% of the pile-up profile have no events"] if without else []
        return classes, notes
    return zero_bias(tables, norm), []


def make_tables(record: RateRecord, request: TableRequest) -> RateReport:
    """Compute rates, scans and the dependence on pile-up from a record.

    Raises
    ------
    ConfigurationError, InputError
        If an option does not fit the record.
    """
    norm = _norm(request)
    first = next(iter(record.datasets.values()), None)
    if first is None:
        raise InputError("rates: the record holds no dataset")
    if not any(own.used for own in record.datasets.values()):
        seen = sum(own.seen for own in record.datasets.values())
        why = sorted({why for own in record.datasets.values() for why in own.skipped})
        raise InputError(
            f"rates: of {seen} events none is left ({'; '.join(why) or 'empty files'})"
        )
    seeds = first.decisions.seeds
    prescales, masked, column = None, [], ""
    notes = [
        f"{own.skipped[why]} events of {name}: {why}"
        for name, own in record.datasets.items()
        for why in own.skipped
    ]
    if record.settings.get("decisions", "unprescaled") != "unprescaled":
        column = str(record.settings["decisions"])
        again = request.prescales is not None and "counters" not in column
        if request.mask is not None or again:
            raise ConfigurationError(
                f"these decisions are {column}: prescales and masks belong to unprescaled ones"
            )
    elif (table := _table(request, record.menu, record.prescales)) is not None:
        column, prescales, absent = table.column(request.column, record.indices)
        off = [seed for seed in absent if seed in set(seeds)]
        if off:
            notes.append(f"{len(off)} seeds are off: the prescale table lacks {', '.join(off[:5])}")
    if request.mask is not None:
        masked = [s for s in read_mask(request.mask, record.indices) if s in set(seeds)]
    if record.reasons:
        name, reason = next(iter(record.reasons.items()))
        notes.append(
            f"{len(record.reasons)} of {len(record.indices)} seeds could not be evaluated; the "
            f"totals are those of the others. The first is {name}: {reason}"
        )
    classes, more = _classes(request, record, norm)
    rates = menu_rates(
        classes,
        prescales=prescales,
        masked=masked,
        groups=_groups(request, record, seeds),
        column=column,
        level=request.level,
        notes=[*notes, *more],
    )
    scans, thresholds = _scans(request, record, classes, norm)
    bins = _bins(request, record, norm, prescales, masked)
    fits = {}
    if len(bins) > 3:
        costly = sorted(rates.seeds, key=lambda seed: -seed.final.value)
        for name in ("total", *(seed.name for seed in costly[:3])):
            numbers = [b.rates.total if name == "total" else b.rates[name].final for b in bins]
            if any(number.value > 0.0 for number in numbers):
                fits[name] = fit_pileup(
                    [b.mean for b in bins],
                    numbers,
                    norm.input_hz,
                    [b.rates.n_events for b in bins],
                    level=request.level,
                )
    return RateReport(rates, scans, thresholds, bins, fits, norm)


def _scans(
    request: TableRequest, record: RateRecord, classes: Sequence[EventClass], norm: Normalisation
) -> tuple[dict[str, Survival], dict[str, list[Threshold]]]:
    rates_of = {each.name: each.rate_hz for each in classes}
    total = sum(rates_of.values())
    scans, thresholds = {}, {}
    tried: Mapping[str, list[float]] = record.settings.get("scans", {})
    names = list(dict.fromkeys(n for own in record.datasets.values() for n in own.spectra))
    for name in names:
        spectra = {d: own.spectra[name] for d, own in record.datasets.items()}
        if request.per == "weight":
            sample = [SpectrumClass(d, x, rates_of[d]) for d, x in spectra.items()]
        else:
            together = list(spectra.values())
            merged = together[0]
            for x in together[1:]:
                merged = merged + x
            sample = [SpectrumClass(name, merged, total)]
        cuts = np.arange(1.0, len(tried[name]) + 1) if name in tried else _cuts(sample)
        found = survival(sample, cuts, request.level)
        if name in tried:
            found = found._replace(thresholds=np.asarray(tried[name]))
        scans[name] = found
        thresholds[name] = [
            _named(threshold_at(sample, 1e3 * t, level=request.level), tried.get(name))
            for t in request.targets
        ]
    return scans, thresholds


def _named(threshold: Threshold, tried: Sequence[float] | None) -> Threshold:
    """Turn a number of thresholds passed back into the threshold."""
    if tried is None:
        return threshold

    def value(number: float) -> float:
        if not np.isfinite(number):
            return number
        at = int(number)
        if at < 1:
            return -np.inf
        return tried[at - 1] if at <= len(tried) else np.inf

    found = [value(x) for x in (threshold.value, threshold.low, threshold.high)]
    # beyond the last threshold that was tried: that one is a bound
    return threshold._replace(
        value=min(found[0], tried[-1]),
        low=min(found[1], tried[-1]),
        high=found[2],
        resolved=bool(np.isfinite(found[2])),
    )


def _cuts(sample: Sequence[SpectrumClass]) -> Any:
    """Thresholds to draw: two hundred on the values' own steps."""
    values = np.concatenate([c.spectrum.values for c in sample])
    values = values[np.isfinite(values)]
    if not values.size:
        return np.array([0.0])
    low, high = float(values.min()), float(values.max())
    step = max((c.spectrum.grid for c in sample), default=0.0)
    if not step:
        return np.linspace(low, high + 0.02 * (high - low) + 1e-9, 201)
    wide = max(step, step * np.ceil((high - low) / step / 200.0))
    return low + wide * np.arange(int((high - low) / wide) + 3)


def _bins(
    request: TableRequest,
    record: RateRecord,
    norm: Normalisation,
    prescales: Mapping[str, float] | None,
    masked: Sequence[str],
) -> list[PileupBin]:
    tables = list(record.tables().values())
    if "pileup" not in tables[0].strata_names:
        if request.pileup_edges:
            raise ConfigurationError("these rates are not divided by pile-up: use --pileup")
        return []
    together = tables[0]
    for table in tables[1:]:
        together = together + table
    edges = list(request.pileup_edges)
    if not edges:
        pileup = together.stratum("pileup")
        low, high = int(pileup.min()), int(pileup.max()) + 1
        edges = np.unique(np.linspace(low, high, 9).round()).tolist()
    return rates_by_pileup(
        together, edges, norm, prescales=prescales, masked=masked, level=request.level
    )


def figures(record: RateRecord, report: RateReport) -> dict[str, Figure]:
    """Draw the report: rates, overlap, scans, dependence on pile-up."""
    drawn: dict[str, Figure] = {}
    if any(seed.final.value > 0.0 for seed in report.rates.seeds):
        drawn["seed_rates"] = menu_plots.seed_rates(report.rates)
        drawn["overlap"] = menu_plots.overlap_map(report.rates)
    for name, scan in report.scans.items():
        drawn[f"scan:{name}"] = menu_plots.scan_curves(
            {name: scan}, variable=f"threshold, {name}", budget_hz=report.norm.budget_hz
        )
    if len(report.pileup) > 1:
        costly = sorted(report.rates.seeds, key=lambda seed: -seed.final.value)
        names = [seed.name for seed in costly[:3] if seed.final.value > 0.0]
        drawn["pileup"] = menu_plots.pileup_dependence(report.pileup, names, report.fits)
    return drawn


def write_report(
    record: RateRecord,
    report: RateReport,
    request: TableRequest,
    out: str | Path,
    *,
    command: Sequence[str] | None = None,
) -> Path:
    """Write the record, tables and page into a folder.

    Returns
    -------
    The page's path.
    """
    folder = Path(out)
    require_writable(folder)
    with writing(folder):
        record.write(folder / "rates.npz")
    provenance = studies.provenance({}, command=command).model_dump()
    more = {
        "menu": record.menu,
        "normalisation": report.norm.model_dump(),
        "settings": record.settings,
        "reasons": record.reasons,
        "datasets": {
            name: {
                "seen": own.seen,
                "used": own.used,
                "skipped": own.skipped,
                "files": own.files,
                "patterns": len(own.decisions),
            }
            for name, own in record.datasets.items()
        },
        "scans": {
            name: {
                "thresholds": scan.thresholds.tolist(),
                "rate_hz": scan.value.tolist(),
                "low_hz": scan.low.tolist(),
                "high_hz": scan.high.tolist(),
            }
            for name, scan in report.scans.items()
        },
        "thresholds": {
            name: [t.as_dict() for t in found] for name, found in report.thresholds.items()
        },
        "pileup": [
            {"low": b.low, "high": b.high, "mean": b.mean, "total": b.rates.total.as_dict()}
            for b in report.pileup
        ],
        "pileup_fits": {
            name: {
                "coefficients_hz": f.coefficients.tolist(),
                "covariance": f.covariance.tolist(),
                "deviance": f.deviance,
                "n_dof": f.n_dof,
                "p_value": None if np.isnan(f.p_value) else f.p_value,
            }
            for name, f in report.fits.items()
        },
        "provenance": provenance,
    }
    with writing(folder):
        write_tables(report.rates, folder, record.indices, more)
        return write_rate_page(
            record, report, figures(record, report), provenance, request.label, folder
        )
