"""Resources of a region's whole step, module by module."""

import re
from collections import Counter
from pathlib import Path
from typing import Final

from l1kd.models.firmware.region.modules import DISTANCE
from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.tools.yosys import Resources, synthesize

__all__ = ["synthesize_region"]

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
    network = f"{design.top}_network"
    files = {path.stem: path for path in design.sources}
    ours = [n for n in files if not n.startswith(network) and n.startswith((design.top, "l1kd_"))]
    held = {name: Counter(_INSTANCE.findall(files[name].read_text())) for name in ours}
    rest = [path for name, path in files.items() if name not in ours]
    own: dict[str, Resources] = {}
    waiting = [design.top]
    while waiting:
        name = waiting.pop()
        if name not in own:
            inside = held.get(name, Counter())
            sources = [files[n] for n in (name, *inside) if n in ours]
            if network in (name, *inside):
                sources += rest
            own[name] = synthesize(
                sources, name, out / name, part, black=tuple(inside),
                registers_stay=name == DISTANCE,
            )  # fmt: skip
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
