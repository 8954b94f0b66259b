"""Rates: normalisation, curves and thresholds of quantities, tables of menus, budgets."""

from l1kd.trigger.rates.curves import (
    NORMALISATIONS,
    REVOLUTION_FREQUENCY,
    Normalisation,
    RateCurve,
    Threshold,
    efficiency,
    normalisation,
    rate_at,
    rate_curve,
    rate_table,
    threshold_for_rate,
)

__all__ = [
    "NORMALISATIONS",
    "REVOLUTION_FREQUENCY",
    "Normalisation",
    "RateCurve",
    "Threshold",
    "efficiency",
    "normalisation",
    "rate_at",
    "rate_curve",
    "rate_table",
    "threshold_for_rate",
]
