"""LinPuppi, the pile-up mitigation of the Level-1 correlator, bit for bit.

The fixed-point version of cms-sw/cmssw commit 1c4c42c4 (`linpuppi_ref.cpp`), for regions with
tracks (barrel, HGCal) and without (HGCal beyond the tracker, HF). The older integer version, whose
results differ, is the variant "integer".
"""

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np

from l1kd.emulators.array_types import AnyArray, Codes, Indices, Shorts
from l1kd.emulators.correlator.linpuppi.integer_variant import LegacyTables, run_legacy
from l1kd.emulators.correlator.linpuppi.output_kernels import (
    finish_forward,
    finish_tracker,
    run_forward,
    run_tracker,
)
from l1kd.emulators.correlator.linpuppi.output_lists import OutputLists, final_arrays
from l1kd.emulators.correlator.linpuppi.parameters import PRESETS, LinPuppiParameters
from l1kd.emulators.correlator.linpuppi.weight_kernels import weigh_forward, weigh_tracker
from l1kd.emulators.correlator.named_arrays import matrices, row_limits, vectors
from l1kd.emulators.correlator.sorting import sort_network
from l1kd.emulators.correlator.tables import WEIGHT

__all__ = ["PRESETS", "VARIANTS", "LinPuppi", "LinPuppiParameters", "final_arrays"]

VARIANTS: Final = ("fixed-point", "integer")

REGION: Final = ("hwEtaCenter", "hwPhiCenter", "hwEtaHalfWidth", "hwPhiHalfWidth")
TRACK: Final = ("hwPt", "hwEta", "hwPhi", "hwZ0")
CHARGED: Final = (
    "hwPt", "hwEta", "hwPhi", "hwId", "hwZ0", "hwDxy", "hwDEta", "hwDPhi", "hwTkQuality",
)  # fmt: skip
NEUTRAL: Final = ("hwPt", "hwEta", "hwPhi", "hwId", "hwEmID")
CLUSTER: Final = ("hwPt", "hwEta", "hwPhi", "hwEmID")

Arrays = tuple[Shorts, ...]


