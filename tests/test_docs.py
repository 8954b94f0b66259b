"""The documentation tells the truth: its Python runs, its commands and classes exist."""

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
import typer
import yaml
from distributed import LocalCluster

from l1kd import errors
from l1kd._edge import flat, offsets_of
from l1kd.candidates import DTYPES, candidates
from l1kd.cli import app
from l1kd.cli.arguments import routed
from l1kd.datasets import inspect_file, load_fileset
from l1kd.emulators.network.layers.registry import HANDLERS
from l1kd.registry import reset
from tests.l1kd.datasets.overlay.libraries import write_library
from tests.l1kd.outside import write_halving_firmware

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
NEEDED = {
    "jet-tagger": ("tensorflow", "qkeras", "hls4ml"),
    "pytorch": ("torch", "hls4ml", "onnx"),
}
"""What a page needs of the extras; its Python is skipped without."""
EMULATOR_PAGES = ("puppi", "networks", "correlator")
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    line: int


def blocks(page):
    content = page.read_text(encoding="utf-8")
    for found in FENCE.finditer(content):
        indent = found[1]
        text = "".join(line.removeprefix(indent) for line in found[3].splitlines(True))
        yield Block(found[2], text, content.count("\n", 0, found.start()) + 1)


def name_of(page):
    return str(page.relative_to(REPOSITORY))


def pages_with(*languages):
    return [page for page in PAGES if any(block.language in languages for block in blocks(page))]


class SLURMCluster(LocalCluster):
    """Stands for dask-jobqueue's: the same arguments, local processes instead of jobs."""

    def __init__(self, *, cores, processes, memory, walltime):
        assert (cores, processes) == (1, 1)
        assert memory
        assert walltime
        super().__init__(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0")

    def scale(self, jobs):
        super().scale(min(jobs, 1))


def write_onnx(path):
    """Write a small model: three numbers a row in, one out."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])
    w = helper.make_tensor("w", TensorProto.FLOAT, [3, 1], [0.1, -0.2, 0.3])
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "small", [x], [y], [w])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))


@pytest.fixture
def folder(tmp_path, data, monkeypatch):
    """Make a working folder with everything that the pages name."""
    for file in data.glob("*.root"):
        (tmp_path / file.name).symlink_to(file)
    folders = REPOSITORY / "tests" / "emulators" / "network" / "cpp" / "folders"
    (tmp_path / "my-firmware").symlink_to(folders / "single")
    write_halving_firmware(tmp_path / "my-halving-firmware" / "firmware")
    write_onnx(tmp_path / "my_model.onnx")
    for seed, name in enumerate(("minbias", "tt2l2nu", "qcd35", "qcd50")):
        write_library(tmp_path / f"regions_{name}.npz", 200, seed)
    jobqueue = ModuleType("dask_jobqueue")
    jobqueue.SLURMCluster = SLURMCluster
    monkeypatch.setitem(sys.modules, "dask_jobqueue", jobqueue)
    monkeypatch.setattr("l1kd.models.train._REGISTERED", {})
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    reset()
    HANDLERS.pop("halve", None)


@pytest.fixture(scope="module")
def columns(data):
    """Flat columns of a few events, which the pages on emulators take as given."""
    events = inspect_file(str(data / "ttbar2l_PU140.root")).open(0, 2)
    particles = candidates(events)
    given = {name: flat(particles[name], DTYPES[name]) for name in particles.fields}
    given["offsets"] = offsets_of(particles.pt)
    given["n_vertices"] = np.diff(offsets_of(events.Vertex.Z))
    return given


@pytest.mark.parametrize("page", pages_with("python"), ids=name_of)
def test_python_of_a_page_runs_in_order(page, folder, columns):
    for module in NEEDED.get(page.stem, ()):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    namespace = {"__name__": "page", **(columns if page.stem in EMULATOR_PAGES else {})}
    for block in blocks(page):
        named = re.match(r"# (\S+\.yaml)\n", block.text)
        if block.language == "yaml" and named:
            (folder / named[1]).write_text(block.text)
        if block.language == "python":
            # line numbers of a traceback are those of the page
            code = "\n" * block.line + block.text
            exec(compile(code, name_of(page), "exec"), namespace)


def parameters_of(command):
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("page", pages_with("console"), ids=name_of)
def test_commands_exist_with_their_options(page):
    commands = typer.main.get_command(app).commands
    lines = [
        line.removeprefix("$ ")
        for block in blocks(page)
        if block.language == "console"
        for line in block.text.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    ]
    assert lines, f"{page.name}: a console block shows commands after '$ '"
    makefile = (REPOSITORY / "Makefile").read_text()
    for program, *arguments in map(shlex.split, lines):
        if program == "l1kd":
            while arguments[0].startswith("--"):  # options of l1kd itself, before the verb
                assert arguments[0] in parameters_of(typer.main.get_command(app)), arguments[0]
                arguments = arguments[2:]
            arguments = routed(arguments, typer.main.get_command(app))
            command = commands[arguments[0]]
            if hasattr(command, "commands"):
                arguments = arguments[1:]
                command = command.commands[arguments[0]]
            options = parameters_of(command)
            for argument in arguments[1:]:
                assert not argument.startswith("-") or argument in options, argument
        elif program == "make":
            for target in arguments:
                assert re.search(rf"^{target}:", makefile, re.M), target
        elif program == "python" and arguments[0] != "-m":
            assert (REPOSITORY / arguments[0]).is_file(), arguments[0]


@pytest.mark.parametrize("page", pages_with("yaml"), ids=name_of)
def test_filesets_of_a_page_are_valid(page):
    for block in blocks(page):
        if block.language == "yaml" and block.text.startswith("# fileset.yaml"):
            assert load_fileset(yaml.safe_load(block.text))


def test_every_error_is_on_the_errors_page():
    text = (REPOSITORY / "docs" / "errors.md").read_text()
    for name in errors.__all__:
        assert f"`{name}`" in text, name


def test_every_page_is_in_the_navigation():
    listed = (REPOSITORY / "mkdocs.yml").read_text()
    for page in (REPOSITORY / "docs").rglob("*.md"):
        assert f": {page.relative_to(REPOSITORY / 'docs')}\n" in listed, page.name


def test_api_pages_show_modules_that_exist():
    for page in (REPOSITORY / "docs").rglob("*.md"):
        for module in re.findall(r"^::: l1kd\.?(\S*)", page.read_text(), re.M):
            top, _, rest = module.partition(".")
            inside = top in {"emulators", "processors", "models"}
            path = REPOSITORY / (f"{top}/{rest}" if inside else f"l1kd/{module}").replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), module


def test_links_of_the_readme_lead_somewhere():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    for link in links:
        assert link.startswith("https://") or (REPOSITORY / link).exists(), link
