"""Constants of a wrapper, read from the C++ of its folder."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ConstantArray", "WrapperSource"]

MAX_SOURCE_BYTES = 1 << 20


@dataclass(frozen=True)
class ConstantArray:
    """An array that a source defines: its name, the name of its type, its numbers."""

    name: str
    type: str
    values: tuple[float, ...]


class WrapperSource:
    """The sources of a firmware folder, without comments.

    Parameters
    ----------
    folder : Path
        All its ``.cpp`` and ``.h`` files are read, those above 1 MiB (weights) left aside.
    """

    def __init__(self, folder: Path) -> None:
        self._texts = []
        for path in sorted([*folder.rglob("*.cpp"), *folder.rglob("*.h")]):
            if path.is_file() and path.stat().st_size <= MAX_SOURCE_BYTES:
                text = path.read_text(errors="replace")
                self._texts.append(re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S))

    def array(self, name: str) -> ConstantArray:
        """Return the array of this name.

        Raises
        ------
        ValueError
            If no source defines it, or it holds something else than numbers.
        """
        pattern = rf"(\w+)\s+{name}\s*\[[^\]]*\]\s*=\s*\{{([^}}]*)\}}"
        for text in self._texts:
            match = re.search(pattern, text)
            if match is None:
                continue
            kind, body = match.groups()
            try:
                numbers = tuple(float(number) for number in body.split(",") if number.strip())
            except ValueError:
                message = f"{name} holds something else than numbers"
                raise ValueError(message) from None
            return ConstantArray(name, kind, numbers)
        raise ValueError(f"no source defines {name}")

    def type_of(self, kind: str, name: str) -> str:
        """Return the fixed-point type behind a typedef; `name` is what has it, for messages.

        Raises
        ------
        ValueError
            If no source defines it.
        """
        for text in self._texts:
            match = re.search(rf"typedef\s+(ap_\w+\s*<[^>;]*>)\s*{kind}\s*;", text)
            if match is not None:
                return re.sub(r"\s+", "", match[1])
        raise ValueError(f"the type {kind} of {name} is not defined")
