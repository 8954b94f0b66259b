"""Every function that takes a path takes text and `pathlib.Path`, and does the same with both."""

from pathlib import Path

import numpy as np
import pytest

from l1kd.artefacts import sha256
from l1kd.datasets import inspect_file, load_fileset
from l1kd.datasets.fileset import is_url
from l1kd.datasets.manifest import Manifest, Piece, digest_of, piece_of, pieces, read_manifest
from l1kd.datasets.opening import is_parquet, open_tree
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.errors import ConfigurationError, FirmwareError
from l1kd.execution import run
from l1kd.inspection import inspect
from l1kd.models.config import read_mapping
from l1kd.models.firmware.build import build
from l1kd.models.firmware.build_options import BuildOptions
from l1kd.models.firmware.patterns import files as patterns
from l1kd.models.firmware.patterns.words import Layout
from l1kd.models.firmware.project import read_description
from l1kd.models.firmware.proof.checks import verify
from l1kd.processors import RateProcessor

KINDS = pytest.mark.parametrize("kind", [str, Path])


@KINDS
def test_samples(kind, data):
    path = data / "ttbar2l_PU140.root"
    file = inspect_file(kind(path), truth=kind(data / "ttbar2l_PU0.root"))
    assert file == inspect_file(str(path), truth=str(data / "ttbar2l_PU0.root"))
    assert len(file.open()) == file.entries
    assert inspect(kind(path)) == inspect(str(path))
    assert open_tree(kind(path), "Delphes").num_entries == file.entries
    assert not is_parquet(kind(path))
    assert not is_url(kind(path))
    assert load_fileset(kind(path))["ttbar2l_PU140"].files == [str(path)]
    assert sha256(kind(path)) == digest_of(kind(path))


@KINDS
def test_skims(kind, tmp_path):
    piece = Piece(events=1, source="a", source_uuid="b", entry_start=0, entry_stop=1,
                  sha256="0" * 64)  # fmt: skip
    Manifest(settings="s", pieces={"a.root": piece}).write(kind(tmp_path))
    assert read_manifest(kind(tmp_path)).pieces == {"a.root": piece}
    assert pieces(kind(tmp_path)) == [str(tmp_path / "a.root")]
    assert piece_of(kind(tmp_path / "a.root")) == piece


@KINDS
def test_checkpoints(kind, data, tmp_path):
    chosen = RateProcessor(["puppi"], score=False)
    files = {"ttbar": [kind(data / "ttbar2l_PU140.root")]}
    result = run(chosen, files, checkpoint=kind(tmp_path / "kept"))
    assert list((tmp_path / "kept").iterdir())
    assert set(result.output) == {"ttbar"}


@KINDS
def test_patterns_of_a_bench(kind, tmp_path):
    forms = [FixedPoint(9, 4)] * 3
    raw = np.arange(-6, 6).reshape(4, 3)
    for name in ("rows.npy", "rows.csv", "rows.hex", "rows.coe"):
        path = kind(tmp_path / name)
        patterns.write(path, raw, forms, Layout(), patterns.kind_of(path))
        assert patterns.is_recorded(path)
        read = patterns.read(path, forms, Layout())
        np.testing.assert_array_equal(patterns.as_raw(read, forms, name), raw)


@KINDS
def test_folders_of_firmware(kind, tmp_path):
    with pytest.raises(FirmwareError, match="is no built project"):
        read_description(kind(tmp_path))
    with pytest.raises(FirmwareError, match="is no built project"):
        verify(kind(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(FirmwareError, match="is a file"):
        build(
            kind(tmp_path / "network.npz"), kind(tmp_path / "file"), BuildOptions(backend="gates")
        )
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_mapping(kind(tmp_path / "none.yaml"))
