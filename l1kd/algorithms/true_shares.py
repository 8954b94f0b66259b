"""The bound of all particle weights: true shares of the hard collision, through the correlator."""

from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import flat
from l1kd.algorithms.weighed import WeighedCorrelator
from l1kd.emulators.array_types import AnyArray, Integers, Singles
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.errors import MissingBranchError

__all__ = ["TrueShares"]


class TrueShares(WeighedCorrelator):
    """The correlator with the true share of every candidate as its weight.

    In a crossing without a hard collision next to nothing is left, so that this is a bound and no
    aim. Only simulation that stores the shares has it.

    Parameters
    ----------
    clusters
        As for `Correlator`.
    prefix
        Name.
    """

    def __init__(self, clusters: bool | Clusterer = True, prefix: str = "L1Truth") -> None:
        super().__init__(clusters, prefix)
        self.label = "correlator, true shares"

    @property
    def version(self) -> str:
        """Whether clusters are formed."""
        return f"truth{'-clusters' if self.clusters else ''}"

    def columns_beside(self, record: ak.Array) -> dict[str, AnyArray]:
        """Return the true shares."""
        if "hard_fraction" not in record.fields:
            raise MissingBranchError(
                "true shares need simulation that stores them (HardEnergyFraction, IsPU)"
            )
        return {"hard_fraction": flat(record["hard_fraction"], np.float32)}

    def given(self, particles: dict[str, Any], offsets: Integers) -> Singles:
        """Return the shares, of clusters those of their deposits."""
        return np.asarray(particles["hard_fraction"], np.float32)
