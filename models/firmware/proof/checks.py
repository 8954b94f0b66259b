"""Prove a project: wire up what lies in its folder, and compare it with the emulator."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Integers, SignedIntegers
from l1kd.emulators.network import FirmwareSourceError, Network
from l1kd.errors import FirmwareError, ToolError
from l1kd.models.firmware import project
from l1kd.models.firmware.proof.proof import (
    Implementation,
    Proof,
    cpp_layer,
    framework_layer,
    prove,
    rtl_layer,
)
from l1kd.models.firmware.rtl.rtl import RtlDesign, build_rtl
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.sources.frameworks import Reference
from l1kd.models.firmware.tools import cpp, verilator
from l1kd.models.firmware.vectors import vectors
from l1kd.models.firmware.vectors.vectors import Emulator, Vectors

__all__ = [
    "CPP",
    "FRAMEWORK",
    "READ_BACK",
    "RTL",
    "Verified",
    "prove_project",
    "record_waveform",
    "verify",
]

Progress = Callable[[str], None]
CPP = "hls4ml C++, compiled"
RTL = "RTL in Verilator"
FRAMEWORK = "training framework"
READ_BACK = "emulator read from the project"


def prove_project(
    folder: str | Path,
    network: Emulator,
    given: Vectors,
    design: RtlDesign | None,
    has_hls: bool,
    framework: Reference | None,
    skipped: dict[str, str],
    progress: Progress,
) -> tuple[Proof, Integers]:
    """Compare everything in a project's folder with the emulator.

    Parameters
    ----------
    skipped : dict
        What cannot be compared, with the reason; more may be added.

    Returns
    -------
    proof : Proof
    expected : int64 array, shape (n, outputs)
    """
    folder = Path(folder)
    skipped = dict(skipped)
    with tempfile.TemporaryDirectory() as scratch:
        implementations = []
        if framework is not None:
            implementations.append(_framework(framework, network))
        if has_hls:
            implementations.append(_read_back(folder, network))
            implementations.append(_compiled(folder, network, Path(scratch, "hls")))
        reason = verilator.available()
        if design is None:
            skipped[RTL] = "the backend gives HLS C++; its tool makes the RTL"
        elif reason is not None:
            skipped[RTL] = reason
        else:
            implementations.append(_simulated(folder, network, design, Path(scratch, "rtl")))
        proof, expected = prove(network, given, implementations, skipped, progress)
    declared = framework.declare(network) if isinstance(network, Network) and framework else []
    if framework is not None and declared:
        proof.compared[framework.name]["declared"] = declared
    return proof, expected


def _framework(framework: Reference, network: Emulator) -> Implementation:
    if not isinstance(network, Network):
        raise FirmwareError("logic gates have no model of a framework to compare with")
    return Implementation(
        framework.name,
        lambda raw: framework.predict_raw(network, raw),
        lambda raw: framework_layer(network, framework, raw),
    )


def _read_back(folder: Path, network: Emulator) -> Implementation:
    """Read the emulator from the project's own sources."""
    try:
        read = Network.from_hls_project(folder / "hls")
    except FirmwareSourceError as error:
        raise FirmwareError(f"{folder / 'hls'}: {error}") from error

    def layer(raw: SignedIntegers) -> list[str]:
        return _traced(network, read, raw)

    return Implementation(READ_BACK, lambda raw: vectors.emulate(read, raw), layer)


def _traced(network: Emulator, other: Network, raw: SignedIntegers) -> list[str]:
    """Find the first layer in which two networks with the same names of layers differ."""
    if not isinstance(network, Network):
        return ["unknown"] * len(raw)
    split = vectors.split(network, raw)
    mine, theirs = network.trace(*split), other.trace(*split)
    result = []
    for row in range(len(raw)):
        differing = (
            name
            for name, values in mine.items()
            if name in theirs and not np.array_equal(values[row], theirs[name][row])
        )
        result.append(next(differing, "none: every layer agrees"))
    return result


def _compiled(folder: Path, network: Emulator, build: Path) -> Implementation:
    compiled: list[cpp.Compiled] = []

    def run(raw: SignedIntegers) -> Integers:
        if not compiled:
            compiled.append(cpp.compile_project(folder / "hls", build))
        return compiled[0].run(raw)

    return Implementation(CPP, run, lambda raw: cpp_layer(network, folder / "hls", raw))


def _simulated(folder: Path, network: Emulator, design: RtlDesign, build: Path) -> Implementation:
    def run(raw: SignedIntegers) -> Integers:
        return _simulate(folder, design, network, raw, build)

    def part(network: Network, raw: SignedIntegers) -> Integers:
        tool: Any = "alkaid" if design_tool(folder) == "alkaid" else "da4ml"
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch)
            small = build_rtl(network, out, tool=tool, top="part", latency_cutoff=None)
            return _simulate(out, small, network, raw, out / "build")

    return Implementation(RTL, run, lambda raw: rtl_layer(network, part, raw))


def design_tool(folder: Path) -> str:
    """Return the backend of a project, also while it is being built."""
    try:
        return str(project.read_description(folder)["backend"])
    except FirmwareError:
        return "da4ml"


