"""Which values l1kd accepts: one table of limits, one check, one form of message.

Every column of every source, and every column that an algorithm reads, goes through `check`.
A message names the file (where the events know it), the branch, what was expected, what was found
and what to do.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import awkward as ak
import numpy as np
import numpy.typing as npt

from l1kd._edge import flat, read
from l1kd.emulators.array_types import AnyArray, Images, Mask
from l1kd.emulators.calorimeter import MAX_REGION_COUNTS, N_ETA, N_PHI
from l1kd.errors import InputError, MissingBranchError

__all__ = [
    "ANGLE",
    "CANONICAL",
    "CHARGE",
    "CODE",
    "COUNT",
    "ENERGY",
    "ETA",
    "FINITE",
    "FRACTION",
    "MASS",
    "PT",
    "Limits",
    "check",
    "column",
    "file_of",
    "require_array",
    "require_columns",
    "require_images",
    "track_column",
    "unmasked",
]


class Limits(NamedTuple):
    """Smallest and largest value that is accepted, and the unit for messages."""

    low: float
    high: float
    unit: str = ""
    whole: bool = False

    def __str__(self) -> str:
        """Return the limits as a message says them."""
        if np.isinf(self.low) and np.isinf(self.high):
            return "finite values"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.low:g} to {self.high:g}{unit}{' in whole numbers' if self.whole else ''}"


FINITE = Limits(-np.inf, np.inf)
PT = Limits(0.0, 1e5, "GeV")
"""Transverse momenta: up to seven times the energy of the LHC's collisions."""
ENERGY = Limits(0.0, 1e6, "GeV")
ETA = Limits(-15.0, 15.0)
"""Beyond every particle of a beam; generators write 999.9 where there is no direction."""
ANGLE = Limits(-7.0, 7.0, "rad")
"""Azimuth in whatever period, (-pi, pi] or [0, 2 pi)."""
CHARGE = Limits(-100, 100, "e", whole=True)
CODE = Limits(-(2**31), 2**31 - 1, "", whole=True)
"""Particle identities."""
COUNT = Limits(0, 1e4, "", whole=True)
"""Vertices of an event."""
FRACTION = Limits(0.0, 1.01)
"""Shares of energy, with room for their rounding in the file."""
MASS = Limits(-1e5, 1e5, "GeV")

CANONICAL: Mapping[str, Limits] = {
    "pt": PT,
    "eta": ETA,
    "phi": ANGLE,
    "energy": Limits(0.0, float(np.finfo(np.float32).max), "GeV"),
    "charge": CHARGE,
    "pid": Limits(0, 7, "", whole=True),
    "puppi_weight": FINITE,
    "hard_fraction": FINITE,
}
"""Limits of the canonical columns (`l1kd.candidates`); `d0`, `dz`, `z0`, `dz_error` may be NaN."""


def file_of(events: Any) -> str:
    """Name of the file that events were read from, as they know it, or an empty string."""
    metadata = getattr(events, "metadata", None)
    return str(metadata.get("filename", "")) if isinstance(metadata, Mapping) else ""


def unmasked(values: Any, where: str) -> Any:
    """Return an array as it is, unless entries of it are masked.

    Raises
    ------
    InputError
        Some are: what they hold below the mask is not meant to be read.
    """
    if np.ma.is_masked(values):
        count = int(np.ma.getmaskarray(values).sum())
        raise InputError(
            f"{where}: expected no masked entries, found {count}: fill them first, with 0 where "
            "nothing is (`filled(0)`)"
        )
    return values


def require_array(
    values: AnyArray,
    dtype: npt.DTypeLike,
    shape: tuple[int, ...],
    label: str,
    who: str,
    largest: int | None = None,
) -> None:
    """Check type, shape behind the axis of events, and range of an array with one row an event.

    Raises
    ------
    InputError
        If they differ, entries are masked, or a value is larger than `largest`; the message
        begins with `who` and calls the array `label`.
    """
    if not isinstance(values, np.ndarray):
        raise InputError(f"{who}: expected an array of {label}, found {values!r}")
    unmasked(values, f"{who}: {label}")
    if values.shape[1:] != shape or values.dtype != dtype or values.ndim < 1:
        own, cast = np.dtype(dtype), values.ndim >= 1 and values.shape[1:] == shape
        remedy = f"; cast them, if that changes none: {label}.astype(np.{own})" if cast else ""
        raise InputError(
            f"{who}: expected {own} {label} of shape (n_events, "
            f"{', '.join(map(str, shape))}), found {values.dtype} of shape {values.shape}{remedy}"
        )
    if largest is not None and values.size and values.max() > largest:
        raise InputError(
            f"{who}: expected {label} clipped at {largest}, as the trigger does, found "
            f"{values.max()}"
        )


