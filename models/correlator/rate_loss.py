"""The loss of a network in the correlator: efficiency at equal rate, of whole events.

MET is the size of the sum of weighted momenta. For a zero-bias rate R the threshold t is the value
that events of this rate exceed, found in every batch and followed by a running mean. The loss is

    - sum over signals of share * mean of sigmoid((MET - t) / (width t))

averaged over the rates, plus the squared error of single weights against their target (the true
share, a teacher's weight, or the mean of both), by capped momentum. The threshold moves with the
weights: its derivative is the mean derivative of the MET of zero-bias events near it, weighted by
their rates and a Gaussian of the same width. Without that a network would only learn to scale all
weights up.

A network can gain efficiency by opening in events with a hard vertex. Three terms on signals hold
it to a measurement: the response of MET along the true one, the sums of weighted momenta by region
against the true ones, and the number of kept candidates, which the correlator's list bounds.
These know of the truth alone: a teacher's weights are no measurement of it.

Few soft crossings lie above such thresholds. Since pile-up in the tracker knows little of what is
beyond, crossings made of one's tracker and another's forward calorimeter may stand beside them.

Weighted momenta below the cut of a region count less, smoothly, since such neutrals are dropped.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from l1kd.models import backend
from l1kd.models.correlator.config import RateLossConfig
from l1kd.models.correlator.crossings import REGIONS, TRACKER

__all__ = ["RateLoss"]

_FIRST_THRESHOLD = -1.0
_MEMORY = 0.8
"""Share of the old value in the running mean of a threshold."""
_PT_CAP = 30.0
"""Cap on momenta in the error of single weights [GeV]."""
_CUT_WIDTH = 0.25
"""Width of the soft cut on weighted momenta, relative to it."""
_SOFT_MET = 30.0
"""True MET [GeV] below which the response loses its weight."""
_SOFT_REGION = 10.0
"""Error of a region's sum [GeV] from which on it counts linearly."""
_SOFT_SUM = 100.0
"""Added to the true sum of an event to which errors of regions are relative [GeV]."""
_COUNT_WIDTH = 0.15
"""Width of the soft count of kept candidates [GeV]."""
_SMALLEST = 0.25
"""A weighted momentum below one step is not written out [GeV]."""
_JET = 30.0
"""A region that holds as much counts in HT [GeV]."""
_JET_WIDTH = 4.0
"""Width of that soft threshold [GeV]."""
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
    thresholds : list of tensorflow.Variable
        Running means for MET and for HT, one for each rate [GeV]; negative before the first batch.
    only_shares : tensorflow.Variable
        Whether single weights alone count.
    """

    def __init__(self, weigh: Callable[[Any], Any], loss: RateLossConfig, pt_cut: float) -> None:
        tf = backend.tensorflow()
        self._tf, self.weigh, self.loss, self.pt_cut = tf, weigh, loss, pt_cut
        self.rates = [1e3 * rate for rate in loss.rates]
        self.thresholds = [
            tf.Variable(np.full(len(self.rates), _FIRST_THRESHOLD, np.float32), trainable=False)
            for _ in ("met", "ht")
        ]
        self.only_shares = tf.Variable(False, trainable=False)

    def __call__(self, rows: Any, *batch: Any) -> Any:
        """Return the loss of what `Batches` yields, a scalar tensor."""
        return self.of(self.weigh(rows), *batch)

    def of(
        self, weight: Any, pt: Any, px: Any, py: Any, share: Any, target: Any, neutral: Any,
        region: Any, event: Any, hertz: Any, signal: Any, ht: Any, pairs: Any, turns: Any,
    ) -> Any:  # fmt: skip
        """Return the loss of weights.

        Parameters
        ----------
        weight, pt, px, py, share, target, neutral, region, event
            Of candidates: weight, momentum [GeV], true share, training target, 1 or 0, number of
            the region (those of an event follow on those of the event before, `REGIONS` each) and
            of the event.
        hertz, signal, ht
            Of events: rate [Hz] it stands for, and its share in the efficiency of MET and of HT.
        pairs, turns
            Of mixed crossings, of shape (m, 2): the event whose tracker and that whose forward
            calorimeter it has, and cosine and sine of the angle by which the latter is turned. They
            share the rate of the former.
        """
        tf = self._tf
        capped = tf.minimum(pt, _PT_CAP)
        single = tf.reduce_sum(capped * tf.square(weight - target)) / tf.reduce_sum(capped)
        passing = weight * self._kept(weight * pt, neutral)
        n = tf.shape(hertz)[0]
        forward = tf.cast(region % REGIONS >= TRACKER, tf.int32)
        x, y = (
            tf.reshape(
                tf.math.unsorted_segment_sum(passing * p, 2 * event + forward, 2 * n), (n, 2)
            )
            for p in (px, py)
        )
        early = tf.cast(self.only_shares, tf.float32)
        more = self._mixed(x, y, pairs, turns)
        own, other = pairs[:, 0], tf.zeros_like(more[0])
        each = hertz / (1.0 + tf.math.unsorted_segment_sum(tf.ones_like(other), own, n))
        x, y = tf.reduce_sum(x, axis=1), tf.reduce_sum(y, axis=1)
        squares = (tf.square(tf.concat([a, b], 0)) for a, b in zip((x, y), more, strict=True))
        gain = self._efficiency(
            tf.sqrt(sum(squares) + 1.0), tf.concat([each, tf.gather(each, own)], 0),
            tf.concat([signal, other], 0), self.thresholds[0],
        )  # fmt: skip
        if self.loss.ht:
            summed = self._ht(passing * pt, region, n)
            gain += self.loss.ht * self._efficiency(summed, hertz, ht, self.thresholds[1])
        held = self._held(passing, (x, y), (pt, px, py, share, neutral, region, event), signal)
        return self.loss.share * single * (1.0 + 9.0 * early) + (1.0 - early) * (held - gain)

    def _mixed(self, x: Any, y: Any, pairs: Any, turns: Any) -> tuple[Any, Any]:
        """Return the sums [m] of mixed crossings, of sums [n, 2] in the tracker and beyond."""
        tf = self._tf
        (cx, fx), (cy, fy) = (
            (tf.gather(s[:, 0], pairs[:, 0]), tf.gather(s[:, 1], pairs[:, 1])) for s in (x, y)
        )
        cos, sin = turns[:, 0], turns[:, 1]
        return cx + cos * fx - sin * fy, cy + sin * fx + cos * fy

    def _held(self, passing: Any, met: Any, of: Any, signal: Any) -> Any:
        """Return the terms that hold signals to a measurement, weighted."""
        tf, loss = self._tf, self.loss
        pt, px, py, share, neutral, region, event = of
        n = tf.shape(signal)[0]
        each = signal / (tf.reduce_sum(signal) + 1e-9)
        total = 0.0
        if loss.response:
            x, y = (tf.math.unsorted_segment_sum(share * p, event, n) for p in (px, py))
            size = tf.square(x) + tf.square(y)
            off = (met[0] * x + met[1] * y - size) / (size + _SOFT_MET**2)
            total += loss.response * tf.reduce_sum(each * tf.square(off))
        if loss.regions:
            off = tf.math.unsorted_segment_sum((passing - share) * pt, region, n * REGIONS)
            soft = tf.sqrt(tf.square(off) + _SOFT_REGION**2) - _SOFT_REGION
            by_event = tf.reduce_sum(tf.reshape(soft, (n, REGIONS)), axis=1)
            true = tf.math.unsorted_segment_sum(share * pt, event, n)
            total += loss.regions * tf.reduce_sum(each * by_event / (true + _SOFT_SUM))
        if loss.crowding:
            cut = neutral * max(self.pt_cut, _SMALLEST) + (1.0 - neutral) * _SMALLEST
            kept = tf.sigmoid((passing * pt - cut) / _COUNT_WIDTH)
            many = tf.math.unsorted_segment_sum(kept, event, n) / loss.listed - 1.0
            total += loss.crowding * tf.reduce_sum(each * tf.nn.relu(many))
        return total

    def _kept(self, weighted: Any, neutral: Any) -> Any:
        """Share of a weighted momentum that passes the cut."""
        tf = self._tf
        if not self.pt_cut:
            return tf.ones_like(weighted)
        soft = tf.sigmoid((weighted - self.pt_cut) / (_CUT_WIDTH * self.pt_cut))
        return 1.0 - neutral + neutral * soft

    def _ht(self, weighted: Any, region: Any, n: Any) -> Any:
        """Sum the regions of the tracker that hold as much as a jet: HT, nearly."""
        tf = self._tf
        tracker = tf.cast(region % REGIONS < TRACKER, tf.float32)
        sums = tf.math.unsorted_segment_sum(weighted * tracker, region, n * REGIONS)
        jets = sums * tf.sigmoid((sums - _JET) / _JET_WIDTH)
        return tf.reduce_sum(tf.reshape(jets, (n, REGIONS)), axis=1)

    def _efficiency(self, met: Any, hertz: Any, signal: Any, thresholds: Any) -> Any:
        tf = self._tf
        fixed = tf.stop_gradient(met)
        order = tf.argsort(-fixed)
        above = tf.cumsum(tf.gather(hertz, order))
        total, followed = 0.0, []
        for number, rate in enumerate(self.rates):
            place = tf.reduce_sum(tf.cast(above <= rate, tf.int32))
            now = tf.gather(fixed, order)[tf.minimum(place, tf.shape(order)[0] - 1)]
            before = thresholds[number]
            t = tf.where(before < 0.0, now, _MEMORY * before + (1.0 - _MEMORY) * now)
            width = self.loss.width * t
            near = hertz * tf.exp(-0.5 * tf.square((fixed - t) / width)) + 1e-6
            moved = tf.reduce_sum(near * (met - fixed)) / tf.reduce_sum(near)
            passed = tf.sigmoid(_SLOPE * (met - t - moved) / width)
            total += tf.reduce_sum(signal * passed) / len(self.rates)
            followed.append(tf.where(self.only_shares, _FIRST_THRESHOLD, t))
        thresholds.assign(tf.stack(followed))
        return total
