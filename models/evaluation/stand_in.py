"""Stand-in for `l1kd.models.weighting` until it is there."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import awkward as ak
import numpy as np

from l1kd.algorithms import Puppi
from l1kd.algorithms.puppi import Association
from l1kd.models.particles import Generated, Particles
from l1kd.models.particles import read_particles as read
from l1kd.truth import open_twin


def read_particles(
    paths: Iterable[Path], max_events: int | None = None, association: Association = "dz"
) -> tuple[Particles, Generated]:
    paths = list(paths)
    particles, generated = read(paths, max_events)
    if association == "truth":
        weights = []
        for path in paths:
            events = open_twin(path, 0, max_events if max_events is not None else 10**9)
            weights.append(ak.to_numpy(ak.flatten(Puppi(association="truth")(events))))
        particles = replace(particles, puppi_weight=np.concatenate(weights))
    return particles, generated
