"""hls4ml: from layers to a folder of HLS C++.

Only the firmware itself is taken from hls4ml's writer. Everything that would differ from run to run
(stamps, absolute paths) stays behind, and the weights are literals of their headers, as the
synthesis tool sees them.
"""

import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from l1kd.emulators.network import FirmwareSourceError, Network
from l1kd.emulators.network.cpp.source import read_project
from l1kd.errors import FirmwareError, ToolError
from l1kd.models import backend
from l1kd.models.firmware.hls.layers import layer_list

__all__ = [
    "HlsOptions",
    "Strategy",
    "copy_project",
    "hls4ml_version",
    "library",
    "model_graph",
    "write_project",
]

_WITH_STRATEGY = ("Dense", "Conv1D", "Conv2D")
Strategy = Literal["latency", "resource", "distributed_arithmetic"]


@dataclass(frozen=True)
class HlsOptions:
    """What the user decides about an HLS project.

    Attributes
    ----------
    backend : str
        ``Vitis`` or ``Vivado``.
    part : str
        FPGA.
    period : float
        Clock period [ns].
    strategy : str
        How hls4ml multiplies.
    top : str
        Name of the top function and of the namespace around everything.
    """

    backend: str
    part: str
    period: float
    strategy: Strategy
    top: str


def hls4ml_version() -> str:
    """Return the version of the installed hls4ml.

    Raises
    ------
    ToolError
        It is not installed.
    """
    try:
        return metadata.version("hls4ml")
    except metadata.PackageNotFoundError:
        raise ToolError("hls4ml is not installed: install l1kd[firmware]") from None


def library() -> Path:
    """Return hls4ml's folder of C++ templates.

    Raises
    ------
    ToolError
        hls4ml is not installed.
    """
    spec = find_spec("hls4ml")
    if spec is None or spec.origin is None:
        raise ToolError("hls4ml is not installed: install l1kd[firmware]")
    return Path(spec.origin).parent / "templates"


def base_configuration(options: HlsOptions) -> dict[str, Any]:
    """Return the part of hls4ml's configuration that does not depend on the network."""
    return {
        "Backend": options.backend,
        "ProjectName": options.top,
        "OutputDir": options.top,
        "Part": options.part,
        "ClockPeriod": options.period,
        "ClockUncertainty": "27%" if options.backend == "Vitis" else "12.5%",
        "IOType": "io_parallel",
        "WriterConfig": writer_configuration(options),
    }


def writer_configuration(options: HlsOptions) -> dict[str, Any]:
    """Return what hls4ml's writer is told: a namespace, and weights as literals."""
    return {
        "Namespace": namespace(options.top),
        "WriteWeightsTxt": False,
        "WriteTar": False,
        "WriteEmulationConstants": False,
        "TBOutputStream": "both",
    }


def namespace(top: str) -> str:
    """Return the C++ namespace of a project; several projects then live in one process."""
    return f"l1kd_{top}"


def model_graph(network: Network, options: HlsOptions) -> Any:
    """Turn an integer network into hls4ml's own graph.

    Returns
    -------
    hls4ml.model.ModelGraph

    Raises
    ------
    FirmwareError
        A layer has no counterpart in hls4ml.
    ToolError
        hls4ml is not installed or fails.
    """
    hls4ml_version()
    described = layer_list(network)
    configuration = base_configuration(options)
    multipliers = {
        layer["name"] for layer in described.layers if layer["class_name"] in _WITH_STRATEGY
    }
    strategy = {"Strategy": options.strategy, "ReuseFactor": 1}
    configuration["HLSConfig"] = {
        "Model": {
            "Precision": {"default": "ap_fixed<16,6>"},
            "ReuseFactor": 1,
            # every format is given: hls4ml must not choose its own
            "BitExact": False,
        },
        "LayerName": {
            name: entry | (strategy if name in multipliers else {})
            for name, entry in described.configuration.items()
        },
    }
    with backend.quiet(remarks=True):
        hls4ml = backend.hls4ml()
        try:
            return hls4ml.model.ModelGraph.from_layer_list(
                configuration, described.layers, described.inputs, described.outputs
            )
        except Exception as error:
            raise ToolError(
                f"hls4ml cannot build network '{network.graph.name}' with strategy "
                f"'{options.strategy}': {type(error).__name__}: {error}"
            ) from error


