"""Resources of a region's whole step, module by module."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.tools.yosys import Resources, synthesize

__all__ = ["synthesize_region"]

_MODULE: Final = re.compile(r"^module (\w+)\b(.*?)^endmodule", re.MULTILINE | re.DOTALL)
_INSTANCE: Final = re.compile(r"^  (\w+) \w+ \(\.clk", re.MULTILINE)
_ADDED: Final = ("lut", "ff", "carry", "dsp", "bram")


def synthesize_region(
    stream: RegionStream, design: RtlDesign, out: Path, part: str
) -> tuple[Resources, dict[str, Resources]]:
    """Map a region's step to a device family, and count the cells.

    Every module is mapped once, with those that it holds left empty, and counted as often as it is
    there. Nothing is optimised across a border.

    Parameters
    ----------
    out : Path
        Folder for scripts, logs and statistics.

    Returns
    -------
    Resources
        Of the whole; paths are the longest of any module.
    dict of Resources
        Of one lane of each kind with all that it holds, "neutral" and "track", of one "network",
        and of what is around the lanes, "shell".

    Raises
    ------
    YosysError
        If Yosys is missing or fails.
    """
    bodies = {
        name: body
        for path in design.sources[:2]
        for name, body in _MODULE.findall(path.read_text(encoding="utf-8"))
    }
    network = f"{design.top}_network"
    held = {name: Counter(_INSTANCE.findall(body)) for name, body in bodies.items()}
    own: dict[str, Resources] = {}
    waiting = [design.top]
    while waiting:
        name = waiting.pop()
        if name not in own:
            inside = held.get(name, Counter())
            own[name] = synthesize(design.sources, name, out / name, part, black=tuple(inside))
            waiting += list(inside)

    def whole(name: str) -> Resources:
        parts = [(own[name], 1)]
        parts += [(whole(child), times) for child, times in held.get(name, Counter()).items()]
        return _sum(parts)

    kinds = [tensor.name.removesuffix("_weight") for tensor in stream.outputs]
    lanes = {kind: whole(f"{design.top}_{kind}") for kind in kinds}
    return whole(design.top), {**lanes, "network": own[network], "shell": own[design.top]}


def _sum(parts: list[tuple[Resources, int]]) -> Resources:
    first = parts[0][0]
    added = {name: sum(getattr(p, name) * times for p, times in parts) for name in _ADDED}
    return Resources(
        **added,
        logic_depth=max(p.logic_depth for p, _ in parts),
        longest_path=max(p.longest_path for p, _ in parts),
        seconds=sum(p.seconds for p, _ in parts),
        version=first.version,
    )
