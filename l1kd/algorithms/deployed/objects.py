"""Networks of the Global Trigger: AXOL1TL and TOPO on Level-1 objects."""

from pathlib import Path
from typing import Any, Literal

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from l1kd._edge import collections
from l1kd.algorithms.deployed.base import DeployedNetwork, closed, read_folder
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.deployed import Axol1tl, Topo, axol1tl_inputs, topo_inputs
from l1kd.errors import ConfigurationError, InputError, MissingBranchError
from l1kd.hardware_objects import (
    CENTRAL_CUTS,
    COLLECTIONS,
    SUM_TYPES,
    ObjectList,
    kept_in,
    prefix_of,
    slots_of,
)

__all__ = ["AXOL1TL", "TOPO"]

_Kept = Literal["all", "central"]
_VERTEX = ("pt", "eta", "phi")
_STATION = ("pt", "station_eta", "station_phi")


class _OnObjects(DeployedNetwork):
    """A network of hardware integers of L1 objects: crossing 0, the collections' own order."""

    families: tuple[str, ...]
    sum_kind: str

    def __init__(
        self,
        model: str | Path | None = None,
        source: str | None = None,
        *,
        kept: _Kept | None = None,
    ) -> None:
        super().__init__(model, source)
        if kept not in (None, "all", "central"):
            raise ConfigurationError(f"kept is 'all' or 'central', not {kept!r}")
        self.kept = kept

    def applies_to(self, events: Any) -> bool:
        """Whether the events have all collections of L1 objects that it reads."""
        names = collections(events)
        try:
            prefix = self._prefix(events)
        except (MissingBranchError, ConfigurationError):
            return False
        return all(prefix + name in names for name in self._collections())

    def _collections(self) -> tuple[str, ...]:
        return (*(COLLECTIONS[family] for family in self.families), "EtSum")

    def _prefix(self, events: Any) -> str:
        if self.source is None:
            return prefix_of(events)
        if self.source not in ("L1", "L1Emul"):
            raise ConfigurationError(
                f"{self.name}: source is 'L1' or 'L1Emul', not {self.source!r}"
            )
        return self.source

    def _lists(self, events: ak.Array) -> dict[str, ObjectList]:
        """Open the collections, after a check that no soft object was left out of the file."""
        prefix = self._prefix(events)
        missing = [
            prefix + name for name in self._collections() if prefix + name not in events.fields
        ]
        if missing:
            raise MissingBranchError(
                f"{self.name} needs {', '.join(missing)}, which these events lack; L1 objects come "
                "with NanoAOD's flavours @L1FULL and @L1DPG, and with L1 NANO"
            )
        if (self.kept or kept_in(events, prefix)) == "central":
            cuts = ", ".join(
                f"{family} {CENTRAL_CUTS[family] / 2:g} GeV" for family in CENTRAL_CUTS
            )
            raise InputError(
                f"{self.name} reads every L1 object, and these events keep only the hard ones "
                f"(central NanoAOD; its cuts: {cuts}), so that its score would be another; take "
                "the flavour @L1FULL, or say kept='all' if nothing was cut"
            )
        names = {family: prefix + COLLECTIONS[family] for family in self.families}
        return {
            family: ObjectList(events, name)
            for family, name in {**names, self.sum_kind: prefix + "EtSum"}.items()
        }

    def _for_menus(self, compared: AnyArray, dtype: Any) -> dict[str, ak.Array]:
        """Return the number that the Global Trigger compares; menus look for it by model, too."""
        places = [type(self).__name__]
        if self.folder.resolve().name.startswith(f"{places[0]}_"):
            places.append(self.folder.resolve().name)
        return {f"{place}.score_raw": closed(compared, dtype) for place in places}

    def _sum(self, lists: dict[str, ObjectList], names: tuple[str, ...]) -> NDArray[np.int64]:
        """Return fields of the sum, shape (n, len(names)); 0 in an event without it."""
        kind = SUM_TYPES[self.sum_kind]
        sums = lists[self.sum_kind]
        events = len(sums.offsets) - 1
        if events and not (sums.column("etSumType") == kind).any():
            types = np.unique(sums.column("etSumType")).tolist()
            raise MissingBranchError(
                f"{self.name} needs the sum of type {kind} ({self.sum_kind}); {sums.name} of these "
                f"{events} events " + (f"has types {types}" if types else "holds no sum at all")
            )
        return slots_of(sums, self.sum_kind, names, 1, kind)[:, 0]


