"""Numbers of eight bits, four in a word, and sums of their products with weights of eight bits.

Where the processor has them (AVX-512 with VNNI), one instruction multiplies four numbers of an
event with four weights and adds the products to an integer. Casts to eight bits cost less, too:
what packs numbers saturates them at 0 and 255.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Indices
from l1kd.emulators.network.analysis.intervals import Bounds
from l1kd.emulators.network.native.accumulation import Accumulation, Shapes
from l1kd.emulators.network.native.casts import Stage, cast
from l1kd.emulators.network.native.ir import Code, Number, Placed, WeightTable
from l1kd.emulators.network.native.sums import Sums

__all__ = [
    "DECLARATIONS",
    "WORD",
    "Dots",
    "Words",
    "fits_octets",
    "pack",
    "suits_dots",
    "words_of",
]

Octets: TypeAlias = npt.NDArray[np.int8]
OCTETS, WORD, LARGEST = "octets", 4, 255
DECLARATIONS = """
declare <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32>, <16 x i32>, <16 x i32>)
declare <32 x i16> @llvm.x86.avx512.packssdw.512(<16 x i32>, <16 x i32>)
declare <64 x i8> @llvm.x86.avx512.packuswb.512(<32 x i16>, <32 x i16>)"""
# Within 128 bits packed registers have the four events of the first number, then of the second.
_EVENTS = [lane + 4 * number + event for lane in range(0, 64, 16)
           for event in range(4) for number in range(4)]  # fmt: skip


class Words(NamedTuple):
    """Rows of words, and of every element of a tensor which word and which byte of it."""

    rows: Placed
    word: Indices
    byte: Indices

    @classmethod
    def of(cls, groups: Sequence[Sequence[int]], rows: Placed, size: int) -> "Words":
        """Place the elements of every group one after the other, each group in its own words."""
        word, byte, first = np.zeros(size, np.int32), np.zeros(size, np.int32), 0
        for group in groups:
            for place, element in enumerate(group):
                word[element], byte[element] = first + place // WORD, place % WORD
            first += words_of(group)
        return cls(rows, word, byte)


def words_of(group: Sequence[int]) -> int:
    """Return how many words a group of elements takes."""
    return -(-len(group) // WORD)


def fits_octets(bounds: Bounds) -> bool:
    """Tell whether all numbers of a tensor are 0 to 255."""
    return int(bounds.low.min(initial=0)) >= 0 and int(bounds.high.max(initial=0)) <= LARGEST


def suits_dots(part: Accumulation) -> bool:
    """Tell whether `Dots` can take the sums of a plan over: weights of 8 bits, each row once."""
    if not isinstance(part, Sums) or part.kind != "float" or part.shift:
        return False
    index = part.operation.index
    once = all(len(np.unique(row[row >= 0])) == (row >= 0).sum() for row in index)
    return once and int(np.abs(part.weights).max(initial=0)) >> spare_of(part) <= 127


def spare_of(part: Accumulation) -> int:
    """Return how many bits at the end of all weights are zero."""
    whole = int(np.bitwise_or.reduce(part.weights, axis=None, initial=0))
    return max((whole & -whole).bit_length() - 1, 0)


@dataclass
class Dots(Accumulation):
    """How one `Affine` of numbers in words is computed; made of a plan that `suits_dots`."""

    words: Words
    spare: int
    """Bits left away at the end of all weights: the sums' last bit stands so much higher."""

    SHAPES: ClassVar[Shapes] = {16: {OCTETS: (2, 10)}}

    @classmethod
    def of(cls, part: Accumulation, words: Words) -> "Dots":
        """Take a plan over."""
        spare = spare_of(part)
        weights = part.weights >> spare
        return cls(part.operation, part.stages, OCTETS, "i32", weights, 0, words, spare)

    def sums(
        self, code: Code, outputs: Sequence[int], source: Placed, table: WeightTable
    ) -> dict[tuple[int, int], tuple[Number, float]]:
        """Add all terms of some outputs, word by word."""
        kind, fraction = code.vector("i32"), self.operation.accumulator.fraction
        totals = {
            (place, block): code.splat("i32", self._bias(output) >> self.spare)
            for place, output in enumerate(outputs)
            for block in range(code.blocks)
        }
        for word, users in self._terms(outputs).items():
            code.barrier()
            row, _ = source.at(word)
            values = []
            for block in range(code.blocks):
                value = code.load("float", row, block)
                values.append(code.let(f"bitcast {code.vector('float')} {value} to {kind}"))
            for place, factors in users.items():
                factor = code.weight("i32", table.word(int.from_bytes(factors.tobytes(), "little")))
                for block in range(code.blocks):
                    three = totals[place, block], values[block], factor
                    arguments = ", ".join(f"{kind} {name}" for name in three)
                    totals[place, block] = code.let(
                        f"call {kind} @llvm.x86.avx512.vpdpbusd.512({arguments})"
                    )
        sums = {}
        for (place, block), total in totals.items():
            unit, rest = fraction - self.spare, self._bias(outputs[place]) % (1 << self.spare)
            if rest:  # a cast to integers takes whole numbers of its unit alone
                total = code.binary("shl", "i32", total, code.splat("i32", self.spare))
                total = code.binary("add", "i32", total, code.splat("i32", rest))
                unit = fraction
            real = code.convert("sitofp", "i32", total, "float")
            sums[place, block] = Number(real, "float", unit), 0.0
        return sums

    def _bias(self, output: int) -> int:
        position, f = divmod(output, self.weights.shape[2])
        return int(self.operation.bias[self.operation.group[position], f])

    def _terms(self, outputs: Sequence[int]) -> dict[int, dict[int, Octets]]:
        """Return four weights of every word that outputs use, by word and by their place."""
        terms: dict[int, dict[int, Octets]] = {}
        for place, output in enumerate(outputs):
            position, f = divmod(output, self.weights.shape[2])
            index, group = self.operation.index[position], self.operation.group[position]
            column = self.weights[group, :, f]
            for k in np.flatnonzero((column != 0) & (index >= 0)).tolist():
                users = terms.setdefault(int(self.words.word[index[k]]), {})
                four = users.setdefault(place, np.zeros(WORD, np.int8))
                four[self.words.byte[index[k]]] = column[k]
        return dict(sorted(terms.items()))


