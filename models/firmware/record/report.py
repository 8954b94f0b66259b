"""`l1kd report-firmware`: the tables of the papers, and the Pareto front.

The papers' numbers stand beside ours. Theirs are Vivado's; ours are Vivado's where it ran, else
those of Yosys, unplaced, and the table says which.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from l1kd._documents import read_document
from l1kd.artefacts import load
from l1kd.errors import ConfigurationError, FirmwareError, L1KDError, UnreadableFileError
from l1kd.models.firmware import project
from l1kd.models.firmware.record import metrics
from l1kd.models.firmware.record.pareto import draw
from l1kd.models.firmware.record.tables import RESOURCES, Report, Row, as_dict, tables

__all__ = ["collect", "write"]


def collect(folders: Sequence[Path]) -> list[Row]:
    """Read the metrics of built projects.

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
            content.append(read_document(path))
        except (ConfigurationError, UnreadableFileError) as error:
            raise FirmwareError(f"{error}: expected a report of the build") from error
    try:
        return _row_of(folder, description, *content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise FirmwareError(
            f"{folder / 'reports'}: the reports of the build are damaged ({error!r}): build the "
            "project again"
        ) from error


def _row_of(
    folder: Path, description: dict[str, Any], found: dict[str, Any], proof: dict[str, Any]
) -> Row:
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
        return metrics.quality(artefact.json("metrics.json"))
    except (OSError, ValueError, KeyError, TypeError, L1KDError):
        return {}


def _resources(found: dict[str, dict[str, Any]]) -> tuple[str, dict[str, float | None]]:
    """Take the vendor's numbers before those of Yosys, and those before an estimate."""
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


_NOTES = (
    "BRAM in blocks of 18 kbit. Accuracy is the paper's, the mean ratio of the histograms of "
    "weights to the teacher's, which can exceed 100%; where a network's card does not have it, "
    "smaller over larger of the neutrals' histograms. AUC is the mean over the signals; the "
    "papers' quality is that of their own samples. Yosys' numbers are "
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

    There is no plot where no design has both quality and LUT.
    """
    reports = tables(rows)
    out.mkdir(parents=True, exist_ok=True)
    plotted = draw(reports, out)
    (out / "report.md").write_text(_markdown(reports), encoding="utf-8")
    (out / "index.html").write_text(_page(reports, plotted), encoding="utf-8")
    project.write_json(out / "report.json", as_dict(rows))
