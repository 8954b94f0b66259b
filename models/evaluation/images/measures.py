"""Comparisons of scores of the calorimeter image, each number with its interval."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import scipy.special

from l1kd.algorithms.image_scores import LARGEST_SCORE
from l1kd.emulators.array_types import AnyFloats, Floats, Images
from l1kd.statistics import (
    ONE_SIGMA,
    Blocks,
    SharedEvents,
    clopper_pearson,
    delong,
    emd,
    mean_area,
    shared_variance,
)
from l1kd.trigger.rates.shared import SharedThreshold, efficiency_at, shared_threshold

__all__ = [
    "Scored",
    "against_pileup",
    "areas",
    "at_rates",
    "distances",
    "mean_efficiency",
    "recorded_threshold",
    "roc_points",
    "saturation",
    "symmetry",
]

Scored = Mapping[str, AnyFloats]
"""Scores of the same images, by name."""
_ROC_POINTS = np.concatenate([[0.0], np.geomspace(1e-4, 1.0, 60)])
_SATURATED = 0.01


def _number(value: float, error: float, n: float) -> dict[str, Any]:
    half = float(scipy.special.ndtri((1.0 + ONE_SIGMA) / 2.0)) * error
    return {"value": value, "low": value - half, "high": value + half, "n": n}


def _area(value: float, variance: float, n: int) -> dict[str, Any]:
    """Area with an interval that covers up to one, as `statistics.roc_auc` has it."""
    size = float(n)
    if 0.0 < value < 1.0 and variance > 0.0:
        size = value * (1.0 - value) / variance
    low, high = clopper_pearson(min(value * size, size), size)
    return {"value": value, "low": float(low), "high": float(high), "n": n}


def _compared(
    names: Sequence[str], values: Floats, covariance: Floats, reference: str, n: int
) -> dict[str, Any]:
    """Areas of all scores, and their differences from the reference's with p-values."""
    at = list(names).index(reference)
    row = {}
    for i, name in enumerate(names):
        own = _area(float(values[i]), float(covariance[i, i]), n)
        gap = float(values[i] - values[at])
        variance = covariance[i, i] + covariance[at, at] - 2.0 * covariance[i, at]
        error = float(np.sqrt(max(variance, 0.0)))
        own["difference"] = _number(gap, error, n)
        own["p_value"] = float(2.0 * scipy.special.ndtr(-abs(gap) / error)) if error else 1.0
        row[name] = own
    return row


def areas(
    noise: Scored,
    blocks: Blocks,
    signals: Mapping[str, tuple[Scored, Blocks]],
    reference: str,
) -> dict[str, Any]:
    """Areas under the ROC curves, by signal and for the mean over the signals.

    Differences from the reference are paired: of the same images. Intervals know which collisions
    images share.
    """
    names = list(noise)
    background = [noise[name] for name in names]
    table = {}
    for signal, (scored, shared) in signals.items():
        values, covariance = delong(
            [scored[name] for name in names], background, shared.followed_by(blocks)
        )
        n = shared.n_events + blocks.n_events
        table[signal] = _compared(names, values, covariance, reference, n)
    whole = reduce(Blocks.followed_by, [*(shared for _, shared in signals.values()), blocks])
    stacked = [[scored[name] for name in names] for scored, _ in signals.values()]
    values, covariance = mean_area(stacked, background, whole)
    return {
        "signals": table,
        "mean": _compared(names, values, covariance, reference, whole.n_events),
    }


def roc_points(noise: AnyFloats, signal: AnyFloats) -> dict[str, list[float]]:
    """Share of the signal that passes where given shares of zero bias do, at most."""
    falling = np.sort(np.asarray(noise, np.float64))[::-1]
    allowed = np.floor(_ROC_POINTS * falling.size).astype(int)
    # the threshold lies above the first value that may not pass
    cuts = np.append(falling, -np.inf)[allowed]
    passed = 1.0 - np.searchsorted(np.sort(signal), cuts, side="right") / len(signal)
    return {"background": _ROC_POINTS.tolist(), "signal": passed.tolist()}


