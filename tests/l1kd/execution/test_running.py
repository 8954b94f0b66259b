"""One result from every executor, of exactly the entries that were asked for."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import uproot

from l1kd.datasets import InputFile, inspect_file, load_fileset, read_fileset
from l1kd.errors import ConfigurationError, UnknownFormatError, UnreadableFileError
from l1kd.execution import run, work
from l1kd.execution import running as module
from l1kd.execution.work import Outcome
from l1kd.processors import ResolutionProcessor
from tests.l1kd.execution.processors import SumPt

# dask's own processes and sockets outlive the block that made them by a moment
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def test_counts_and_result(expected, fileset):
    assert expected.output["n"] == 100
    assert len(expected.output["sum"]) == 100
    assert expected.events == {path: 50 for paths in fileset.values() for path in paths}
    assert expected.datasets == {"top": 50, "minbias": 50}
    assert expected.skipped == {}
    assert 0 < expected.seconds < 1000


@pytest.mark.parametrize(
    "how",
    [
        {"chunksize": 17},
        {"executor": "futures", "workers": 2, "chunksize": 25},
        {"executor": "dask", "workers": 2, "chunksize": 30},
    ],
    ids=["chunks", "futures", "dask"],
)
def test_every_executor_and_chunk_size_gives_the_same(how, fileset, expected):
    assert run(SumPt(), fileset, **how) == expected


def bits(result, dataset):
    output = result.output[dataset]
    columns = {name: values.tobytes() for name, values in output["columns"].joined().items()}
    counts = {k: v for k, v in output.items() if k not in ("columns", "weights")}
    return columns, output["weights"].view().tobytes(), counts


def test_studies_give_the_same_bits(data):
    fileset = {
        "top": {
            "files": [str(data / "ttbar2l_PU140.root")],
            "truth": [str(data / "ttbar2l_PU0.root")],
        }
    }
    study = ResolutionProcessor(["none", "puppi", "no_pileup", "delphes_puppi"])
    whole = bits(run(study, fileset), "top")
    assert bits(run(study, fileset, chunksize=20), "top") == whole
    parallel = run(study, fileset, executor="futures", workers=2, chunksize=25)
    assert bits(parallel, "top") == whole


def test_only_the_steps_that_are_asked_for_are_processed(data, expected):
    path = str(data / "ttbar2l_PU140.root")
    asked = {"object_path": "Delphes", "steps": [[0, 10], [30, 40]]}
    result = run(SumPt(), {"top": {"files": {path: asked}}}, chunksize=7)
    assert result.output["n"] == 20
    assert result.events == {path: 20}
    of_top = expected.output["sum"][50:]  # "minbias" comes before "top"
    assert result.output["sum"] == of_top[:10] + of_top[30:40]


def test_chunks_of_so_many_bytes_or_so_many_events(data):
    """Without a number of events, small events come in large chunks."""
    delphes, parquet = data / "ttbar2l_PU140.root", InputFile("file", "a", "t", "skim", 250, b"")
    file = inspect_file(delphes)
    with uproot.open(delphes) as root:
        assert file.size == root["Delphes"].uncompressed_bytes
    large = replace(file, entries=1000, size=200_000_000)
    cases = ((large, None, 50), (replace(large, size=10_000_000), None, 1000), (large, 30, 30),
             (parquet, None, 84), (replace(large, entries=0), None, 0))  # fmt: skip
    for case, asked, events in cases:
        chunks = module._chunks([case], asked)
        assert max(chunk.stop - chunk.start for chunk in chunks) == events
        assert [chunk.start for chunk in chunks[1:]] == [chunk.stop for chunk in chunks[:-1]]
        assert chunks[-1].stop == case.entries
    assert run(SumPt(), [delphes], chunksize=None) == run(SumPt(), [delphes], chunksize=13)


class Seen(SumPt):
    """What the events' metadata say."""

    def process(self, events):
        return {"seen": [dict(events.metadata)]}

    def postprocess(self, accumulator):
        return accumulator


def test_metadata_of_the_fileset_come_with_the_events(data):
    path = str(data / "pfnano.root")
    files = {"qcd": {"files": {path: "Events"}, "metadata": {"xsec": 1.5, "year": "2026"}}}
    (seen,) = run(Seen(), files).output["seen"]
    assert seen.items() >= {
        "xsec": 1.5, "year": "2026", "dataset": "qcd", "filename": path, "treename": "Events",
        "entrystart": 0, "entrystop": 3,
    }.items()  # fmt: skip
    assert len(seen["fileuuid"]) == 36
    assert "truth" not in seen


def test_the_same_file_in_two_datasets_counts_in_each(data):
    path = str(data / "ttbar2l_PU140.root")
    result = run(SumPt(), {"a": [path], "b": [path]}, chunksize=30)
    assert result.output["n"] == 100
    assert result.datasets == {"a": 50, "b": 50}
    assert result.events == {path: 100}


