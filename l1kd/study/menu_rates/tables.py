"""Rates, scans and the dependence on pile-up from a record."""

import fnmatch
from collections.abc import Mapping, Sequence

import numpy as np

from l1kd._documents import read_document
from l1kd.errors import ConfigurationError, InputError
from l1kd.report.menu_page import RateReport
from l1kd.study.menu_rates.prescales import prescale_table
from l1kd.study.menu_rates.scans import scans_of
from l1kd.study.request import TableRequest
from l1kd.trigger.conditions.luminosity import PileupProfile
from l1kd.trigger.conditions.prescales import read_mask
from l1kd.trigger.counts.record import RateRecord
from l1kd.trigger.rates.classes import by_pileup, by_weight, in_sections, zero_bias
from l1kd.trigger.rates.curves import (
    REVOLUTION_FREQUENCY,
    Normalisation,
    normalisation,
)
from l1kd.trigger.rates.pileup import PileupBin, fit_pileup, rates_by_pileup
from l1kd.trigger.rates.tables import EventClass, menu_rates

__all__ = ["make_tables"]


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
    elif (table := prescale_table(request, record.menu, record.prescales)) is not None:
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
    scans, thresholds = scans_of(request, record, classes, norm)
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
