"""Plots of rates, efficiencies and menus."""

from l1kd.trigger.plots.quantities import (
    efficiency_versus_rate,
    rate_versus_threshold,
    score_distributions,
)

__all__ = ["efficiency_versus_rate", "rate_versus_threshold", "score_distributions"]
