"""A few bundled events and what was measured on them, made once."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from l1kd.emulators.array_types import Floats
from l1kd.models.evaluation.evaluate import Drawn, measure
from l1kd.models.weights.particles import Generated, Particles, read_particles
from l1kd.report.summary import Summary
from l1kd.study.request import WeightRequest

N_EVENTS = 8
N_MEASURED = 4


class Events(NamedTuple):
    """Events of which networks read the particles."""

    particles: Particles
    generated: Generated
    weight: Floats


@pytest.fixture(scope="session")
def events(data: Path) -> Events:
    particles, generated = read_particles([data / "ttbar2l_PU140.root"], N_EVENTS)
    return Events(particles, generated, np.ones(N_EVENTS))


@pytest.fixture(scope="session")
def measured(data: Path) -> tuple[Summary, dict[str, Drawn]]:
    request = WeightRequest(
        fileset=[str(data / "ttbar2l_PU140.root")],
        models=("distillnet_paper-v1", "qdistillnet_paper-v1"),
        truth=(str(data / "ttbar2l_PU0.root"),),
        background=(f"minbias={data / 'minbias_PU140.root'}",),
        signal=(f"more={data / 'ttbar2l_PU140.root'}",),
        max_events=N_MEASURED,
        importance_events=1,
        timing=False,
        command=["l1kd", "evaluate"],
    )
    return measure(request)
