"""Metrics of a network and its design that need no tool: EBOPs, latency, shares of a part."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine
from l1kd.errors import ConfigurationError
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.vectors.vectors import Emulator

__all__ = [
    "PARTS",
    "Part",
    "ebops",
    "part_of",
    "period_ns",
    "quality",
    "significant_bits",
    "summary",
]


@dataclass(frozen=True)
class Part:
    """Resources of an FPGA, from the vendor's selection guides.

    Attributes
    ----------
    bram : int
        Blocks of 18 kbit.
    """

    name: str
    lut: int
    ff: int
    dsp: int
    bram: int

    def share(self, resource: str, used: float) -> float:
        """Return what percentage of the part is used."""
        return 100.0 * used / float(getattr(self, resource))


PARTS = {
    "xcvu13p": Part("VU13P", 1_728_000, 3_456_000, 12_288, 5_376),
    "xc7vx690t": Part("XC7VX690T", 433_200, 866_400, 3_600, 2_940),
    "xcvu9p": Part("VU9P", 1_182_240, 2_364_480, 6_840, 4_320),
}


def part_of(name: str) -> Part | None:
    """Return the resources of a part by its full name, None where they are not known here."""
    family = name.lower().partition("-")[0]
    return next((part for key, part in PARTS.items() if family.startswith(key)), None)


def period_ns(clock: str) -> float:
    """Read a clock frequency.

    Parameters
    ----------
    clock : str
        ``240MHz``, ``160 MHz``, ``0.2GHz`` or a number of MHz.

    Returns
    -------
    float
        Its period [ns].

    Raises
    ------
    ConfigurationError
        It is no frequency between 1 MHz and 1 GHz.
    """
    text = clock.strip().lower().replace(" ", "")
    scale = 1000.0 if text.endswith("ghz") else 1.0
    try:
        frequency = float(text.removesuffix("ghz").removesuffix("mhz")) * scale
    except ValueError:
        frequency = 0.0
    if not 1.0 <= frequency <= 1000.0:
        raise ConfigurationError(
            f"clock '{clock}': expected a frequency from 1MHz to 1GHz, for example 240MHz"
        )
    return 1000.0 / frequency


def ebops(network: Emulator) -> int | None:
    """Count effective bit operations: products of the widths of data and of weights.

    Every product of a number with a weight that is not zero counts the data's bits times the
    weight's, both without sign; a weight's bits reach from its highest to its lowest set bit.

    Returns
    -------
    int or None
        None for logic gates, which multiply nothing.
    """
    if isinstance(network, RegionStream):
        network = network.network
    if not isinstance(network, Network):
        return None
    tensors, total = network.graph.tensors, 0
    for operation in network.graph.operations:
        if isinstance(operation, Affine):
            form = tensors[operation.source].format
            bits = significant_bits(operation.weight).sum(axis=2)
            present = operation.index >= 0
            total += int((bits[operation.group] * present).sum()) * (form.width - form.signed)
    return total


def significant_bits(weight: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many bits each weight spans, from its highest to its lowest set bit."""
    size = np.abs(weight)
    high = np.ceil(np.log2(size.astype(np.float64) + 1.0)).astype(np.int64)
    lowest = size & -size
    low = np.log2(np.maximum(lowest, 1).astype(np.float64)).astype(np.int64)
    return np.where(weight == 0, 0, high - low)


def quality(metrics: dict[str, Any]) -> dict[str, float]:
    """Pick what the tables show of an artefact's metrics.

    Returns
    -------
    dict
        ``accuracy`` of a particle network on its first test sample: the paper's, the mean ratio of
        the histogram of its weights to that of its teacher's, where it was measured; else smaller
        over larger of the neutrals' histograms, against the teacher where it had one. ``auc`` of a
        calorimeter network: the mean over the signals, of the quantized network where a floating
        one stands beside it. Empty where neither is there.
    """
    found: dict[str, float] = {}
    for entry in dict(metrics.get("tests", {})).values():
        ratio = dict(entry.get("agreement_teacher") or {}).get("mean_ratio", {})
        if ratio.get("value") is not None:
            found["accuracy"] = float(ratio["value"])
            break
        accuracy = entry.get("accuracy_teacher") or entry.get("accuracy") or {}
        if "network" in accuracy:
            found["accuracy"] = float(accuracy["network"])
            break
    areas = []
    for entry in dict(metrics.get("auc_overlay", {})).values():
        student = entry.get("student, quantized") or entry.get("student")
        if student:
            areas.append(student["auc"])
    if areas:
        found["auc"] = float(np.mean(areas))
    return found


def summary(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the metrics of one project as rows of words."""
    rows: list[tuple[str, str]] = []
    if content.get("latency_cycles") is not None:
        cycles, time = content["latency_cycles"], content["latency_ns"]
        rows.append(("latency", f"{cycles} cycles, {time:.2f} ns, a new event every cycle"))
    if content.get("ebops") is not None:
        rows.append(("EBOPs", f"{content['ebops']:,}"))
    for name, entry in sorted(content.get("resources", {}).items()):
        used = [
            f"{int(value):,} {key.upper()}"
            if float(value).is_integer()
            else f"{value} {key.upper()}"
            for key, value in entry.items()
            if key in ("lut", "ff", "dsp", "bram", "carry") and value is not None
        ]
        rows.append((name, ", ".join(used)))
    return rows
