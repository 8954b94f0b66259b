"""Where machine code is kept, when it is made anew, and who may have written it."""

import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from l1kd.emulators import compilation
from l1kd.emulators.compilation import cache_folder, keep, kept, private_folder, source_digest

PACKAGE = Path(compilation.__file__).parents[1]


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the emulators as a package that a new process can import."""
    shutil.copytree(
        PACKAGE / "emulators", tmp_path / "l1kd" / "emulators",
        ignore=shutil.ignore_patterns("__pycache__"),
    )  # fmt: skip
    (tmp_path / "l1kd" / "__init__.py").write_text("")
    return tmp_path


def run(copy, code):
    """Run code in a new process that imports the copy and caches below it."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "L1KD_CACHE": str(copy / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd=copy,
        check=True,
    )  # fmt: skip
    return done.stdout.strip()


def edit(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize(
    "changed",
    [
        "network/analysis/intervals.py",
        "network/analysis/fusion.py",
        "network/native/sums.py",
        "network/graph.py",
        "casts.py",
        "fixed_point.py",
    ],
)
def test_an_edit_in_any_folder_changes_the_key_of_a_network(copy, changed):
    code = (
        "from l1kd.emulators.network.native.code import _surroundings; print(_surroundings().hex())"
    )
    before = run(copy, code)
    assert run(copy, code) == before
    path = copy / "l1kd" / "emulators" / changed
    path.write_text(path.read_text() + "\n# edited\n")
    assert run(copy, code) != before


def test_a_kernel_is_compiled_anew_when_a_function_of_another_file_changes(copy):
    (copy / "l1kd" / "outer.py").write_text(
        "from l1kd.emulators.compilation import njit\n"
        "from l1kd.inner import (\n    FACTOR,  # a constant\n    value as inner,\n)\n"
        "@njit()\ndef outer(x):\n    return FACTOR * inner(x)\n"
    )
    (copy / "l1kd" / "inner.py").write_text(
        "from l1kd.emulators.compilation import njit\n"
        "from l1kd import deepest\n"
        "FACTOR = 2\n@njit()\ndef value(x):\n    return x + deepest.ADDED\n"
    )
    (copy / "l1kd" / "deepest.py").write_text("ADDED = 1\n")
    code = (
        "from l1kd.outer import outer as f; "
        "print(f(10), sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values()))"
    )
    assert run(copy, code) == "22 0 1"
    assert run(copy, code) == "22 1 0"
    edit(copy / "l1kd" / "deepest.py", "1", "5")
    assert run(copy, code) == "30 0 1"
    edit(copy / "l1kd" / "inner.py", "FACTOR = 2", "FACTOR = 3")
    assert run(copy, code) == "45 0 1"
    assert run(copy, code) == "45 1 0"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("emulators/**/*.py")), ids=lambda p: p.stem)
def test_the_sources_of_every_module_are_found(path):
    assert re.fullmatch("[0-9a-f]{64}", source_digest(path))


def test_every_kernel_is_compiled_by_the_one_decorator():
    """A kernel with Numba's own cache would not see the files that its module imports."""
    rooms = [PACKAGE, *(PACKAGE / name for name in ("emulators", "processors", "models"))]
    paths = {path.resolve() for room in rooms for path in room.rglob("*.py")}
    paths.remove(Path(compilation.__file__).resolve())
    assert len(paths) > 200
    own = [path for path in paths if re.search(r"\b(nb|numba)\.njit|cache=True", path.read_text())]
    assert own == []


def test_an_unknown_module_is_an_error(tmp_path):
    (tmp_path / "a.py").write_text("from l1kd.emulators.no_such_module import x\n")
    with pytest.raises(ValueError, match="no module"):
        source_digest(tmp_path / "a.py")


def test_the_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("L1KD_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == Path.home() / ".cache" / "l1kd"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "l1kd"
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_folders_for_code_are_made_private(monkeypatch, tmp_path):
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path / "cache"))
    before = os.umask(0)
    try:
        folder = private_folder("kernels", "x")
    finally:
        os.umask(before)
    assert folder == tmp_path / "cache" / "kernels" / "x"
    for part in (folder, folder.parent, folder.parent.parent):
        assert part.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("open_to_others", [".", "kernels", "kernels/x"])
def test_folders_that_others_may_write_to_are_refused(monkeypatch, tmp_path, open_to_others):
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path / "cache"))
    assert private_folder("kernels", "x") is not None
    (tmp_path / "cache" / open_to_others).chmod(0o720)
    with pytest.warns(RuntimeWarning, match="others may write"):
        assert private_folder("kernels", "x") is None


def test_without_a_place_there_is_no_folder(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path / "file"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert private_folder("kernels") is None


def test_a_folder_that_cannot_be_written_is_not_used(monkeypatch, tmp_path):
    """Numba would take its own place beside the sources instead, which sees one file only."""
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    assert private_folder("kernels") is None


def test_without_a_home_there_is_no_folder(monkeypatch):
    """Containers run users that no file of passwords knows."""

    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("L1KD_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert private_folder("kernels") is None
    assert kept("tools", "a") is None
    keep("tools", "a", b"machine code")


def test_kernels_run_where_nothing_can_be_kept(copy):
    (copy / "cache").write_text("a file, no folder")
    code = "from l1kd.emulators.casts import cast_raw; print(cast_raw(300, 1, 2, 8, True, 1))"
    assert run(copy, code) == "127"


@pytest.mark.parametrize("damage", ["content", "seal", "renamed", "short", "link", "open"])
def test_kept_files_come_back_whole_or_not_at_all(monkeypatch, tmp_path, damage):
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path))
    keep("tools", "a", b"machine code")
    assert kept("tools", "a") == b"machine code"
    path, name = tmp_path / "tools" / "a", "a"
    raw = path.read_bytes()
    if damage in ("content", "seal", "short"):
        path.write_bytes(
            {"content": raw[:-1] + b"X", "seal": b"X" + raw[1:], "short": raw[:9]}[damage]
        )
    elif damage == "renamed":
        path, name = path.rename(path.with_name("b")), "b"
    elif damage == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.chmod(0o662)
    assert kept("tools", name) is None
    # What is damaged goes; what others may have written is left to its owner.
    assert path.exists() == (damage in ("link", "open"))


def test_nothing_is_kept_where_others_may_write(monkeypatch, tmp_path):
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path))
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools").chmod(0o777)
    with pytest.warns(RuntimeWarning, match="others may write"):
        keep("tools", "a", b"machine code")
    assert list((tmp_path / "tools").iterdir()) == []
