"""Long sums as few adders of three operands.

A carry chain of AMD's devices adds three numbers with one lookup table a bit, or two numbers and a
constant: the table's second output hands the upper digit of the bit's sum to the next bit. A sum is
put together anew from its terms, three at a time; its value and its format stay as they were.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

__all__ = ["ADDER", "THREE", "WIRED_TABLE", "Adder", "Term", "add_up", "lowest_bit", "width_of"]

ADDER = 1.0
"""Delay of an adder of two: the unit of all delays."""
WIRED_TABLE = 0.55
"""Delay of a lookup table and of the wire to it."""
THREE = ADDER + WIRED_TABLE
"""Delay of an adder of three: the upper digits go through a table and a wire first."""

# The earliest terms, among which the next adder takes its own.
POOL = 9
# Sums of more terms look at fewer.
LONG = 30
# Tables that a sum may take more to be ready one unit of delay earlier.
HASTE = 4.0


class Term(NamedTuple):
    """What a node contributes to a sum: ``node * 2**shift``, or the negative of that.

    Attributes
    ----------
    low, high : int
        Bounds of the contribution, with its sign, in the unit of the sum.
    bit : int
        Its lowest bit.
    time : float
        When it is ready.
    anchor : bool
        It holds the term that gives the sum its scale and its sign.
    """

    node: int
    shift: int
    negative: bool
    low: int
    high: int
    bit: int
    time: float
    anchor: bool = False


class Adder(NamedTuple):
    """An adder of one to three terms and a constant.

    Attributes
    ----------
    terms : tuple of Term
        ``negative`` tells whether the adder subtracts the node; it never does so with the first.
        ``low`` and ``high`` have the sign of the adder, too.
    constant : int
        In the unit of the sum, as the adder adds it.
    result : Term
        The adder as a term of the sum.
    tables : int
        Lookup tables: bits of its carry chain.
    """

    terms: tuple[Term, ...]
    constant: int
    result: Term
    tables: int


def add_up(terms: Iterable[Term], constant: int, node: int) -> list[Adder]:
    """Return the adders of a sum, numbered from ``node`` on; the last one is the sum.

    Parameters
    ----------
    terms : sequence of Term
        One of them is the anchor.
    constant : int
        In the unit of the sum.
    """
    waiting = list(terms)
    adders: list[Adder] = []
    while len(waiting) > 1 or constant:
        waiting.sort(key=lambda term: (term.time, term.high - term.low))
        possible = [
            (_adder([waiting[i] for i in group], constant * takes, node), group)
            for group, takes in _groups(len(waiting), constant != 0)
        ]
        adder, chosen = min(possible, key=lambda p: p[0].tables + HASTE * p[0].result.time)
        adders.append(adder)
        waiting = [t for i, t in enumerate(waiting) if i not in chosen] + [adder.result]
        if adder.constant:
            constant = 0
        node += 1
    return adders


def _groups(count: int, constant: bool) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Give what the next adder can add: three operands, or two while their number is even."""
    size = 3 if (count + constant) % 2 else 2
    pool = range(min(count, POOL if count <= LONG else POOL // 2 + 1))
    if constant:
        yield from ((group, True) for group in combinations(pool, size - 1))
    yield from ((group, False) for group in combinations(pool, size))


def _adder(terms: Sequence[Term], constant: int, node: int) -> Adder:
    """Add terms. The result has the anchor's sign, or that of the term with the lowest bit.

    Bits below all others pass without a table, unless their term is subtracted.
    """
    first = min(terms, key=lambda term: (not term.anchor, term.bit, term.negative))
    flip = first.negative
    ordered = [first, *(term for term in terms if term is not first)]
    if flip:
        ordered = [t._replace(negative=not t.negative, low=-t.high, high=-t.low) for t in ordered]
        constant = -constant
    low = sum(term.low for term in ordered) + constant
    high = sum(term.high for term in ordered) + constant
    bits = sorted([t.bit for t in terms] + ([lowest_bit(constant)] if constant else []))
    start = min([bits[1], *(term.bit for term in ordered if term.negative)])
    time = max(t.time for t in terms) + (THREE if len(terms) == 3 else ADDER)
    own = (-high, -low) if flip else (low, high)
    result = Term(node, first.shift, flip, *own, bits[0], time, first.anchor)
    return Adder(tuple(ordered), constant, result, max(width_of(low, high) - start, 0))


def width_of(low: int, high: int) -> int:
    """Return the bits of an integer within bounds."""
    return max(high.bit_length(), (-low - 1).bit_length()) + (low < 0)


def lowest_bit(value: int) -> int:
    """Return the position of the lowest bit that is set."""
    return (value & -value).bit_length() - 1
