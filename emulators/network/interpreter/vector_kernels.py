"""The inner loops of the machine, with events across the lanes of vector registers.

Numba has no vector types, so the loops that decide the speed are written in LLVM's own terms:
accumulators of many events stay in registers while constant weights are broadcast one by one, and
the cast to the next layer's format happens before they leave them. LLVM lowers the vectors to
whatever the processor has.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

__all__ = [
    "REGISTER_BITS",
    "cast_kernel",
    "dot_kernel",
    "lanes",
    "pair_kernel",
    "shift_left",
    "shift_right",
    "transpose_kernel",
]

REGISTER_BITS = 256
ACCUMULATORS = 8
INT32, INT64 = ir.IntType(32), ir.IntType(64)


def lanes(total: int) -> int:
    """Return how many events the accumulators of ``total`` bits hold at once."""
    return ACCUMULATORS * REGISTER_BITS // total


def _scalar_shift(method: str) -> Any:
    def shift(typingctx: Any, value: Any, bits: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            amount = context.cast(builder, arguments[1], signature.args[1], signature.args[0])
            return getattr(builder, method)(arguments[0], amount)

        return value(value, bits), generate

    shift.__doc__ = "Shift in the type of ``value``; Numba's own operators widen to 64 bits."
    return intrinsic(shift)


shift_right = _scalar_shift("ashr")
shift_left = _scalar_shift("shl")


def _splat(builder: Any, value: Any, count: int) -> Any:
    kind = ir.VectorType(value.type, count)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), value, INT32(0))
    mask = ir.Constant(ir.VectorType(INT32, count), [0] * count)
    return builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), mask)


def _narrowed(builder: Any, value: Any, kind: Any) -> Any:
    return value if value.type == kind else builder.trunc(value, kind)


def _pointer(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


def _limited(builder: Any, value: Any, low: Any, high: Any) -> Any:
    value = builder.select(builder.icmp_signed(">", value, low), value, low)
    return builder.select(builder.icmp_signed("<", value, high), value, high)


class _Cast:
    """The cast of registers: round, narrow, limit, store. Constants come from five words.

    The number added for the rounding is already part of the value: sums start with it. What
    convergent rounding adds besides is the lowest bit of the result, the same with the number.
    """

    def __init__(
        self, builder: Any, words: Any, total: int, out: int, interleaved: bool = False
    ) -> None:
        self.builder, self.total, self.out = builder, total, out
        self.interleaved = interleaved
        kind = ir.IntType(total)
        self.count = REGISTER_BITS // total
        array = _pointer(builder, words, INT64)
        numbers = [builder.load(builder.gep(array, [INT64(i)])) for i in range(5)]
        scalars = [_narrowed(builder, number, kind) for number in (numbers[0], numbers[2])]
        self.right, self.even = (_splat(builder, n, self.count) for n in scalars)
        limits = [_narrowed(builder, number, ir.IntType(out)) for number in numbers[3:]]
        self.limits = [_splat(builder, n, REGISTER_BITS // out) for n in limits]

    def rounded(self, value: Any) -> Any:
        """Shift one register to the right."""
        b = self.builder
        odd = b.and_(b.ashr(value, self.right), self.even)
        return b.ashr(b.add(value, odd), self.right)

    def store(self, registers: Sequence[Any], address: Any) -> None:
        """Cast registers and store them one after the other."""
        b, joined = self.builder, self.total // self.out
        for first in range(0, len(registers), joined):
            values = [self.rounded(value) for value in registers[first : first + joined]]
            if joined == 1:
                value = values[0]
            elif self.interleaved:
                value = _x86(b, "avx2.packssdw", 16, values)
            else:
                value = _packed(b, values, self.count)
            value = _limited(b, value, *self.limits)
            place = b.add(address, INT64(first * self.count * self.out // 8))
            b.store(value, _pointer(b, place, value.type), align=self.out // 8)


def _x86(builder: Any, name: str, bits: int, arguments: Sequence[Any]) -> Any:
    """Call an instruction of x86 processors on two registers; the result has ``bits`` lanes."""
    name = f"llvm.x86.{name}"
    function = builder.module.globals.get(name)
    if function is None:
        result = ir.VectorType(ir.IntType(bits), REGISTER_BITS // bits)
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = ir.Function(builder.module, kind, name)
    return builder.call(function, arguments)


def _start(builder: Any, start: Any, words: Any) -> Any:
    """Return the start of a sum with the number that its rounding adds."""
    plus = builder.gep(_pointer(builder, words, INT64), [INT64(1)])
    return builder.add(start, builder.load(plus))


def _packed(builder: Any, values: Sequence[Any], count: int) -> Any:
    """Narrow two registers of 32 bits to one of 16, with saturation."""
    order = ir.Constant(ir.VectorType(INT32, 2 * count), list(range(2 * count)))
    both = builder.shuffle_vector(values[0], values[1], order)
    low = _splat(builder, INT32(-(1 << 15)), 2 * count)
    high = _splat(builder, INT32((1 << 15) - 1), 2 * count)
    limited = _limited(builder, both, low, high)
    return builder.trunc(limited, ir.VectorType(ir.IntType(16), 2 * count))


def cast_kernel(data: int, total: int, out: int) -> Callable[..., None]:
    """Return the kernel that casts rows of ``data`` bits to ``out`` bits in ``total`` bits.

    Arguments: addresses of source, target, and constants (right shift, number added, mask of the
    lowest result bit that is added, lowest and highest result), and the number of events.
    """
    count = REGISTER_BITS // total
    joined = total // out

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source, target, words, events = arguments
        cast = _Cast(builder, words, total, out)
        plus = _narrowed(builder, _start(builder, INT64(0), words), ir.IntType(total))
        plus = _splat(builder, plus, count)
        before = builder.block
        loop, body, done = (builder.append_basic_block(name) for name in ("loop", "body", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(INT64)
        step.add_incoming(INT64(0), before)
        builder.cbranch(builder.icmp_signed("<", step, events), body, done)
        builder.position_at_end(body)
        kind = ir.VectorType(ir.IntType(data), count)
        origin = builder.add(source, builder.mul(step, INT64(data // 8)))
        values = []
        for number in range(joined):
            place = builder.add(origin, INT64(number * count * data // 8))
            value = builder.load(_pointer(builder, place, kind), align=data // 8)
            if data < total:
                value = builder.sext(value, ir.VectorType(ir.IntType(total), count))
            values.append(builder.add(value, plus))
        cast.store(values, builder.add(target, builder.mul(step, INT64(out // 8))))
        step.add_incoming(builder.add(step, INT64(count * joined)), builder.block)
        builder.branch(loop)
        builder.position_at_end(done)
        return context.get_dummy_value()

    def kernel(typingctx: Any, source: Any, target: Any, words: Any, events: Any) -> Any:
        return types.void(*[types.int64] * 4), generate

    result: Callable[..., None] = intrinsic(kernel)
    return result


def dot_kernel(data: int, total: int, out: int, shifted: bool) -> Callable[..., None]:
    """Return the kernel for data of ``data`` bits, sums of ``total`` and results of ``out`` bits.

    Arguments: address of the first lane of the rows; addresses of ``rows`` (int32 byte offsets of
    the elements of a window), ``terms`` (int32 positions in ``rows``) and ``weights`` (integers of
    ``total`` bits; of 32 where ``total`` is 16, the number twice); the number of terms, the start
    of the sum, the shift of every product where ``shifted``; addresses of the constants of the cast
    and of the results. `lanes` events are computed.
    """
    narrow, wide = ir.IntType(data), ir.IntType(total)
    stored = ir.IntType(max(total, 32))
    count = REGISTER_BITS // total
    vector = ir.VectorType(wide, count)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        origin, rows, terms, weights, length, start, shift, words, target = arguments
        first = _start(builder, start, words)
        initial = _splat(builder, _narrowed(builder, first, wide), count)
        amount = _splat(builder, _narrowed(builder, shift, wide), count) if shifted else None
        before = builder.block
        loop, body, done = (builder.append_basic_block(name) for name in ("loop", "body", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(INT64)
        step.add_incoming(INT64(0), before)
        sums = [builder.phi(vector) for _ in range(ACCUMULATORS)]
        for total_sum in sums:
            total_sum.add_incoming(initial, before)
        builder.cbranch(builder.icmp_signed("<", step, length), body, done)
        builder.position_at_end(body)
        term_array, row_array = _pointer(builder, terms, INT32), _pointer(builder, rows, INT32)
        term = builder.zext(builder.load(builder.gep(term_array, [step])), INT64)
        offset = builder.zext(builder.load(builder.gep(row_array, [term])), INT64)
        row = builder.add(origin, offset)
        weight = builder.load(builder.gep(_pointer(builder, weights, stored), [step]))
        factor = _splat(builder, weight, REGISTER_BITS // max(total, 32))
        factor = builder.bitcast(factor, vector)
        data_vector = ir.VectorType(narrow, count)
        for number, total_sum in enumerate(sums):
            place = builder.add(row, INT64(number * count * data // 8))
            values = builder.load(_pointer(builder, place, data_vector), align=count * data // 8)
            if data < total:
                values = builder.sext(values, vector)
            product = builder.mul(values, factor)
            if shifted:
                product = builder.ashr(product, amount)
            total_sum.add_incoming(builder.add(total_sum, product), body)
        step.add_incoming(builder.add(step, INT64(1)), body)
        builder.branch(loop)
        builder.position_at_end(done)
        _Cast(builder, words, total, out).store(sums, target)
        return context.get_dummy_value()

    return _nine_integers(generate)


def _nine_integers(generate: Any) -> Callable[..., None]:
    """Return the intrinsic of nine integers and no result that ``generate`` writes."""

    def kernel(
        typingctx: Any,
        origin: Any,
        rows: Any,
        terms: Any,
        weights: Any,
        length: Any,
        start: Any,
        shift: Any,
        words: Any,
        target: Any,
    ) -> Any:
        return types.void(*[types.int64] * 9), generate

    result: Callable[..., None] = intrinsic(kernel)
    return result


def has_pair_products() -> bool:
    """Tell whether the processor multiplies and adds pairs of 16-bit numbers in one step."""
    return bool(binding.get_host_cpu_features().get("avx2", False))


def pair_kernel(out: int) -> Callable[..., None]:
    """Return the kernel for 16-bit data and weights, 32-bit sums, and pairs of terms.

    Arguments as of `dot_kernel`, but the number of terms is even and a weight is two 16-bit numbers
    in one word, the first term's in its low half.
    """
    half, word = ir.IntType(16), ir.VectorType(INT32, 8)
    data = ir.VectorType(half, 16)
    lower = [0, 16, 1, 17, 2, 18, 3, 19, 8, 24, 9, 25, 10, 26, 11, 27]
    masks = [ir.Constant(ir.VectorType(INT32, 16), [i + extra for i in lower]) for extra in (0, 4)]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        origin, rows, terms, weights, length, start, _, words, target = arguments
        first = _start(builder, start, words)
        initial = _splat(builder, _narrowed(builder, first, INT32), 8)
        before = builder.block
        loop, body, done = (builder.append_basic_block(name) for name in ("loop", "body", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(INT64)
        step.add_incoming(INT64(0), before)
        sums = [builder.phi(word) for _ in range(ACCUMULATORS)]
        for total in sums:
            total.add_incoming(initial, before)
        builder.cbranch(builder.icmp_signed("<", step, length), body, done)
        builder.position_at_end(body)
        term_array, row_array = _pointer(builder, terms, INT32), _pointer(builder, rows, INT32)
        places = []
        for which in range(2):
            index = builder.add(step, INT64(which))
            term = builder.zext(builder.load(builder.gep(term_array, [index])), INT64)
            offset = builder.zext(builder.load(builder.gep(row_array, [term])), INT64)
            places.append(builder.add(origin, offset))
        pair = builder.lshr(step, INT64(1))
        weight = builder.load(builder.gep(_pointer(builder, weights, INT32), [pair]))
        factor = builder.bitcast(_splat(builder, weight, 8), data)
        for number in range(ACCUMULATORS // 2):
            first, second = (
                builder.load(
                    _pointer(builder, builder.add(place, INT64(number * 32)), data), align=32
                )
                for place in places
            )
            for side, mask in enumerate(masks):
                total = sums[2 * number + side]
                both = builder.shuffle_vector(first, second, mask)
                product = _x86(builder, "avx2.pmadd.wd", 32, [both, factor])
                total.add_incoming(builder.add(total, product), body)
        step.add_incoming(builder.add(step, INT64(2)), body)
        builder.branch(loop)
        builder.position_at_end(done)
        # Narrowing to 16 bits puts the interleaved halves in order by itself.
        cast = _Cast(builder, words, 32, out, interleaved=out == 16)
        cast.store(sums if out == 16 else _in_order(builder, sums), target)
        return context.get_dummy_value()

    return _nine_integers(generate)


def _in_order(builder: Any, sums: Sequence[Any]) -> list[Any]:
    """Undo the order in which the halves of two rows were interleaved."""
    ordered = []
    for lower, upper in zip(sums[::2], sums[1::2], strict=True):
        for order in ([0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 6, 7, 12, 13, 14, 15]):
            mask = ir.Constant(ir.VectorType(INT32, 8), order)
            ordered.append(builder.shuffle_vector(lower, upper, mask))
    return ordered


def transpose_kernel(source: int, target: int) -> Callable[..., None]:
    """Return the kernel that turns 8 events of 8 elements into 8 rows of 8 events.

    Arguments: address of the first event's first element, bytes from event to event, address of
    the rows' int32 byte offsets, and address of the first lane.
    """
    wide, narrow = ir.VectorType(ir.IntType(source), 8), ir.VectorType(ir.IntType(target), 8)
    halves = [[0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]]
    masks = [ir.Constant(ir.VectorType(INT32, 8), order) for order in halves]

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        events, stride, rows, lane = arguments
        vectors = []
        for event in range(8):
            place = builder.add(events, builder.mul(stride, INT64(event)))
            value = builder.load(_pointer(builder, place, wide), align=source // 8)
            if source > target:
                value = builder.trunc(value, narrow)
            elif source < target:
                value = builder.sext(value, narrow)
            vectors.append(value)
        for _ in range(3):
            vectors = [
                builder.shuffle_vector(vectors[i], vectors[i + 4], mask)
                for i in range(4)
                for mask in masks
            ]
        row_array = _pointer(builder, rows, INT32)
        for element, vector in enumerate(vectors):
            offset = builder.zext(builder.load(builder.gep(row_array, [INT64(element)])), INT64)
            place = _pointer(builder, builder.add(lane, offset), narrow)
            builder.store(vector, place, align=8 * target // 8)
        return context.get_dummy_value()

    def kernel(typingctx: Any, events: Any, stride: Any, rows: Any, lane: Any) -> Any:
        return types.void(*[types.int64] * 4), generate

    result: Callable[..., None] = intrinsic(kernel)
    return result
