"""Which functions of hls4ml's library are known, release by release: the maker of `known.txt`.

When a new hls4ml appears, run in an environment that has it (or name its wheel):

    python -m l1kd.emulators.network.cpp.releases

It lists the functions whose text no earlier release has. Compare each with what its handler in
`l1kd.emulators.network.layers` computes, add what is missing there, and let the tests compare it
with compiled C++. Then add the new release to `known.py` and write the names that are reproduced:

    python -m l1kd.emulators.network.cpp.releases --write --accept relu softmax ...
"""

import argparse
import sys
import zipfile
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path

from l1kd.emulators.network.cpp import known
from l1kd.emulators.network.cpp.known import RELEASES, Row
from l1kd.emulators.network.cpp.library import fingerprint, read_bodies

__all__ = ["functions", "main", "merged", "text_of"]

_BACKENDS = ("vivado", "vitis")
# What every project has a version of its own of, and layers that are not read.
_SKIPPED = {"nnet_code_gen.h", "nnet_garnet.h"}


def functions(package: Traversable) -> dict[str, str]:
    """Return the names of all functions of an hls4ml, by fingerprint.

    Parameters
    ----------
    package : path
        The package's folder, on disk or in a wheel.
    """
    found = {}
    for backend in _BACKENDS:
        folder = package / "templates" / backend / "nnet_utils"
        headers = folder.iterdir() if folder.is_dir() else ()
        for header in sorted(headers, key=lambda header: header.name):
            if header.name.endswith(".h") and header.name not in _SKIPPED:
                text = header.read_bytes().decode("utf-8-sig", errors="replace")
                for body in read_bodies(text, header.name):
                    found[fingerprint(body)] = body.name
    return found


def merged(
    rows: Iterable[Row], release: str, found: dict[str, str], accepted: Iterable[str] = ()
) -> list[Row]:
    """Return rows with one more release: of what they know, and of the functions accepted."""
    names = set(accepted)
    table = {row.fingerprint: row for row in rows}
    for key, name in found.items():
        row = table.get(key) or (Row(key, name, ()) if name in names else None)
        if row is not None and release not in row.origins:
            table[key] = row._replace(origins=(*row.origins, release))
    return sorted(table.values(), key=lambda row: (row.function, row.fingerprint))


def text_of(rows: Iterable[Row]) -> str:
    """Return the lines of the table."""
    return "".join(
        f"{row.fingerprint} {row.function} {' '.join(_runs(row.origins))}\n" for row in rows
    )


def _runs(origins: Sequence[str]) -> list[str]:
    """Write consecutive releases as the first and the last."""
    runs: list[list[str]] = []
    for origin in origins:
        follows = bool(runs) and [runs[-1][-1], origin] in [list(p) for p in pairwise(RELEASES)]
        if follows:
            runs[-1].append(origin)
        else:
            runs.append([origin])
    return [run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs]


def _release(source: str | None) -> tuple[str, Traversable]:
    """Return the version and the folder of an hls4ml: the installed one, or that of a wheel."""
    if source is None:
        return version("hls4ml"), files("hls4ml")
    return Path(source).name.split("-")[1], zipfile.Path(source) / "hls4ml"


def main(arguments: Sequence[str] | None = None) -> int:
    """List functions that are not known; return 1 where there are any that are not written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", nargs="?", help="a wheel of hls4ml (default: the installed one)")
    parser.add_argument("--accept", nargs="*", default=(), help="functions that are reproduced")
    parser.add_argument("--write", action="store_true", help="write the release into known.txt")
    chosen = parser.parse_args(arguments)
    release, package = _release(chosen.wheel)
    found = functions(package)
    rows = merged(known.rows(), release, found, chosen.accept)
    after = {row.fingerprint for row in rows}
    fresh = [f"{key} {name}" for key, name in found.items() if key not in after]
    sys.stdout.write(f"hls4ml {release}: {len(found)} functions, {len(fresh)} not known\n")
    sys.stdout.write("".join(f"{line}\n" for line in sorted(fresh, key=lambda line: line[9:])))
    if chosen.write:
        if release not in RELEASES:
            parser.error(f"first add {release} to RELEASES in {known.__file__}")
        Path(str(known.TABLE)).write_text(text_of(rows), encoding="utf-8")
    return int(bool(fresh))


if __name__ == "__main__":
    sys.exit(main())
