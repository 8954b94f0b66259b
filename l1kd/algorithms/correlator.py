"""The Level-1 correlator with LinPUPPI or a network in its regions, under names of its own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import awkward as ak

from l1kd._edge import jagged, offsets_of
from l1kd.algorithms import layer2
from l1kd.algorithms.linpuppi import LinPuppi
from l1kd.algorithms.puppi import Association
from l1kd.algorithms.region_networks import RegionNetwork, region_network
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import LinPuppi as Weigher
from l1kd.emulators.correlator.linpuppi import LinPuppiParameters
from l1kd.errors import ConfigurationError
from l1kd.vertices import Vertex

__all__ = ["LINPUPPI", "QDISTILLNET", "SHIPPED", "Correlator", "NetworkCorrelator"]

LINPUPPI: Final = "linpuppi"
QDISTILLNET: Final = "qdistillnet"
SHIPPED: Final = "qdistillnet_correlator-v6"
"""The artefact that "qdistillnet" means."""


class Correlator(LinPuppi):
    """The correlator bit for bit, from particles to jets, MET and HT.

    Inserted are, for a prefix P, `PCand` (up to 128 an event), `PJet` (seeded cone of 0.4, up to
    16), `PMET` (`pt`, `phi`), `PHT` (`pt`, and the missing HT `mht`, `mht_phi`) and `PLosses`, in
    physical units and with the firmware's integers (`hw*`), and the weight of every particle,
    `L1Cand.P_weight`. P is the algorithm's name as well: as a weighting of rates and efficiencies
    it means these jets, MET and HT. Several correlators of different prefixes stand side by side
    in one `insert`.

    Parameters
    ----------
    weight
        "linpuppi"; "qdistillnet", the network that l1kd ships for it; or the name or folder of
        another artefact of kind "correlator" (`l1kd train correlator`).
    vertex
        "found": the vertex that the trigger finds from the tracks. "simulated": the true one, to
        which dz is relative.
    clusters
        Whether neutral particles become clusters first, as layer 1 has them; a `Clusterer` says
        how. None: as the network was trained; with LinPUPPI they do.
    prefix
        Of the inserted collections; "L1Puppi" for LinPUPPI, "L1QDistill" for a network.
    source, association
        As for `LinPuppi`.
    puppi
        LinPUPPI's parameters by board type, where they are not the presets (nor the ones with
        which a network was trained).

    Raises
    ------
    ConfigurationError
        If an option is none of these.
    """

    name = "L1Puppi"
    adds = "L1Cand.L1Puppi_weight"
    label = "correlator, LinPUPPI"

    def __init__(
        self,
        weight: str | Path = LINPUPPI,
        vertex: Vertex = "found",
        clusters: bool | Clusterer | None = None,
        prefix: str | None = None,
        *,
        source: str | None = None,
        association: Association = "dz",
        puppi: Mapping[str, LinPuppiParameters] | None = None,
    ) -> None:
        super().__init__(
            source,
            association=association,
            vertex=vertex,
            clusters=clusters or False,
        )
        self._by_model = clusters is None
        self.weight = str(weight)
        self.puppi = dict(puppi or {})
        usual = "L1Puppi" if self.weight == LINPUPPI else "L1QDistill"
        self.prefix = usual if prefix is None else prefix
        if not self.prefix.isidentifier() or self.prefix == "L1":
            raise ConfigurationError(
                f"prefix {prefix!r}: expected letters, digits and underscores, and not L1 itself, "
                "whose L1Cand are the particles"
            )
        self.name = self.prefix
        self.adds = f"L1Cand.{self.prefix}_weight"
        network = "QDistillNet" if self.weight == QDISTILLNET else self.prefix
        self.label = f"correlator, {'LinPUPPI' if self.weight == LINPUPPI else network}"

    def __repr__(self) -> str:
        """Return what was asked of it; no model is loaded for that."""
        return f"Correlator({self.weight!r}, {self.vertex!r}, prefix={self.prefix!r})"

    @property
    def network(self) -> RegionNetwork | None:
        """The network that weighs the candidates; None for LinPUPPI.

        Raises
        ------
        ArtefactError
            If there is no such artefact, or it is none of a network for the correlator.
        """
        if self.weight == LINPUPPI:
            return None
        return region_network(SHIPPED if self.weight == QDISTILLNET else self.weight)

    @property
    def version(self) -> str:
        """Name of the network or reference of LinPUPPI, and vertex and clusters."""
        network = self.network
        title = "cmssw-1c4c42c4" if network is None else network.artefact.title
        ideal = "-truth" if self.association == "truth" else ""
        own = "-tuned" if self.puppi else ""
        clusters = "-clusters" if self._clusterer() is not None else ""
        return f"{title}{own}-{self.vertex}{ideal}{clusters}"

    def fields(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return the weight and the collections."""
        result = self.correlator(events)
        offsets = offsets_of(self.particles(events)["pt"])
        return {
            self.adds: jagged(result.weights, offsets),
            f"{self.prefix}Cand": layer2.candidates(result, offsets),
            f"{self.prefix}Jet": layer2.jets(result.jets),
            f"{self.prefix}MET": layer2.met(result.met),
            f"{self.prefix}HT": layer2.ht(result.ht),
            f"{self.prefix}Vertex": layer2.vertex(result, self._finds(self.particles(events))),
            f"{self.prefix}Losses": ak.zip(dict(result.losses)),
        }

    def _clusterer(self) -> Clusterer | None:
        if not self._by_model:
            return self.clusters
        network = self.network
        return Clusterer() if network is None else network.clusters

    def _chain(self) -> dict[str, Any]:
        network = self.network
        puppi = {board: Weigher(own) for board, own in self.puppi.items()}
        if network is None:
            return {"clusters": self._clusterer(), "puppi": puppi}
        return {
            "clusters": self._clusterer(),
            "puppi": network.puppi | puppi,
            "weight": network.weight,
        }


class NetworkCorrelator(Correlator):
    """The correlator with a network in its regions, by the name `L1QDistill`.

    Parameters
    ----------
    model
        As `weight` of `Correlator`; the network that l1kd ships for it by default.
    vertex, clusters, source
        As for `Correlator`.
    """

    name = "L1QDistill"
    adds = "L1Cand.L1QDistill_weight"
    label = "correlator, QDistillNet"

    def __init__(
        self,
        model: str | Path = QDISTILLNET,
        vertex: Vertex = "found",
        clusters: bool | Clusterer | None = None,
        *,
        source: str | None = None,
    ) -> None:
        super().__init__(model, vertex, clusters, source=source)
