"""Rates of a menu as tables: terminal, csv, JSON, parquet, LaTeX."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from l1kd.statistics import Estimate
from l1kd.trigger.rates.tables import MenuRates

__all__ = ["as_dict", "rows", "shown", "terminal_tables", "write_tables"]

_RATES = ("rate", "final", "pure", "proportional", "cumulative")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def rows(rates: MenuRates, indices: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """One plain row a seed, and one for the total: name, prescale, rates [Hz] with their ends.

    Columns are `seed`, `index`, `prescale`, `n_events`, and for each of rate (before prescales),
    final, pure, proportional, cumulative three numbers: `final_hz`, `final_low_hz`,
    `final_high_hz`. The total has the OR before and after prescales.
    """
    table: list[dict[str, Any]] = []
    for seed in rates.seeds:
        row: dict[str, Any] = {
            "seed": seed.name,
            "index": None if indices is None else indices.get(seed.name),
            "prescale": seed.prescale,
            "n_events": seed.n_events,
        }
        for name in _RATES:
            row |= _numbers(name, getattr(seed, name))
        table.append(row)
    total: dict[str, Any] = {"seed": "TOTAL", "index": None, "prescale": None}
    total["n_events"] = rates.n_events
    for name in _RATES:
        total |= _numbers(name, rates.unprescaled if name == "rate" else rates.total)
    total |= {f"pure{end}": None for end in ("_hz", "_low_hz", "_high_hz")}
    return [*table, total]


def _numbers(name: str, number: Estimate) -> dict[str, float | None]:
    ends = {"_hz": number.value, "_low_hz": number.low, "_high_hz": number.high}
    return {f"{name}{key}": _finite(x) for key, x in ends.items()}


def as_dict(rates: MenuRates, indices: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Everything as plain JSON types; rates in Hz, numbers as {value, low, high, n}."""
    return {
        "input_hz": rates.input_hz,
        "level": rates.level,
        "n_events": rates.n_events,
        "column": rates.column,
        "classes": {
            name: {"n_events": n, "rate_hz": hz} for name, (n, hz) in rates.classes.items()
        },
        "total": rates.total.as_dict(),
        "unprescaled": rates.unprescaled.as_dict(),
        "seeds": [
            {
                "name": seed.name,
                "index": None if indices is None else indices.get(seed.name),
                "prescale": seed.prescale,
                "n_events": seed.n_events,
                **{name: getattr(seed, name).as_dict() for name in _RATES},
            }
            for seed in rates.seeds
        ],
        "groups": [
            {
                "name": group.name,
                "seeds": list(group.seeds),
                "final": group.final.as_dict(),
                "pure": group.pure.as_dict(),
                "proportional": group.proportional.as_dict(),
            }
            for group in rates.groups
        ],
        "overlap_hz": rates.overlap.tolist(),
        "not_evaluated": list(rates.not_evaluated),
        "notes": list(rates.notes),
    }


def shown(number: Estimate, unit: float = 1e3) -> str:
    """Rate as text, in kHz by default, with its interval; a limit where nothing passed."""
    if number.value == 0.0:
        return f"< {_digits(number.high / unit)}" if number.high else "0"
    up, down = number.high - number.value, number.value - number.low
    return f"{_digits(number.value / unit)} -{_digits(down / unit)} +{_digits(up / unit)}"


def _digits(value: float) -> str:
    """Text with three digits that say something."""
    if value == 0.0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{min(decimals, 6)}f}"


def terminal_tables(
    rates: MenuRates, indices: Mapping[str, int] | None = None, most: int | None = 40
) -> list[Table]:
    """Tables for rich: the seeds with the largest final rates, groups and totals.

    `most` is the number of seeds to show, None for all.
    """
    percent = 100 * rates.level
    seeds = sorted(rates.seeds, key=lambda s: -s.final.value)
    chosen = seeds if most is None else seeds[:most]
    title = f"{len(rates.seeds)} seeds, {rates.n_events} events, rates in kHz ({percent:.1f}%)"
    table = Table("seed", "bit", "prescale", "before", "final", "pure", "proportional", title=title)
    for seed in chosen:
        table.add_row(
            seed.name,
            "" if indices is None else str(indices.get(seed.name, "")),
            f"{seed.prescale:g}" if seed.prescale else "off",
            *(shown(getattr(seed, n)) for n in ("rate", "final", "pure", "proportional")),
        )
    if len(chosen) < len(seeds):
        table.add_row(f"... and {len(seeds) - len(chosen)} seeds more")
    table.add_section()
    table.add_row("TOTAL", "", rates.column, shown(rates.unprescaled), shown(rates.total))
    tables = [table]
    if rates.groups:
        groups = Table("group", "seeds", "final", "pure", "proportional", title="groups, kHz")
        for group in rates.groups:
            groups.add_row(
                group.name,
                str(len(group.seeds)),
                shown(group.final),
                shown(group.pure),
                shown(group.proportional),
            )
        tables.append(groups)
    return tables


_ESCAPES = {"\\": r"\textbackslash{}", **{c: "\\" + c for c in "_%&#$"}, "{": r"\{", "}": r"\}"}


def _latex(text: str) -> str:
    return "".join(_ESCAPES.get(c, c) for c in text)


def _in_maths(number: Estimate) -> str:
    if number.value == 0.0:
        return f"$< {_digits(number.high / 1e3)}$" if number.high else "0"
    up, down = (number.high - number.value) / 1e3, (number.value - number.low) / 1e3
    return f"${_digits(number.value / 1e3)}_{{-{_digits(down)}}}^{{+{_digits(up)}}}$"


def _latex_table(rates: MenuRates) -> str:
    lines = [
        "% rates in kHz",
        r"\begin{tabular}{lrrrrr}",
        r"seed & prescale & before & final & pure & proportional \\",
        r"\hline",
    ]
    for seed in rates.seeds:
        numbers = (getattr(seed, n) for n in ("rate", "final", "pure", "proportional"))
        cells = [_latex(seed.name), f"{seed.prescale:g}" if seed.prescale else "off"]
        lines.append(" & ".join([*cells, *map(_in_maths, numbers)]) + r" \\")
    total = ["total", _latex(rates.column), _in_maths(rates.unprescaled), _in_maths(rates.total)]
    lines += [r"\hline", " & ".join([*total, "", ""]) + r" \\", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def write_tables(
    rates: MenuRates,
    folder: str | Path,
    indices: Mapping[str, int] | None = None,
    more: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write rates.csv, rates.json, rates.parquet and rates.tex into a folder.

    `more` is put beside the rates into the JSON file.

    Returns
    -------
    The files' paths.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    table = rows(rates, indices)
    paths = [where / f"rates.{ending}" for ending in ("csv", "json", "parquet", "tex")]
    with paths[0].open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    content = {**(more or {}), **as_dict(rates, indices)}
    paths[1].write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    pq.write_table(_arrow(pa, table), paths[2])
    paths[3].write_text(_latex_table(rates), encoding="utf-8")
    return paths


def _arrow(pa: Any, table: Sequence[Mapping[str, Any]]) -> Any:
    """Columns with their types also where a column holds nothing."""
    types = {"seed": pa.string(), "index": pa.int64(), "n_events": pa.int64()}
    return pa.table(
        {
            name: pa.array([row[name] for row in table], types.get(name, pa.float64()))
            for name in table[0]
        }
    )
