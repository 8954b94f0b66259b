"""A network's integer graph on the symbolic variables of a distributed-arithmetic tool.

Each of the six kinds of operations is replayed exactly, in the firmware's order wherever the order
can be seen in the result. Sums that nothing can overflow or round become one constant matrix
product, which the tool shares and shortens; casts that cannot act cost nothing.
"""

from collections.abc import Callable, Sequence

import numpy as np

from l1kd.emulators.network import Network
from l1kd.emulators.network.analysis.intervals import Facts, analyse, in_order
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Gather,
    Lookup,
    Operation,
    Piecewise,
    Tensor,
)
from l1kd.models.firmware.rtl.distributed.casts import cast, clipped, rounded
from l1kd.models.firmware.rtl.distributed.tool import Tool, Wire

__all__ = ["trace_network"]

# A table of more entries is addressed by a rounded index instead of by the input itself.
DIRECT_ENTRIES = 1 << 8
MAX_ENTRIES = 1 << 16


def trace_network(network: Network, tool: Tool) -> object:
    """Return the tool's operation list of a whole network.

    Inputs and outputs of the list are the elements of all input and output tensors in order, as
    real numbers in the formats of those tensors.

    Raises
    ------
    ValueError, OverflowError
        If the network needs a number or a table beyond what the tool can hold.
    """
    graph = network.graph
    facts = analyse(graph)
    ports: list[Wire] = []
    tensors = graph.tensors
    values: dict[str, list[Wire]] = {}
    signed: set[tuple[str, int]] = set()
    for tensor in graph.inputs:
        pairs = [tool.input(tensor.format) for _ in range(tensor.size)]
        ports += [port for port, _ in pairs]
        values[tensor.name] = [raw for _, raw in pairs]
    for operation in graph.operations:
        replay = _Replay(tool, values, tensors, facts, signed)
        values[operation.output.name] = replay.run(operation)
    outputs = []
    for name in graph.outputs:
        step = tensors[name].format.step
        wires = replay.read(name, range(tensors[name].size))
        outputs += [wire * step if isinstance(wire, int) else wire * float(step) for wire in wires]
    return tool.trace(ports, outputs)


