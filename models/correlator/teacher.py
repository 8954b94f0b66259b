"""Teachers of a network in the correlator: a mean of larger float networks, or an artefact.

A teacher weighs every candidate of the training once; its weights then stand beside the true
shares as targets. A network that reads the same integers cannot know the true share; what a larger
one made of them, for the same loss, varies less.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.region_networks import region_network
from l1kd.emulators.array_types import Singles
from l1kd.emulators.correlator.linpuppi import PRESETS
from l1kd.emulators.correlator.weighing import FORMAT
from l1kd.errors import ConfigurationError
from l1kd.models.correlator.config import CorrelatorConfig
from l1kd.models.correlator.crossings import Crossings

__all__ = ["Weigh", "columns_of", "mean_of", "opened", "with_targets"]

_ROWS = 1 << 20
"""Candidates that are weighed at a time."""

Weigh = Callable[[Any], Singles]


def columns_of(config: CorrelatorConfig) -> tuple[str, ...]:
    """Name the inputs of the student, and those that its teacher reads beside them."""
    of_teacher = opened(config)[0] if config.teacher.artefact else config.teacher.inputs
    return tuple(dict.fromkeys((*config.inputs, *of_teacher)))


def mean_of(weighers: Sequence[Weigh]) -> Weigh:
    """Return the mean weight of several networks, as a function of inputs float32[n, inputs]."""

    def weigh(rows: NDArray[np.float32]) -> Singles:
        return np.mean([own(rows) for own in weighers], axis=0, dtype=np.float32)

    return weigh


def opened(config: CorrelatorConfig) -> tuple[tuple[str, ...], Weigh]:
    """Open the artefact that teaches: the names of its inputs, and its weights as a function.

    Raises
    ------
    ArtefactError
        If there is none of kind "correlator" in that place.
    ConfigurationError
        If it was made for other candidates than those of the training.
    """
    name = config.teacher.artefact
    assert name is not None
    of = region_network(name)
    puppi = {
        board: of.puppi[board].parameters if board in of.puppi else preset
        for board, preset in PRESETS.items()
    }
    for what, found, expected in (
        ("clusters", of.clusters, config.clusterer()),
        ("tracks that are weighed", of.weight.tracks, config.tracks),
        *((f"LinPUPPI in {board}", puppi[board], own) for board, own in config.puppi().items()),
    ):
        if found != expected:
            raise ConfigurationError(
                f"teacher.artefact: {name} was trained for other candidates; {what}: expected "
                f"{expected} as in this configuration, found {found}: choose another teacher, or "
                "windows, tracks, linpuppi and dz like its own"
            )
    network = of.weight.network
    return of.weight.names, lambda rows: network.predict(rows)[:, 0].astype(np.float32)


def with_targets(crossings: Crossings, weigh: Weigh, target: str) -> Crossings:
    """Give candidates their training targets.

    Parameters
    ----------
    crossings
        Candidates of events.
    weigh
        The teacher: inputs float32[n, inputs] to weights.
    target
        "teacher", or "both" for the mean of its weight and the true share: for squared errors the
        same as the mean of both errors.
    """
    values, step = crossings.values, np.float32(2.0**-FORMAT.fraction)
    weights = np.empty(len(values), np.float32)
    for first in range(0, len(values), _ROWS):
        some = slice(first, first + _ROWS)
        weights[some] = weigh(values[some].astype(np.float32) * step)
    if target == "both":
        weights = (weights + crossings.share) * np.float32(0.5)
    return replace(crossings, taught=weights)
