"""Registers of 512 bits in Numba's functions: one bit of 512 events each.

Numba has no such numbers; here they get a type with loads, stores and operators, which LLVM lowers
to what the processor has: one register of 512 bits, with any function of three at once, or two of
256, or four of 128.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

__all__ = [
    "BITS",
    "SIZE",
    "even_lanes",
    "fetch",
    "high_doubles",
    "high_quads",
    "high_words",
    "integers_of",
    "load",
    "load_halves",
    "low_doubles",
    "low_quads",
    "low_words",
    "majority",
    "odd_lanes",
    "shift_left",
    "shift_right",
    "splat",
    "store",
]

BITS = 512
SIZE = BITS // 8
"""Bytes of a register."""
_WORDS = BITS // 64
_INT64 = ir.IntType(64)
_VECTOR = ir.VectorType(_INT64, _WORDS)
_BYTES = ir.VectorType(ir.IntType(8), SIZE)
_MAJORITY = 0xE8


class Register(types.Type):
    """Numba's type of a register."""

    def __init__(self) -> None:
        super().__init__(name="Register")


_REGISTER = Register()


@register_model(Register)
class RegisterModel(models.PrimitiveModel):
    """How Numba keeps a register."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _splat(builder: Any, word: Any) -> Any:
    single = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), word, _INT64(0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), _WORDS), [0] * _WORDS)
    return builder.shuffle_vector(single, ir.Constant(_VECTOR, ir.Undefined), zeros)


def _pointer(context: Any, builder: Any, kind: Any, address: Any, to: Any) -> Any:
    return builder.inttoptr(context.cast(builder, address, kind, types.int64), to.as_pointer())


@intrinsic
def load(typingctx: Any, address: Any) -> Any:
    """Load the 64 bytes at an address, whatever it is a multiple of."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], arguments[0], _VECTOR)
        return builder.load(place, align=1)

    return _REGISTER(address), generate


@intrinsic
def load_halves(typingctx: Any, low: Any, high: Any) -> Any:
    """Load 32 bytes each from two addresses."""
    half = ir.VectorType(_INT64, _WORDS // 2)
    order = ir.Constant(ir.VectorType(ir.IntType(32), _WORDS), list(range(_WORDS)))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        halves = [
            builder.load(_pointer(context, builder, kind, address, half), align=1)
            for kind, address in zip(signature.args, arguments, strict=True)
        ]
        return builder.shuffle_vector(*halves, order)

    return _REGISTER(low, high), generate


@intrinsic
def fetch(typingctx: Any, address: Any) -> Any:
    """Have the cache line of an address come nearer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        whole = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [ir.PointerType(), whole, whole, whole])
        name = "llvm.prefetch.p0"
        function = builder.module.globals.get(name)
        function = function or ir.Function(builder.module, kind, name)
        place = _pointer(context, builder, signature.args[0], arguments[0], ir.IntType(8))
        builder.call(function, [place, whole(0), whole(2), whole(1)])
        return context.get_dummy_value()

    return types.void(address), generate


@intrinsic
def store(typingctx: Any, address: Any, value: Any) -> Any:
    """Store 64 bytes at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], arguments[0], _VECTOR)
        builder.store(arguments[1], place, align=1)
        return context.get_dummy_value()

    return types.void(address, value), generate


@intrinsic
def splat(typingctx: Any, word: Any) -> Any:
    """Return a register of equal words."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splat(builder, context.cast(builder, arguments[0], word, types.uint64))

    return _REGISTER(word), generate


@intrinsic
def majority(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """Return the bits that two of three registers have, in one instruction where there is one."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, _, features = context.codegen().magic_tuple()
        if "+avx512f" in features.split(","):
            kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3 + [ir.IntType(32)])
            name = "llvm.x86.avx512.pternlog.q.512"
            function = builder.module.globals.get(name)
            function = function or ir.Function(builder.module, kind, name)
            return builder.call(function, [*arguments, ir.IntType(32)(_MAJORITY)])
        x, y, z = arguments
        return builder.or_(builder.and_(x, y), builder.and_(builder.xor(x, y), z))

    return a(a, b, c), generate


@intrinsic
def integers_of(typingctx: Any, address: Any, bit: Any) -> Any:
    """Return eight 64-bit integers that are ``1 << bit`` where the byte at an address has ones."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], arguments[0], ir.IntType(8))
        ones = builder.bitcast(builder.load(place), ir.VectorType(ir.IntType(1), _WORDS))
        power = builder.shl(_INT64(1), context.cast(builder, arguments[1], bit, types.int64))
        nothing = ir.Constant(_VECTOR, [0] * _WORDS)
        return builder.select(ones, _splat(builder, power), nothing)

    return _REGISTER(address, bit), generate


def _shift(instruction: str) -> Any:
    def operation(typingctx: Any, a: Any, bits: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            amount = context.cast(builder, arguments[1], bits, types.int64)
            return getattr(builder, instruction)(arguments[0], _splat(builder, amount))

        return a(a, bits), generate

    operation.__doc__ = "Shift every word of a register."
    return intrinsic(operation)


shift_left, shift_right = _shift("shl"), _shift("lshr")


def _operator(symbol: Callable[..., Any], instruction: str) -> None:
    @infer_global(symbol)
    class Typing(ConcreteTemplate):
        cases = (signature(_REGISTER, _REGISTER, _REGISTER),)

    @lower_builtin(symbol, Register, Register)
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, instruction)(*arguments)


_operator(operator.and_, "and_")
_operator(operator.or_, "or_")
_operator(operator.xor, "xor")


@infer_global(operator.invert)
class _Inverted(ConcreteTemplate):
    cases = (signature(_REGISTER, _REGISTER),)


@lower_builtin(operator.invert, Register)
def _invert(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.not_(arguments[0])


def _interleaving(size: int, high: bool) -> Any:
    """Return what takes every second group of `size` bytes of 16 from two registers, in turn.

    In every 16 bytes these are the lower or the upper groups: of 0 1 2 3 and a b c d the lower
    are 0 a 1 b, the upper 2 c 3 d. In a whole register, with 16, they are 0 2 a c and 1 3 b d.
    """
    if size == 16:
        groups = [[1, 3], [0, 2]][not high]
        order = [16 * g + k + side for side in (0, SIZE) for g in groups for k in range(16)]
    else:
        first = 8 if high else 0
        order = [
            lane + first + g * size + k + side
            for lane in range(0, SIZE, 16)
            for g in range(8 // size)
            for side in (0, SIZE)
            for k in range(size)
        ]
    mask = ir.Constant(ir.VectorType(ir.IntType(32), SIZE), order)

    def operation(typingctx: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            x, y = (builder.bitcast(argument, _BYTES) for argument in arguments)
            return builder.bitcast(builder.shuffle_vector(x, y, mask), _VECTOR)

        return a(a, b), generate

    return intrinsic(operation)


low_words, high_words = _interleaving(2, False), _interleaving(2, True)
low_doubles, high_doubles = _interleaving(4, False), _interleaving(4, True)
low_quads, high_quads = _interleaving(8, False), _interleaving(8, True)
even_lanes, odd_lanes = _interleaving(16, False), _interleaving(16, True)
