"""Rate against pile-up: bins, and a polynomial through them."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats
from l1kd.errors import InputError
from l1kd.statistics import ONE_SIGMA, Estimate
from l1kd.trigger.counts.decisions import Decisions
from l1kd.trigger.rates.curves import Normalisation
from l1kd.trigger.rates.tables import EventClass, MenuRates, menu_rates

__all__ = ["PileupBin", "PileupFit", "fit_pileup", "rates_by_pileup"]


class PileupBin(NamedTuple):
    """Events of a range of pile-up: mean pile-up, and the menu's rates if all crossings were so."""

    low: float
    high: float
    mean: float
    rates: MenuRates


class PileupFit(NamedTuple):
    """A polynomial in the pile-up, rate [Hz] = c0 + c1 mu + c2 mu^2 ...

    Attributes
    ----------
    coefficients, covariance
        float64[k] from the constant on, float64[k, k].
    deviance, n_dof, p_value
        Goodness, as of `l1kd.trigger.efficiency.turn_on.Fit`.
    level
        Probability content of the intervals.
    """

    coefficients: Floats
    covariance: Floats
    deviance: float
    n_dof: int
    p_value: float
    level: float

    def at(self, pileup: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Rate with its interval at some pile-ups: (value, low, high), float64[n] each [Hz]."""
        x = np.atleast_1d(np.asarray(pileup, dtype=np.float64))
        powers = np.stack([x**i for i in range(self.coefficients.size)])
        value = self.coefficients @ powers
        variance = np.einsum("in,ij,jn->n", powers, self.covariance, powers)
        half = scipy.special.ndtri((1.0 + self.level) / 2.0) * np.sqrt(np.maximum(variance, 0.0))
        return value, np.maximum(value - half, 0.0), value + half


def rates_by_pileup(
    table: Decisions,
    edges: Sequence[float],
    norm: Normalisation,
    *,
    prescales: Mapping[str, float] | None = None,
    masked: Sequence[str] = (),
    level: float = ONE_SIGMA,
) -> list[PileupBin]:
    """Rates of a menu in bins of pile-up, each as if all crossings had that pile-up.

    Parameters
    ----------
    table
        Decisions divided by "pileup".
    edges
        Of the bins, ascending; bins without events are excluded.
    norm, prescales, masked, level
        As of `menu_rates`.

    Raises
    ------
    InputError
        If the table is not divided by pile-up, or no bin has events.
    """
    own = table.by("pileup")
    pileup = own.stratum("pileup")
    found = []
    for low, high in pairwise(edges):
        chosen = (pileup >= low) & (pileup < high)
        part = own.where(chosen)
        if not part.n_events:
            continue
        mean = float((part.counts * part.stratum("pileup")).sum() / part.n_events)
        rates = menu_rates(
            [EventClass(f"pile-up {low:g} to {high:g}", part, norm.input_hz)],
            prescales=prescales,
            masked=masked,
            level=level,
        )
        found.append(PileupBin(float(low), float(high), mean, rates))
    if not found:
        raise InputError(f"no event has a pile-up between {edges[0]:g} and {edges[-1]:g}")
    return found


def fit_pileup(
    pileup: ArrayLike,
    rates: Sequence[Estimate],
    input_hz: float,
    n_events: ArrayLike,
    degree: int = 2,
    level: float = ONE_SIGMA,
) -> PileupFit:
    """Fit a polynomial by the binomial likelihood of the bins, so that empty bins count too.

    Parameters
    ----------
    pileup, rates
        float[n] mean pile-up of each bin, and its rate [Hz].
    input_hz, n_events
        Rate of the crossings, and float[n] (effective) events in each bin.
    degree
        Of the polynomial.
    level
        Probability content of the intervals.

    Raises
    ------
    InputError
        With fewer bins than coefficients, or if nothing passes anywhere.
    """
    x, n = np.asarray(pileup, dtype=np.float64), np.asarray(n_events, dtype=np.float64)
    share = np.array([r.value for r in rates]) / input_hz
    if x.size < degree + 1 or x.shape != n.shape or x.shape != share.shape:
        raise InputError(
            f"rate against pile-up: {x.size} bins for {degree + 1} coefficients; use finer bins or "
            "a lower degree"
        )
    if not share.sum() > 0.0:
        raise InputError("rate against pile-up: nothing passes in any bin")
    scale = max(float(np.abs(x).max()), 1.0)
    powers = np.stack([(x / scale) ** i for i in range(degree + 1)])
    k = share * n

    def cost(c: Floats) -> tuple[float, Floats]:
        p = c @ powers
        inside = np.clip(p, 1e-12, 1.0 - 1e-12)
        # beyond [0, 1] a steep wall takes the place of the logarithm
        wall = 1e4 * n.sum() * ((p - inside) ** 2).sum()
        value = -(k * np.log(inside) + (n - k) * np.log1p(-inside)).sum() + wall
        slope = -(k / inside - (n - k) / (1.0 - inside)) * (p == inside)
        slope = slope + 2e4 * n.sum() * (p - inside)
        return float(value), powers @ slope

    start = np.zeros(degree + 1)
    start[0] = k.sum() / n.sum()
    found = scipy.optimize.minimize(
        cost, start, jac=True, method="BFGS", options={"gtol": 1e-6, "maxiter": 2000}
    )
    refined = scipy.optimize.minimize(
        lambda c: cost(c)[0],
        found.x,
        method="Nelder-Mead",
        options={"maxiter": 8000, "fatol": 1e-9},
    )
    best = refined.x if refined.fun < found.fun else found.x
    p = np.clip(best @ powers, 1e-9, 1.0 - 1e-9)
    information = (powers * (n / (p * (1.0 - p)))) @ powers.T
    back = input_hz / scale ** np.arange(degree + 1)
    covariance = np.linalg.pinv(information) * np.outer(back, back)
    expected = k * np.log(p) + (n - k) * np.log1p(-p)
    saturated = scipy.special.xlogy(k, share) + scipy.special.xlog1py(n - k, -share)
    deviance = max(2.0 * float((saturated - expected).sum()), 0.0)
    n_dof = int(x.size - degree - 1)
    p_value = float(scipy.stats.chi2.sf(deviance, n_dof)) if n_dof else math.nan
    return PileupFit(best * back, covariance, deviance, n_dof, p_value, level)
