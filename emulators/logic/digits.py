"""Whole numbers as sums of signed powers of two, which logic adds and subtracts."""

__all__ = ["digits"]


def digits(number: int) -> list[tuple[int, int]]:
    """Write a whole number with the fewest signed powers of two: [(sign, exponent), ...]."""
    out = []
    exponent = 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)
            out.append((sign, exponent))
            number -= sign
        number >>= 1
        exponent += 1
    return out