class LinPuppi:
    """LinPuppi of one board type.

    Parameters
    ----------
    parameters : LinPuppiParameters
        Configuration; see `LinPuppi.preset` for those of the reference.
    variant : {"fixed-point", "integer"}
        The version of the algorithm. "integer" is the one of CMSSW 12 to 15, whose momenta differ
        from the present one for many neutrals.

    Raises
    ------
    ValueError
        If the variant is unknown or a parameter does not fit the firmware's types.
    """

    def __init__(self, parameters: LinPuppiParameters, variant: str = "fixed-point") -> None:
        if variant not in VARIANTS:
            raise ValueError(f"unknown variant {variant!r}; known are {', '.join(VARIANTS)}")
        self.parameters = parameters
        self.variant = variant
        p, raw = parameters, parameters.raw()
        network = sort_network(p.final_sort, p.n_track + p.n_out, p.n_final)
        self._exchanges = (network.pairs, network.outputs, network.n_wires)
        self._bins = raw.bins
        self._tables = (raw.edges, raw.alpha_table(), WEIGHT)
        pt2_max = min((raw.pt_max * raw.pt_max) >> 5, 32767)
        self._setup = np.array(
            [p.n_track, p.n_in, raw.dr2_min, raw.dr2_max, pt2_max, raw.dz, p.n_out, p.n_final],
            dtype=np.int32,
        )
        self._legacy = LegacyTables.of(parameters) if variant == "integer" else None

    @classmethod
    def preset(cls, name: str, variant: str = "fixed-point") -> Self:
        """Return LinPuppi with the reference's configuration of a board type.

        Parameters
        ----------
        name : {"barrel", "hgcal", "hgcalnotk", "hf"}
            Board type.
        variant : {"fixed-point", "integer"}
            Version of the algorithm.

        Raises
        ------
        ValueError
            If the name or the variant is unknown.
        """
        if name not in PRESETS:
            raise ValueError(f"unknown LinPuppi preset {name!r}; known are {', '.join(PRESETS)}")
        return cls(PRESETS[name], variant)

    def run(
        self,
        inputs: Mapping[str, AnyArray],
        out: Mapping[str, AnyArray] | None = None,
    ) -> dict[str, AnyArray]:
        """Compute every output field of the region algorithm.

        Parameters
        ----------
        inputs : mapping of ndarray of int
            `region_hwEtaCenter`, `region_hwPhiCenter`, `region_hwEtaHalfWidth`,
            `region_hwPhiHalfWidth`, `n_neu`, of shape (n,); with tracks also `pv_hwZ0`, `n_trk`
            (n,) and `trk_*` (hwPt hwEta hwPhi hwZ0), `pfch_*` (hwPt hwEta hwPhi hwId hwZ0 hwDxy
            hwDEta hwDPhi hwTkQuality), of shape (n, slots), and `pfne_*` (hwPt hwEta hwPhi hwId
            hwEmID); without tracks `calo_*` (hwPt hwEta hwPhi hwEmID). Positions are local to the
            region. Slots from `n_trk` or `n_neu` on are ignored.
        out : mapping of ndarray, optional
            Result of an earlier call for as many regions, to be overwritten: new memory costs as
            much as a tenth of the work. The integer variant does not look at it.

        Returns
        -------
        dict of ndarray
            `out_assoc`, `out_ch_*`, `out_nocut_*`, `out_all_hwPt`, `out_sel_*`, `out_n_sel`,
            `out_puppi_*` and `out_n_puppi`, raw integers, global positions, shapes (n, slots). The
            integer variant gives `legacy_nocut_hwPt`, `legacy_nocut_hwPuppiW`, `legacy_all_hwPt`
            and, with tracks, `legacy_ch_hwPt`.

        Raises
        ------
        ValueError
            If an array is missing, has another shape or holds values outside the firmware's types.
        """
        n, region, counts = self._regions(inputs)
        if self._legacy is not None:
            return run_legacy(self._legacy, *self._objects(inputs, n, counts), region, counts)
        track, charged, neutral = self._objects(inputs, n, counts)
        if self.parameters.forward:
            return self._forward(n, neutral, region, counts, out)
        return self._tracker(n, track, charged, neutral, region, counts, out)

    def _regions(self, inputs: Mapping[str, AnyArray]) -> tuple[int, Arrays, Arrays]:
        """Read the arrays with one number per region."""
        region = vectors(inputs, "region_", REGION)
        n = len(region[0])
        zero = np.zeros(n, dtype=np.int16)
        n_neu = vectors(inputs, "", ("n_neu",), n)[0]
        if self.parameters.forward:
            return n, region, (zero, zero, n_neu)
        return n, region, (*vectors(inputs, "", ("pv_hwZ0", "n_trk"), n), n_neu)

    def _objects(
        self, inputs: Mapping[str, AnyArray], n: int, counts: Arrays
    ) -> tuple[Arrays, Arrays, Arrays]:
        """Read the arrays with one number per region and slot."""
        if self.parameters.forward:
            pt, eta, phi, em_id = matrices(inputs, "calo_", CLUSTER, n)
            row_limits("n_neu", counts[2], pt.shape[1])
            return (), (), (pt, eta, phi, em_id, em_id)
        track = matrices(inputs, "trk_", TRACK, n)
        charged = matrices(inputs, "pfch_", CHARGED, n)
        neutral = matrices(inputs, "pfne_", NEUTRAL, n)
        row_limits("n_trk", counts[1], min(track[0].shape[1], charged[0].shape[1]))
        row_limits("n_neu", counts[2], neutral[0].shape[1])
        is_em = neutral[3] & 1
        return track, charged, (*neutral[:3], is_em, neutral[4])

    def _forward(
        self, n: int, cluster: Arrays, region: Arrays, counts: Arrays,
        used: Mapping[str, AnyArray] | None,
    ) -> dict[str, AnyArray]:  # fmt: skip
        """Run regions without tracks; the selected list is the output."""
        lists = OutputLists(n, self.parameters, used)
        run_forward(
            cluster, region, counts, self._setup, self._bins, self._tables, True,
            lists.neutral(), final_arrays(0, 0, self.parameters),
        )  # fmt: skip
        named = lists.named
        for field in ("hwPt", "hwEta", "hwPhi", "hwId", "hwPuppiW", "hwEmID"):
            named[f"out_puppi_{field}"] = named[f"out_sel_{field}"]
        named["out_n_puppi"] = named["out_n_sel"]
        return named

    def run_final(
        self, track: Arrays, charged: Arrays, neutral: Arrays, region: Arrays, counts: Arrays,
        out: tuple[Any, ...],
    ) -> None:  # fmt: skip
        """Write only the final candidates, of arrays that are known to be valid.

        Parameters
        ----------
        track, charged, neutral, region, counts : tuple of ndarray of int16
            As the kernels take them; without tracks the first two are not read.
        out : tuple of ndarray
            Output of `final_arrays`, whose slots beyond the number of candidates stay as they are.
            Candidates of no momentum are skipped in regions without tracks too.
        """
        setup, bins, tables = self._setup, self._bins, self._tables
        lists = OutputLists(0, self.parameters)
        if self.parameters.forward:
            run_forward(neutral, region, counts, setup, bins, tables, False, lists.neutral(), out)
            return
        run_tracker(
            track, charged, neutral, region, counts, setup, bins, tables, self._exchanges, False,
            lists.charged(1) + lists.neutral(), out,
        )  # fmt: skip

    @property
    def setup(self) -> Indices:
        """The integers that hold for all eta bins, as the kernels read them."""
        return self._setup

    def weigh(
        self, track: Arrays, charged: Arrays, neutral: Arrays, region: Arrays, counts: Arrays,
        kept: Codes, result: Arrays,
    ) -> None:  # fmt: skip
        """Weigh, and neither sort nor write, arrays that are known to be valid.

        Parameters
        ----------
        track, charged, neutral, region, counts : tuple of ndarray of int16
            As for `run_final`.
        kept : ndarray of int8, shape (n, slots)
            Gets 1 for the tracks that are kept; not read without tracks.
        result : tuple of three ndarray of int16, shape (n, n_in)
            Get the weight of every neutral, its weighted momentum, and the same or -1 where it is
            dropped.
        """
        wide = (max(self.parameters.n_track, self.parameters.n_in) + 64) & ~31
        scratch = np.zeros((6, wide), dtype=np.int32)
        work = (np.empty_like(kept), kept, result, scratch[:2], scratch[2:5], scratch[5])
        rows = (0, len(region[0]))
        common = (region, counts, self._setup, self._bins, self._tables, work)
        if self.parameters.forward:
            weigh_forward(*rows, neutral[:4], *common)
        else:
            weigh_tracker(*rows, track, charged, neutral[:4], *common)

    def finish(
        self, charged: Arrays, neutral: Arrays, region: Arrays, counts: Arrays, kept: Codes,
        result: Arrays, out: tuple[Any, ...],
    ) -> None:  # fmt: skip
        """Sort and write the final candidates of what was weighed, by `weigh` or otherwise.

        Parameters
        ----------
        charged, neutral, region, counts, kept, result
            As for `weigh`; the momenta of `charged` are those that leave.
        out : tuple of ndarray
            As for `run_final`.
        """
        if self.parameters.forward:
            finish_forward(neutral[:4], region, counts, self._setup, result, out)
            return
        exchanges = self._exchanges
        finish_tracker(
            charged, neutral, region, counts, self._setup, exchanges, kept, result, out
        )  # fmt: skip

    def _tracker(
        self, n: int, track: Arrays, charged: Arrays, neutral: Arrays, region: Arrays,
        counts: Arrays, used: Mapping[str, AnyArray] | None,
    ) -> dict[str, AnyArray]:  # fmt: skip
        """Run regions with tracks."""
        lists = OutputLists(n, self.parameters, used)
        intermediate = lists.charged(track[0].shape[1]) + lists.neutral()
        run_tracker(
            track, charged, neutral, region, counts, self._setup, self._bins, self._tables,
            self._exchanges, True, intermediate, lists.final(self.parameters.n_final),
        )  # fmt: skip
        return lists.named
