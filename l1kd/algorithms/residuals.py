"""The normalisation that a network's images need, as its artefact describes it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Images, Integers
from l1kd.emulators.calorimeter import N_ETA, N_PHI
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.residuals import (
    RESIDUAL_FRACTION,
    RESIDUAL_WIDTH,
    residual_images,
    scale_table,
)
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.validation import require_images

__all__ = [
    "COUNTS",
    "RESIDUALS",
    "Residuals",
    "network_input",
    "normalisation_from",
    "normalisation_of",
]

COUNTS = FixedPoint(10, 10, False)
"""Counts of the calorimeter image, as the firmware receives them."""
RESIDUALS = FixedPoint(RESIDUAL_WIDTH, RESIDUAL_WIDTH - RESIDUAL_FRACTION, False)
"""Residuals of regions, see `l1kd.emulators.residuals`."""


@cache
def _table(power: float, regions: int) -> Integers:
    return scale_table(power, regions)


class Residuals:
    """Images above their rings' means, over a power of the event's pile-up, in integers.

    Parameters
    ----------
    power
        Of the mean pile-up, 0 to 1.
    by
        "event": scale by the mean of all regions; "ring": by that of the region's ring in |eta|.

    Raises
    ------
    ConfigurationError
        For another power or `by`.
    """

    def __init__(self, power: float, by: str = "event") -> None:
        is_number = isinstance(power, int | float | np.number) and not isinstance(power, bool)
        if by not in ("event", "ring") or not is_number or not 0.0 <= power <= 1.0:
            raise ConfigurationError(
                f"residuals: expected a power from 0 to 1, by 'event' or 'ring', found {power!r} "
                f"by {by!r}"
            )
        self.power, self.by = float(power), by

    def raw(self, images: Images) -> Images:
        """Normalise uint16[n, 18, 14] counts: uint16[n, 18, 14] raw values of `RESIDUALS`.

        Raises
        ------
        InputError
            The images have another type or shape, or counts above 1023: the kernel would leave
            its arrays.
        """
        require_images(images, "residuals")
        by_ring = self.by == "ring"
        regions = N_PHI * N_ETA * (2 if by_ring else N_ETA) // N_ETA
        contiguous = np.ascontiguousarray(images)
        return residual_images(contiguous, _table(self.power, regions), by_ring)

    def as_dict(self) -> dict[str, Any]:
        """Return what a manifest keeps."""
        return {"kind": "residuals", "power": self.power, "by": self.by}


def network_input(images: Images, residuals: Residuals | None) -> tuple[Images, FixedPoint]:
    """Give what a network reads of images, and the format of these integers.

    Residuals are read as whole numbers of 1/32, as they leave the table.
    """
    if residuals is None:
        return images, COUNTS
    return residuals.raw(images), FixedPoint(RESIDUAL_WIDTH, RESIDUAL_WIDTH, False)


def normalisation_of(inputs: Mapping[str, Any], where: str) -> Residuals | None:
    """Return the normalisation that a manifest's inputs state; None where counts are read.

    Raises
    ------
    ArtefactError
        It is of an unknown kind.
    """
    return normalisation_from(inputs.get("regions", {}).get("normalisation"), where)


def normalisation_from(stated: Any, where: str) -> Residuals | None:
    """Return the normalisation that `Residuals.as_dict` described; None where there is none.

    Raises
    ------
    ArtefactError
        It is of an unknown kind.
    """
    if stated is None:
        return None
    if not isinstance(stated, Mapping) or stated.get("kind") != "residuals":
        raise ArtefactError(f"{where}: normalisation {stated!r} of the regions is not known")
    return Residuals(stated["power"], stated["by"])
