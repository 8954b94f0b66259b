"""A quantized network as the weight of the candidates of every region."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyArray, Shorts
from l1kd.emulators.correlator.linpuppi.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.regionizer.regionizer import Batch
from l1kd.emulators.correlator.weighing.columns import FORMAT, Tracks, mode_of, numbers_of
from l1kd.emulators.correlator.weighing.former import InputFormer
from l1kd.emulators.correlator.weighing.weight_kernels import apply_weights
from l1kd.emulators.network import Network

__all__ = ["NetworkWeigher", "NetworkWeight", "weights_of"]

FRACTION = 8
"""Bits of a weight after the point: 1/256, as LinPUPPI's."""


@dataclass(frozen=True)
class NetworkWeight:
    """A network and what it reads and weighs.

    Attributes
    ----------
    network : Network
        One input of as many values as there are names, one value out.
    names : tuple of str
        Its inputs, of `columns.NAMES`, in its order.
    tracks : {"none", "kept", "every"}
        Which tracks are weighed as well: none, so that those that LinPUPPI keeps count in full;
        those that it keeps; or every one of a region, also those that it drops.
    pt_cut : mapping of tuple of float
        Smallest weighted momentum [GeV] of a neutral that leaves a region, by board type, one for
        each bin of |eta| that LinPUPPI has there. Board types that are not named have LinPUPPI's.

    Raises
    ------
    ValueError
        If names, network or cuts do not fit together.
    """

    network: Network
    names: tuple[str, ...]
    tracks: Tracks = "none"
    pt_cut: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that all fits."""
        numbers_of(self.names)
        mode_of(self.tracks)
        inputs, outputs = self.network.inputs, self.network.outputs
        sizes = [t.size for t in inputs], [t.size for t in outputs]
        if sizes != ([len(self.names)], [1]):
            raise ValueError(
                f"a network with inputs {sizes[0]} and outputs {sizes[1]}: expected one input of "
                f"{len(self.names)} values ({', '.join(self.names)}) and one weight"
            )
        unknown = set(self.pt_cut) - {b.name for b in BOARDS}
        if unknown:
            raise ValueError(f"pt_cut: unknown board types {sorted(unknown)}")

    def cuts(self, algorithm: LinPuppi) -> AnyArray:
        """Return the raw cut of every eta bin of a board type, int32."""
        raw = algorithm.parameters.raw().bins[:, 0]
        given = self.pt_cut.get(algorithm.parameters.name)
        if given is None:
            return raw
        cut = np.rint(4 * np.asarray(given, dtype=np.float64)).astype(np.int32)
        if cut.shape != raw.shape or (cut < 0).any():
            raise ValueError(
                f"pt_cut of {algorithm.parameters.name}: {list(given)}; expected {len(raw)} "
                "numbers that are not negative, one for each of LinPUPPI's bins of |eta|"
            )
        return cut

    def weigh(self, values: Shorts) -> Shorts:
        """Return the weights, 0 to 256, of raw inputs of shape (n, names)."""
        raw = self.network.predict_raw(self._as_read(values))
        return weights_of(raw.reshape(-1), self.network.outputs[0].format.fraction)

    def _as_read(self, values: Shorts) -> AnyArray:
        """Return the inputs in the format that the network has for them."""
        given = self.network.inputs[0].format
        extra = given.fraction - FORMAT.fraction
        if extra < 0 or FORMAT.maximum << extra > given.maximum:
            return given.cast(values, FORMAT)
        if extra == 0:
            return values
        kind = np.int32 if FORMAT.maximum << extra < 1 << 31 else np.int64
        return np.left_shift(values, extra, dtype=kind)


def weights_of(raw: AnyArray, fraction: int) -> Shorts:
    """Return outputs of a network with so many fraction bits in 1/256, halves up, 0 to 256."""
    extra = fraction - FRACTION
    if extra > 0:
        raw = (raw + (1 << (extra - 1))) >> extra
    elif extra < 0:
        raw = raw << -extra
    return np.clip(raw, 0, 1 << FRACTION).astype(np.int16)


class NetworkWeigher:
    """Runs regions with a network's weights, one batch after another.

    Parameters
    ----------
    weight : NetworkWeight
        The network.
    batch : Batch
        The regions, which `Batch.fill` fills.
    algorithms : sequence of LinPuppi
        One for every board type.

    Attributes
    ----------
    track_weights : ndarray of int16, shape (rows, slots)
        Weights of tracks after `run`, 1/256.
    """

    def __init__(self, weight: NetworkWeight, batch: Batch, algorithms: Sequence[LinPuppi]) -> None:
        self._weight = weight
        self._batch = batch
        self._algorithms = algorithms
        self._arguments = [batch.arguments(kind) for kind in range(len(BOARDS))]
        self._former = InputFormer(batch, algorithms, weight.names, tracks=weight.tracks)
        self._cuts = [weight.cuts(a) for a in algorithms]
        self._edges = [a.parameters.raw().edges for a in algorithms]
        self._track_pt = np.zeros_like(batch.tracks[0][0])
        self.track_weights = np.full_like(self._track_pt, 256)

    def run(self, parts: Sequence[tuple[Any, ...]]) -> None:
        """Weigh the regions of the batch and write their final candidates.

        Parameters
        ----------
        parts : sequence of tuple
            Output of `final_arrays` for every board type.
        """
        former, batch = self._former, self._batch
        m = former.form()
        np.copyto(self._track_pt, batch.tracks[0][0])
        weights = self._weight.weigh(former.values[:m])
        begin = 0
        for kind, algorithm in enumerate(self._algorithms):
            _, charged, neutral, region, counts = self._arguments[kind]
            rows = batch.rows[kind] if charged else slice(0, 0)
            kept, track_pt = former.kept[rows], self._track_pt[rows]
            begin = apply_weights(
                kind, begin, m, weights, former.places, (neutral[0], neutral[1], region[0]),
                self._edges[kind], self._cuts[kind], former.results[kind],
                (kept, track_pt, self.track_weights[rows]),
            )  # fmt: skip
            if charged:
                charged = (track_pt, *charged[1:])
            results = former.results[kind]
            algorithm.finish(charged, neutral, region, counts, kept, results, parts[kind])
