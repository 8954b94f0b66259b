"""Files that fill memories: hex for ``$readmemh``, COE for AMD's block memory.

One line an event, all its bits as one number.
"""

import re

from l1kd.errors import InputError

__all__ = ["read_coe", "read_hex", "write_coe", "write_hex"]

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_RADIX = re.compile(r"memory_initialization_radix\s*=\s*(\d+)\s*;", re.IGNORECASE)
_VECTOR = re.compile(r"memory_initialization_vector\s*=([^;]*);", re.IGNORECASE)


def write_hex(lines: list[int], bits: int) -> str:
    """Return the text that ``$readmemh`` reads."""
    digits = -(-bits // 4)
    return "".join(f"{line:0{digits}x}\n" for line in lines)


def read_hex(text: str, name: str) -> list[int]:
    """Read lines of hexadecimal digits, with comments; addresses must not leave anything out.

    Raises
    ------
    InputError
        A word is no number, or undefined (x, z).
    """
    lines: list[int] = []
    for word in _COMMENT.sub(" ", text).split():
        if word.startswith("@"):
            address = _number(word[1:], 16, name)
            if address != len(lines):
                raise InputError(
                    f"{name}: address {word} after {len(lines)} rows: expected no row left out"
                )
            continue
        lines.append(_number(word, 16, name))
    return lines


def write_coe(lines: list[int], bits: int) -> str:
    """Return a COE file of AMD's tools."""
    digits = -(-bits // 4)
    body = ",\n".join(f"{line:0{digits}x}" for line in lines)
    head = "memory_initialization_radix=16;\nmemory_initialization_vector=\n"
    return f"{head}{body};\n"


def read_coe(text: str, name: str) -> list[int]:
    """Read a COE file of radix 2, 10 or 16.

    Raises
    ------
    InputError
        A key is missing, or a word is no number.
    """
    text = "\n".join(line.partition(";")[0] if line.strip().startswith(";") else line
                     for line in text.splitlines())  # fmt: skip
    radix, vector = _RADIX.search(text), _VECTOR.search(text)
    if radix is None or vector is None or int(radix[1]) not in (2, 10, 16):
        raise InputError(
            f"{name}: expected memory_initialization_radix of 2, 10 or 16 and "
            "memory_initialization_vector, each closed by a semicolon"
        )
    words = vector[1].replace(",", " ").split()
    return [_number(word, int(radix[1]), name) for word in words]


def _number(word: str, radix: int, name: str) -> int:
    try:
        return int(word.replace("_", ""), radix)
    except ValueError:
        raise InputError(
            f"{name}: '{word[:40]}' is no number of radix {radix}; undefined bits (x, z) are not "
            "compared"
        ) from None
