"""Value change dumps: the inputs and outputs of a clocked design, cycle by cycle."""

import re
from collections.abc import Iterator
from itertools import pairwise

from l1kd.errors import InputError

__all__ = ["read_vcd"]

_VAR = re.compile(r"\$var\s+\w+\s+(\d+)\s+(\S+)\s+(\S+?)\s*(?:\[[^\]]*\])?\s+\$end")


def read_vcd(text: str, signal: str, clock: str, name: str, skip: int = 0) -> list[int]:
    """Read the values of one signal just before every rising edge of the clock.

    That is what a register behind the signal takes. Without a clock in the file, as of a
    combinational design, every time step counts, the shortest that occurs.

    Parameters
    ----------
    signal, clock : str
        Names without their scope; the one that lies highest is taken.
    skip : int
        Cycles at the beginning that are left out, whose bits may be undefined.

    Returns
    -------
    list of int
        One number a cycle; cycles before the first value are left out.

    Raises
    ------
    InputError
        The signal is not in the file, or has undefined bits.
    """
    head, _, body = text.partition("$enddefinitions")
    codes: dict[str, str] = {}
    for match in _VAR.finditer(head):
        codes.setdefault(match[3], match[2])
    if not body or signal not in codes:
        known = ", ".join(list(codes)[:10]) or "none"
        raise InputError(f"{name}: expected the signal '{signal}' in a VCD, found {known}")
    steps = _steps(body, codes[signal], codes.get(clock))
    if clock in codes:
        edges = [
            before
            for (_, before, low), (_, _, high) in pairwise(steps)
            if low == "0" and high == "1" and before is not None
        ]
        return [_number(bits, name, place + skip) for place, bits in enumerate(edges[skip:])]
    times = [time for time, _, _ in steps]
    unit = min((b - a for a, b in pairwise(times) if b > a), default=1)
    ends = [*times[1:], times[-1] + unit] if times else []
    spans = [
        (bits, (end - time) // unit)
        for (time, bits, _), end in zip(steps, ends, strict=True)
        if bits is not None
    ]
    held = [bits for bits, count in spans for _ in range(count)]
    return [_number(bits, name, place + skip) for place, bits in enumerate(held[skip:])]


def _steps(body: str, wanted: str, clock: str | None) -> list[tuple[int, str | None, str]]:
    """Return the values of signal and clock at the end of every time step."""
    steps: list[tuple[int, str | None, str]] = []
    time, value, level = None, None, ""
    for code, change in _changes(body):
        if code is None:
            if time is not None:
                steps.append((time, value, level))
            time = int(change) if change.isdigit() else 0
        elif code == wanted:
            value = change
        elif clock is not None and code == clock:
            level = change
    if time is not None:
        steps.append((time, value, level))
    return steps


def _changes(body: str) -> Iterator[tuple[str | None, str]]:
    """Give codes of signals with their new values; None where time goes on."""
    words = iter(body.split())
    for word in words:
        if word.startswith("#"):
            yield None, word[1:]
        elif word[0] in "bB":
            yield next(words, ""), word[1:]
        elif word[0] in "01xXzZ" and len(word) > 1:
            yield word[1:], word[0]


def _number(bits: str, name: str, cycle: int) -> int:
    try:
        return int(bits, 2)
    except ValueError:
        raise InputError(f"{name}: cycle {cycle} has undefined bits: {bits[:40]}") from None
