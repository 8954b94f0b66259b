"""A few bundled events and what was measured on them, made once."""

from pathlib import Path

import pytest

from l1kd.models.evaluation.evaluate import Drawn, Request, measure
from l1kd.models.evaluation.samples import Sample, read_sample
from l1kd.models.evaluation.schema import Evaluation

N_EVENTS = 8
N_MEASURED = 4


@pytest.fixture(scope="session")
def sample(data: Path) -> Sample:
    files, truth = [data / "ttbar2l_PU140.root"], [data / "ttbar2l_PU0.root"]
    return read_sample("test", files, ("dz", "truth"), truth=truth, max_events=N_EVENTS)


@pytest.fixture(scope="session")
def measured(data: Path) -> tuple[Evaluation, dict[str, Drawn]]:
    request = Request(
        files=[data / "ttbar2l_PU140.root"],
        models=("distillnet_paper-v1", "qdistillnet_paper-v1"),
        truth=[data / "ttbar2l_PU0.root"],
        backgrounds={"minbias": [data / "minbias_PU140.root"]},
        signals={"more": [data / "ttbar2l_PU140.root"]},
        max_events=N_MEASURED,
        importance_events=1,
        timing=False,
        command=["l1kd", "evaluate"],
    )
    return measure(request)