class _Replay:
    """One operation on wires.

    A rectifier's sign is taken away where its result is read: behind a cast, if that comes first,
    because it then has few bits. Elements that still have their sign are listed in ``signed``.
    """

    def __init__(
        self,
        tool: Tool,
        values: dict[str, list[Wire]],
        tensors: dict[str, Tensor],
        facts: dict[str, Facts],
        signed: set[tuple[str, int]],
    ) -> None:
        self.tool, self.values, self.tensors, self.facts = tool, values, tensors, facts
        self.signed = signed

    def run(self, operation: Operation) -> list[Wire]:
        """Return the wires of the operation's output."""
        match operation:
            case Affine():
                return self._affine(operation)
            case Piecewise():
                return [self._line(operation, e) for e in range(operation.output.size)]
            case Lookup():
                return [self._looked_up(operation, e) for e in range(operation.output.size)]
            case Binary():
                return self._binary(operation)
            case Divide():
                return self._divided(operation)
            case Gather():
                return self._gathered(operation)

    def read(self, name: str, index: Sequence[int]) -> list[Wire]:
        """Return elements of a tensor; -1 stands for a zero."""
        wires = self.values[name]
        for i in index:
            if (name, i) in self.signed:
                self.signed.remove((name, i))
                wires[i] = self.tool.positive_part(wires[i])
        return [wires[i] if i >= 0 else 0 for i in index]

    def _fraction(self, name: str) -> int:
        return self.tensors[name].format.fraction

    def _affine(self, operation: Affine) -> list[Wire]:
        fraction = self._fraction(operation.source)
        sums = self.facts[operation.output.name].sums
        assert sums is not None
        ordered = in_order(operation, sums, fraction)
        result = []
        for position, group in enumerate(operation.group):
            wires = self.read(operation.source, operation.index[position].tolist())
            for total in (self._ordered if ordered else self._sums)(operation, wires, int(group)):
                wire = total
                if not ordered and not sums.never_overflows:
                    accumulator = operation.accumulator
                    wire = self.tool.wrap(wire, accumulator.width, accumulator.signed)
                form = operation.output.format
                result.append(cast(self.tool, wire, operation.accumulator.fraction, form))
        return result

    def _sums(self, operation: Affine, wires: list[Wire], group: int) -> list[Wire]:
        """Return sums whose products lose at most bits below the accumulator, by flooring."""
        tool = self.tool
        weight, bias = operation.weight[group], operation.bias[group]
        drop = self._fraction(operation.source) + operation.weight_fraction
        drop -= operation.accumulator.fraction
        if drop <= 0:
            totals = tool.matrix(wires, weight << -drop)
            return [tool.add(t, int(b)) for t, b in zip(totals, bias, strict=True)]
        steps = np.array([w if isinstance(w, int) else int(w.step) for w in wires], object)
        whole = (weight.astype(object) * steps[:, None]) % (1 << drop) == 0
        totals = tool.matrix(wires, np.where(whole, weight, 0))
        result = []
        for column, total in enumerate(totals):
            wire = tool.add(tool.floor(total, drop), int(bias[column]))
            for row in np.flatnonzero(~whole[:, column]):
                product = tool.scale(wires[row], int(weight[row, column]))
                wire = tool.add(wire, tool.floor(product, drop))
            result.append(wire)
        return result

    def _ordered(self, operation: Affine, wires: list[Wire], group: int) -> list[Wire]:
        """Return sums with every cast of the firmware, term by term."""
        tool, accumulator = self.tool, operation.accumulator
        fraction = self._fraction(operation.source) + operation.weight_fraction
        drop = max(fraction - accumulator.fraction, 0)
        symmetric = accumulator.overflow == "SAT_SYM"
        result = []
        for column, bias in enumerate(operation.bias[group]):
            total: Wire = int(bias)
            for row, wire in enumerate(wires):
                product = tool.scale(wire, int(operation.weight[group, row, column]))
                if product == 0 and not symmetric and isinstance(product, int):
                    continue
                if operation.late:
                    aligned = tool.shift(product, max(accumulator.fraction - fraction, 0))
                    sum_ = tool.add(tool.shift(total, drop), aligned)
                    total = cast(tool, sum_, accumulator.fraction + drop, accumulator)
                else:
                    term = cast(tool, product, fraction, accumulator)
                    total = cast(tool, tool.add(total, term), accumulator.fraction, accumulator)
            result.append(total)
        return result

    def _line(self, operation: Piecewise, element: int) -> Wire:
        tool = self.tool
        index, form = int(operation.index[element]), operation.output.format
        threshold = int(operation.threshold[element])
        above = int(operation.scale_above[element]), int(operation.offset_above[element])
        below = int(operation.scale_below[element]), int(operation.offset_below[element])
        scales = above == below and above[0] > 0 and above[1] == 0 and operation.limits is None
        positive = scales and (operation.source, index) in self.signed
        if positive:
            wire = self.values[operation.source][index]
        else:
            wire = self.read(operation.source, [index])[0]
        low, high = tool.bounds(wire)
        plain = not operation.formats and operation.limits is None
        if above == below or low > threshold:
            value = self._on_line(wire, above)
        elif high <= threshold:
            value = self._on_line(wire, below)
        elif plain and below == (0, 0) and above[0] > 0 and above[1] == 0 == threshold:
            value = tool.scale(wire, above[0])
            if operation.fraction == form.fraction and tool.bounds(value)[1] <= form.maximum:
                self.signed.add((operation.output.name, element))
                return value
            return cast(tool, value, operation.fraction, form, positive=True)
        else:
            if above[0] * threshold + above[1] == below[0] * threshold + below[1]:
                threshold -= 1  # the lines meet: the point may belong to either
            negative = tool.sign(tool.subtract(wire, threshold + 1))
            value = tool.choose(negative, self._on_line(wire, below), self._on_line(wire, above))
        if operation.limits:
            value = clipped(tool, value, *operation.limits)
        fraction = operation.fraction
        if operation.formats:
            assert operation.choice is not None
            inner = operation.formats[operation.choice[element]]
            value, fraction = cast(tool, value, fraction, inner, positive), inner.fraction
            positive = False
        return cast(tool, value, fraction, form, positive)

    def _on_line(self, wire: Wire, line: tuple[int, int]) -> Wire:
        return self.tool.add(self.tool.scale(wire, line[0]), line[1])

    def _looked_up(self, operation: Lookup, element: int) -> Wire:
        """Return a table's value; equal entries at the ends shorten the range of the index."""
        tool = self.tool
        table = operation.table[:, operation.column[element]]
        last = len(table) - 1
        wire = self.read(operation.source, [int(operation.index[element])])[0]

        def position(value: int) -> int:
            product = value * operation.multiplier
            size = abs(product) >> operation.shift
            toward = size if product >= 0 else -size
            down = product >> operation.shift
            found = (toward if operation.toward_zero else down) + operation.offset
            return min(max(found, 0), last)

        low, high = tool.bounds(wire)
        if isinstance(wire, int):
            return int(table[position(wire)])
        if high - low < DIRECT_ENTRIES:
            return tool.lookup(wire, [int(table[position(v)]) for v in range(low, high + 1)])
        index = tool.scale(wire, operation.multiplier)
        if operation.shift:
            rounding = "TRN_ZERO" if operation.toward_zero else "TRN"
            index = self._narrowed(index, operation, last)
            index = rounded(tool, index, operation.shift, rounding)
        index = clipped(tool, index, -operation.offset, last - operation.offset)
        low, high = tool.bounds(index)
        if high - low >= MAX_ENTRIES:
            raise ValueError(f"{operation.output.name}: a table of {high - low + 1} entries")
        rows = np.clip(np.arange(low, high + 1) + operation.offset, 0, last)
        return tool.lookup(index, table[rows].tolist())

    def _narrowed(self, index: Wire, operation: Lookup, last: int) -> Wire:
        """Saturate an index before it is rounded, where its limits are powers of two."""
        from l1kd.emulators.fixed_point import FixedPoint

        reach = max(operation.offset, last + 1 - operation.offset)
        if reach & (reach - 1) or operation.offset not in (0, reach):
            return index
        signed = operation.offset > 0
        width = reach.bit_length() - 1 + operation.shift + signed
        return cast(self.tool, index, 0, FixedPoint(width, width, signed, "TRN", "SAT"))

    def _binary(self, operation: Binary) -> list[Wire]:
        tool = self.tool
        left = self.read(operation.left, operation.left_index.tolist())
        right = self.read(operation.right, operation.right_index.tolist())
        first, second = self._fraction(operation.left), self._fraction(operation.right)
        fraction = first + second
        if operation.kind != "multiply":
            fraction = max(first, second)
            left = [tool.shift(wire, fraction - first) for wire in left]
            right = [tool.shift(wire, fraction - second) for wire in right]
        join: Callable[[Wire, Wire], Wire] = {
            "add": tool.add,
            "subtract": tool.subtract,
            "multiply": tool.multiply,
            "maximum": lambda a, b: tool.extreme(a, b, largest=True),
            "minimum": lambda a, b: tool.extreme(a, b, largest=False),
        }[operation.kind]
        fraction += operation.halvings
        form = operation.output.format
        return [cast(tool, join(a, b), fraction, form) for a, b in zip(left, right, strict=True)]

    def _divided(self, operation: Divide) -> list[Wire]:
        form = operation.output.format
        wires = self.read(operation.source, operation.index.tolist())
        quotients = [
            self._quotient(w, int(d)) for w, d in zip(wires, operation.divisor, strict=True)
        ]
        return [cast(self.tool, wire, form.fraction, form) for wire in quotients]

    def _quotient(self, wire: Wire, divisor: int) -> Wire:
        """Divide toward zero: multiply by a reciprocal long enough for every dividend."""
        tool = self.tool
        if isinstance(wire, int):
            return wire // divisor if wire >= 0 else -(-wire // divisor)
        if divisor & (divisor - 1) == 0:
            bits = divisor.bit_length() - 1
            return rounded(tool, wire, bits, "TRN_ZERO") if bits else wire
        negative = tool.sign(wire)
        size = tool.choose(negative, tool.negative(wire), wire)
        low, high = tool.bounds(wire)
        bits = max(-low, high).bit_length() + divisor.bit_length()
        reciprocal = -(-(1 << bits) // divisor)
        size = tool.floor(tool.scale(size, reciprocal), bits)
        return tool.choose(negative, tool.negative(size), size)

    def _gathered(self, operation: Gather) -> list[Wire]:
        joined: list[Wire] = []
        for name in operation.sources:
            fraction = self._fraction(name)
            form = operation.form_of(self.tensors[name].format)
            wires = self.read(name, range(self.tensors[name].size))
            joined += [cast(self.tool, wire, fraction, form) for wire in wires]
        return [joined[i] if i >= 0 else operation.fill for i in operation.index.tolist()]
