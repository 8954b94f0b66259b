"""Numbers with their uncertainties: quantile widths, intervals, ROC areas, distances.

Plain NumPy in and out. No function draws random numbers of its own accord: whoever resamples gives
a seed. A value that cannot be computed (an empty sample, a bin without entries) is NaN, never an
exception and never a made-up number; `Estimate.as_dict` turns NaN into JSON's null. Event weights
may be negative unless a function says otherwise; NaN and infinite ones are refused.
"""

from l1kd.statistics.estimates import ONE_SIGMA, Estimate
from l1kd.statistics.fractions import (
    WeightSums,
    checked_weights,
    clopper_pearson,
    effective_counts,
    lower_end,
    weighted_fraction,
    weighted_survival,
)
from l1kd.statistics.histograms import ReplicaHistogram, stretched_edges
from l1kd.statistics.quantiles import (
    corrected_resolution,
    quantile,
    quantile_resolution,
    sorted_quantile,
)
from l1kd.statistics.resampling import (
    Bootstrap,
    block_bootstrap,
    bootstrap,
    event_ids,
    poisson_multiplicities,
    replica_interval,
)
from l1kd.statistics.separation import delong, delong_difference, emd, mean_area, roc_auc
from l1kd.statistics.sharing import (
    SEVERAL,
    Blocks,
    SharedEvents,
    SharedFraction,
    independent_events,
    resolution_limit,
    shared_covariance,
    shared_fraction,
    shared_variance,
)

__all__ = [
    "ONE_SIGMA",
    "SEVERAL",
    "Blocks",
    "Bootstrap",
    "Estimate",
    "ReplicaHistogram",
    "SharedEvents",
    "SharedFraction",
    "WeightSums",
    "block_bootstrap",
    "bootstrap",
    "checked_weights",
    "clopper_pearson",
    "corrected_resolution",
    "delong",
    "delong_difference",
    "effective_counts",
    "emd",
    "event_ids",
    "independent_events",
    "lower_end",
    "mean_area",
    "poisson_multiplicities",
    "quantile",
    "quantile_resolution",
    "replica_interval",
    "resolution_limit",
    "roc_auc",
    "shared_covariance",
    "shared_fraction",
    "shared_variance",
    "sorted_quantile",
    "stretched_edges",
    "weighted_fraction",
    "weighted_survival",
]