def mean_efficiency(
    signals: Mapping[str, tuple[AnyFloats, Blocks]], found: SharedThreshold
) -> dict[str, Any]:
    """Mean of the signals' efficiencies: the threshold's uncertainty is common to all."""
    cuts = (found.value, found.high, found.low)
    shares = np.array([[float((x >= cut).mean()) for cut in cuts] for x, _ in signals.values()])
    sizes = np.array([len(x) for x, _ in signals.values()])
    own = np.sqrt((shares[:, 0] * (1.0 - shares[:, 0]) / sizes).sum()) / len(sizes)
    mean = shares.mean(axis=0)
    return {
        "value": float(mean[0]),
        "low": max(float(mean[1] - own), 0.0),
        "high": min(float(mean[2] + own), 1.0),
        "n": int(sizes.sum()),
    }


def recorded_threshold(
    found: SharedThreshold, values: AnyFloats, events: SharedEvents, input_hz: float
) -> dict[str, Any]:
    """Return what a record keeps of a threshold; where the largest score limits it, that it does.

    A saturated output has its largest value so often that its rate is above the target: no
    threshold gives the target, however many images there are. ``top`` then has ``value`` and
    ``rate_hz``.
    """
    row = found.as_dict()
    largest = float(np.max(values))
    if found.resolved or found.n_pass or not np.isfinite(largest):
        return row
    at_top = events.fraction(np.asarray(values) == largest)
    if not at_top.resolved:
        return row
    rate = at_top.estimate.value * input_hz
    reason = (
        f"limited by its largest score, {largest:g}, which alone has {rate / 1e3:,.0f} kHz: above "
        f"{found.target_hz / 1e3:g} kHz"
    )
    return row | {"top": {"value": largest, "rate_hz": rate}, "reason": reason}


def at_rates(
    noise: Scored,
    events: SharedEvents,
    signals: Mapping[str, tuple[Scored, Blocks]],
    targets_hz: Sequence[float],
    input_hz: float,
    steps: Mapping[str, float | None],
) -> dict[str, list[dict[str, Any]]]:
    """Thresholds for rates of stitched zero bias, and what they keep of the signals."""
    table: dict[str, list[dict[str, Any]]] = {}
    for name, values in noise.items():
        kept = {signal: (scored[name], shared) for signal, (scored, shared) in signals.items()}
        table[name] = []
        for target in targets_hz:
            found = shared_threshold(values, events, target, input_hz, step=steps[name])
            row = recorded_threshold(found, values, events, input_hz)
            if found.resolved:
                row["efficiency"] = {s: efficiency_at(*x, found).as_dict() for s, x in kept.items()}
                row["mean"] = mean_efficiency(kept, found)
            table[name].append(row)
    return table


def _standardised(values: AnyFloats, noise: AnyFloats) -> Floats | None:
    """In units of half the central 68% of zero bias, from its median; None without such a width."""
    low, middle, high = np.quantile(np.asarray(noise, np.float64), (0.16, 0.5, 0.84))
    if not high > low:
        return None
    return (np.asarray(values, np.float64) - middle) / ((high - low) / 2.0)


def _distance(
    student: Floats | None, teacher: Floats | None, blocks: Blocks
) -> dict[str, Any] | None:
    """Earth mover's distance of two scores of the same images, with what they share.

    It is the area between the cumulative distributions. To first order, an image adds to it what
    the sign of their difference adds up to between its two scores: a mean over images, whose
    variance knows the collisions that they share.
    """
    if student is None or teacher is None:
        return None
    values = np.sort(np.concatenate([student, teacher]))
    below = [np.searchsorted(np.sort(x), values[:-1], side="right") for x in (student, teacher)]
    signed = np.sign(below[0] - below[1]) * np.diff(values)
    along = np.concatenate([[0.0], np.cumsum(signed)])
    each = np.interp(teacher, values, along) - np.interp(student, values, along)
    n = len(student)
    error = float(np.sqrt(max(shared_variance(each - each.mean(), blocks), 0.0))) / n
    found = _number(emd(student, teacher), error, n)
    return found | {"low": max(found["low"], 0.0)}


