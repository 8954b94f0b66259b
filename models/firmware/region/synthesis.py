"""Resources of a region's whole step: every lane once, and what is around them."""

from pathlib import Path

from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.tools.yosys import Resources, synthesize

__all__ = ["synthesize_region"]


def synthesize_region(
    stream: RegionStream, design: RtlDesign, out: Path, part: str
) -> tuple[Resources, dict[str, Resources]]:
    """Map a region's step to a device family, and count the cells.

    Lanes of one kind are equal, so each kind is mapped once and counted as often as it is there;
    the rest is mapped with empty lanes. Nothing is optimised across the border.

    Parameters
    ----------
    out : Path
        Folder for scripts, logs and statistics.

    Returns
    -------
    Resources
        Of the whole; paths are the longest of any part.
    dict of Resources
        Of one lane of each kind, "neutral" and "track", and of the rest, "shell".

    Raises
    ------
    YosysError
        If Yosys is missing or fails.
    """
    lanes = {t.name.removesuffix("_weight"): t.size for t in stream.outputs}
    modules = {kind: f"{design.top}_{kind}" for kind in lanes}
    parts = {
        kind: synthesize(design.sources, name, out / kind, part) for kind, name in modules.items()
    }
    parts["shell"] = synthesize(
        design.sources, design.top, out / "shell", part, black=tuple(modules.values())
    )
    return _sum(parts, {**lanes, "shell": 1}), parts


def _sum(parts: dict[str, Resources], times: dict[str, int]) -> Resources:
    def total(name: str) -> float:
        return sum(float(getattr(parts[kind], name)) * times[kind] for kind in parts)

    return Resources(
        lut=round(total("lut")),
        ff=round(total("ff")),
        carry=round(total("carry")),
        dsp=round(total("dsp")),
        bram=total("bram"),
        logic_depth=max(p.logic_depth for p in parts.values()),
        longest_path=max(p.longest_path for p in parts.values()),
        seconds=sum(p.seconds for p in parts.values()),
        version=parts["shell"].version,
    )
