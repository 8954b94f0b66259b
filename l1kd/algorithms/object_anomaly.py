"""The anomaly trigger on objects: a small network of muons, electrons, jets and MET."""

from functools import cache
from pathlib import Path

import numpy as np

from l1kd.algorithms.base import EventScore
from l1kd.algorithms.models import read_network
from l1kd.algorithms.object_inputs import PREPARATION, object_inputs, object_rows, tidied
from l1kd.artefacts import Artefact, load
from l1kd.emulators.array_types import AnyArray, Singles
from l1kd.emulators.network import Network
from l1kd.errors import InputError
from l1kd.objects import N_OBJECTS, checked_source

__all__ = ["ObjectAnomaly"]


_BLOCK = 1 << 14
"""Events evaluated at a time, by the slower way where one of them is not as they usually are."""


@cache
def _artefact(model: str) -> Artefact:
    return load(model, "object_anomaly")


class ObjectAnomaly(EventScore):
    """Anomaly score of an event's objects, bit for bit as its firmware computes it.

    Source of the idea: Govorkova et al., Nat. Mach. Intell. 4 (2022) 154, and its distillation
    into a dense network (Lorusso, ISGC 2025).

    Parameters
    ----------
    model
        Name or folder of an artefact: ``object_anomaly_hgq-v1`` unless said otherwise.
    source
        One of `l1kd.objects.SOURCES`.

    Raises
    ------
    UnknownFormatError
        Another source.
    """

    name = "object_anomaly"
    inputs = ("objects",)
    adds = "ObjectAD.score"
    label = "object anomaly"
    step = 1.0 / 1024.0

    def __init__(
        self, model: str | Path = "object_anomaly_hgq-v1", source: str | None = None
    ) -> None:
        super().__init__(checked_source(source))
        self.model = str(model)

    @property
    def artefact(self) -> Artefact:
        """The artefact, whose files were checked against their hashes."""
        return _artefact(self.model)

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return self.artefact.title

    @property
    def network(self) -> Network:
        """The integer network that runs."""
        return read_network(self.artefact.file("network.npz"))

    def score(self, *arrays: AnyArray) -> Singles:
        """Score events that are arrays already.

        Parameters
        ----------
        *arrays
            One float array of shape (n, 19, 3): pt [GeV], eta, phi [rad], as `l1kd.objects.objects`
            and `read_object_array` give them; phi of any turn. Objects of a kind are sorted by
            falling pt where they are not; rows with pt 0, once rounded to single precision, hold no
            object, whatever else they hold.

        Returns
        -------
        float32[n]
            Multiples of the network's last bit, 1/1024 or a multiple of it; larger is more
            anomalous. The models of full size end at 16, `object_anomaly_small-v2` at 8.

        Raises
        ------
        InputError
            Another shape, masked entries, values that are not finite in single precision, or pt
            below 0 in it.
        """
        if len(arrays) != 1 or np.ndim(arrays[0]) != 3:
            found = [np.shape(each) for each in arrays]
            raise InputError(f"objects: expected one array of shape (n, 19, 3), found {found}")
        return self.numpy_call(arrays[0])

    def numpy_call(self, *arrays: AnyArray) -> AnyArray:
        """Scores of all events, float32."""
        rows, network = object_rows(arrays[0]), self.network
        scores = np.empty(len(rows), np.float32)
        for first in range(0, len(rows), _BLOCK):
            block = rows[first : first + _BLOCK]
            found = network.predict_prepared(block, PREPARATION)
            if found is None:
                block = tidied(block, first)
                found = network.predict_prepared(block, PREPARATION)
            if found is None:
                found = network.predict(object_inputs(block.reshape(-1, N_OBJECTS, 3)))
            scores[first : first + _BLOCK] = found[:, 0]
        return scores
