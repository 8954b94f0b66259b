"""Rates against thresholds, and the thresholds of given rates."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l1kd.study.request import TableRequest
from l1kd.trigger.counts.record import RateRecord
from l1kd.trigger.counts.survival import SpectrumClass, Survival, survival
from l1kd.trigger.rates.curves import Normalisation, Threshold
from l1kd.trigger.rates.scans import threshold_at
from l1kd.trigger.rates.tables import EventClass

__all__ = ["scans_of"]


def scans_of(
    request: TableRequest, record: RateRecord, classes: Sequence[EventClass], norm: Normalisation
) -> tuple[dict[str, Survival], dict[str, list[Threshold]]]:
    """Return every quantity's rate against its threshold, and the thresholds of `targets`."""
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
