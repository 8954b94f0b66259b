"""A netlist of gates, counters of ones and adders, and how it is cut into pipeline stages.

Bits are integers: 0 and 1 are the constants, then come the input bits, then whatever nodes drive.
Delays are in units of an adder with its wires, as the RTL tools count them.
"""

from dataclasses import dataclass
from typing import Any

__all__ = ["ONE", "ZERO", "Expression", "Netlist", "Node", "cut", "stage_count"]

ZERO, ONE = 0, 1
LUT_DELAY = 0.6
"""A lookup table with its wires, beside the 1 of an adder with its wires."""
ADDER_DELAY = 1.0
LUT_INPUTS = 6
Expression = Any
"""A bit, or ``(operator, operand, ...)`` with operators ``and``, ``or``, ``xor``, ``not``."""
_COMPLETE = {"and": ZERO, "or": ONE}
_NEUTRAL = {"and": ONE, "or": ZERO, "xor": ZERO}


@dataclass(frozen=True)
class Node:
    """Something that drives bits.

    Attributes
    ----------
    kind : str
        ``gate``: one bit, a function of others; ``ones``: the number of ones among six bits;
        ``sum``: the sum of two numbers.
    operands : tuple of tuple of int
        Numbers that it reads, lowest bit first; a gate reads one set of bits.
    outputs : tuple of int
        Bits that it drives, lowest first.
    expression : Expression
        Of a gate.
    delay : float
        In adders.
    luts : int
        Estimated lookup tables.
    """

    kind: str
    operands: tuple[tuple[int, ...], ...]
    outputs: tuple[int, ...]
    expression: Expression
    delay: float
    luts: int

    @property
    def reads(self) -> tuple[int, ...]:
        """All bits that it reads."""
        return tuple(bit for number in self.operands for bit in number)


