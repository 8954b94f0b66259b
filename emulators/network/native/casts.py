"""Casts of registers in generated code, without the steps that the bounds rule out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.analysis.intervals import Bounds, after_cast, rounded
from l1kd.emulators.network.native.ir import Code, Number, Placed

__all__ = ["EXACT", "Stage", "cast", "keep", "narrowest", "raw", "rounded_integer",
           "to_integer"]  # fmt: skip

# Up to here every integer is exact in single precision.
EXACT = 1 << 24
_REAL_ROUNDINGS = {"TRN": "floor", "TRN_ZERO": "trunc", "RND": "floor", "RND_CONV": "roundeven",
                   "RND_MIN_INF": "ceil"}  # fmt: skip
_HALVES = {"RND": 0.5, "RND_MIN_INF": -0.5}


@dataclass
class Stage:
    """One cast of all elements of a tensor.

    Parameters
    ----------
    form : FixedPoint
        What is cast to.
    fraction : int
        Fraction bits of the raw values before it.
    exact : Bounds
        Of these raw values, element by element.
    relu : bool
        Negative values become zero before they are cast.
    """

    form: FixedPoint
    fraction: int
    exact: Bounds
    relu: bool = False
    result: Bounds = field(init=False)
    real: bool = field(init=False)
    """Whether the cast is exact in floating point."""

    def __post_init__(self) -> None:
        form, drop = self.form, self.fraction - self.form.fraction
        low, high = self.exact
        if self.relu:
            low, high = (side.clip(0) for side in (low, high))
        self.result = after_cast(Bounds(low, high), self.fraction, form)[0]
        self._rounded = rounded(self.exact, drop, form.rounding)
        self.low, self.high = form.lowest, form.maximum
        reach = self.exact.reach() + (1 << max(drop - 1, 0))
        inside = all(self.inside(e) for e in range(low.size))
        limits = (abs(self.low) << max(drop, 0)) < EXACT > (self.high << max(drop, 0))
        wide = (self._rounded.reach() >> max(-drop, 0)) < EXACT
        small = reach < EXACT and wide and (inside or limits or drop > 0)
        kept = inside or form.overflow in ("SAT", "SAT_SYM")
        self.real = small and kept and (drop <= 0 or form.rounding in _REAL_ROUNDINGS)

    @property
    def half(self) -> float:
        """What a rounding in floating point adds first, in units of the result."""
        drops = self.fraction > self.form.fraction
        return _HALVES.get(self.form.rounding, 0.0) if drops else 0.0

    def inside(self, element: int) -> bool:
        """Tell whether an element cannot overflow."""
        low = int(self._rounded.low[element])
        low = max(low, 0) if self.relu else low
        return self.low <= low and int(self._rounded.high[element]) <= self.high

    def nothing(self, element: int) -> bool:
        """Tell whether an element passes unchanged."""
        negative = self.relu and int(self.exact.low[element]) < 0
        return self.fraction <= self.form.fraction and self.inside(element) and not negative

    def limits(self, element: int) -> tuple[int | None, int | None]:
        """Return the limits that a rounded element can pass, else None."""
        low = max(self.low, 0) if self.relu else self.low
        below, above = int(self._rounded.low[element]), int(self._rounded.high[element])
        return (low if below < low else None), (self.high if above > self.high else None)


def narrowest(reach: int) -> str:
    """Return the kind of integer that holds a magnitude.

    Raises
    ------
    ValueError
        If 64 bits are too few.
    """
    if reach >= 1 << 63:
        raise ValueError("an exact intermediate value could exceed 64 bits")
    return "i32" if reach < 1 << 31 else "i64"


def to_integer(code: Code, number: Number, unit: int, kind: str) -> Number:
    """Return a number as raw integers of at least ``kind``, in a unit at least as fine."""
    name, held, fraction = number
    if held == "float":
        name, held = code.convert("fptosi", "float", name, "i32"), "i32"
    if held == "i32" and kind == "i64":
        name, held = code.convert("sext", "i32", name, "i64"), "i64"
    if unit > fraction:
        name = code.binary("shl", held, name, code.splat(held, unit - fraction))
    return Number(name, held, unit)


def raw(code: Code, number: Number, shift: int, kind: str) -> str:
    """Return a number that fits ``kind`` as a raw integer times ``2**shift``."""
    name, held, _ = to_integer(code, number, number.unit + shift, kind)
    return name if held == kind else code.convert("trunc", held, name, kind)


def cast(
    code: Code, number: Number, stages: Sequence[Stage], element: int, fraction: int,
    half: float = 0.0,
) -> Number:  # fmt: skip
    """Cast one element, stage after stage.

    Parameters
    ----------
    fraction : int
        Fraction bits of its raw value.
    half : float
        What has already been added for the first rounding.
    """
    for stage in stages:
        # A layer may give raw values another point.
        number = number._replace(unit=number.unit + stage.fraction - fraction)
        if number.kind == "float" and stage.real and not stage.nothing(element):
            number = _cast_real(code, number, stage, element, half)
        elif not stage.nothing(element):
            number = _cast_integer(code, number, stage, element)
        fraction, half = stage.form.fraction, 0.0
    return number


def _cast_real(code: Code, number: Number, stage: Stage, element: int, half: float) -> Number:
    name, _, unit = number
    target = stage.form.fraction
    if unit != target:
        name = code.binary("fmul", "float", name, code.splat("float", 2.0 ** (target - unit)))
    if stage.fraction > target:
        if stage.half != half:
            name = code.binary("fadd", "float", name, code.splat("float", stage.half - half))
        name = code.call(_REAL_ROUNDINGS[stage.form.rounding], "float", [name])
    low, high = stage.limits(element)
    if low is not None:
        name = code.most("float", name, low)
    if high is not None:
        name = code.least("float", name, high)
    return Number(name, "float", target)


def _cast_integer(code: Code, number: Number, stage: Stage, element: int) -> Number:
    form, drop = stage.form, stage.fraction - stage.form.fraction
    reach = max(abs(int(side[element])) for side in stage.exact)
    reach = (reach + (1 << drop)) if drop > 0 else (reach + 1) << -drop
    if form.overflow == "WRAP" and not stage.inside(element):
        # Numbers without a sign that fill a word need a wider one.
        reach = max(reach, form.maximum)
    if drop > 62:
        raise ValueError(f"a cast drops {drop} bits")
    name, kind, _ = to_integer(code, number, stage.fraction, narrowest(reach))
    if stage.relu:
        name = code.most(kind, name, 0)
    if drop > 0:
        name = rounded_integer(code, name, kind, form.rounding, drop)
    elif drop < 0:
        name = code.binary("shl", kind, name, code.splat(kind, -drop))
    if stage.inside(element):
        return Number(name, kind, form.fraction)
    bits = int(kind[1:])
    if form.overflow == "WRAP":
        if form.signed and form.width < bits:
            places = code.splat(kind, bits - form.width)
            name = code.binary("ashr", kind, code.binary("shl", kind, name, places), places)
        elif not form.signed and form.width < bits:
            name = code.binary("and", kind, name, code.splat(kind, (1 << form.width) - 1))
        return Number(name, kind, form.fraction)
    low, high = stage.limits(element)
    zero = code.splat(kind, 0)
    if low is not None:
        bound = code.splat(kind, low)
        other = zero if form.overflow == "SAT_ZERO" else bound
        name = code.choose("slt", kind, name, bound, other, name)
    if high is not None:
        bound = code.splat(kind, high)
        other = zero if form.overflow == "SAT_ZERO" else bound
        name = code.choose("sgt", kind, name, bound, other, name)
    return Number(name, kind, form.fraction)


def rounded_integer(code: Code, name: str, kind: str, rounding: str, drop: int) -> str:
    """Drop bits of integers."""
    shift, half = code.splat(kind, drop), 1 << (drop - 1)
    plus = {"RND": half, "RND_INF": half, "TRN": 0, "TRN_ZERO": 0}.get(rounding, half - 1)
    extra = {"TRN_ZERO": (1 << drop) - 1, "RND_ZERO": 1, "RND_INF": -1}.get(rounding, 0)
    value = name
    if plus:
        value = code.binary("add", kind, value, code.splat(kind, plus))
    if rounding == "RND_CONV":
        odd = code.binary("and", kind, code.binary("ashr", kind, name, shift), code.splat(kind, 1))
        value = code.binary("add", kind, value, odd)
    if extra:
        sign = code.binary("ashr", kind, name, code.splat(kind, int(kind[1:]) - 1))
        value = code.binary(
            "add", kind, value, code.binary("and", kind, sign, code.splat(kind, extra))
        )
    return code.binary("ashr", kind, value, shift)


def keep(
    code: Code, number: Number, unit: int, target: Placed, element: int, block: int = 0
) -> None:
    """Store a number as the raw value of an element that has ``unit`` fraction bits."""
    name, kind, fraction = number
    row, wide = target.at(element)
    real = not wide
    if kind == "float" and real:
        if fraction != unit:
            name = code.binary("fmul", "float", name, code.splat("float", 2.0 ** (unit - fraction)))
        code.store("float", name, row, block)
        return
    if kind == "float":
        name, kind = code.convert("fptosi", "float", name, "i32"), "i32"
    if not real and kind == "i32":
        name, kind = code.convert("sext", "i32", name, "i64"), "i64"
    if fraction != unit:
        name = code.binary("shl", kind, name, code.splat(kind, unit - fraction))
    if real:
        if kind == "i64":
            name = code.convert("trunc", "i64", name, "i32")
        name = code.convert("sitofp", "i32", name, "float")
    code.store("float" if real else "i64", name, row, block)
