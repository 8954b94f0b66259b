"""The tables of a summary for the terminal."""

from collections.abc import Iterator

from rich.table import Table

from l1kd.plot_style import label_of
from l1kd.report.summary import Number, Summary, ThresholdRow

__all__ = ["tables"]


def _shown(number: Number | None, digits: int = 3) -> str:
    if number is None or (number.value is None and number.high is None):
        return "-"
    if number.value is None:
        return f"< {number.high:.{digits}f}"
    if number.low is None or number.high is None:
        return f"{number.value:.{digits}f}"
    down, up = number.value - number.low, number.high - number.value
    return f"{number.value:.{digits}f} -{down:.{digits}f} +{up:.{digits}f}"


_WIDTHS = {
    "resolution": "(q75 - q25) / 2",
    "corrected": "response-corrected",
    "corrected_ratio": "corrected / {reference}",
}
_LOSSES = {
    "lost": "jets lost",
    "outside": "lost or off by over 30%",
    "resolution_with_lost": "(q75 - q25) / 2, lost ones counted",
}


def _resolution(summary: Summary) -> Iterator[Table]:
    for study in summary.resolution:
        for title, content in (("MET", study.met), ("jets", study.jets)):
            columns = _WIDTHS | (_LOSSES if title == "jets" else {})
            table = Table(
                "weighting",
                *(name.format(reference=study.reference) for name in columns.values()),
                title=f"{study.dataset}: resolution of {title}",
            )
            for name, row in content.items():
                table.add_row(label_of(name), *(_shown(row.get(q)) for q in columns))
            yield table


def _threshold(row: ThresholdRow) -> str:
    if row.value is None:
        return "-"
    return f"{row.value:.1f}" if row.resolved else f"> {row.value:.1f} (not resolved)"


def _rates(summary: Summary) -> Iterator[Table]:
    for study in summary.rates:
        signals = sorted(
            {s for rows in study.thresholds.values() for r in rows for s in r.efficiency}
        )
        table = Table(
            "quantity",
            "rate [kHz]",
            "threshold",
            *(f"efficiency {signal}" for signal in signals),
            title=f"{study.normalisation}: thresholds from {study.n_events} zero-bias events",
        )
        for name, rows in study.thresholds.items():
            for row in rows:
                efficiencies = (_shown(row.efficiency.get(s)) for s in signals)
                table.add_row(name, f"{row.target_hz / 1e3:.0f}", _threshold(row), *efficiencies)
        yield table


def _bookkeeping(summary: Summary) -> Iterator[Table]:
    table = Table("file", "events", "processed", "skipped because", title="files")
    for file in summary.files:
        entries = "-" if file.entries is None else str(file.entries)
        table.add_row(file.path, entries, str(file.processed), file.skipped or "")
    yield table


def tables(summary: Summary) -> list[Table]:
    """Tables of resolutions, thresholds and files, for rich."""
    return [*_resolution(summary), *_rates(summary), *_bookkeeping(summary)]
