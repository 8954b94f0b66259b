"""Several processors on the same chunks: each is asked as if it were alone."""

from pathlib import Path

import pytest
from coffea import processor

from l1kd.datasets import inspect_file
from l1kd.execution import run
from l1kd.processors import InsertProcessor, RateProcessor, Together


class Count(processor.ProcessorABC):
    """Counts events, and may finish with nothing of its own."""

    def __init__(self, finished):
        self.finished = finished

    def process(self, events):
        return {"n": len(events)}

    def postprocess(self, accumulator):
        return self.finished


@pytest.mark.parametrize(("finished", "expected"), [(None, {"n": 3}), ({}, {}), (0, 0)])
def test_what_a_processor_finishes_with_is_its_result(data, finished, expected):
    both = Together({"count": Count(finished)}, [])
    assert run(both, [str(data / "pfnano.root")]).output == {"count": expected}


def test_each_gives_what_it_gives_alone(data):
    files = {"qcd": [str(data / "pfnano.root")]}
    alone = run(RateProcessor(["puppi"], score=False), files).output["qcd"]["columns"]
    both = Together(
        {"rates": RateProcessor(["puppi"], score=False), "count": Count(None)}, ["puppi"]
    )
    output = run(both, files, chunksize=2).output
    assert output["rates"]["qcd"]["columns"] == alone
    assert output["count"] == {"n": 3}


def test_a_skim_among_them_is_prepared_and_verified(data, tmp_path):
    files, kept = {"qcd": [str(data / "pfnano.root")]}, tmp_path / "kept"
    both = Together({"skim": InsertProcessor(tmp_path / "out", "root", [])}, ["puppi"])
    (piece,) = run(both, files, checkpoint=kept).output["skim"]["qcd"]["files"]
    assert (tmp_path / "out" / "qcd" / "manifest.json").is_file()
    stored = inspect_file(piece).open()
    assert {"pt", "energy", "puppi_weight"} <= set(stored.L1Cand.fields), "inserted before it ran"
    whole = Path(piece).read_bytes()
    Path(piece).write_bytes(whole[:-1])
    run(both, files, checkpoint=kept)
    assert len(Path(piece).read_bytes()) >= len(whole), "written again"
