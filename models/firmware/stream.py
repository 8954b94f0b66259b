"""The emulator of a region's stream: six frames of candidates in, their weights out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.types import HALF_TURN, TURN
from l1kd.emulators.correlator.weighing import NetworkWeight
from l1kd.emulators.correlator.weighing.columns import OF_MET, OF_PLACES, OF_TRACK_MET
from l1kd.emulators.correlator.weighing.event_numbers import event_numbers
from l1kd.emulators.correlator.weighing.region_weights import region_weights
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Tensor

__all__ = ["FRAMES", "RegionStream"]

FRAMES: Final = 6
"""Clock cycles of a region: one candidate a lane in each."""
_UNSIGNED: Final = {"pt": 14, "em": 1, "id": 3, "z_pt": 8}
_SIGNED: Final = {"eta": 10, "phi": 10, "z0": 10}
_NEUTRAL: Final = ("pt", "eta", "phi", "em")
_TRACK: Final = ("pt", "eta", "phi", "id", "z0")
_HEADER: Final = (
    ("start", FixedPoint(1, 1, False)),
    ("pv", FixedPoint(10, 10)),
    ("eta_centre", FixedPoint(12, 12)),
    ("event_vertex_pt", FixedPoint(16, 16, False)),
    ("event_vertex_count", FixedPoint(10, 10, False)),
    ("event_pileup_count", FixedPoint(10, 10, False)),
)
"""Words of a region; they count in its first frame."""
_SECOND: Final = ("event_second_pt", FixedPoint(8, 8, False))
"""The one that follows, where the network reads it."""
_MET: Final = (
    (OF_MET, (("event_met", FixedPoint(8, 8, False)), ("met_phi", FixedPoint(11, 11)))),
    (
        OF_TRACK_MET,
        (("event_track_met", FixedPoint(8, 8, False)), ("track_met_phi", FixedPoint(11, 11))),
    ),
)
"""Columns, and the words of which they are made, which come last where the network reads them."""
_EVENT: Final = (
    *(name for name, _ in (*_HEADER[3:], _SECOND)),
    *(name for _, words in _MET for name, _ in words),
)
"""The words that are the event's, as `event_numbers` has them; azimuths from the region's."""


class RegionStream:
    """A network with its input sums in the regions of one board type, frame by frame.

    A region comes in six frames, one a clock cycle, the first of which has `start`; the next
    region follows at once. Frame f holds the neutrals in slots f * lanes and the following, and
    the tracks likewise; slots beyond those that LinPUPPI reads are ignored. A track has the
    logarithm of the pt at its own z0 (`z_pt`), and a region the event's largest elsewhere, where
    the network reads what is made of them; likewise the logarithm of LinPUPPI's MET in the whole
    event (`event_met`) and the azimuth from the region's centre of the sum that it opposes
    (`met_phi`, pi/720), and the same of the track MET (`event_track_met`, `track_met_phi`). Rows of
    the output are the weights of the candidates in the same row of the input.

    Parameters
    ----------
    weight : NetworkWeight
        The network and its inputs.
    board : str
        Board type.
    puppi : LinPuppi
        Its configuration.
    clusters : Clusterer, optional
        How its neutrals are formed of towers; without it they are what the events have.
    others : mapping of LinPuppi, optional
        Configurations of other board types, by name, where the network reads the MET that LinPUPPI
        has in the whole event; presets where there is none.

    Attributes
    ----------
    n_neutrals, n_tracks : int
        Candidates of each kind in a frame.
    reads_places : bool
        Whether tracks come with how hard their places in z are.
    reads_met : bool
        Whether regions come with LinPUPPI's MET of the event.
    header : tuple of str
        Words of a region, which come first and count in its first frame.
    inputs, outputs : tuple of Tensor
        Words of a frame.
    """

    def __init__(
        self,
        weight: NetworkWeight,
        board: str,
        puppi: LinPuppi,
        *,
        clusters: Clusterer | None = None,
        others: Mapping[str, LinPuppi] | None = None,
    ) -> None:
        self.weight, self.board, self.puppi, self.clusters = weight, board, puppi, clusters
        p = puppi.parameters
        self.n_neutrals, self.n_tracks = -(-p.n_in // FRAMES), -(-p.n_track // FRAMES)
        self.reads_met = self._reads(OF_MET)
        self.others = dict(others or {}) if self.reads_met else {}
        header = (
            *_HEADER,
            *([_SECOND] if _SECOND[0] in weight.names else []),
            *(word for columns, words in _MET if self._reads(columns) for word in words),
        )
        self.header = tuple(name for name, _ in header)
        places = tuple(name for name in OF_PLACES if name != _SECOND[0])
        self.reads_places = bool(self.n_tracks) and self._reads(places)
        tensors = [Tensor(name, (1,), form) for name, form in header]
        for kind, fields, lanes in (
            ("neutral", _NEUTRAL, self.n_neutrals),
            ("track", (*_TRACK, "z_pt") if self.reads_places else _TRACK, self.n_tracks),
        ):
            tensors += [Tensor(f"{kind}_{f}", (lanes,), _form(f)) for f in fields if lanes]
        self.inputs = tuple(tensors)
        form = FixedPoint(9, 1, False)
        outputs = [Tensor("neutral_weight", (self.n_neutrals,), form)]
        if weight.tracks != "none" and self.n_tracks:
            outputs.append(Tensor("track_weight", (self.n_tracks,), form))
        self.outputs = tuple(outputs)

    def _reads(self, columns: tuple[str, ...]) -> bool:
        """Whether the network reads any of these."""
        return not set(columns).isdisjoint(self.weight.names)

    @property
    def name(self) -> str:
        """Name of the network and of the board type."""
        return f"{self.weight.network.graph.name}_{self.board}"

    @property
    def network(self) -> Network:
        """The network."""
        return self.weight.network

    def arranged(self, rows: Integers) -> Integers:
        """Return frames as regions follow each other: as many, up to a whole number of regions.

        `start` is set where it belongs, whatever it was.
        """
        more = -len(rows) % FRAMES
        rows = np.concatenate([rows, np.zeros((more, rows.shape[1]), rows.dtype)])
        rows[:, 0] = np.arange(len(rows)) % FRAMES == 0
        return rows

    def predict_raw(self, *inputs: npt.ArrayLike) -> Any:
        """Compute the weights of whole regions, frame by frame.

        Parameters
        ----------
        *inputs : integer arrays, shape (n, words)
            One for each of `inputs`; n is a multiple of six, and `start` is set in every sixth row
            from the first on.

        Returns
        -------
        int64 array, shape (n, lanes)
            A tuple of two where tracks are weighed.

        Raises
        ------
        ValueError
            If the frames are not those of whole regions.
        """
        words = {
            t.name: np.asarray(x, np.int64).reshape(-1, t.size)
            for t, x in zip(self.inputs, inputs, strict=True)
        }
        n = len(words["start"])
        if n % FRAMES or (words["start"][:, 0] != (np.arange(n) % FRAMES == 0)).any():
            raise ValueError("expected regions of six frames, the first of each with start")
        region = {name: words[name][::FRAMES, 0] for name in ("pv", "eta_centre")}
        none = np.zeros_like(words["start"])
        events = np.stack([words.get(name, none)[::FRAMES, 0] for name in _EVENT], axis=1)
        columns = {f"neu_{f}": self._slots(words, "neutral", f) for f in _NEUTRAL}
        columns |= {f"trk_{f}": self._slots(words, "track", f) for f in (*_TRACK, "z_pt")}
        found = region_weights(self.board, self.puppi, self.weight, columns | region, events)
        results = tuple(
            self._frames(weights, t.size) for weights, t in zip(found, self.outputs, strict=False)
        )
        return results[0] if len(results) == 1 else results

    def _slots(self, words: Mapping[str, Integers], kind: str, name: str) -> AnyArray:
        """Return the slots that LinPUPPI reads, shape (regions, slots)."""
        p = self.puppi.parameters
        slots = p.n_in if kind == "neutral" else p.n_track
        regions = len(words["start"]) // FRAMES
        if f"{kind}_{name}" not in words:
            return np.zeros((regions, slots), np.int64)
        return words[f"{kind}_{name}"].reshape(regions, -1)[:, :slots]

    def _frames(self, slots: AnyArray, lanes: int) -> Integers:
        """Return slots frame by frame."""
        padded = np.zeros((len(slots), FRAMES * lanes), np.int64)
        padded[:, : slots.shape[1]] = slots
        return padded.reshape(-1, lanes)

    def frames_of(self, particles: Mapping[str, Any], offsets: Any) -> Integers:
        """Return the frames of all regions of this board type in events.

        Parameters
        ----------
        particles, offsets
            As for `correlate`.

        Returns
        -------
        ndarray of int64, shape (regions * 6, words)
        """
        if self.clusters:
            formed = self.clusters.run(particles, offsets)
            particles, offsets = formed.particles, formed.offsets
        regions, _ = Regionizer().run(particles, offsets)
        (board,) = (b for b in BOARDS if b.name == self.board)
        inputs, p = regions[self.board], self.puppi.parameters
        n = len(inputs["n_neu"])
        everywhere = self.others | {self.board: self.puppi} if self.reads_met else None
        numbers, places = event_numbers(regions, len(offsets) - 1, everywhere)
        events = np.repeat(numbers, board.n_regions, axis=0)
        centre = np.asarray(inputs["region_hwPhiCenter"], np.int64)[:, None]
        azimuths = [_EVENT.index(name) for name in ("met_phi", "track_met_phi")]
        events[:, azimuths] = HALF_TURN - (HALF_TURN - events[:, azimuths] + centre) % TURN
        words = np.zeros((n, FRAMES, len(self.header)), np.int64)
        words[:, 0, 0] = 1
        words[:, :, 1] = inputs.get("pv_hwZ0", np.zeros(n, np.int64))[:, None]
        words[:, :, 2] = inputs["region_hwEtaCenter"][:, None]
        words[:, :, 3:] = events[:, None, [_EVENT.index(name) for name in self.header[3:]]]
        parts = [words.reshape(n * FRAMES, -1)]
        prefix = "calo_" if p.forward else "pfne_"
        em = "hwEmID" if p.forward else "hwId"
        for name in ("hwPt", "hwEta", "hwPhi", em):
            values = inputs[prefix + name][:, : p.n_in].astype(np.int64)
            values = (values & 1) if name == em else values
            parts.append(self._frames(values, self.n_neutrals))
        for name in ("pfch_hwPt", "trk_hwEta", "trk_hwPhi", "pfch_hwId", "trk_hwZ0"):
            if self.n_tracks:
                values = inputs[name][:, : p.n_track].astype(np.int64)
                parts.append(self._frames(values, self.n_tracks))
        if self.reads_places:
            values = places[self.board][:, : p.n_track].astype(np.int64)
            parts.append(self._frames(values, self.n_tracks))
        return np.concatenate(parts, axis=1)

    def save(self, path: str | Path) -> None:
        """Write the network, and beside it what else this is, as JSON."""
        path = Path(path)
        self.weight.network.save(path)
        content = {
            "board": self.board,
            "columns": list(self.weight.names),
            "tracks": self.weight.tracks,
            "clusters": self.clusters and vars(self.clusters),
            "linpuppi": _changes(self.board, self.puppi),
            "others": {board: _changes(board, puppi) for board, puppi in self.others.items()},
        }
        _beside(path).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> "RegionStream":
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the files are damaged, or there is no description beside the network.
        """
        beside = _beside(Path(path))
        if not beside.is_file():
            raise ValueError(f"{path} is a network alone: there is no {beside.name} beside it")
        try:
            content = json.loads(beside.read_text())
            own, formed = content["linpuppi"], content["clusters"]
            clusters = None if formed is None else Clusterer(**_with_tuples(formed))
            board = content["board"]
            # what was built before every track could be weighed says yes or no
            tracks = {True: "kept", False: "none"}.get(content["tracks"], content["tracks"])
            weight = NetworkWeight(Network.load(path), tuple(content["columns"]), tracks=tracks)
            # what was built before the MET could be read has no others
            others = {b: _changed(b, of_it) for b, of_it in content.get("others", {}).items()}
            return cls(weight, board, _changed(board, own), clusters=clusters, others=others)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{beside}: expected the description of a region: {error}") from error


def _changes(board: str, puppi: LinPuppi) -> dict[str, Any]:
    """Return the parameters that are not the preset's."""
    preset, own = LinPuppi.preset(board).parameters, vars(puppi.parameters)
    return {name: value for name, value in own.items() if value != getattr(preset, name)}


def _changed(board: str, own: Mapping[str, Any]) -> LinPuppi:
    return LinPuppi(LinPuppi.preset(board).parameters.replace(**_with_tuples(own)))


def _with_tuples(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with tuples where JSON has lists."""
    return {name: tuple(x) if isinstance(x, list) else x for name, x in own.items()}


def _form(name: str) -> FixedPoint:
    signed = name in _SIGNED
    width = _SIGNED[name] if signed else _UNSIGNED[name]
    return FixedPoint(width, width, signed)


def _beside(path: Path) -> Path:
    return path.with_name("region.json")
