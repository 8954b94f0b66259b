"""The loss of a network in the correlator: efficiency at equal rate, of whole events.

MET is the size of the sum of weighted momenta. For a zero-bias rate R the threshold t is the value
that events of this rate exceed, found in every batch and followed by a running mean. The loss is

    - sum over signals of share * mean of sigmoid((MET - t) / (width t))

averaged over the rates, plus the squared error of single weights against the true share, by capped
momentum. The threshold moves with the weights: its derivative is the mean derivative of the MET of
zero-bias events near it, weighted by their rates and a Gaussian of the same width. Without that a
network would only learn to scale all weights up.

Weighted momenta below the cut of a region count less, smoothly, since such neutrals are dropped.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from l1kd.models import backend
from l1kd.models.correlator.config import RateLossConfig

__all__ = ["RateLoss"]

_FIRST_THRESHOLD = -1.0
_MEMORY = 0.8
"""Share of the old value in the running mean of a threshold."""
_PT_CAP = 30.0
"""Cap on momenta in the error of single weights [GeV]."""
_CUT_WIDTH = 0.25
"""Width of the soft cut on weighted momenta, relative to it."""
_SLOPE = 1.7
"""A sigmoid of this slope is nearest to a Gaussian's integral."""


class RateLoss:
    """The loss of a batch of events.

    Parameters
    ----------
    weigh : callable
        ``weigh(rows)`` gives weights [n].
    loss : RateLossConfig
        Settings.
    pt_cut : float
        Smallest weighted momentum of neutrals [GeV].

    Attributes
    ----------
    thresholds : tensorflow.Variable
        Running means, one for each rate [GeV]; negative before the first batch.
    only_shares : tensorflow.Variable
        Whether single weights alone count.
    """

    def __init__(self, weigh: Callable[[Any], Any], loss: RateLossConfig, pt_cut: float) -> None:
        tf = backend.tensorflow()
        self._tf, self.weigh, self.loss, self.pt_cut = tf, weigh, loss, pt_cut
        self.rates = [1e3 * rate for rate in loss.rates]
        self.thresholds = tf.Variable(
            np.full(len(self.rates), _FIRST_THRESHOLD, np.float32), trainable=False
        )
        self.only_shares = tf.Variable(False, trainable=False)

    def __call__(self, rows: Any, *batch: Any) -> Any:
        """Return the loss of what `Batches` yields, a scalar tensor."""
        return self.of(self.weigh(rows), *batch)

    def of(
        self, weight: Any, pt: Any, px: Any, py: Any, share: Any, neutral: Any, event: Any,
        hertz: Any, signal: Any,
    ) -> Any:  # fmt: skip
        """Return the loss of weights.

        Parameters
        ----------
        weight, pt, px, py, share, neutral, event
            Of candidates: weight, momentum [GeV], true share, 1 or 0, number of the event.
        hertz, signal
            Of events: rate [Hz] it stands for, and its share in the efficiency.
        """
        tf = self._tf
        capped = tf.minimum(pt, _PT_CAP)
        single = tf.reduce_sum(capped * tf.square(weight - share)) / tf.reduce_sum(capped)
        passing = weight * self._kept(weight * pt, neutral)
        n = tf.shape(hertz)[0]
        x, y = (tf.math.unsorted_segment_sum(passing * p, event, n) for p in (px, py))
        met = tf.sqrt(tf.square(x) + tf.square(y) + 1.0)
        early = tf.cast(self.only_shares, tf.float32)
        gain = self._efficiency(met, hertz, signal)
        return self.loss.share * single * (1.0 + 9.0 * early) - (1.0 - early) * gain

    def _kept(self, weighted: Any, neutral: Any) -> Any:
        """Share of a weighted momentum that passes the cut."""
        tf = self._tf
        if not self.pt_cut:
            return tf.ones_like(weighted)
        soft = tf.sigmoid((weighted - self.pt_cut) / (_CUT_WIDTH * self.pt_cut))
        return 1.0 - neutral + neutral * soft

    def _efficiency(self, met: Any, hertz: Any, signal: Any) -> Any:
        tf = self._tf
        fixed = tf.stop_gradient(met)
        order = tf.argsort(-fixed)
        above = tf.cumsum(tf.gather(hertz, order))
        total, followed = 0.0, []
        for number, rate in enumerate(self.rates):
            place = tf.reduce_sum(tf.cast(above <= rate, tf.int32))
            now = tf.gather(fixed, order)[tf.minimum(place, tf.shape(order)[0] - 1)]
            before = self.thresholds[number]
            t = tf.where(before < 0.0, now, _MEMORY * before + (1.0 - _MEMORY) * now)
            width = self.loss.width * t
            near = hertz * tf.exp(-0.5 * tf.square((fixed - t) / width)) + 1e-6
            moved = tf.reduce_sum(near * (met - fixed)) / tf.reduce_sum(near)
            passed = tf.sigmoid(_SLOPE * (met - t - moved) / width)
            total += tf.reduce_sum(signal * passed) / len(self.rates)
            followed.append(tf.where(self.only_shares, _FIRST_THRESHOLD, t))
        self.thresholds.assign(tf.stack(followed))
        return total