def distances(
    noise: tuple[Scored, Blocks],
    signals: Mapping[str, tuple[Scored, Blocks]],
    teacher: str,
    scales: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    """Earth mover's distances between each score and the teacher's.

    Parameters
    ----------
    noise, signals
        Scores of zero bias, and of each signal, and the collisions that their images hold.
    teacher
        Name of the teacher's scores.
    scales
        Scores that learned so many times what the teacher gives; of the others only the shapes are
        compared, each score in units of its own zero bias.

    Returns
    -------
    dict
        By score and sample: ``shape``, null where a score is saturated so that it has none, and
        ``score``, in units of the student's score, which is null for those not in `scales`.
    """
    samples = {"zero bias": noise, **signals}
    usual = noise[0]
    table: dict[str, dict[str, Any]] = {}
    for name in usual:
        if name == teacher:
            continue
        table[name] = {}
        for sample, (scored, blocks) in samples.items():
            shape = _distance(
                _standardised(scored[name], usual[name]),
                _standardised(scored[teacher], usual[teacher]),
                blocks,
            )
            own = None
            if name in scales:
                wanted = scales[name] * scored[teacher].astype(np.float64)
                student = scored[name].astype(np.float64)
                own = _distance(student, np.minimum(wanted, LARGEST_SCORE), blocks)
            table[name][sample] = {"shape": shape, "score": own}
    return table


def saturation(noise: Scored, signals: Mapping[str, Scored]) -> dict[str, dict[str, Any]]:
    """Share of zero bias at the largest score that any image has."""
    table = {}
    for name, values in noise.items():
        largest = max(float(values.max()), *(float(s[name].max()) for s in signals.values()))
        share = float((values == largest).mean())
        table[name] = {"largest": largest, "share": share, "saturated": share >= _SATURATED}
    return table


def symmetry(score: Callable[[Images], AnyFloats], images: Images) -> dict[str, float]:
    """How far a score moves when images are turned by regions in phi, or mirrored in eta.

    Returns
    -------
    dict
        ``turned``, ``mirrored``: root mean square of the change; ``spread``: standard deviation of
        the score of these images, in the same unit.
    """
    plain = score(images).astype(np.float64)
    moves = [score(np.roll(images, turn, axis=1)) - plain for turn in range(1, 18)]
    mirrored = score(np.ascontiguousarray(images[:, :, ::-1])) - plain
    return {
        "turned": float(np.sqrt(np.mean(np.square(moves)))),
        "mirrored": float(np.sqrt(np.mean(np.square(mirrored)))),
        "spread": float(plain.std()),
    }


def against_pileup(
    thresholds: Mapping[str, Mapping[str, SharedThreshold]],
    scored: Mapping[float, tuple[Scored, SharedEvents]],
    input_hz: float,
) -> dict[str, Any]:
    """Rates of fixed thresholds, and the scores themselves, against the mean pile-up.

    Parameters
    ----------
    thresholds
        By mean pile-up and score, where each threshold was set.
    scored
        By mean pile-up: scores of zero bias, and what its images share.
    input_hz
        Rate of all crossings.
    """
    table: dict[str, Any] = {"mu": list(scored), "rate_hz": {}, "score": {}}
    for at, found in thresholds.items():
        table["rate_hz"][at] = {}
        for name, threshold in found.items():
            rates = []
            for values, events in scored.values():
                part = events.fraction(values[name] >= threshold.value).estimate
                ends = zip(("value", "low", "high"), part[:3], strict=True)
                rates.append({key: input_hz * x for key, x in ends} | {"n": part.n})
            table["rate_hz"][at][name] = rates
    for name in next(iter(scored.values()))[0]:
        quantiles = [np.quantile(values[name], (0.16, 0.5, 0.84)) for values, _ in scored.values()]
        table["score"][name] = [
            dict(zip(("low", "value", "high"), map(float, q), strict=True)) for q in quantiles
        ]
    return table
