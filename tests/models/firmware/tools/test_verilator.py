"""Verilator's compiled library: kept in the user's cache, and used only where nobody else wrote."""

from pathlib import Path

import pytest

from l1kd.models.firmware.tools import verilator


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Stand for the compiler; counts how often it was asked for the library."""
    asked = []

    def run(command, environment, given=None):
        if "--version" in command:
            return "g++ 12.2.0\n"
        asked.append(given)
        Path(command[-1]).write_bytes(b"object %d" % len(asked))
        return ""

    monkeypatch.setenv("L1KD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(verilator, "_run", run)
    return asked


@pytest.fixture
def library(compiler, tmp_path):
    """Return a function that gives the content of the library, compiled or kept."""
    include, build = tmp_path / "include", tmp_path / "build"
    include.mkdir()
    build.mkdir()
    (include / "verilated.cpp").write_text("// 5.048\n")

    def content():
        return verilator._library(include, build, traced=False).read_bytes()

    content.include = include
    return content


def kept_file(tmp_path):
    (file,) = (tmp_path / "cache" / "verilator").iterdir()
    return file


def test_it_is_compiled_once(library, compiler):
    assert library() == library() == b"object 1"
    assert len(compiler) == 1
    assert "verilated_threads.cpp" in compiler[0]


def test_another_verilator_is_another_library(library, compiler):
    library()
    (library.include / "verilated.cpp").write_text("// 6.000\n")
    assert library() == b"object 2"


@pytest.mark.parametrize("damage", [b"", b"object 9", b"\0" * 100])
def test_a_changed_file_is_not_linked(library, compiler, tmp_path, damage):
    library()
    kept_file(tmp_path).write_bytes(damage)
    assert library() == b"object 2"
    assert library() == b"object 2"


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.filterwarnings("ignore:machine code is not kept:RuntimeWarning")
def test_what_others_may_write_is_not_linked(library, compiler, tmp_path, what):
    library()
    path = kept_file(tmp_path)
    (path if what == "file" else path.parent).chmod(0o777)
    assert library() == b"object 2"


def test_a_link_is_not_followed(library, compiler, tmp_path):
    library()
    path = kept_file(tmp_path)
    content = path.read_bytes()
    path.unlink()
    (tmp_path / "elsewhere").write_bytes(content)
    path.symlink_to(tmp_path / "elsewhere")
    assert library() == b"object 2"
