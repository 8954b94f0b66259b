"""The tables of designs: ours and those of the papers, one table for each family of networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from l1kd.models.firmware.record.metrics import PARTS, Part, part_of

__all__ = ["PAPERS", "RESOURCES", "Report", "Row", "as_dict", "tables"]

RESOURCES = ("bram", "lut", "ff", "dsp")
_UNITS = {"accuracy": "accuracy [%]", "auc": "mean AUC"}


@dataclass(frozen=True)
class Row:
    """One design, ours or a paper's.

    Attributes
    ----------
    quality : float or None
        Accuracy (0 to 1) or area under the curve.
    latency_ns, latency_cycles, interval : float or None
    bram, lut, ff, dsp : float or None
        BRAM in blocks of 18 kbit.
    by : str
        Which tool gave these numbers.
    mismatches : int or None
        Of the proof; None for a paper.
    """

    name: str
    family: str
    by: str
    quality: float | None
    latency_ns: float | None
    latency_cycles: float | None
    interval: float | None
    bram: float | None
    lut: float | None
    ff: float | None
    dsp: float | None
    ebops: float | None = None
    mismatches: int | None = None
    vectors: int | None = None
    note: str = ""


PAPERS = (
    Row(
        "QDistillNet", "distillnet", "paper, Vivado",
        0.977, 25.0, 6.0, 1.0, 1.0, 2379.0, 441.0, 6.0,
        note="Bal et al., MLST 5 (2024) 025033, table 3",
    ),
    Row(
        "CICADA, QKeras", "cicada", "paper, Vivado",
        None, 100.0, 16.0, 1.0, None, 159447.0, 50368.0, 697.0, None,
        note="CICADA paper, table 1",
    ),
    Row(
        "CICADA, HGQ-1E-5", "cicada", "paper, Vivado",
        None, 106.25, 17.0, 1.0, None, 111848.0, 27776.0, 4.0, 39170.0,
        note="CICADA paper, table 1",
    ),
    Row(
        "CICADA, HGQ-1E-4", "cicada", "paper, Vivado",
        None, 68.75, 11.0, 1.0, None, 38111.0, 6229.0, 1.0, 7570.0,
        note="CICADA paper, table 1",
    ),
    Row(
        "CICADA, HGQ-mixed", "cicada", "paper, Vivado",
        None, 50.0, 8.0, 1.0, None, 24947.0, 3019.0, 0.0, 3301.0,
        note="CICADA paper, table 1",
    ),
    Row(
        "CICADA, LGN-LT2", "cicada", "paper, Vivado",
        None, 18.75, 3.0, 1.0, None, 19977.0, 856.0, 0.0, None,
        note="CICADA paper, table 1",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """One table.

    Attributes
    ----------
    title : str
    part : Part
        What percentages refer to.
    quality : str
        Heading of the column of quality.
    rows : tuple of Row
    """

    title: str
    part: Part
    quality: str
    rows: tuple[Row, ...]

    @property
    def scale(self) -> float:
        """What qualities are multiplied with."""
        return 100.0 if self.quality.endswith("[%]") else 1.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Headings."""
        parts = tuple(f"{name.upper()} [% of {self.part.name}]" for name in RESOURCES)
        return (
            "design", self.quality, "latency [ns]", "cycles", "II", *parts, "EBOPs",
            "mismatches", "numbers by",
        )  # fmt: skip

    def cells(self) -> list[list[str]]:
        """Return the rows as words."""
        return [self._cells(row) for row in self.rows]

    def _cells(self, row: Row) -> list[str]:
        scale, digits = self.scale, 1 if self.scale > 1.0 else 3
        used = []
        for name in RESOURCES:
            value = getattr(row, name)
            share = f" ({self.part.share(name, value):.2f}%)" if value is not None else ""
            used.append(_number(value) + share)
        proved = "-" if row.mismatches is None else f"{row.mismatches} of {row.vectors:,}"
        return [
            row.name,
            "-" if row.quality is None else f"{row.quality * scale:.{digits}f}",
            _number(row.latency_ns), _number(row.latency_cycles), _number(row.interval), *used,
            _number(row.ebops), proved, row.by,
        ]  # fmt: skip


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def tables(rows: Sequence[Row]) -> list[Report]:
    """Sort designs into one table for each family of networks, the papers' first."""
    plans = (
        ("distillnet", "Particle networks", "xcvu13p", "accuracy"),
        ("cicada", "Calorimeter networks", "xc7vx690t", "auc"),
    )
    result = []
    for family, title, part, quality in plans:
        own = tuple(row for row in rows if row.family == family)
        if own:
            papers = tuple(row for row in PAPERS if row.family == family)
            result.append(Report(title, PARTS[part], _UNITS[quality], papers + own))
    other = tuple(row for row in rows if row.family not in ("distillnet", "cicada"))
    if other:
        found = part_of(other[0].note) or PARTS["xcvu13p"]
        result.append(Report("Other networks", found, "quality", other))
    return result


def as_dict(rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything as plain data."""
    return {"rows": [vars(row) for row in rows], "papers": [vars(row) for row in PAPERS]}
