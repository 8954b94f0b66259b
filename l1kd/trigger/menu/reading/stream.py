"""Files of menus as streams of bytes, packed or not."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from l1kd.errors import UnreadableFileError

__all__ = ["opened"]


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked if its name ends in `.gz`.

    Raises
    ------
    UnreadableFileError
        The file is missing, truncated or corrupt; also while it is read.
    """
    try:
        with path.open("rb") as plain:
            packed = path.suffix == ".gz"
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=plain)) if packed else plain
    except (OSError, EOFError) as error:
        raise UnreadableFileError(f"{path}: cannot be read ({error})") from error
