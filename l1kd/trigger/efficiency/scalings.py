"""Online-to-offline scalings: which offline value a threshold stands for.

A threshold is quoted by the offline (or generated) value at which its turn-on reaches a given
efficiency. Over several thresholds that is a straight line, offline = slope x online + offset, one
for every region of the detector. A menu that is written in offline thresholds applies it backwards.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats

from l1kd._documents import read_document
from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import Estimate

__all__ = ["EFFICIENCY_OF_SCALING", "ScalingLine", "fit_line", "read_scalings", "write_scalings"]

EFFICIENCY_OF_SCALING: Mapping[str, float] = {"met": 0.90, "ht": 0.90, "mht": 0.50}
"""Efficiency at which thresholds are quoted where it is not 0.95, as for jets and leptons."""

_ID = "default"


@dataclass(frozen=True)
class ScalingLine:
    """A straight line, offline = slope x online + offset [GeV].

    Attributes
    ----------
    slope, offset
        Of the line.
    covariance
        ((slope, slope), (slope, offset), (offset, offset)) elements, in this order.
    chi2, n_dof
        Goodness of the fit.
    efficiency
        At which the turn-ons were read.
    """

    slope: float
    offset: float
    covariance: tuple[float, float, float] = (0.0, 0.0, 0.0)
    chi2: float = 0.0
    n_dof: int = 0
    efficiency: float = 0.95

    @property
    def p_value(self) -> float:
        """Probability of a larger chi2; NaN without degrees of freedom."""
        return float(scipy.stats.chi2.sf(self.chi2, self.n_dof)) if self.n_dof else math.nan

    def offline(self, online: float) -> float:
        """Offline value of an online threshold."""
        return self.slope * online + self.offset

    def online(self, offline: float) -> float:
        """Online threshold of an offline value."""
        return (offline - self.offset) / self.slope

    def error(self, online: float) -> float:
        """Return the standard deviation of the offline value of an online threshold."""
        a, ab, b = self.covariance
        return math.sqrt(max(a * online**2 + 2.0 * ab * online + b, 0.0))


def fit_line(points: Mapping[float, Estimate], efficiency: float = 0.95) -> ScalingLine:
    """Fit the line through the points of several turn-ons.

    Parameters
    ----------
    points
        {online threshold: offline value with its interval}; points that are not finite do not
        count. The larger half of an interval is taken as its standard deviation.
    efficiency
        At which the points were read, kept with the result.

    Raises
    ------
    InputError
        With fewer than two points that are finite and have an interval.
    """
    usable = {
        x: (p.value, max(p.high - p.value, p.value - p.low))
        for x, p in points.items()
        if math.isfinite(p.value) and math.isfinite(p.low) and math.isfinite(p.high)
    }
    usable = {x: (y, s) for x, (y, s) in usable.items() if s > 0.0}
    if len(usable) < 2:
        raise InputError(
            f"scaling: {len(usable)} of {len(points)} thresholds have a point with an interval, a "
            "line needs two; use more events, other thresholds or a smaller efficiency"
        )
    x = np.array(list(usable))
    y, s = (np.array([v[i] for v in usable.values()]) for i in range(2))
    design = np.stack([x, np.ones(x.size)], axis=1) / s[:, None]
    covariance = np.linalg.inv(design.T @ design)
    slope, offset = covariance @ (design.T @ (y / s))
    chi2 = float((((y - slope * x - offset) / s) ** 2).sum())
    elements = (float(covariance[0, 0]), float(covariance[0, 1]), float(covariance[1, 1]))
    return ScalingLine(float(slope), float(offset), elements, chi2, x.size - 2, efficiency)


def write_scalings(path: str | Path, lines: Mapping[str, Mapping[str, ScalingLine]]) -> Path:
    """Write {object: {region: line}} as JSON in the form that menus read, which is CMSSW's.

    That is {object: {"default": {region: {"slope", "offset"}}}}; an object of a menu takes it with
    ``scaling: object/default``.
    """
    content = {
        name: {
            _ID: {
                region: {"slope": line.slope, "offset": line.offset}
                for region, line in regions.items()
            }
        }
        for name, regions in lines.items()
    }
    path = Path(path)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path


def read_scalings(path: str | Path) -> dict[str, dict[str, ScalingLine]]:
    """Read scalings in the form of menus: {object/id: {region: line}}, "object" for the default.

    Raises
    ------
    UnreadableFileError, ConfigurationError
        If the file cannot be read, or a region has no slope and offset.
    """
    path = Path(path)
    content = read_document(path)
    try:
        return {
            name if identity == _ID else f"{name}/{identity}": {
                region: _line(own) for region, own in regions.items()
            }
            for name, identities in content.items()
            for identity, regions in identities.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path}: expected {{object: {{id: {{region: {{slope, offset}}}}}}}}: {error!r}"
        ) from error


def _line(content: Mapping[str, Any]) -> ScalingLine:
    slope = float(content["slope"])
    if not slope > 0.0:
        raise ValueError(f"slope {slope} must be positive")
    return ScalingLine(slope, float(content["offset"]))
