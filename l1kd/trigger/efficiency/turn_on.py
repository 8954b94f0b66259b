"""Turn-on curves: efficiency of a threshold against a generated or offline quantity.

For every bin of the reference the distribution of the online quantity is kept, so that any
threshold can be looked at afterwards, and the size does not depend on the number of events.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import scipy.optimize
import scipy.special
import scipy.stats
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import AnyArray, Floats
from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import ONE_SIGMA, Estimate
from l1kd.trigger.counts.intervals import PassSums, fraction_interval
from l1kd.trigger.counts.spectra import Spectrum

__all__ = ["SHAPES", "Curve", "Fit", "Shape", "TurnOn", "crossing", "fit"]

Shape = Literal["erf", "arctan", "tanh"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
"""Functions that rise from zero to the plateau."""


class TurnOn:
    """Online values in bins of a reference quantity.

    Attributes
    ----------
    edges
        float64[n + 1] of the reference, ascending; values outside are excluded and counted.
    spectra
        Online values of each bin; minus infinity where no object was matched.
    outside
        Number of references outside the bins.
    """

    def __init__(self, edges: ArrayLike, step: float = 0.0) -> None:
        self.edges: Floats = np.asarray(edges, dtype=np.float64)
        if self.edges.ndim != 1 or self.edges.size < 2 or not np.all(np.diff(self.edges) > 0.0):
            raise ConfigurationError(f"turn-on: bins must ascend, found {self.edges.tolist()}")
        self.spectra = [Spectrum(step) for _ in range(self.edges.size - 1)]
        self.outside = 0

    @classmethod
    def of(
        cls,
        reference: ArrayLike,
        online: ArrayLike,
        edges: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        step: float = 0.0,
    ) -> "TurnOn":
        """Fill some objects (or events).

        Parameters
        ----------
        reference, online
            float[n]; online is minus infinity where nothing was matched.
        edges
            Bins of the reference.
        weights
            float[n]; one by default.
        step
            Spacing of the online quantity, see `Spectrum`.

        Raises
        ------
        InputError
            If a reference is NaN, or lengths differ.
        """
        made = cls(edges, step)
        x = np.asarray(reference, dtype=np.float64)
        y = np.asarray(online, dtype=np.float64)
        w = np.ones(x.size) if weights is None else np.asarray(weights, dtype=np.float64)
        if x.shape != y.shape or x.shape != w.shape:
            raise InputError(f"turn-on: {x.shape} references, {y.shape} online, {w.shape} weights")
        if np.isnan(x).any():
            raise InputError(f"turn-on: {int(np.isnan(x).sum())} of {x.size} references are NaN")
        at = np.searchsorted(made.edges, x, side="right") - 1
        for i in range(len(made.spectra)):
            chosen = at == i
            made.spectra[i] = Spectrum.of(y[chosen], w[chosen], step=step)
        made.outside = int(((at < 0) | (at >= len(made.spectra))).sum())
        return made

    def __add__(self, other: "TurnOn") -> "TurnOn":
        """Objects of both.

        Raises
        ------
        InputError
            If their bins or steps differ.
        """
        if not np.array_equal(self.edges, other.edges):
            raise InputError("turn-ons with different bins do not add up")
        made = TurnOn(self.edges)
        made.spectra = [a + b for a, b in zip(self.spectra, other.spectra, strict=True)]
        made.outside = self.outside + other.outside
        return made

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, exactly."""
        if not isinstance(other, TurnOn):
            return NotImplemented
        return (
            np.array_equal(self.edges, other.edges)
            and self.spectra == other.spectra
            and self.outside == other.outside
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def n(self) -> int:
        """Number of objects in the bins."""
        return sum(s.n_events for s in self.spectra)

    def curve(self, threshold: float, level: float = ONE_SIGMA) -> "Curve":
        """Efficiency of online >= threshold in every bin, with Clopper-Pearson intervals.

        Weighted objects have the intervals of `l1kd.trigger.counts.intervals`. A bin without
        objects has the efficiency NaN.
        """
        sums = np.zeros((len(self.spectra), 4))
        heaviest = np.zeros(len(self.spectra))
        for i, spectrum in enumerate(self.spectra):
            if spectrum.negative:
                raise InputError(
                    "turn-on: negative weights; an efficiency in bins needs unsigned ones"
                )
            w, q = spectrum.weights.values(), spectrum.squares.values()
            passed = spectrum.values >= threshold
            sums[i] = w[passed].sum(), q[passed].sum(), w[~passed].sum(), q[~passed].sum()
            some = w > 0.0
            heaviest[i] = (q[some] / w[some]).max(initial=0.0)
        total = sums[:, 0] + sums[:, 2]
        filled = total > 0.0
        value, low, high = np.full((3, len(self.spectra)), np.nan)
        value[filled] = sums[filled, 0] / total[filled]
        for i in np.flatnonzero(filled).tolist():
            a, b = fraction_interval(PassSums(*sums[i]), float(heaviest[i]), level)
            low[i], high[i] = float(a), float(b)
        squares = sums[:, 1] + sums[:, 3]
        n_effective = np.where(filled, total**2 / np.where(filled, squares, 1.0), 0.0)
        return Curve(self.edges, value, low, high, n_effective, self.n)

    def state(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Header (JSON-ready) and arrays from which `from_state` makes the same turn-on."""
        header: dict[str, Any] = {"outside": self.outside, "spectra": []}
        arrays: dict[str, AnyArray] = {"edges": self.edges}
        for i, spectrum in enumerate(self.spectra):
            own, own_arrays = spectrum.state()
            header["spectra"].append(own)
            arrays |= {f"{i}.{name}": x for name, x in own_arrays.items()}
        return header, arrays

    @classmethod
    def from_state(cls, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> "TurnOn":
        """Make the turn-on that `state` described.

        Raises
        ------
        InputError
            If header and arrays do not belong together.
        """
        try:
            made = cls(arrays["edges"])
            made.spectra = [
                Spectrum.from_state(
                    own,
                    {k.partition(".")[2]: x for k, x in arrays.items() if k.startswith(f"{i}.")},
                )
                for i, own in enumerate(header["spectra"])
            ]
            made.outside = int(header["outside"])
        except KeyError as error:
            raise InputError(f"a turn-on lacks {error}") from error
        if len(made.spectra) != made.edges.size - 1:
            raise InputError(f"a turn-on of {made.edges.size} edges with {len(made.spectra)} bins")
        return made


class Curve(NamedTuple):
    """Efficiency in bins: float64[n + 1] edges, float64[n] values, NaN in empty bins.

    `n_effective` is the number of objects of equal weight that each bin is worth, `n` that of all.
    """

    edges: Floats
    value: Floats
    low: Floats
    high: Floats
    n_effective: Floats
    n: int

    @property
    def centres(self) -> Floats:
        """Middle of every bin."""
        return (self.edges[1:] + self.edges[:-1]) / 2.0


class Fit(NamedTuple):
    """A fitted turn-on, plateau / 2 (1 + f((x - middle) / width)).

    Attributes
    ----------
    shape
        Which f, see `SHAPES`.
    plateau, middle, width
        With the fit's own intervals.
    deviance, n_dof, p_value
        Goodness: the likelihood-ratio statistic against the saturated model, its degrees of
        freedom, and the probability of a larger one.
    covariance
        float64[3, 3] of (plateau, middle, width).
    level
        Probability content of the intervals.
    """

    shape: Shape
    plateau: Estimate
    middle: Estimate
    width: Estimate
    deviance: float
    n_dof: int
    p_value: float
    covariance: Floats
    level: float

    def __call__(self, x: ArrayLike) -> Floats:
        """Efficiency at x."""
        return _efficiency(
            self.shape, np.asarray(x), self.plateau.value, self.middle.value, self.width.value
        )

    def point(self, efficiency: float) -> Estimate:
        """Where the curve crosses an efficiency; NaN if the plateau lies below it."""
        plateau, middle, width = self.plateau.value, self.middle.value, self.width.value
        if not 0.0 < efficiency < plateau:
            return Estimate(math.nan, math.nan, math.nan, self.plateau.n)

        def position(p: Floats) -> float:
            return float(p[1] + p[2] * _inverse(self.shape, 2.0 * efficiency / p[0] - 1.0))

        at = np.array([plateau, middle, width])
        gradient = np.zeros(3)
        for i in range(3):
            step = max(abs(at[i]), 1e-3) * 1e-5
            up, down = at.copy(), at.copy()
            up[i], down[i] = at[i] + step, at[i] - step
            if i == 0 and down[0] <= efficiency:
                down = at.copy()
            gradient[i] = (position(up) - position(down)) / (up[i] - down[i])
        error = math.sqrt(max(float(gradient @ self.covariance @ gradient), 0.0))
        half = float(scipy.special.ndtri((1.0 + self.level) / 2.0)) * error
        value = position(at)
        return Estimate(value, value - half, value + half, self.plateau.n)


def _efficiency(shape: Shape, x: Any, plateau: float, middle: float, width: float) -> Floats:
    z = (np.asarray(x, dtype=np.float64) - middle) / width
    if shape == "erf":
        rise = scipy.special.erf(z)
    elif shape == "tanh":
        rise = np.tanh(z)
    else:
        rise = np.arctan(z) * (2.0 / np.pi)
    return np.asarray(plateau / 2.0 * (1.0 + rise), dtype=np.float64)


def _inverse(shape: Shape, y: float) -> float:
    if shape == "erf":
        return float(scipy.special.erfinv(y))
    return math.atanh(y) if shape == "tanh" else math.tan(y * math.pi / 2.0)


def fit(curve: Curve, shape: Shape = "erf", level: float = ONE_SIGMA) -> Fit:
    """Fit a turn-on by the binomial likelihood of its bins.

    Parameters
    ----------
    curve
        At least four bins with objects.
    shape
        One of `SHAPES`.
    level
        Probability content of the intervals, from the curvature of the likelihood.

    Raises
    ------
    InputError
        If there are too few bins, or nothing or everything passes in all of them.
    """
    if shape not in SHAPES:
        raise ConfigurationError(f"turn-on shape {shape!r}; there are: {', '.join(SHAPES)}")
    some = curve.n_effective > 0.0
    x, n = curve.centres[some], curve.n_effective[some]
    k = curve.value[some] * n
    if x.size < 4:
        raise InputError(f"turn-on: {x.size} bins with objects, a fit needs four")
    if k.sum() <= 0.0 or not np.ptp(curve.value[some]) > 0.0:
        raise InputError("turn-on: the efficiency is the same in all bins, there is nothing to fit")

    def cost(p: Floats) -> float:
        plateau = scipy.special.expit(p[0])
        e = np.clip(_efficiency(shape, x, plateau, p[1], math.exp(p[2])), 1e-12, 1.0 - 1e-12)
        return float(-(k * np.log(e) + (n - k) * np.log1p(-e)).sum())

    half = float(np.interp(curve.value[some].max() / 2.0, _isotonic(curve.value[some], n), x))
    starts = [
        [scipy.special.logit(plateau), half, math.log(width)]
        for plateau in (0.9, 0.999)
        for width in (np.ptp(x) / 20.0, np.ptp(x) / 5.0)
    ]
    options = {"maxiter": 4000, "fatol": 1e-9, "xatol": 1e-7}
    found = [
        scipy.optimize.minimize(cost, start, method="Nelder-Mead", options=options)
        for start in starts
    ]
    best = min(found, key=lambda result: float(result.fun))
    plateau = float(scipy.special.expit(best.x[0]))
    parameters = np.array([plateau, best.x[1], math.exp(best.x[2])])
    covariance = _covariance(shape, x, n, parameters)
    share = np.clip(k / n, 1e-300, 1.0)
    saturated = -(scipy.special.xlogy(k, share) + scipy.special.xlog1py(n - k, -(k / n))).sum()
    deviance = max(2.0 * (float(best.fun) - float(saturated)), 0.0)
    n_dof = int(x.size - 3)
    errors = scipy.special.ndtri((1.0 + level) / 2.0) * np.sqrt(np.diag(covariance))
    numbers = [
        Estimate(float(p), float(p - e), float(p + e), curve.n)
        for p, e in zip(parameters, errors, strict=True)
    ]
    numbers[0] = numbers[0]._replace(high=min(numbers[0].high, 1.0))
    return Fit(
        shape,
        numbers[0],
        numbers[1],
        numbers[2],
        deviance,
        n_dof,
        float(scipy.stats.chi2.sf(deviance, n_dof)),
        covariance,
        level,
    )


def _covariance(shape: Shape, x: Floats, n: Floats, p: Floats) -> Floats:
    """Inverse of the expected information on (plateau, middle, width)."""
    gradient = np.zeros((3, x.size))
    for i in range(3):
        step = max(abs(p[i]), 1e-3) * 1e-5
        up, down = p.copy(), p.copy()
        up[i], down[i] = p[i] + step, p[i] - step
        gradient[i] = (_efficiency(shape, x, *up) - _efficiency(shape, x, *down)) / (2.0 * step)
    # half an event either way: at a plateau of one the expected variance would vanish
    e = (n * _efficiency(shape, x, *p) + 0.5) / (n + 1.0)
    information = (gradient * (n / (e * (1.0 - e)))) @ gradient.T
    return np.asarray(np.linalg.pinv(information), dtype=np.float64)


def _isotonic(value: Floats, weight: Floats) -> Floats:
    """Rising curve that is nearest to the values: neighbours that fall are averaged."""
    pools: list[list[float]] = []
    for v, w in zip(value, weight, strict=True):
        pools.append([float(v), float(w), 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            b, a = pools.pop(), pools.pop()
            total = a[1] + b[1]
            pools.append([(a[0] * a[1] + b[0] * b[1]) / total, total, a[2] + b[2]])
    return np.concatenate([np.full(int(count), v) for v, _, count in pools])


def crossing(curve: Curve, efficiency: float) -> Estimate:
    """Where a curve crosses an efficiency, by straight lines between the bins.

    The curve is made to rise first (bins that fall are averaged with their neighbours). The
    interval's ends are where the upper and the lower ends of the bins' intervals cross; an end is
    infinite where they do not. The value is NaN where the curve does not reach the efficiency.
    """
    some = np.isfinite(curve.value)
    x, n = curve.centres[some], curve.n_effective[some]

    def where(y: Floats) -> float:
        rising = _isotonic(y, n)
        above = np.flatnonzero(rising >= efficiency)
        if not above.size:
            return math.inf
        i = int(above[0])
        if i == 0:
            return -math.inf
        share = (efficiency - rising[i - 1]) / (rising[i] - rising[i - 1])
        return float(x[i - 1] + share * (x[i] - x[i - 1]))

    if not x.size:
        return Estimate(math.nan, -math.inf, math.inf, curve.n)
    value = where(curve.value[some])
    ends = where(curve.high[some]), where(curve.low[some])
    return Estimate(value if math.isfinite(value) else math.nan, *ends, curve.n)
