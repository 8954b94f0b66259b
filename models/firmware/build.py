"""`l1kd build`: from a network to a proved firmware project.

Everything is made in a folder beside the target and moved there at the end, so that an interrupted
build leaves nothing behind, and an earlier project stays until the new one is complete.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from l1kd.artefacts import sha256
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.emulators.network.cpp.source import read_project
from l1kd.errors import ConfigurationError, FirmwareError, L1KDError, ToolError
from l1kd.models.firmware import project
from l1kd.models.firmware.build_options import HLS_BACKENDS, RTL_BACKENDS, BuildOptions, Built
from l1kd.models.firmware.gates import cmssw as cmssw_gates
from l1kd.models.firmware.gates.logic_gates import build_logic_rtl
from l1kd.models.firmware.hls import cmssw, hls
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.record import metrics
from l1kd.models.firmware.record.record import Record
from l1kd.models.firmware.region.design import build_region
from l1kd.models.firmware.region.synthesis import synthesize_region
from l1kd.models.firmware.rtl import bench as rtl_bench
from l1kd.models.firmware.rtl.rtl import RtlDesign, build_rtl
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.sources.frameworks import Reference
from l1kd.models.firmware.sources.sources import Source
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.tools import cpp, vendor, yosys
from l1kd.models.firmware.vectors import events, vectors
from l1kd.models.firmware.vectors.vectors import Emulator, Vectors

__all__ = ["BuildOptions", "Built", "build"]

Progress = Callable[[str], None]


def build(
    name: str | Path, out: str | Path, options: BuildOptions, progress: Progress = lambda _: None
) -> Built:
    """Build a network and prove it.

    Parameters
    ----------
    name : str
        What `sources.find` takes.
    out : pathlib.Path
        Folder of the project; an earlier project there is replaced.
    progress : callable
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
    name = str(name)
    out = Path(out)
    _check_target(out)
    progress("reading the network")
    source = sources.find(name, options.precisions, options.board)
    if isinstance(source.network, RegionStream):
        options = options.of_region()
    with _aside(out) as folder:
        return replace(_Builder(source, folder, options, progress).run(), folder=out)


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

    def __init__(
        self, source: Source, folder: Path, options: BuildOptions, progress: Progress
    ) -> None:
        self.source, self.folder, self.options, self.progress = source, folder, options, progress
        self.skipped: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.rtl: RtlDesign | None = None
        self.hls: dict[str, str] | None = None
        self.framework: Reference | None = None

    def run(self) -> Built:
        """Do everything."""
        self._write_hls()
        network = self._network()
        network.save(self.folder / "network.npz")
        if self.options.backend in RTL_BACKENDS:
            self._write_rtl(network)
        if isinstance(network, LogicNetwork):
            self._write_gates(network)
        given, origin = self._vectors(network)
        self._read_framework()
        proof, expected = checks.prove_project(
            self.folder, network, given, self.rtl, bool(self.hls), self.framework, self.skipped,
            self.progress,
        )  # fmt: skip
        proof.compared |= {name: {"failed": reason} for name, reason in self.failed.items()}
        content = self._metrics(network)
        record = Record(
            self.source, self.options, network, given, expected, origin, proof, content,
            self.hls, self.rtl, self.failed,
        )  # fmt: skip
        return record.write(self.folder)

    def _write_hls(self) -> None:
        options = self.options
        backend = "Vivado" if options.backend == "vivado" else "Vitis"
        chosen = hls.HlsOptions(
            backend, options.part, options.period, options.strategy, self.source.name
        )
        self.progress("HLS C++")
        try:
            self.source.write(chosen, self.folder / "hls")
        except (FirmwareError, ToolError) as error:
            # RTL comes from the integer graph, and needs no HLS where that is at hand.
            if options.backend in HLS_BACKENDS:
                raise
            if self.source.network is None:
                if self.source.traced is None:
                    raise
                self.progress("da4ml's own trace")
                self.source = replace(self.source, network=self.source.traced(str(error)))
                error = FirmwareError(f"{error}; the network is da4ml's own trace of the model")
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
        self.progress(f"RTL by {tool}")
        try:
            if isinstance(network, LogicNetwork):
                # gates leave nothing to distribute: l1kd writes them itself for either tool
                self.rtl = build_logic_rtl(
                    network, folder, top=self.source.name, latency_cutoff=self.options.cutoff
                )
            elif isinstance(network, RegionStream):
                self.rtl = build_region(
                    network, folder, tool=tool, top=self.source.name,
                    clock_period_ns=options.period, latency_cutoff=options.cutoff,
                    part=options.part,
                )  # fmt: skip
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

    def _write_gates(self, network: LogicNetwork) -> None:
        """Write the emulator library; the types of its interface come with hls4ml."""
        try:
            types = hls.library() / "vivado" / "ap_types"
        except ToolError as error:
            self.skipped["CMSSW library"] = str(error)
            return
        cmssw_gates.write_gates(network, self.source.name, self.folder / "cmssw", types)

    def _vectors(self, network: Emulator) -> tuple[Vectors, dict[str, str]]:
        options, kind, normalisation = (
            self.options, self.source.kind, self.source.normalisation
        )  # fmt: skip
        files, limit = options.events, options.vectors // 2
        if files:
            self.progress(f"real inputs from {', '.join(file.name for file in files)}")
            real: Any = events.real_inputs(network, kind, files, limit, normalisation)
            origin = {file.name: sha256(file) for file in files}
        else:
            real, origin = events.packaged_inputs(network, kind, limit, normalisation)
        return vectors.make(network, options.vectors, options.seed, real), origin

    def _read_framework(self) -> None:
        if self.source.framework is None:
            self.skipped[checks.FRAMEWORK] = self.source.why_no_framework
            return
        self.progress("training framework")
        try:
            self.framework = self.source.framework()
        except ConfigurationError as error:  # it is not installed
            self.skipped[checks.FRAMEWORK] = str(error)
        except L1KDError as error:
            self.failed[checks.FRAMEWORK] = str(error)

    def _metrics(self, network: Emulator) -> dict[str, Any]:
        """Collect metrics; none of them may differ from run to run."""
        options = self.options
        resources: dict[str, Any] = {}
        content: dict[str, Any] = {"ebops": metrics.ebops(network), "resources": resources}
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
            self._yosys(rtl, network, content)
        if options.synthesize:
            self._vendor(content)
        return content

    def _yosys(self, rtl: RtlDesign, network: Emulator, content: dict[str, Any]) -> None:
        reason = yosys.available() if self.options.synthesize else "not asked for"
        if reason is not None:
            content["yosys_skipped"] = reason
            return
        self.progress("synthesis with Yosys")
        with tempfile.TemporaryDirectory() as scratch:
            part, folder = self.options.part, Path(scratch)
            try:
                if isinstance(network, RegionStream):
                    found, parts = synthesize_region(network, rtl, folder, part)
                    content["parts"] = {name: _cells(own) for name, own in parts.items()}
                else:
                    gates = isinstance(network, LogicNetwork)
                    found = yosys.synthesize(
                        rtl.sources, rtl.top, folder, part, search_equal=not gates
                    )
            except ToolError as error:
                self.failed["synthesis with Yosys"] = str(error)[-500:]
                return
        content["resources"][f"Yosys {found.version}"] = _cells(found)

    def _vendor(self, content: dict[str, Any]) -> None:
        self.progress("Vitis or Vivado, where installed")
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


def _cells(found: yosys.Resources) -> dict[str, Any]:
    """Return what was counted, without what differs from run to run."""
    return {k: v for k, v in found._asdict().items() if k not in ("seconds", "version")}
