"""Longest paths of a mapped netlist, in lookup tables and in the delays of the pipeline."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from l1kd.models.firmware.adders.trees import ADDER, WIRED_TABLE

__all__ = ["Longest", "longest"]


class Longest(NamedTuple):
    """Longest paths between registers, memories, DSP blocks and ports.

    Attributes
    ----------
    tables : int
        Lookup tables on a path. Carry chains and the multiplexers behind tables do not count.
    delay : float
        In adders: a table with its wire is 0.55 of one, a carry chain, however long, the rest.
    """

    tables: int
    delay: float


class _Cell(NamedTuple):
    kind: str
    ports: dict[str, str]
    init: int


class _Arc(NamedTuple):
    """What an output of a cell depends on."""

    source: str
    tables: int
    delay: float


def longest(netlist: str) -> Longest:
    """Return the longest paths of a netlist.

    Parameters
    ----------
    netlist : str
        BLIF with parameters, flat.
    """
    arcs: dict[str, list[_Arc]] = {}
    for cell in _cells(netlist):
        arcs |= _arcs(cell)
    reached: dict[str, Longest] = {}
    for end in arcs:
        waiting = [end]
        while waiting:
            net = waiting[-1]
            behind = arcs.get(net, [])
            missing = [arc.source for arc in behind if arc.source not in reached]
            if missing and net not in reached:
                waiting += missing
                continue
            reached[net] = Longest(
                max((reached[arc.source].tables + arc.tables for arc in behind), default=0),
                max((reached[arc.source].delay + arc.delay for arc in behind), default=0.0),
            )
            waiting.pop()
    return Longest(
        max((path.tables for path in reached.values()), default=0),
        round(max((path.delay for path in reached.values()), default=0.0), 2),
    )


def _cells(netlist: str) -> Iterator[_Cell]:
    """Give the cells of a netlist; a buffer has no kind."""
    lines = netlist.replace("\\\n", "").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        words = line.split()
        if words[:1] == [".names"] and len(words) == 3:
            yield _Cell("", {"I": words[1], "O": words[2]}, 0)
        elif words[:1] == [".subckt"]:
            init = int(following.split()[2], 2) if words[1] == "LUT6_2" else 0
            yield _Cell(words[1], dict(port.split("=", 1) for port in words[2:]), init)


def _arcs(cell: _Cell) -> dict[str, list[_Arc]]:
    kind, ports, init = cell
    if kind == "LUT6_2":
        # Its sixth input is one: the upper half of the table is the first output.
        halves = (("O6", init >> 32), ("O5", init & 0xFFFFFFFF))
        return {
            ports[port]: _through(
                [ports[f"I{k}"] if _reads(table, k) else "" for k in range(5)], 1, WIRED_TABLE
            )
            for port, table in halves
        }
    if re.fullmatch(r"|LUT\d|INV|MUXF\d", kind):
        sources = [net for port, net in ports.items() if port != "O"]
        table = kind.startswith(("LUT", "INV"))
        return {ports["O"]: _through(sources, int(table), WIRED_TABLE if table else 0.0)}
    if not kind.startswith("CARRY"):
        return {}
    # A bit of a carry chain depends on those below, and on what is carried in.
    outputs = {port: net for port, net in ports.items() if re.match(r"C?O\[", port)}
    return {
        net: [
            _Arc(n, 0, 0.0 if p == "CI" else ADDER - WIRED_TABLE)
            for p, n in ports.items()
            if p not in outputs and _bit(p) <= _bit(port)
        ]
        for port, net in outputs.items()
    }


def _through(sources: list[str], tables: int, delay: float) -> list[_Arc]:
    return [_Arc(source, tables, delay) for source in sources]


def _reads(table: int, position: int) -> bool:
    """Return whether an output of a table of five inputs depends on one of them."""
    low = sum(1 << row for row in range(32) if not row >> position & 1)
    return (table & low) != (table >> (1 << position) & low)


def _bit(port: str) -> int:
    """Return the bit of a vector that a port is; -1 for a single one."""
    found = re.search(r"\[(\d+)\]", port)
    return int(found[1]) if found else -1
