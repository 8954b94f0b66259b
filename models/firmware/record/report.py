"""`l1kd report-firmware`: the tables of the papers, and the front of quality against resources.

The papers' figures stand beside ours. Theirs are Vivado's; ours are Vivado's where it ran, else
those of Yosys, unplaced, and the table says which.
"""

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l1kd.artefacts import load
from l1kd.errors import FirmwareError, L1KDError
from l1kd.models.firmware.record import metrics as figures
from l1kd.models.firmware.record import project
from l1kd.models.firmware.record.metrics import PARTS, Part, part_of

__all__ = ["PAPERS", "Report", "Row", "as_dict", "collect", "tables", "write"]

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
        Whose figures these are.
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
        "CICADA, mixed precision", "cicada", "paper, Vivado",
        None, 50.0, 8.0, 1.0, None, 24947.0, None, None,
        note="CICADA paper, table 1",
    ),
    Row(
        "CICADA, logic gates", "cicada", "paper, Vivado",
        None, 18.75, 3.0, 1.0, None, 19977.0, None, None,
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
            "mismatches", "figures by",
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


def collect(folders: Sequence[Path]) -> list[Row]:
    """Read the figures of built projects.

    Raises
    ------
    FirmwareError
        A folder is no built project, or its reports are damaged.
    """
    if not folders:
        raise FirmwareError("no folder was given: expected built projects")
    return [_row(folder) for folder in folders]


def _row(folder: Path) -> Row:
    description = project.read_description(folder)
    content = []
    for name in ("figures", "proof"):
        path = folder / "reports" / f"{name}.json"
        try:
            content.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise FirmwareError(f"{path}: expected a report of the build: {error}") from error
    found, proof = content
    by, used = _resources(found.get("resources", {}))
    compared = [e for e in proof["compared"].values() if "mismatches" in e]
    kind, quality = (
        description.get("kind") or "",
        _shipped(folder) or description.get("quality", {}),
    )
    return Row(
        name=f"{description['name']}, {description['backend']}",
        family="cicada" if "cicada" in kind else "distillnet" if "distillnet" in kind else kind,
        by=by,
        quality=quality.get("accuracy", quality.get("auc")),
        latency_ns=found.get("latency_ns"),
        latency_cycles=found.get("latency_cycles"),
        interval=found.get("initiation_interval"),
        ebops=found.get("ebops"),
        mismatches=sum(int(entry["mismatches"]) for entry in compared),
        vectors=max((int(entry["vectors"]) for entry in compared), default=0),
        note=description["part"],
        **used,
    )


def _shipped(folder: Path) -> dict[str, float]:
    """Return the quality of the shipped network that a project was built from.

    It may have been measured after the build; the network must be the same in every byte.
    """
    try:
        source = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))["source"]
        artefact = load(source["artefact"])
        if artefact.manifest["files"]["network.npz"]["sha256"] != source["sha256"]["network.npz"]:
            return {}
        return figures.quality(artefact.json("metrics.json"))
    except (OSError, ValueError, KeyError, TypeError, L1KDError):
        return {}


def _resources(found: dict[str, dict[str, Any]]) -> tuple[str, dict[str, float | None]]:
    """Take the vendor's figures before those of Yosys, and those before an estimate."""
    order = ("Vivado", "Vitis HLS", "Vivado HLS", "Yosys", "estimate")
    for wanted in order:
        for name, entry in sorted(found.items()):
            if name.startswith(wanted):
                used = {key: entry.get(key) for key in RESOURCES}
                if wanted == "Yosys" and used["bram"] is not None:
                    # Yosys' wrapper counts blocks of 36 kbit
                    used["bram"] = 2 * float(used["bram"])
                return name, used
    return "no tool ran", dict.fromkeys(RESOURCES)


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


_NOTES = (
    "BRAM in blocks of 18 kbit. Accuracy is the paper's, the mean ratio of the histograms of "
    "weights to the teacher's, which can exceed 100%; where a network's card does not have it, "
    "smaller over larger of the neutrals' histograms. AUC is the mean over the signals; the "
    "papers' quality is that of their own samples. Yosys' figures are "
    "unplaced; latency counts the pipeline's registers at the project's clock, whether timing is "
    "met is for Vivado to say."
)


def _origins(report: Report) -> list[str]:
    return sorted({f"{r.name}: {r.note}." for r in report.rows if r.mismatches is None})


def _markdown(reports: Sequence[Report]) -> str:
    lines = ["# Firmware", ""]
    for report in reports:
        lines += [f"## {report.title}", "", "| " + " | ".join(report.columns) + " |"]
        lines += ["|" + "---|" * len(report.columns)]
        lines += ["| " + " | ".join(cells) + " |" for cells in report.cells()]
        lines += ["", *_origins(report), ""]
    lines += [_NOTES, ""]
    return "\n".join(lines)


_STYLE = (
    "body{font:15px/1.5 sans-serif;margin:2rem;max-width:88rem}table{border-collapse:collapse;"
    "margin:1rem 0}th,td{border-bottom:1px solid #ccc;padding:.3rem .7rem;text-align:right}"
    "td{white-space:nowrap}p{color:#555;font-size:13px}"
    "th:first-child,td:first-child{text-align:left}img{max-width:100%;height:auto}"
)


def _page(reports: Sequence[Report], plot: bool) -> str:
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Firmware</title>',
        f"<style>{_STYLE}</style></head><body><h1>Firmware</h1>",
    ]
    for report in reports:
        head = "".join(f"<th>{html.escape(column)}</th>" for column in report.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in report.cells()
        )
        title = html.escape(report.title)
        parts.append(f"<h2>{title}</h2><table><tr>{head}</tr>{body}</table>")
        parts.append(f"<p>{html.escape(' '.join(_origins(report)))}</p>")
    parts.append(f"<p>{html.escape(_NOTES)}</p>")
    if plot:
        parts.append('<img src="front.png" alt="Quality against lookup tables">')
    return "".join([*parts, "</body></html>\n"])


def write(rows: Sequence[Row], out: Path) -> None:
    """Write ``report.md``, ``report.json``, ``index.html``, ``front.png`` and ``front.svg``.

    The plot is left out where no design has both quality and LUT.
    """
    from l1kd.models.firmware.record.pareto import draw

    reports = tables(rows)
    out.mkdir(parents=True, exist_ok=True)
    plotted = draw(reports, out)
    (out / "report.md").write_text(_markdown(reports), encoding="utf-8")
    (out / "index.html").write_text(_page(reports, plotted), encoding="utf-8")
    project.write_json(out / "report.json", as_dict(rows))
