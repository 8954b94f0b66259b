"""Finished chunks are kept, and are taken again only for the very same question."""

import importlib
import os
import shutil
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

from l1kd.errors import ConfigurationError, OutputError, UnreadableFileError
from l1kd.execution import run
from l1kd.execution.checkpoint import Store
from l1kd.execution.fingerprint import fingerprint
from tests.l1kd.execution.processors import SumPt


def computed(log):
    return Counter(log.read_text().split()) if log.exists() else Counter()


def test_an_interrupted_run_goes_on_from_its_checkpoint(fileset, expected, tmp_path):
    log, checkpoint = tmp_path / "log", tmp_path / "checkpoint"
    options = {"checkpoint": checkpoint, "chunksize": 10}
    flag = tmp_path / "go"

    class Interrupted(SumPt):
        """Fails late in every file until the flag stands."""

        def process(self, events):
            if events.metadata["entrystart"] >= 30 and not flag.exists():
                raise RuntimeError("interrupted")
            return super().process(events)

    with pytest.raises(RuntimeError, match="interrupted"):
        run(Interrupted(log), fileset, **options)
    done = computed(log)
    assert done == Counter({"0": 1, "10": 1, "20": 1})
    flag.touch()
    result = run(Interrupted(log), fileset, **options)
    assert result == expected
    again = computed(log) - done
    assert again == Counter({"0": 1, "10": 1, "20": 1, "30": 2, "40": 2}), "only what was missing"


