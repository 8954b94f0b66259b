"""Two networks on the same rows, or a network beside what was recorded of one.

What is compared are numbers: formats may differ, and where they do, that is said. Where rows
differ, the first layer whose numbers differ is named for every row.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyArray, Exact, Floats, Integers, Mask
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.errors import InputError
from l1kd.models.firmware.comparison.result import Comparison, Difference, Example
from l1kd.models.firmware.comparison.structure import input_formats, pairs, structure, title_of
from l1kd.models.firmware.vectors import vectors
from l1kd.models.firmware.vectors.vectors import Emulator, rows_of

__all__ = ["compare_events", "compare_networks", "compare_recorded"]

MAX_EXAMPLES = 10
SAME_LAYERS = "none: every layer agrees"


def compare_networks(
    first: Emulator, second: Emulator, raw: Integers, names: tuple[str, str] | None = None
) -> Comparison:
    """Compare two networks on rows of raw inputs of the first.

    Parameters
    ----------
    raw : int64 array, shape (n, elements of all inputs)
        In the formats of `first`; `second` is given the same numbers, cast to its own formats.
    names : tuple of str, optional
        For the report.

    Raises
    ------
    InputError
        They read or give different numbers of elements, or there are no rows.
    """
    _check_rows(len(raw))
    for which in ("inputs", "outputs"):
        sizes = [len(vectors.element_formats(n, which)) for n in (first, second)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"the networks have {sizes[0]} and {sizes[1]} {which}: their results cannot be "
                "compared"
            )
    notes: list[str] = []
    theirs = _cast_for(second, first, raw, notes)
    mine_out, theirs_out = vectors.emulate(first, raw), vectors.emulate(second, theirs)
    forms = [vectors.element_formats(n, "outputs") for n in (first, second)]
    wrong = ~_same(mine_out, forms[0], theirs_out, forms[1])
    rows = np.flatnonzero(wrong.any(axis=1))
    values = _values(mine_out, forms[0]), _values(theirs_out, forms[1])
    layers: dict[str, int] = {}
    blame: list[str] = []
    differences: list[Difference] = []
    if isinstance(first, Network) and isinstance(second, Network):
        differences = [*input_formats(first, second), *structure(first.graph, second.graph)]
        layers, blame = _layers(first, second, raw, theirs, rows, notes)
    else:
        notes.append("networks of logic gates are compared as a whole")
    named = names or (vectors.name_of(first), vectors.name_of(second))
    return _result(named, raw, rows, values, differences, layers, blame, notes)


def compare_recorded(
    network: Emulator, raw: Integers, recorded: AnyArray, names: tuple[str, str] | None = None
) -> Comparison:
    """Compare a network with recorded results.

    Parameters
    ----------
    raw : int64 array, shape (n, elements of all inputs)
    recorded : array, shape (n, elements of all outputs)
        Integers are raw values of the output formats, other numbers are values, compared in their
        own precision.

    Raises
    ------
    InputError
        There are not as many rows, or elements, or no rows at all.
    """
    _check_rows(len(raw))
    forms = vectors.element_formats(network, "outputs")
    if recorded.shape != (len(raw), len(forms)):
        raise InputError(
            f"{len(raw)} rows of inputs give results of shape ({len(raw)}, {len(forms)}); "
            f"recorded are {recorded.shape}"
        )
    found = vectors.emulate(network, raw)
    values = _values(found, forms)
    if recorded.dtype.kind == "f":
        same = values.astype(recorded.dtype) == recorded
        theirs = recorded.astype(np.float64)
    else:
        same = found == recorded
        theirs = _values(recorded.astype(np.int64), forms)
    rows = np.flatnonzero(~same.all(axis=1))
    notes = ["only results were recorded: the layer that differs is not known"] if rows.size else []
    named = names or (vectors.name_of(network), "recorded")
    return _result(named, raw, rows, (values, theirs), [], {}, [], notes)


def compare_events(found: AnyArray, recorded: AnyArray, names: tuple[str, str]) -> Comparison:
    """Compare one number an event with what was recorded, in the precision of the record.

    Parameters
    ----------
    found, recorded : arrays, shape (n,) and (n, 1)
        Numbers.

    Raises
    ------
    InputError
        There are not as many events, several numbers an event, or no events at all.
    """
    _check_rows(len(found))
    if recorded.shape != (len(found), 1):
        raise InputError(
            f"{names[0]} gives one number for each of {len(found)} events; recorded are "
            f"{recorded.shape}"
        )
    mine = np.asarray(found)[:, np.newaxis]
    kept = mine.astype(recorded.dtype) if recorded.dtype.kind == "f" else mine
    rows = np.flatnonzero((kept != recorded).any(axis=1))
    values = mine.astype(np.float64), recorded.astype(np.float64)
    nothing = np.empty((len(mine), 0), np.int64)
    return _result(names, nothing, rows, values, [], {}, [], [])


def _check_rows(count: int) -> None:
    if not count:
        raise InputError("there are no rows to compare: expected one row of inputs at least")


def _result(
    names: tuple[str, str],
    raw: Integers,
    rows: npt.NDArray[np.intp],
    values: tuple[Floats, Floats],
    differences: list[Difference],
    layers: dict[str, int],
    blame: list[str],
    notes: list[str],
) -> Comparison:
    gaps = np.abs(values[0] - values[1])
    largest = float(np.nanmax(gaps, initial=0.0)) if rows.size else 0.0
    shown = rows[:MAX_EXAMPLES].tolist()
    examples = [
        Example(
            row,
            raw[row].tolist(),
            values[0][row].tolist(),
            values[1][row].tolist(),
            blame[place] if blame else "unknown",
        )
        for place, row in enumerate(shown)
    ]
    nothing = int(np.isnan(values[1]).any(axis=1).sum())
    if nothing:
        notes.append(f"{nothing} rows of {names[1]} hold NaN, which equals nothing")
    order = {name: number for number, name in enumerate(layers)}
    counted = sorted(Counter(blame).items(), key=lambda item: order.get(item[0], len(order)))
    return Comparison(
        *names, len(raw), len(rows), largest, differences, layers, dict(counted), examples, notes
    )


def _cast_for(second: Emulator, first: Emulator, raw: Integers, notes: list[str]) -> Integers:
    """Give the second network the same numbers, and say where its formats cannot hold them."""
    mine, theirs = (vectors.element_formats(n) for n in (first, second))
    if mine == theirs:
        return raw
    cast = np.empty(raw.shape, np.int64)
    for column, (form, other) in enumerate(zip(mine, theirs, strict=True)):
        cast[:, column] = other.cast(raw[:, column], form)
    changed = int((~_same(raw, mine, cast, theirs)).any(axis=1).sum())
    notes.append(
        f"the input formats differ: {changed} of {len(raw)} rows change when they are cast"
    )
    return cast


def _values(raw: Integers, forms: Sequence[FixedPoint]) -> Floats:
    fraction = np.array([form.fraction for form in forms])
    return np.ldexp(raw.astype(np.float64), -fraction)


def _same(
    mine: Integers, forms: Sequence[FixedPoint], theirs: Integers, others: Sequence[FixedPoint]
) -> Mask:
    """Tell which numbers are equal, exactly, whatever their formats."""
    result = np.empty(mine.shape, np.bool_)
    for pair in set(zip(forms, others, strict=True)):
        form, other = pair
        here = [place for place, found in enumerate(zip(forms, others, strict=True))
                if found == pair]  # fmt: skip
        fraction = max(form.fraction, other.fraction)
        x = _shifted(mine[:, here], form, fraction)
        result[:, here] = x == _shifted(theirs[:, here], other, fraction)
    return result


def _shifted(raw: Integers, form: FixedPoint, fraction: int) -> Integers | Exact:
    """Return raw values with more fraction bits, in unbounded integers where 64 bits are few."""
    by = fraction - form.fraction
    return raw << by if form.width + by < 64 else raw.astype(object) * 2**by


def _layers(
    first: Network,
    second: Network,
    raw: Integers,
    theirs: Integers,
    rows: npt.NDArray[np.intp],
    notes: list[str],
) -> tuple[dict[str, int], list[str]]:
    """Count the rows in which each layer differs, and find the first for every row in `rows`."""
    mine_all = first.trace(*vectors.split(first, raw))
    theirs_all = second.trace(*vectors.split(second, theirs))
    counts: dict[str, int] = {}
    blame = [SAME_LAYERS] * len(rows)
    skipped = []
    for mine, other in pairs(first.graph, second.graph):
        if mine is None or other is None or mine.output.size != other.output.size:
            skipped += [layer.name for layer in (mine, other) if layer is not None]
            continue
        size = mine.output.size
        same = _same(
            rows_of(mine_all[mine.name]),
            [mine.output.format] * size,
            rows_of(theirs_all[other.name]),
            [other.output.format] * size,
        )
        wrong: Mask = np.asarray(~same.all(axis=1))
        title = title_of(mine, other)
        counts[title] = int(wrong.sum())
        for place in np.flatnonzero(wrong[rows]):
            if blame[place] == SAME_LAYERS:
                blame[place] = title
    if skipped:
        names = ", ".join(dict.fromkeys(skipped))
        notes.append(f"layers without a counterpart of the same size: {names}")
    return counts, blame
