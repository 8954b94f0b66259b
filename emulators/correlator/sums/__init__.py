"""Missing transverse momentum, HT and missing HT of layer 2."""

from l1kd.emulators.correlator.sums.sums import (
    HT_MAX_ABS_ETA,
    HT_MIN_PT,
    ht,
    ht_raw,
    met,
    met_raw,
    select_jets,
)

__all__ = ["HT_MAX_ABS_ETA", "HT_MIN_PT", "ht", "ht_raw", "met", "met_raw", "select_jets"]