def test_checkpoints_of_another_processor_are_not_taken(fileset, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run(SumPt(first), fileset, checkpoint=tmp_path)
    run(SumPt(second), fileset, checkpoint=tmp_path)
    assert computed(first) == computed(second)


class UsesTruth(SumPt):
    """Notes which truth file its events have."""

    def process(self, events):
        return super().process(events) | {"truth": {events.metadata["truth"]}}

    def postprocess(self, accumulator):
        return accumulator


def test_another_truth_file_and_other_metadata_are_another_question(data, tmp_path):
    path, truth = str(data / "ttbar2l_PU140.root"), tmp_path / "truth.root"
    log = tmp_path / "log"

    def ask(source, **more):
        shutil.copy(data / source, truth)
        files = {"top": {"files": [path], "truth": [str(truth)], **more}}
        run(UsesTruth(log), files, checkpoint=tmp_path / "kept")
        return computed(log)["0"]

    assert ask("ttbar2l_PU0.root") == 1
    assert ask("ttbar2l_PU0.root") == 1
    assert ask("minbias_PU140.root") == 2, "the same path, another file"
    assert ask("ttbar2l_PU0.root", metadata={"xsec": 2.0}) == 3


def test_other_entries_are_another_question(data, tmp_path):
    path, log = str(data / "ttbar2l_PU140.root"), tmp_path / "log"
    for steps, times in (([[0, 10]], 1), ([[0, 20]], 2), ([[0, 10]], 2)):
        files = {"top": {"files": {path: {"steps": steps}}}}
        assert run(SumPt(log), files, checkpoint=tmp_path).output["n"] == steps[0][1]
        assert computed(log)["0"] == times


def test_failures_are_not_kept(data, tmp_path):
    path = tmp_path / "repaired.root"
    source = data / "ttbar2l_PU140.root"
    content = bytearray(source.read_bytes())
    content[50_000:3_000_000] = bytes(2_950_000)
    path.write_bytes(content)
    good = str(data / "minbias_PU140.root")
    files = {"top": [str(path), good]}
    options = {"checkpoint": tmp_path / "kept", "skip_bad_files": True, "chunksize": 25}
    assert run(SumPt(), files, **options).output["n"] == 50
    shutil.copy(source, path)
    result = run(SumPt(), files, **options)
    assert result.output["n"] == 100
    assert result.skipped == {}


def test_a_damaged_chunk_is_computed_again(fileset, expected, tmp_path):
    log, kept = tmp_path / "log", tmp_path / "kept"
    run(SumPt(log), fileset, checkpoint=kept)
    first, second = sorted(kept.rglob("*.chunk"))
    first.write_bytes(b"")
    content = bytearray(second.read_bytes())
    content[-3] ^= 1
    second.write_bytes(content)
    assert run(SumPt(log), fileset, checkpoint=kept) == expected
    assert computed(log)["0"] == 4
    assert run(SumPt(log), fileset, checkpoint=kept) == expected
    assert computed(log)["0"] == 4


def test_a_full_disk_is_an_error(fileset, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"\.chunk cannot be written: No space left"):
        run(SumPt(), fileset, checkpoint=tmp_path, skip_bad_files=True)
    assert not list(tmp_path.rglob("*chunk*")), "and nothing unfinished stays"


def test_a_folder_that_cannot_be_written(fileset, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        run(SumPt(), fileset, checkpoint="/proc/kept")


MODULE = """
import helper
from coffea import processor

class Own(processor.ProcessorABC):
    def __init__(self, model):
        self.model = model
    def process(self, events):
        return {"n": helper.FACTOR * len(events)}
    def postprocess(self, accumulator):
        return accumulator
"""


@pytest.fixture
def own_module(tmp_path, monkeypatch):
    """Return a function that writes a processor's module and its helper, and imports them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(factor, text=MODULE):
        (tmp_path / "helper.py").write_text(f"FACTOR = {factor}\n")
        (tmp_path / "own_processor_.py").write_text(text)
        for name in ("helper", "own_processor_"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        return importlib.import_module("own_processor_").Own

    yield write
    for name in ("helper", "own_processor_"):
        sys.modules.pop(name, None)


def test_an_edited_module_is_another_processor(own_module, data, tmp_path):
    path = str(data / "pfnano.root")

    def ask(own):
        return run(own("m"), [path], checkpoint=tmp_path / "kept").output["n"]

    assert ask(own_module(2)) == 6
    assert ask(own_module(5)) == 15, "a module that it imports was edited"
    assert ask(own_module(5, MODULE.replace("helper.FACTOR *", "1000 +"))) == 1003
    assert ask(own_module(2)) == 6


def test_a_model_behind_a_path_is_part_of_the_question(own_module, tmp_path):
    own, model = own_module(1), tmp_path / "model.onnx"
    model.write_bytes(b"first")
    keys = [fingerprint(own(str(model))), fingerprint(own(model))]
    assert keys == [fingerprint(own(str(model))), fingerprint(own(model))]
    model.write_bytes(b"second")
    assert fingerprint(own(str(model))) != keys[0]
    assert fingerprint(own(model)) != keys[1]


def test_a_firmware_folder_is_part_of_the_question(own_module, tmp_path):
    own, folder = own_module(1), tmp_path / "project"
    (folder / "firmware").mkdir(parents=True)
    (folder / "firmware" / "w1.h").write_text("1")
    before = fingerprint(own(str(folder)))
    (folder / "firmware" / "w1.h").write_text("2")
    assert fingerprint(own(str(folder))) != before


def test_another_l1kd_is_another_question(own_module, monkeypatch):
    own = own_module(1)("x")
    before = fingerprint(own)
    monkeypatch.setattr("l1kd.execution.fingerprint.identity", lambda: "0.2 abcdef sources")
    assert fingerprint(own) != before


def test_attributes_are_told_apart(own_module):
    own = own_module(1)
    values = [
        1, 1.0, True, "1", b"1", None, [1], (1,), {1}, {"a": 1}, {"a": 2}, np.arange(3),
        np.arange(3.0), np.float32(1), 1.5, float("nan"), [1, [2]], [[1], 2], int, len,
        lambda x: x, lambda x: x + 1, np.arange(3).reshape(1, 3),
    ]  # fmt: skip
    keys = [fingerprint(own(value)) for value in values]
    assert len(set(keys)) == len(values)
    assert keys == [fingerprint(own(value)) for value in values]


def test_closures_and_cycles(own_module):
    own = own_module(1)

    def scaled(factor):
        return lambda x: factor * x

    assert fingerprint(own(scaled(2))) == fingerprint(own(scaled(2)))
    assert fingerprint(own(scaled(2))) != fingerprint(own(scaled(3)))
    circle = [1]
    circle.append(circle)
    assert fingerprint(own(circle)) == fingerprint(own(circle))


def test_what_has_no_stable_form_is_refused(own_module, tmp_path):
    own = own_module(1)
    refused = pytest.raises(ConfigurationError, match="make it inside process")
    with (tmp_path / "open").open("w") as file, refused:
        fingerprint(own(file))


def test_the_order_of_sets_does_not_matter():
    """A script is asked twice, with strings hashed otherwise: its class has no module."""
    code = (
        "import l1kd.execution.fingerprint as f\n"
        "class Own:\n"
        "    known = {'a', 'b', 'c', 'd', 'e'}\n"
        "    def __init__(self): self.names = {'x', 'y', 'z', 'u', 'v', 'w'}\n"
        "    def process(self, events): return events in ('k', 'l') or events in {'m', 'n', 'o'}\n"
        "print(f.fingerprint(Own()))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(keys) == 1


def test_chunks_lie_inside_the_folder_whatever_datasets_are_called(data, tmp_path):
    run(SumPt(), {"a $b_%": [str(data / "pfnano.root")]}, checkpoint=tmp_path / "kept")
    (chunk,) = (tmp_path / "kept").rglob("*.chunk")
    assert chunk.parent.parent == tmp_path / "kept"
    assert chunk.parent.name.startswith("SumPt-")


def test_a_store_without_a_chunk(data, tmp_path):
    from l1kd.datasets import inspect_file

    store = Store(tmp_path, SumPt())
    file = inspect_file(str(data / "pfnano.root"))
    assert store.load(file, 0, 3) is None
    with pytest.raises(UnreadableFileError):
        run(SumPt(), [str(tmp_path / "none.root")], checkpoint=tmp_path)