def pack(
    code: Code, part: Accumulation, outputs: Sequence[int],
    sums: dict[tuple[int, int], tuple[Number, float]], target: Placed, first: int,
) -> None:  # fmt: skip
    """Cast the sums of some outputs and store them as the words from number ``first`` on."""
    zero = code.splat("i32", 0)
    for place in range(0, len(outputs), WORD):
        row, _ = target.at(first + place // WORD)
        for block in range(code.blocks):
            numbers = [
                _octet(code, part, output, *sums[place + k, block])
                for k, output in enumerate(outputs[place : place + WORD])
            ]
            numbers += [zero] * (WORD - len(numbers))
            halves = [
                code.let("call <32 x i16> @llvm.x86.avx512.packssdw.512("
                         f"<16 x i32> {one}, <16 x i32> {other})")
                for one, other in (numbers[:2], numbers[2:])
            ]  # fmt: skip
            packed = code.let("call <64 x i8> @llvm.x86.avx512.packuswb.512("
                              f"<32 x i16> {halves[0]}, <32 x i16> {halves[1]})")  # fmt: skip
            order = ", ".join(f"i32 {n}" for n in _EVENTS)
            turned = code.let(
                f"shufflevector <64 x i8> {packed}, <64 x i8> poison, <64 x i32> <{order}>"
            )
            word = code.let(f"bitcast <64 x i8> {turned} to {code.vector('float')}")
            code.store("float", word, row, block)


def _octet(code: Code, part: Accumulation, output: int, number: Number, half: float) -> str:
    """Return the cast sum of an output as integers, which packing may still saturate."""
    fraction, unit = part.operation.accumulator.fraction, part.stages[-1].form.fraction
    if _rounds_alone(part.stages):
        value = number.name
        held = number.unit + part.stages[0].fraction - fraction
        if held != unit:
            value = code.binary("fmul", "float", value, code.splat("float", 2.0 ** (unit - held)))
        return _nearest(code, value)
    value, kind, held = cast(code, number, part.stages, output, fraction, half)
    if kind != "float":
        value = code.convert("trunc", "i64", value, "i32") if kind == "i64" else value
        return value if held == unit else code.binary("shl", "i32", value,
                                                      code.splat("i32", unit - held))  # fmt: skip
    if held != unit:
        value = code.binary("fmul", "float", value, code.splat("float", 2.0 ** (unit - held)))
    return _nearest(code, value)


def _rounds_alone(stages: Sequence[Stage]) -> bool:
    """Tell whether rounding to even and saturation at 0 and 255 are the whole cast."""
    stage = stages[0]
    rounds = stage.form.rounding == "RND_CONV" and stage.form.overflow == "SAT"
    low = max(stage.low, 0) if stage.relu else stage.low
    return len(stages) == 1 and stage.real and rounds and (low, stage.high) == (0, LARGEST)


def _nearest(code: Code, value: str) -> str:
    kind, real = code.vector("i32"), code.vector("float")
    return code.let(f"call {kind} @llvm.x86.avx512.mask.cvtps2dq.512({real} {value}, "
                    f"{kind} zeroinitializer, i16 -1, i32 4)")  # fmt: skip