def test_files_of_one_dataset_must_have_one_source(shared):
    faults = shared / "faults"
    plain, noeflow = str(faults / "plain.root"), str(faults / "noeflow.root")
    message = r"noeflow\.root was read from 'ParticleFlowCandidate', .*plain\.root from 'EFlow'"
    with pytest.raises(UnknownFormatError, match=message):
        run(SumPt(), {"top": [plain, noeflow]})
    assert run(SumPt(), {"top": [plain], "other": [noeflow]}).output["n"] == 20


def test_processed_events_are_counted_against_the_file(data):
    files, _ = read_fileset(load_fileset({"qcd": [str(data / "pfnano.root")]}))
    place = ("qcd", files[0].path)
    module._require_all_events(files, {place: 3})
    with pytest.raises(UnreadableFileError, match=r"expected 3 events .* processed 2"):
        module._require_all_events(files, {place: 2})


def test_a_worker_that_loses_events_is_found(data, monkeypatch):
    def short(job, chunks):
        for chunk in chunks:
            yield Outcome(chunk.number, {"n": 2}, events=2)

    monkeypatch.setattr("l1kd.execution.backends._iterative", short)
    with pytest.raises(UnreadableFileError, match=r"expected 3 events .* processed 2"):
        run(SumPt(), [str(data / "pfnano.root")])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "slurm"}, r"unknown executor 'slurm'; expected one of \['iterative'"),
        ({"workers": 0}, "workers: expected a whole number from 1, found 0"),
        ({"chunksize": 2.5}, "chunksize: expected a whole number from 1, found 2.5"),
        ({"workers": True}, "workers: expected"),
    ],
)
def test_wrong_options(fileset, options, message):
    with pytest.raises(ConfigurationError, match=message):
        run(SumPt(), fileset, **options)


def test_chunks_are_even_and_within_the_limit(data):
    path = str(data / "ttbar2l_PU140.root")
    files, _ = read_fileset(load_fileset({"a": {"files": {path: {"steps": [[0, 3], [10, 50]]}}}}))
    chunks = module._chunks(files, 12)
    assert [(c.start, c.stop) for c in chunks] == [(0, 3), (10, 20), (20, 30), (30, 40), (40, 50)]
    assert [c.number for c in chunks] == list(range(5))
    assert str(chunks[1]) == f"entries 10 to 20 of {path}"


def test_a_file_without_events(write_pfnano, tmp_path):
    empty = write_pfnano(tmp_path / "empty.root", [[1.0]])
    cut = {"files": {empty: {"steps": [[0, 0]]}}}
    result = run(SumPt(), {"cut": cut})
    assert result.output == {"sum": [], "n": 0}
    assert result.events == {empty: 0}


def test_progress_counts_events_and_names_the_datasets(data, capfd):
    run(SumPt(), {"qcd": [str(data / "pfnano.root")]}, status=True)
    shown = " ".join(capfd.readouterr().err.split())
    assert "processing qcd" in shown
    assert "3 of 3 events" in shown
    run(SumPt(), {"qcd": [str(data / "pfnano.root")]})
    assert capfd.readouterr().err == ""


def test_files_come_again_from_memory_only_while_they_are_the_same(write_pfnano, tmp_path):
    path = write_pfnano(tmp_path / "a.root", [[1.0]] * 3)
    assert run(SumPt(), [path]).output["sum"] == [1.0] * 3
    other = write_pfnano(tmp_path / "b.root", [[2.0, 3.0]] * 4)
    shutil.copy(other, path)
    assert run(SumPt(), [path]).output["sum"] == [5.0] * 4


def test_what_process_returns(data):
    class Nothing(SumPt):
        def process(self, events):
            return None

    with pytest.raises(TypeError, match=r"Nothing.process\(\) returned None"):
        run(Nothing(), [str(data / "pfnano.root")])

    class Finished(SumPt):
        def postprocess(self, accumulator):
            return None

    assert run(Finished(), [str(data / "pfnano.root")]).output["n"] == np.int64(3)


def test_a_chunk_with_fewer_events_than_its_entries_is_the_files_fault(data):
    (file,), _ = read_fileset(load_fileset([str(data / "pfnano.root")]))
    job = work.job_of(SumPt(), None, elsewhere=False)
    outcome = work.process_chunk(job, work.Chunk(0, file, 1, 5))
    assert outcome.fault.kind == "input"
    assert "expected entries 1 to 5" in str(outcome.fault.error)
    assert str(outcome.fault.error).endswith("found 2")


def test_candidates_that_were_inserted_are_no_source():
    read = {("particles", "EFlow"), ("regions", "Tower"), ("inserted", "CICADA.score")}
    own = {("particles", "L1Cand")}
    assert work._defaults(read | own | {("inserted", "L1Cand")}) == {
        ("particles", "EFlow"), ("regions", "Tower")
    }  # fmt: skip
    assert work._defaults(own | {("inserted", "L1Cand.puppi_weight")}) == own, "those of a skim"