def require_images(images: Images, who: str) -> None:
    """Check calorimeter images: uint16[n, 18, 14], counts up to 1023.

    Raises
    ------
    InputError
        They are none; the message begins with `who`.
    """
    require_array(images, np.uint16, (N_PHI, N_ETA), "regions", who, MAX_REGION_COUNTS)


def check(values: AnyArray, limits: Limits, where: str, file: str = "") -> AnyArray:
    """Return the values if they all are finite and within limits.

    Parameters
    ----------
    values
        Any shape.
    where
        "collection.branch", for the message.
    file
        Where it was read from, for the message.

    Raises
    ------
    InputError
        Naming file and branch, the limits, the first value outside them, its position and how many
        there are.
    """
    if values.size == 0 or values.dtype.kind == "b":
        return values
    low, high = values.min(), values.max()  # NaN if one value is
    fine = low >= limits.low and high <= limits.high
    if fine and values.dtype.kind == "f":
        fine = bool(np.isfinite(low) and np.isfinite(high))
        if fine and limits.whole:
            fine = bool((values == np.trunc(values)).all())
    if fine:
        return values
    bad = ~((values >= limits.low) & (values <= limits.high))
    if values.dtype.kind == "f":
        bad |= ~np.isfinite(values)
        if limits.whole:
            bad |= values != np.trunc(values)
    first = int(np.flatnonzero(bad.ravel())[0])
    prefix = f"{file}: " if file else ""
    raise InputError(
        f"{prefix}{where}: expected {limits}, found {values.ravel()[first]} at position {first} "
        f"({int(bad.sum())} such values in all); mask these events or mend the file"
    )


def column(
    events: ak.Array, collection: str, branch: str, limits: Limits, dtype: Any = np.float32
) -> AnyArray:
    """Read one branch as a flat column that was checked before it is cast to `dtype`.

    Raises
    ------
    MissingBranchError, InputError
        As `l1kd._edge.read` and `check`.
    """
    values = flat(read(events, collection, branch), None)
    check(values, limits, f"{collection}.{branch}", file_of(events))
    return np.ascontiguousarray(values, dtype)


def track_column(
    events: ak.Array, collection: str, branch: str, measured: Mask, dtype: Any = np.float32
) -> AnyArray:
    """Read a branch that only tracks have; what is not `measured` is never looked at.

    Returns
    -------
    The column, NaN where `measured` (bool[n]) is false; all NaN if the file has NaN for every
    track, which counts as a missing column.

    Raises
    ------
    MissingBranchError, InputError
        As `column`, for NaN and infinity of some tracks.
    """
    values = flat(read(events, collection, branch), np.float64)
    tracks = values[measured]
    if not np.isnan(tracks).all():
        check(tracks, FINITE, f"{collection}.{branch} (tracks)", file_of(events))
    return np.where(measured, values, np.nan).astype(dtype)


def require_columns(
    name: str, columns: Mapping[str, AnyArray], needs: tuple[str, ...], file: str = ""
) -> None:
    """Check that the columns which an algorithm needs hold values, and that all values are sane.

    Parameters
    ----------
    name
        Of the algorithm.
    columns
        Canonical flat columns, shape (n,). With `charge` among them, track parameters are judged
        on charged particles only.
    needs
        Columns without which the algorithm would give wrong numbers.

    Raises
    ------
    MissingBranchError
        If one of `needs` is NaN for every particle that could have it.
    InputError
        If a value is outside the limits of `CANONICAL`.
    """
    prefix = f"{file}: " if file else ""
    for column_name, limits in CANONICAL.items():
        if column_name in columns:
            check(np.asarray(columns[column_name]), limits, f"{name}: {column_name}", file)
    for needed in needs:
        values = columns.get(needed)
        if (
            values is None
            or values.dtype.kind != "f"
            or needed not in ("d0", "dz", "dz_error", "z0")
        ):
            continue
        own = values[columns["charge"] != 0] if "charge" in columns else values
        if own.size and np.isnan(own).all():
            raise MissingBranchError(
                f"{prefix}{name} needs {needed} of charged candidates, and no candidate of this "
                "source has one; choose another source, or produce the file with it"
            )
        if np.isinf(own).any():
            check(own[~np.isnan(own)], FINITE, f"{name}: {needed}", file)
