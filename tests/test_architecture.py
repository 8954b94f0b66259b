"""The import rule, checked as `make lint` checks it, and what the linter cannot see."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def modules_after(code):
    """Return the modules of l1kd that a new process has loaded after some code."""
    ask = "import sys; print(*(name for name in sys.modules if name.startswith('l1kd')))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{code}\n{ask}"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return set(done.stdout.split())


def test_the_contracts_of_the_import_rule_hold():
    program = Path(sys.executable).with_name("lint-imports")
    if not program.is_file():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([program, "--no-cache"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[done.stdout.find("Broken contracts") :]


def test_the_linter_sees_the_linked_folders_as_one_package():
    grimp = pytest.importorskip("grimp")
    graph = grimp.build_graph("l1kd", cache_dir=None)
    for room in ("emulators", "processors", "models"):
        files = [
            path for path in (ROOT / room).rglob("*.py") if (path.parent / "__init__.py").is_file()
        ]
        seen = [name for name in graph.modules if f"{name}.".startswith(f"l1kd.{room}.")]
        assert len(seen) == len(files)
        assert room not in graph.modules


def test_the_command_line_loads_models_only_when_a_verb_needs_them():
    loaded = modules_after("from l1kd.cli import main")
    assert "l1kd.cli" in loaded
    assert [name for name in loaded if name.startswith("l1kd.models")] == []


@pytest.mark.parametrize("package", ["l1kd", "l1kd.processors", "l1kd.emulators"])
def test_nothing_below_loads_models(package):
    loaded = modules_after(f"import {package}")
    assert [name for name in loaded if name.startswith("l1kd.models")] == []


def test_networks_run_without_the_readers_of_firmware():
    """A network from a file needs no parser of C++."""
    loaded = modules_after("import l1kd.emulators.network.archive, l1kd.emulators.network.graph")
    assert [name for name in loaded if name.startswith("l1kd.emulators.network.layers")] == []