def write_project(graph: Any, folder: Path) -> None:
    """Write the firmware folder of an hls4ml graph: sources, weights and the library.

    Parameters
    ----------
    graph : hls4ml.model.ModelGraph
        Converted for Vitis or Vivado.
    folder : pathlib.Path
        Gets a folder ``firmware``.
    """
    config = graph.config.config
    before = config["OutputDir"]
    with backend.quiet(remarks=True), TemporaryDirectory() as scratch:
        config["OutputDir"] = scratch
        try:
            writer = graph.config.backend.writer
            writer.write_project_dir(graph)
            writer.write_project_cpp(graph)
            writer.write_project_header(graph)
            writer.write_weights(graph)
            writer.write_defines(graph)
            writer.write_parameters(graph)
            writer.write_nnet_utils(graph)
            writer.write_generated_code(graph)
            code = Path(scratch, "firmware", "nnet_utils", "nnet_code_gen.h")
            generated = code.read_text(encoding="utf-8")
            if hasattr(writer, "write_nnet_utils_overrides"):
                writer.write_nnet_utils_overrides(graph)
            # hls4ml writes this code for its own namespace only
            generated = re.sub(r"(?<![\w:])bit_shift<", "nnet::bit_shift<", generated)
            code.write_text(generated, encoding="utf-8")
        finally:
            config["OutputDir"] = before
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(Path(scratch, "firmware"), folder / "firmware")


def copy_project(source: Path, folder: Path) -> str:
    """Copy the sources of a firmware folder, with hls4ml's library where it brings none.

    Only the files that the top function's source includes are copied.

    Parameters
    ----------
    source : pathlib.Path
        A firmware folder in any of the layouts that `Network.from_hls_project` reads.
    folder : pathlib.Path
        Gets a folder ``firmware``.

    Returns
    -------
    str
        Name of the top function.

    Raises
    ------
    FirmwareError
        The folder is not understood; the message is the reader's, with file and line.
    """
    try:
        project = read_project(source)
    except FirmwareSourceError as error:
        raise FirmwareError(str(error)) from error
    root = source.resolve()
    files = [Path(name) for name in project.files]
    top = next(file for file in files if file.name == Path(project.location.path).name)
    for file in files:
        relative = file.relative_to(top.parent) if file.is_relative_to(top.parent) else file
        target = folder / "firmware" / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, target)
    for name in _library_folders(root / top.parent):
        for part in ("vivado/nnet_utils", "vitis/nnet_utils"):
            _copy_library(library() / part, folder / "firmware" / name, root / top.parent / name)
    types = "ap_types"
    _copy_library(
        library() / "vivado" / types, folder / "firmware" / types, root / top.parent / types
    )
    return project.name


def _library_folders(firmware: Path) -> list[str]:
    """Return what the folder calls hls4ml's library: experiments rename it."""
    marks = ("nnet_types.h", "nnet_common.h", "nnet_helpers.h")
    found = {
        entry.name
        for entry in firmware.iterdir()
        if entry.is_dir() and any((entry / mark).is_file() for mark in marks)
    }
    return sorted(found | {"nnet_utils"})


def _copy_library(origin: Path, target: Path, own: Path) -> None:
    """Copy the headers of a library; those that the firmware brings itself come first."""
    for header in sorted(origin.rglob("*.h")):
        place = target / header.relative_to(origin)
        if place.name == "nnet_code_gen.h" and place.exists():
            continue
        mine = own / header.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mine if mine.is_file() else header, place)
