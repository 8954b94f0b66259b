"""Forms the inputs of a network for one batch of regions after another."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Mask
from l1kd.emulators.correlator.linpuppi.linpuppi import LinPuppi
from l1kd.emulators.correlator.linpuppi.weight_kernels import phi_at_vertex
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.regionizer.regionizer import Batch
from l1kd.emulators.correlator.weighing.columns import (
    OF_MET,
    OF_PLACES,
    ONE,
    Tracks,
    mode_of,
    numbers_of,
)
from l1kd.emulators.correlator.weighing.event_met import add_momenta, directions
from l1kd.emulators.correlator.weighing.input_kernels import (
    FIRST_NEUTRAL,
    NUMBERS,
    event_sums,
    fill_inputs,
    place_histogram,
    place_sums,
    work_arrays,
)

__all__ = ["InputFormer", "wanted_sums"]

_SUMS: Final = (
    ("vertex_pt_01", "vertex_pt_02", "vertex_pt_04", "vertex_max_02"),
    ("pileup_pt_01", "pileup_pt_02", "pileup_pt_04", "pileup_count_04"),
    ("neutral_pt_01", "neutral_pt_02", "neutral_pt_04", "neutral_max_02", "neutral_count_04"),
    ("em_pt_02",),
    ("alpha",),
    ("pileup_alpha",),
    ("neutral_alpha",),
    ("other_z_max_02", "other_z_max_04", "second_pt_02", "second_pt_04"),
)
"""The columns that need each of the sums over neighbours."""


def wanted_sums(names: Sequence[str]) -> Mask:
    """Return which of the sums over neighbours these columns need, bool[8]."""
    return np.array([any(name in names for name in group) for group in _SUMS])


class InputFormer:
    """Forms the inputs of the candidates of one batch of events after another.

    Parameters
    ----------
    batch : Batch
        The regions, which `Batch.fill` fills.
    algorithms : sequence of LinPuppi
        One for every board type.
    names : sequence of str
        Inputs, of `columns.NAMES`.
    tracks : {"none", "kept", "every"}
        Which tracks are weighed as well: none, those that LinPUPPI keeps, or every one.

    Attributes
    ----------
    kept : ndarray of int8, shape (rows, slots)
        Which tracks LinPUPPI keeps.
    results : list of tuple of ndarray of int16
        For every board type LinPUPPI's weights, weighted momenta, and these or -1 where dropped.
    values, places : ndarray of int16, shape (capacity, inputs) and (capacity, 3)
        Inputs, and board type, row within it, and slot (neutrals from 64 on), of the candidates.
    """

    def __init__(
        self, batch: Batch, algorithms: Sequence[LinPuppi], names: Sequence[str], *, tracks: Tracks
    ) -> None:
        self._batch = batch
        self._algorithms = algorithms
        self._chosen = np.array(numbers_of(names), dtype=np.int64)
        self._wanted = wanted_sums(names)
        self._mode = mode_of(tracks)
        self._with_places = any(name in OF_PLACES for name in names)
        self._with_met = any(name in OF_MET for name in names)
        self._arguments = [batch.arguments(kind) for kind in range(len(BOARDS))]
        self._work = work_arrays()
        self._histogram = place_histogram()
        self._places = np.zeros_like(batch.tracks[0][0])
        self._events = np.zeros((batch.n_events, NUMBERS), dtype=np.int64)
        self._sums = np.zeros((batch.n_events, 2), dtype=np.int64)
        self.kept = np.zeros(batch.tracks[0][0].shape, dtype=np.int8)
        self.results = [
            tuple(np.zeros((3, rows.stop - rows.start, a.parameters.n_in), dtype=np.int16))
            for rows, a in zip(batch.rows, algorithms, strict=True)
        ]
        self._slots = [(a.parameters.n_track, a.parameters.n_in) for a in algorithms]
        capacity = sum(
            (rows.stop - rows.start) * (a.parameters.n_in + a.parameters.n_track * (self._mode > 0))
            for rows, a in zip(batch.rows, algorithms, strict=True)
        )
        self.values = np.zeros((capacity, len(names)), dtype=np.int16)
        self.places = np.zeros((capacity, 3), dtype=np.int16)

    def form(self) -> int:
        """Weigh with LinPUPPI, form the inputs of the batch, and return how many candidates."""
        batch = self._batch
        given = (
            batch.n_events, batch.boards, batch.tracks[0], batch.tracks[2], batch.region, batch.pv,
        )  # fmt: skip
        event_sums(*given, self._events, self._sums)
        directions(self._sums, self._events[:, 6:])
        if self._with_places:
            place_sums(*given, self._histogram, self._places, self._events)
        for kind, algorithm in enumerate(self._algorithms):
            algorithm.weigh(*self._arguments[kind], self._kept(kind), self.results[kind])
        if self._with_met:
            self._find_met()
        m = 0
        for kind, (board, algorithm) in enumerate(zip(BOARDS, self._algorithms, strict=True)):
            track, charged, neutral, region, counts = self._arguments[kind]
            kept = self._kept(kind)
            flags = (ONE * (board.n_tracks > 0), ONE * (board.name == "hf"))
            m = fill_inputs(
                kind, board.n_regions,
                (*track, self._places[batch.rows[kind]]) if track else neutral,
                charged[3] if charged else neutral[0], neutral[:4], region, counts,
                algorithm.setup, (kept, self.results[kind][0]), flags, self._events,
                self._mode, self._chosen, self._wanted, self._work, (self.values, self.places), m,
            )  # fmt: skip
        return m

    def _kept(self, kind: int) -> AnyArray:
        """Return the part of `kept` that belongs to a board type."""
        return self.kept[self._batch.rows[kind]] if BOARDS[kind].n_tracks else self.kept[:0]

    def _find_met(self) -> None:
        """Sum LinPUPPI's candidates of whole events, tracks where they come from."""
        self._sums[:] = 0
        for kind, board in enumerate(BOARDS):
            _, charged, neutral, region, counts = self._arguments[kind]
            sizes = [np.minimum(c, a) for c, a in zip(counts[1:], self._slots[kind], strict=True)]
            if charged:
                phi = phi_at_vertex(charged[2], charged[3], charged[7]).astype(np.int16)
                pt = charged[0] * self._kept(kind)
                add_momenta(board.n_regions, pt, phi, sizes[0], region[1], self._sums)
            passed = self.results[kind][2]
            add_momenta(board.n_regions, passed, neutral[2], sizes[1], region[1], self._sums)
        directions(self._sums, self._events[:, 4:6])

    def describe(self, m: int, first: int) -> dict[str, AnyArray]:
        """Say what the first m candidates are, as `RegionInputs` has it; `first` event of all."""
        parts: list[dict[str, AnyArray]] = []
        for kind, (board, algorithm) in enumerate(zip(BOARDS, self._algorithms, strict=True)):
            mine = self.places[:m, 0] == kind
            parts.append(self._of_board(kind, board.n_regions, algorithm, self.places[:m][mine]))
            parts[-1]["event"] += first
        return {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}

    def _of_board(
        self, kind: int, n_regions: int, algorithm: LinPuppi, places: AnyArray
    ) -> dict[str, AnyArray]:
        """Describe the candidates of one board type."""
        batch = self._batch
        row, slot = places[:, 1].astype(np.int64), places[:, 2].astype(np.int64)
        is_track = slot < FIRST_NEUTRAL
        track, _, neutral, region, _ = self._arguments[kind]
        track = track or neutral
        t, k = np.where(is_track, slot, 0), np.where(is_track, 0, slot - FIRST_NEUTRAL)
        pt, eta, phi = (
            np.where(is_track, a[row, t], b[row, k])
            for a, b in zip(track[:3], neutral[:3], strict=True)
        )
        eta = region[0][row] + eta
        phi = region[1][row] + phi
        phi = np.where(phi > 720, phi - 1440, np.where(phi <= -720, phi + 1440, phi))
        absolute_row = row + batch.rows[kind].start
        track_row = np.where(is_track, absolute_row, 0)
        from_tracks = batch.tracks[1][track_row, t]
        of_track = 256 * self.kept[track_row, t].astype(np.int16)
        raw = algorithm.parameters.raw()
        bins = np.searchsorted(raw.edges, np.abs(eta))
        return {
            "source": np.where(is_track, from_tracks, batch.neutrals[1][absolute_row, k]).astype(
                np.int64
            ),
            "event": row // n_regions,
            "board": np.full(len(row), kind, np.int8),
            "region": (row % n_regions).astype(np.int8),
            "slot": (t + k).astype(np.int8),
            "track": is_track,
            "hw_pt": pt.astype(np.int16),
            "hw_eta": eta.astype(np.int16),
            "hw_phi": phi.astype(np.int16),
            "linpuppi": np.where(is_track, of_track, self.results[kind][0][row, k]),
            "pt_cut": np.where(is_track, 0, raw.bins[bins, 0]).astype(np.int16),
        }