class AXOL1TL(_OnObjects):
    """AXOL1TL: anomaly score of MET, 4 e/gamma, 4 muons and 10 jets of the Global Trigger.

    Inserted are `AXOL1TL.score`, the loss, and `AXOL1TL.score_raw`, the integer 16 times as large
    with which menus compare and that CMSSW calls the score; a folder `AXOL1TL_vN` gives the integer
    as `AXOL1TL_vN.score_raw`, too, which menus look for by the model that they name. Muons are
    taken at the vertex, momenta with their half GeV, as the firmware does.

    Parameters
    ----------
    model
        Folder of a version, ``AXOL1TL_vN`` of cms-hls4ml/AXOL1TL.
    source
        `L1` or `L1Emul`; by default what the events have.
    legacy
        As CMSSW's emulator had it until 2026, for comparison with scores that it wrote: momenta in
        whole GeV, muons at the second station.
    kept
        "all" says that the file kept soft objects, where its branches do not show it.
    """

    name = "axol1tl"
    adds = "AXOL1TL.score"
    label = "AXOL1TL"
    step = 1.0 / 16.0
    home = "cms-hls4ml/AXOL1TL"
    inputs = ("L1EtSum", "L1EG", "L1Mu", "L1Jet")
    families = ("EG", "MU", "JET")
    sum_kind = "ETM"

    def __init__(
        self,
        model: str | Path | None = None,
        source: str | None = None,
        *,
        legacy: bool = False,
        kept: _Kept | None = None,
    ) -> None:
        super().__init__(model, source, kept=kept)
        self.legacy = legacy

    @property
    def version(self) -> str:
        """Name of the folder, and whether inputs are those of the old emulator."""
        return super().version + (", legacy inputs" if self.legacy else "")

    @property
    def network(self) -> Axol1tl:
        """The emulator of the wrapper and its network."""
        found: Axol1tl = read_folder(Axol1tl.from_folder, self.folder)
        return found

    def arrays(self, events: ak.Array) -> tuple[AnyArray, ...]:
        """Read its 57 numbers, float64 of shape (n, 57): see `axol1tl_inputs`."""
        lists = self._lists(events)
        muons = slots_of(lists["MU"], "MU", _STATION if self.legacy else _VERTEX, 4)
        met = self._sum(lists, ("pt", "phi"))
        egammas, jets = (slots_of(lists[k], k, _VERTEX, n) for k, n in (("EG", 4), ("JET", 10)))
        return (axol1tl_inputs(met, egammas, muons, jets, legacy=self.legacy),)

    def numpy_call(self, *arrays: Any, **_: Any) -> AnyArray:
        """Return losses of rows of 57 numbers, float32; see `axol1tl_inputs`."""
        return self.network.score(arrays[0]).astype(np.float32)

    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return score and integer."""
        network = self.network
        (numbers,) = self.arrays(events)
        raw = network.score_raw(numbers)
        score = raw.astype(np.float64) / 16.0
        return {self.adds: closed(score), **self._for_menus(raw, np.int32)}


class TOPO(_OnObjects):
    """TOPO: score of HT, two muons and four jets of the Global Trigger.

    Versions with 20 and with 21 inputs are told apart by the network. HT is the sum of type
    `kTotalHt` and nothing else. Inserted are `TOPO.score`, the network's output, and
    `TOPO.score_raw`, the number that the version's caller compares with a menu: the output itself
    with 20 inputs, times 1023 with 21; besides under the name of the folder, as for `AXOL1TL`.

    Parameters
    ----------
    model
        Folder of a version, ``TOPO_*`` of cms-hls4ml/TOPO.
    source, kept
        As for `AXOL1TL`.
    """

    name = "topo"
    adds = "TOPO.score"
    label = "TOPO"
    step = 1.0 / 1024.0
    home = "cms-hls4ml/TOPO"
    inputs = ("L1EtSum", "L1Mu", "L1Jet")
    families = ("MU", "JET")
    sum_kind = "HTT"

    @property
    def network(self) -> Topo:
        """The emulator of the wrapper and its network."""
        found: Topo = read_folder(Topo.from_folder, self.folder)
        return found

    def arrays(self, events: ak.Array) -> tuple[AnyArray, ...]:
        """Read its 20 or 21 integers: see `topo_inputs`."""
        lists = self._lists(events)
        fields = _STATION if self.network.n_inputs == 20 else (*_VERTEX, "quality")
        muons = slots_of(lists["MU"], "MU", fields, 2)
        jets = slots_of(lists["JET"], "JET", _VERTEX, 4)
        return (topo_inputs(self._sum(lists, ("pt",))[:, 0], muons, jets),)

    def numpy_call(self, *arrays: Any, **_: Any) -> AnyArray:
        """Return outputs for rows of 20 or 21 integers, float32; see `topo_inputs`."""
        return self.network.output(arrays[0]).astype(np.float32)

    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return score, and what a menu compares."""
        network = self.network
        (numbers,) = self.arrays(events)
        output = network.output(numbers)
        compared = network.compared(output)
        return {self.adds: closed(output), **self._for_menus(compared, np.float32)}
