"""CICADA: calorimeter regions to the anomaly score; the wrapper only copies."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers, Singles
from l1kd.emulators.deployed.checks import integers, sizes
from l1kd.emulators.network import Network

__all__ = ["Cicada"]


class Cicada:
    """CICADA: calorimeter regions to the anomaly score.

    Parameters
    ----------
    network : Network
        The network of one version; its input has 252 elements, its output one.

    Raises
    ------
    ValueError
        If the network has other sizes.
    """

    SHAPE = (18, 14)

    def __init__(self, network: Network) -> None:
        sizes(network, "CICADA", [252], [1])
        self.network = network

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Cicada":
        """Read a version's firmware folder."""
        return cls(Network.from_hls_project(folder))

    def score_raw(self, regions: npt.ArrayLike, threads: int = 1) -> Integers:
        """Return the raw score of every event; shape (n,).

        Parameters
        ----------
        regions : integers, shape (n, 18, 14) or (n, 252)
            Transverse energy of the regions in trigger counts, row = phi, column = eta.
        """
        values = integers("regions", regions)
        if values.shape[1:] not in (self.SHAPE, (252,)):
            raise ValueError(f"shape (n, 18, 14) expected, not {values.shape}")
        flat = values.reshape(len(values), 252)
        scores: Integers = self.network.predict_raw(flat, threads=threads).reshape(len(flat))
        return scores

    def score(self, regions: npt.ArrayLike, threads: int = 1) -> Singles:
        """Return the score of every event; float32, shape (n,)."""
        form = self.network.outputs[0].format
        return form.to_float(self.score_raw(regions, threads)).astype(np.float32)