class Netlist:
    """Nodes in an order in which they can be evaluated.

    Parameters
    ----------
    inputs : int
        Number of input bits.

    Attributes
    ----------
    inputs : tuple of int
    nodes : list of Node
    arrival : list of float
        When a bit is ready, in adders after the inputs.
    """

    def __init__(self, inputs: int) -> None:
        self.inputs = tuple(range(2, 2 + inputs))
        self.nodes: list[Node] = []
        self.arrival = [0.0] * (2 + inputs)
        self._known: dict[Expression, int] = {}

    def _drive(
        self,
        kind: str,
        operands: tuple[tuple[int, ...], ...],
        width: int,
        delay: float,
        luts: int,
        expression: Expression = None,
    ) -> list[int]:
        outputs = tuple(range(len(self.arrival), len(self.arrival) + width))
        node = Node(kind, operands, outputs, expression, delay, luts)
        self.nodes.append(node)
        ready = max((self.arrival[bit] for bit in node.reads), default=0.0) + delay
        self.arrival += [round(ready, 6)] * width
        return list(outputs)

    def gate(self, expression: Expression) -> int:
        """Return the bit that a function of bits gives; equal functions share one gate."""
        simple = _simplified(expression)
        if isinstance(simple, int):
            return simple
        if simple not in self._known:
            reads = tuple(sorted(_leaves(simple)))
            luts = max(-(-(len(reads) - 1) // (LUT_INPUTS - 1)), 1)
            levels = 1 if len(reads) <= LUT_INPUTS else 2
            (bit,) = self._drive("gate", (reads,), 1, levels * LUT_DELAY, luts, simple)
            self._known[simple] = bit
        return self._known[simple]

    def at_least(self, number: list[int], threshold: int) -> int:
        """Return whether an unsigned number, lowest bit first, reaches a constant."""
        if threshold >> len(number):
            return ZERO
        passed: Expression = ONE
        for place, bit in enumerate(number):
            passed = _simplified(("and" if threshold >> place & 1 else "or", bit, passed))
        return self.gate(passed)

    def ones(self, bits: list[int]) -> list[int]:
        """Return the number of ones among at most six bits: functions of the same inputs."""
        reads = [bit for bit in bits if bit != ZERO]
        if len(reads) < 2:
            return reads
        width = len(reads).bit_length()
        return self._drive("ones", (tuple(reads),), width, LUT_DELAY, width)

    def count(self, bits: list[int]) -> list[int]:
        """Return the number of ones among any number of bits."""
        chunks = [bits[start : start + LUT_INPUTS] for start in range(0, len(bits), LUT_INPUTS)]
        width = max(len(bits).bit_length(), 1)
        columns: list[list[int]] = [[] for _ in range(width)]
        for chunk in chunks:
            for place, bit in enumerate(self.ones(chunk)):
                columns[place].append(bit)
        return self.total(columns)

    def add(self, left: list[int], right: list[int], width: int) -> list[int]:
        """Return the lowest ``width`` bits of the sum of two unsigned numbers."""
        left, right = _trimmed(left[:width]), _trimmed(right[:width])
        low: list[int] = []
        while left and right and ZERO in (left[0], right[0]):
            one, other = left.pop(0), right.pop(0)
            low.append(other if one == ZERO else one)
        if not left or not right:
            return low + left + right
        wide = min(max(len(left), len(right)) + 1, width - len(low))
        luts = max(len(left), len(right))
        return low + self._drive("sum", (tuple(left), tuple(right)), wide, ADDER_DELAY, luts)

    def total(self, columns: list[list[int]]) -> list[int]:
        """Return the sum of bits, those of column ``k`` worth ``2**k``, without bits above.

        Columns are thinned six bits to three, the earliest first, as long as one has six; adders
        take what is left, which is smaller than thinning on, and easier for synthesis.
        """
        width = len(columns)
        while max(map(len, columns)) >= LUT_INPUTS:
            thinned: list[list[int]] = [[] for _ in range(width)]
            for place, column in enumerate(columns):
                rest = sorted(column, key=lambda bit: self.arrival[bit])
                while len(rest) >= LUT_INPUTS:
                    for above, bit in enumerate(self.ones(rest[:LUT_INPUTS])):
                        if place + above < width:
                            thinned[place + above].append(bit)
                    rest = rest[LUT_INPUTS:]
                thinned[place] += rest
            columns = thinned
        rows = [
            [column[row] if row < len(column) else ZERO for column in columns]
            for row in range(max(map(len, columns)))
        ]
        while len(rows) > 1:
            rows.sort(key=self._ready, reverse=True)
            rows.append(self.add(rows.pop(), rows.pop(), width))
        number = rows[0] if rows else []
        return number + [ZERO] * (width - len(number))

    def _ready(self, number: list[int]) -> float:
        return max((self.arrival[bit] for bit in number), default=0.0)


def _trimmed(number: list[int]) -> list[int]:
    """Return a number without zeros above."""
    end = len(number)
    while end and number[end - 1] == ZERO:
        end -= 1
    return number[:end]


def _simplified(expression: Expression) -> Expression:
    """Return an expression without constants and repeated operands."""
    if isinstance(expression, int):
        return expression
    kind, *operands = expression
    parts = [_simplified(part) for part in operands]
    if kind == "not":
        (part,) = parts
        if part in (ZERO, ONE):
            return ONE - part
        return part[1] if isinstance(part, tuple) and part[0] == "not" else ("not", part)
    if kind in _COMPLETE and _COMPLETE[kind] in parts:
        return _COMPLETE[kind]
    if kind == "xor":
        odd = parts.count(ONE) % 2
        left = [part for part in dict.fromkeys(parts) if part != ONE and parts.count(part) % 2]
        parts = [part for part in left if part != ZERO]
        if odd:
            return _simplified(("not", ("xor", *parts)))
    parts = [part for part in dict.fromkeys(parts) if part != _NEUTRAL[kind]]
    if len(parts) < 2:
        return parts[0] if parts else _NEUTRAL[kind]
    return (kind, *parts)


def _leaves(expression: Expression) -> set[int]:
    if isinstance(expression, int):
        return {expression} - {ZERO, ONE}
    return set().union(*map(_leaves, expression[1:]))


def cut(netlist: Netlist, outputs: list[int], cutoff: float) -> list[int]:
    """Cut a netlist into the fewest stages of bounded delay, with the fewest registers.

    Parameters
    ----------
    outputs : list of int
        Bits that leave the last stage.
    cutoff : float
        Longest delay of a stage, in adders; no shorter than that of the slowest node.

    Returns
    -------
    list of int
        Stage of every node. Every bit that is ready before a cut and needed behind it is held.
    """
    limit = max([cutoff, *(node.delay for node in netlist.nodes)]) + 1e-6
    times = sorted({0.0, *netlist.arrival})
    held = _held(netlist, outputs, times)
    best: list[tuple[int, int, int]] = [(0, 0, -1)]
    reach = [_delays(netlist, times[0], times)]
    for end in range(1, len(times)):
        options = [
            (best[start][0] + 1, best[start][1] + held[end], start)
            for start in range(end)
            if reach[start][end] <= limit
        ]
        best.append(min(options))
        reach.append(_delays(netlist, times[end], times))
    cuts, place = [], len(times) - 1
    while place > 0:
        place = best[place][2]
        cuts.append(times[place])
    return [
        sum(netlist.arrival[node.outputs[0]] > time for time in cuts) - 1 for node in netlist.nodes
    ]


def stage_count(stages: list[int]) -> int:
    """Return the number of stages; wires alone are one."""
    return max(stages, default=0) + 1


def _delays(netlist: Netlist, start: float, times: list[float]) -> list[float]:
    """Return how long a stage takes that begins at one time, for every end."""
    place = {time: number for number, time in enumerate(times)}
    own = [0.0] * len(netlist.arrival)
    longest = [0.0] * len(times)
    for node in netlist.nodes:
        ready = netlist.arrival[node.outputs[0]]
        if ready <= start:
            continue
        value = max((own[bit] for bit in node.reads), default=0.0) + node.delay
        for bit in node.outputs:
            own[bit] = value
        longest[place[ready]] = max(longest[place[ready]], value)
    for number in range(1, len(times)):
        longest[number] = max(longest[number], longest[number - 1])
    return longest


def _held(netlist: Netlist, outputs: list[int], times: list[float]) -> list[int]:
    """Return how many bits a register at each time holds."""
    needed = [0.0] * len(netlist.arrival)
    for node in netlist.nodes:
        for bit in node.reads:
            needed[bit] = max(needed[bit], netlist.arrival[node.outputs[0]])
    for bit in outputs:
        needed[bit] = float("inf")
    needed[ZERO] = needed[ONE] = 0.0
    bits = list(zip(netlist.arrival, needed, strict=True))
    return [sum(ready <= time < last for ready, last in bits) for time in times]
