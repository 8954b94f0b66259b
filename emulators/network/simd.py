"""Sums of products with events across the lanes of vector registers.

Numba has no vector types, so the one loop that decides the speed is written in LLVM's own terms: an
accumulator of `LANES` events stays in registers while constant weights are broadcast one by one.
LLVM lowers the vectors to whatever the processor has.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["LANES", "dot_kernel", "shift_right"]

LANES = 64
_BYTES = {16: 2, 32: 4, 64: 8}


@intrinsic
def shift_right(typingctx: Any, value: Any, bits: Any) -> Any:
    """Arithmetic right shift that stays in the type of ``value``; Numba's own widens to 64 bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        amount = context.cast(builder, arguments[1], signature.args[1], signature.args[0])
        return builder.ashr(arguments[0], amount)

    return value(value, bits), generate


def dot_kernel(data: int, total: int, shifted: bool) -> Callable[..., None]:
    """Return the kernel for data of ``data`` bits and accumulators of ``total`` bits.

    The kernel's arguments are addresses and counts: ``base`` of the arena, ``rows`` (int32 byte
    offsets of the elements of a window), ``terms`` (int32 positions in ``rows``), ``weights``
    (integers of ``total`` bits, but 32 where ``total`` is 16: the number twice), ``count``,
    ``start`` (the bias), ``shift`` of every product where ``shifted``, ``lane`` (byte offset of the
    first lane in a row of data) and ``out`` (byte offset of the result in the arena).
    """
    narrow, wide = ir.IntType(data), ir.IntType(total)
    stored = ir.IntType(max(total, 32))
    vector = ir.VectorType(wide, LANES)

    def splat(builder: Any, value: Any, lanes: int) -> Any:
        one = ir.VectorType(value.type, lanes)
        zero = ir.Constant(ir.IntType(32), 0)
        single = builder.insert_element(ir.Constant(one, ir.Undefined), value, zero)
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        return builder.shuffle_vector(single, ir.Constant(one, ir.Undefined), mask)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        base, rows, terms, weights, count, start, shift, lane, out = arguments
        word, integer = ir.IntType(64), ir.IntType(32)
        row_array = builder.inttoptr(rows, integer.as_pointer())
        term_array = builder.inttoptr(terms, integer.as_pointer())
        weight_array = builder.inttoptr(weights, stored.as_pointer())
        origin = builder.add(base, lane)
        first = start if total == 64 else builder.trunc(start, wide)
        initial = splat(builder, first, LANES)
        amount = splat(builder, shift if total == 64 else builder.trunc(shift, wide), LANES)
        before = builder.block
        loop, body, done = (builder.append_basic_block(name) for name in ("loop", "body", "done"))
        builder.branch(loop)
        builder.position_at_end(loop)
        step, sums = builder.phi(word), builder.phi(vector)
        step.add_incoming(ir.Constant(word, 0), before)
        sums.add_incoming(initial, before)
        builder.cbranch(builder.icmp_signed("<", step, count), body, done)
        builder.position_at_end(body)
        term = builder.sext(builder.load(builder.gep(term_array, [step])), word)
        offset = builder.sext(builder.load(builder.gep(row_array, [term])), word)
        place = builder.inttoptr(
            builder.add(origin, offset), ir.VectorType(narrow, LANES).as_pointer()
        )
        values = builder.load(place, align=_BYTES[data] * 16)
        if data < total:
            values = builder.sext(values, vector)
        weight = builder.load(builder.gep(weight_array, [step]))
        if total == 16:
            factor = builder.bitcast(splat(builder, weight, LANES // 2), vector)
        else:
            factor = splat(builder, weight, LANES)
        product = builder.mul(values, factor)
        if shifted:
            product = builder.ashr(product, amount)
        following = builder.add(sums, product)
        step.add_incoming(builder.add(step, ir.Constant(word, 1)), body)
        sums.add_incoming(following, body)
        builder.branch(loop)
        builder.position_at_end(done)
        target = builder.inttoptr(builder.add(base, out), vector.as_pointer())
        builder.store(sums, target, align=_BYTES[total] * 16)
        return context.get_dummy_value()

    def dot(
        typingctx: Any,
        base: Any,
        rows: Any,
        terms: Any,
        weights: Any,
        count: Any,
        start: Any,
        shift: Any,
        lane: Any,
        out: Any,
    ) -> Any:
        return types.void(*[types.int64] * 9), generate

    kernel: Callable[..., None] = intrinsic(dot)
    return kernel