def _simulate(
    folder: Path, design: RtlDesign, network: Emulator, raw: SignedIntegers, build: Path
) -> Integers:
    ports: Any = network  # only its inputs and outputs are read
    try:
        return verilator.simulate(folder, design, ports, np.asarray(raw, np.int64), build_dir=build)
    except verilator.VerilatorError as error:
        raise ToolError(str(error)) from error


def record_waveform(folder: str | Path, raw: Integers, out: Path) -> Path:
    """Simulate the RTL of a built project and record its ports.

    Parameters
    ----------
    raw : int64 array, shape (n, elements)
    out : pathlib.Path
        Folder that gets ``<top>.vcd``.

    Raises
    ------
    FirmwareError
        The folder is no project, was changed, has no RTL, or gives other results than the emulator.
    ToolError
        Verilator is missing or fails.
    """
    folder = Path(folder)
    description = project.read_description(folder)
    changed = project.changes(folder, description).refused
    if changed:
        raise FirmwareError(f"{folder}: changed since the build: {', '.join(changed[:5])}")
    if not description.get("rtl"):
        raise FirmwareError(
            f"{folder} has no RTL to simulate: build it with --backend da4ml or alkaid"
        )
    network = project.read_network(folder)
    design = project.design_from(description["rtl"], folder)
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{design.top}.vcd"
    ports: Any = network
    with tempfile.TemporaryDirectory() as scratch:
        found = verilator.simulate(
            folder, design, ports, raw, build_dir=Path(scratch), waveform=target
        )
    wrong = int((found != vectors.emulate(network, raw)).any(axis=1).sum())
    if wrong:
        raise FirmwareError(f"{folder}: the RTL differs from the emulator in {wrong} rows")
    return target


@dataclass(frozen=True)
class Verified:
    """A repeated proof.

    Attributes
    ----------
    stored, fresh : Proof or None
        On the vectors of the project, and on new ones; None where the project was refused.
    changes : Changes
        Files that differ from the description, and files that it does not name.
    """

    stored: Proof | None
    fresh: Proof | None
    changes: project.Changes

    @property
    def refused(self) -> bool:
        """Whether nothing was compiled and run, because of what was changed."""
        return self.stored is None or self.fresh is None

    @property
    def good(self) -> bool:
        """Whether nothing differs and nothing was changed."""
        if self.stored is None or self.fresh is None:
            return False
        return not (self.stored.differing or self.fresh.differing or self.changes.refused)


def verify(
    folder: str | Path,
    count: int | None = None,
    seed: int | None = None,
    model: str | None = None,
    progress: Progress = lambda _: None,
    *,
    allow_changed: bool = False,
) -> Verified:
    """Repeat the proof of a built project on its vectors and on fresh ones.

    The files are compared with their hashes first. Where one was changed, or one was added to what
    is compiled, nothing is compiled or run. The hashes lie in the project itself: they tell of
    damage and of edits, not of an author who means harm, and a project's code runs as you.
    ``mismatches.json`` is written anew where anything differs.

    Parameters
    ----------
    count, seed : int, optional
        Number and seed of the fresh vectors; as many as are stored, and the next seed.
    model : str, optional
        A network whose model of the training framework is compared as well: a file, or an
        artefact that ships one.
    allow_changed : bool
        Compile and run what was changed or added all the same.

    Raises
    ------
    FirmwareError
        The folder is no project, or its description, network or vectors are damaged.
    ToolError
        A tool fails on what lies in the folder.
    """
    folder = Path(folder)
    folder = folder.resolve()  # tools run elsewhere
    description = project.read_description(folder)
    progress("hashes")
    found = project.changes(folder, description)
    if found.refused and not allow_changed:
        return Verified(None, None, found)
    network = project.read_network(folder)
    given, expected = project.read_vectors(folder, description)
    design = project.design_from(description["rtl"], folder) if description.get("rtl") else None
    framework, skipped = None, {FRAMEWORK: "no --model was given"}
    if model is not None:
        source = sources.find(model)
        framework = source.framework() if source.framework else None
        skipped = {} if framework else {FRAMEWORK: source.why_no_framework}
    arguments = design, bool(description.get("hls")), framework, skipped, progress
    progress("stored vectors")
    stored, found_raw = prove_project(folder, network, given, *arguments)
    _compare_stored(stored, given, expected, found_raw)
    progress("fresh vectors")
    chosen = int(description["seed"]) + 1 if seed is None else seed
    fresh_vectors = vectors.make(network, count or len(given.raw), chosen)
    fresh, _ = prove_project(folder, network, fresh_vectors, *arguments)
    if stored.mismatches or fresh.mismatches:
        mismatches = [*stored.mismatches, *fresh.mismatches]
        project.write_json(folder / project.REWRITTEN, mismatches)
    return Verified(stored, fresh, found)


def _compare_stored(proof: Proof, given: Vectors, expected: Integers, found: Integers) -> None:
    """Compare the emulator with what it gave when the project was built."""

    def layer(raw: SignedIntegers) -> list[str]:
        return ["unknown: only outputs are stored"] * len(raw)

    proof.check(Implementation("stored results", lambda _: expected, layer), given, found)
