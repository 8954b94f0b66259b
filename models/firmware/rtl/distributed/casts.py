"""Casts between fixed-point formats, built from bits, additions of constants and choices.

Every rounding and overflow of `FixedPoint` is exact. Nearest roundings add their half before bits
are dropped, so that the constant merges with the bias of the sum it follows; a tie is then visible
as lower bits that are all zero. Saturation looks at the bits above the result instead of comparing.
"""

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.models.firmware.rtl.distributed.tool import Tool, Wire

__all__ = ["cast", "clipped", "rounded"]

# What these do to a number does not depend on its sign.
BY_BITS = ("TRN", "RND", "RND_MIN_INF", "RND_CONV")


def cast(tool: Tool, wire: Wire, fraction: int, form: FixedPoint, positive: bool = False) -> Wire:
    """Cast a raw integer with ``fraction`` fraction bits to a format.

    Parameters
    ----------
    positive : bool
        Give 0 for negative values. Every rounding keeps order and keeps 0, so this may follow it.
    """
    if isinstance(wire, int):
        return form.cast_int(max(wire, 0) if positive else wire, fraction)
    bits = fraction - form.fraction
    if form.overflow == "WRAP" and form.rounding in BY_BITS and bits > 0 and not positive:
        wire = tool.lowest_bits(wire, bits + form.width)
    if bits > 0:
        wire = rounded(tool, wire, bits, form.rounding, positive)
    else:
        wire = tool.shift(wire, -bits)
    if positive:
        wire = tool.positive_part(wire)
    return overflowed(tool, wire, form)


def rounded(tool: Tool, wire: Wire, bits: int, rounding: str, positive: bool = False) -> Wire:
    """Drop ``bits`` bits, at least one; what is negative may become 0 where ``positive``."""
    if isinstance(wire, int):
        return FixedPoint(1024, 1024, True, rounding).cast_int(wire, bits)
    free = int(wire.step).bit_length() - 1
    if rounding == "TRN" or free >= bits:
        return tool.floor(wire, bits)
    exact = FixedPoint(1024, 1024, True, rounding)
    low, high = (exact.cast_int(bound, bits) for bound in tool.bounds(wire))
    nearest = _nearest(tool, wire, bits, free, rounding, positive)
    if tool.bounds(nearest)[0] >= 0:
        low, high = max(low, 0), max(high, 0)
    return tool.within(nearest, low, high)


def _nearest(tool: Tool, wire: Wire, bits: int, free: int, rounding: str, positive: bool) -> Wire:
    """Drop bits by any rounding but plain truncation; the ``free`` lowest ones are zero."""
    half = 1 << (bits - 1)
    if rounding == "TRN_ZERO":
        lost = tool.nonzero(tool.wrap(wire, bits, signed=False))
        return tool.add(tool.floor(wire, bits), tool.both(tool.sign(wire), lost))
    if rounding == "RND_MIN_INF":
        # The largest offset that rounds a tie down; the wire's own step allows a shorter constant.
        return tool.floor(tool.add(wire, half - (1 << free)), bits)
    if rounding == "RND_ZERO":
        down = tool.add(wire, half - (1 << free))
        return tool.floor(tool.add(down, tool.shift(tool.sign(wire), free)), bits)
    above = tool.add(wire, half)
    if rounding == "RND_INF":
        above = tool.subtract(above, tool.shift(tool.sign(wire), free))
    whole = tool.floor(above, bits)
    if rounding != "RND_CONV" or isinstance(whole, int):
        return whole
    if positive:
        # While the lower bits are looked at.
        whole = tool.positive_part(whole)
    # A tie became a whole number by adding the half: an odd one goes back to the even one below.
    untied = tool.nonzero(tool.wrap(above, bits, signed=False))
    odd = tool.wrap(whole, 1, signed=False)
    return tool.joined(tool.floor(whole, 1), tool.both(odd, untied))


def overflowed(tool: Tool, wire: Wire, form: FixedPoint) -> Wire:
    """Bring an integer into the range of a format by the format's overflow mode."""
    if isinstance(wire, int):
        return form.cast_int(wire, form.fraction)
    low, high = tool.bounds(wire)
    symmetric = form.overflow == "SAT_SYM" and form.signed and form.width > 1
    smallest = -form.maximum if symmetric else form.minimum
    if smallest <= low and high <= form.maximum:
        return wire
    if form.overflow == "WRAP":
        return tool.wrap(wire, form.width, form.signed)
    zero = form.overflow == "SAT_ZERO"
    magnitude = form.width - form.signed
    if not form.signed and not zero:
        wire = tool.positive_part(wire)
    upper = tool.floor(wire, magnitude)
    kept = tool.wrap(wire, form.width, form.signed)
    above = tool.nonzero(tool.positive_part(upper))
    kept = tool.choose(above, 0 if zero else form.maximum, kept)
    lower = tool.inverted(upper) if form.signed else tool.negative(upper)
    below = tool.nonzero(tool.positive_part(lower))
    kept = tool.choose(below, 0 if zero else form.minimum, kept)
    return _symmetric(tool, kept, magnitude) if symmetric else kept


def _symmetric(tool: Tool, wire: Wire, magnitude: int) -> Wire:
    """Replace ``-2**magnitude`` by the number above it."""
    if isinstance(wire, int):
        return max(wire, 1 - (1 << magnitude))
    if tool.bounds(wire)[0] > -(1 << magnitude):
        return wire
    empty = tool.add(tool.negative(tool.nonzero(tool.wrap(wire, magnitude, signed=False))), 1)
    lowest = tool.both(tool.sign(wire), empty)
    bit = tool.either(tool.wrap(wire, 1, signed=False), lowest)
    return tool.joined(tool.floor(wire, 1), bit)


def clipped(tool: Tool, wire: Wire, low: int, high: int) -> Wire:
    """Limit a wire to constants."""
    return tool.extreme(tool.extreme(wire, low, largest=True), high, largest=False)
