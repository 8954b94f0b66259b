"""Trigger towers, or neutral particles, into the clusters that layer 1 of the correlator receives.

Particles go into a grid of towers (`geometry`). A tower that is not smaller than its eight
neighbours, and not below `seed_pt`, is the maximum of a cluster of 3 x 3 towers. A tower that
touches several maxima is shared among them in proportion to their own towers. Every sector sends
a limited number of clusters, the largest first. Maxima and sharing are those of CMSSW's
`SingleCaloClusterer` with its shares by "fractions" (cms-sw/cmssw
L1Trigger/Phase2L1ParticleFlow/src/CaloClusterer.cc, 07db6c73; thresholds of the linker in
python/pfClustersFromCombinedCalo_cfi.py, 140b5bbc, inclusive here), in whole steps of 0.25 GeV:
shares are rounded down and the rest goes to the largest maximum, so that no energy is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Integers, Singles
from l1kd.emulators.correlator.clusters.geometry import GRIDS, SECTOR_LIMITS, tables
from l1kd.emulators.correlator.clusters.kernels import (
    LOSSES,
    WINDOWS,
    Window,
    cluster,
    spread,
)
from l1kd.emulators.correlator.regionizer.particle_columns import read_particles
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB

__all__ = ["LOSSES", "WINDOWS", "Clusterer", "Clusters"]

TABLES: Final = tables()


@dataclass(frozen=True)
class Clusters:
    """What layer 1 receives instead of towers: of every event first what passed, then clusters.

    Attributes
    ----------
    particles : dict of ndarray
        `pt` [GeV], `eta`, `phi` [rad], `charge`, `pid`, `z0` [cm], as `correlate` and `Regionizer`
        read them; clusters lie on the steps of the hardware. `dxy` where there was one.
    offsets : ndarray of int64, shape (n_events + 1,)
        Bounds of the events in them.
    source : ndarray of int64
        Particle of the input that passed; -1 of clusters.
    em_fraction : ndarray of float32
        Electromagnetic share of a cluster's energy; 0 of what passed.
    hard_fraction : ndarray of float32 or None
        Share of the hard collision: of clusters the mean of their towers by energy. None without
        `hard_fraction` in the input.
    losses : dict of ndarray of int64
        For each event: `unclustered_cells` that touch no maximum, `small_clusters` below
        `min_pt`, `sector_clusters` beyond the limit of their sector, with the momentum in them
        (`unclustered_pt`, `small_pt`, `sector_pt`, and `saturated_pt` beyond the range) in 0.25
        GeV. Clusters and losses have the momentum of the deposits, to the last step.
    links : tuple of ndarray
        What became of each particle; see `spread`.
    """

    particles: dict[str, AnyArray]
    offsets: Integers
    source: Integers
    em_fraction: Singles
    hard_fraction: Singles | None
    losses: dict[str, Integers]
    links: tuple[Integers, Indices, Singles]

    @property
    def is_cluster(self) -> AnyArray:
        """Which of the particles are clusters, bool."""
        return self.source < 0

    def spread(self, values: AnyArray) -> Singles:
        """Return for each particle of the input the value of what it became.

        Parameters
        ----------
        values : ndarray of float, shape (len(source),)
            Such as weights of tracks and clusters.

        Returns
        -------
        ndarray of float32, shape (particles of the input,)
            The value itself of a particle that passed; of a deposit the sum over its clusters by
            the fraction of its tower's energy that went there, 0 for what was lost.
        """
        if np.shape(values) != self.source.shape:
            raise ValueError(f"expected {len(self.source)} values, found shape {np.shape(values)}")
        result = np.empty(len(self.links[0]), dtype=np.float32)
        spread(*self.links, np.ascontiguousarray(values, np.float64), result)
        return result


@dataclass(frozen=True)
class Clusterer:
    """Formation of clusters.

    Parameters
    ----------
    seed_pt : float
        Smallest tower that can be the maximum of a cluster [GeV].
    min_pt : float
        Smallest cluster that leaves [GeV].
    em_fraction : float
        Clusters with at least this electromagnetic share are photons to layer 1.
    limits : tuple of (int or None)
        Clusters that a sector of barrel, HGCal and HF sends; None is no limit.
    windows : tuple of str
        What a cluster of barrel, HGCal and HF is made of: "3x3", a local maximum with all its
        neighbours; "cross", with the four that share an edge with it; "2x2", with the three of the
        square that holds most; "1x1", the maximum alone; "towers", every tower above `seed_pt`.
    """

    seed_pt: float = 1.0
    min_pt: float = 1.0
    em_fraction: float = 0.75
    limits: tuple[int | None, int | None, int | None] = SECTOR_LIMITS
    windows: tuple[Window, Window, Window] = ("3x3", "3x3", "3x3")

    def __post_init__(self) -> None:
        if not (0 <= self.em_fraction <= 1 and self.seed_pt >= 0 and self.min_pt >= 0):
            raise ValueError(f"expected thresholds from 0 on and a share from 0 to 1, found {self}")
        if len(self.limits) != 3 or any(x is not None and x < 1 for x in self.limits):
            raise ValueError(
                f"expected limits of barrel, HGCal and HF, each at least 1 or None, found "
                f"{self.limits}"
            )
        if len(self.windows) != 3 or not set(self.windows) <= set(WINDOWS):
            raise ValueError(
                f"expected windows of barrel, HGCal and HF, each of {', '.join(WINDOWS)}, found "
                f"{self.windows}"
            )

    def run(
        self, particles: Mapping[str, Any], offsets: Any, *, track_max_abs_eta: float = 2.5
    ) -> Clusters:
        """Replace the deposits of events by clusters.

        Neutral particles, and charged ones beyond the tracker, are deposits. Tracks, muons and
        what is outside of the acceptance pass, and are counted where layer 1 drops them.

        Parameters
        ----------
        particles, offsets
            As for `correlate`, and if wanted `hard_fraction`, the share of the hard collision in
            every particle, and `dxy` [cm].
        track_max_abs_eta : float
            Charged particles within this pseudorapidity pass.

        Returns
        -------
        Clusters

        Raises
        ------
        ValueError
            If a column is missing or wrong.
        """
        columns, bounds = read_particles(particles, offsets)
        size, n_events = len(columns[0]), len(bounds) - 1
        hard = np.zeros(size, dtype=np.float32)
        if "hard_fraction" in particles:
            hard = np.ascontiguousarray(particles["hard_fraction"], dtype=np.float32)
            if hard.shape != (size,):
                raise ValueError(f"hard_fraction has shape {hard.shape}; expected ({size},)")
        raw = tuple(np.zeros(size, dtype=np.int64) for _ in range(3))
        em, truth = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
        source, pid = np.empty(size, dtype=np.int64), np.zeros(size, dtype=np.int8)
        # a tower has one link, or up to four; each ends with a mark
        links = (
            np.empty(size, dtype=np.int64),
            np.empty(5 * size + 1, dtype=np.int32),
            np.empty(5 * size + 1, dtype=np.float32),
        )
        new = np.zeros(n_events + 1, dtype=np.int64)
        lost = np.zeros((n_events, len(LOSSES)), dtype=np.int64)
        n_links = cluster(
            bounds, columns[:5], hard, float(track_max_abs_eta), self._cuts(), self._limits(),
            self._windows(), TABLES, (*raw, em, truth, source, pid), new, links, lost,
        )  # fmt: skip
        n = new[-1]
        source, passed = source[:n], source[:n] >= 0
        result = _columns(particles, columns, [r[:n] for r in raw], pid[:n], source)
        em, truth = em[:n], truth[:n]
        truth[passed] = hard[source[passed]]
        return Clusters(
            particles=result,
            offsets=new,
            source=source,
            em_fraction=em,
            hard_fraction=truth if "hard_fraction" in particles else None,
            losses=dict(zip(LOSSES, lost.T, strict=True)),
            links=(links[0], links[1][:n_links], links[2][:n_links]),
        )

    def _cuts(self) -> tuple[int, int, int]:
        """Thresholds in steps of momentum, and the share of photons in 1/256."""
        seed, smallest = (int(np.floor(x / PT_LSB + 0.5)) for x in (self.seed_pt, self.min_pt))
        return seed, max(smallest, 1), int(np.floor(256 * self.em_fraction + 0.5))

    def _limits(self) -> Integers:
        """Limits by grid, -1 for none."""
        limits = [self.limits[g.detector] for g in GRIDS]
        return np.array([-1 if x is None else x for x in limits], dtype=np.int64)

    def _windows(self) -> Integers:
        """Windows by grid, as the kernel numbers them."""
        return np.array([WINDOWS.index(self.windows[g.detector]) for g in GRIDS], dtype=np.int64)


def _columns(
    particles: Mapping[str, Any], columns: tuple[AnyArray, ...], raw: list[Integers],
    pid: AnyArray, source: Integers,
) -> dict[str, AnyArray]:  # fmt: skip
    """Join what passed, as it was, with the clusters in physical units."""
    passed = source >= 0
    pt, eta, phi, charge, kind, z0 = columns
    lsb = (PT_LSB, ETA_PHI_LSB, ETA_PHI_LSB)
    result: dict[str, AnyArray] = {}
    for name, old, steps, size in zip(("pt", "eta", "phi"), (pt, eta, phi), raw, lsb, strict=True):
        result[name] = _joined(passed, source, old, steps * size)
    result["charge"] = _joined(passed, source, charge, np.zeros(len(source), charge.dtype))
    result["pid"] = _joined(passed, source, kind, pid)
    result["z0"] = _joined(passed, source, z0, np.zeros(len(source)))
    if "dxy" in particles:
        dxy = np.asarray(particles["dxy"], dtype=np.float64)
        result["dxy"] = _joined(passed, source, dxy, np.zeros(len(source)))
    return result


def _joined(passed: AnyArray, source: Integers, old: AnyArray, new: AnyArray) -> AnyArray:
    """Return the old values where something passed, the new ones of clusters."""
    result = np.array(new)
    result[passed] = old[source[passed]]
    return result
