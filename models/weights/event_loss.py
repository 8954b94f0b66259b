"""The loss on the particle weights of whole events.

Everything that a weight is for enters the loss: the particle, the missing transverse momentum
(MET), the jets, and, without any truth about particles, the no-pile-up counterpart of the event.
"""

from typing import Any

from l1kd.models import backend
from l1kd.models.weights.batches import MAX_JETS
from l1kd.models.weights.config import Loss

__all__ = ["LIKENESS_BINS", "EventLoss"]

LIKENESS_BINS = 20
"""Bins of the histograms of weights, as in the evaluation."""
_EDGE = 0.01


class EventLoss:
    """The loss of a batch of whole events, the mean over events of up to four terms.

    With the error of a weight, weight - target, and h(x, s) = s^2 (sqrt(1 + x^2 / s^2) - 1), which
    is x^2 / 2 for small and s |x| for large x, so that the core counts more than rare tails:

    - ``particle * sum(min(pt, pt_cap)^2 error^2) / 1000`` [GeV^2]: single particles; or
      ``particle * sum(min(pt, pt_cap) |error|)`` [GeV], the mean absolute error of the paper;
    - ``met * h(|sum(pt_vector error)|, met_scale) / 1000`` [GeV^2]: MET;
    - ``jet * sum h(sum(pt error) / sum(pt truth), jet_scale)`` over generated jets: relative error
      of a jet's momentum, for jets with at least half of `jet_min_pt` of true momentum;
    - ``transport * W / 1000``: sliced Wasserstein distance between the weighted event and the same
      event without pile-up, see `_transport`; it needs no truth about particles;
    - ``likeness * chi^2``: difference of the batch's histograms of weights from the teacher's, see
      `_unlikeness`; a student that learns the mean of what it cannot tell apart gives too many
      weights between zero and one, whatever the other terms say.

    Where charged particles keep their vertex association, they enter the second and third term with
    that weight, and no other term.

    Parameters
    ----------
    model : callable
        ``model(*columns, event, training)`` gives weights [n, 1].
    loss : Loss
        Settings.
    size : int
        Events a batch.
    n_columns : int
        How many columns of the batch the model reads.
    training : bool
        Whether batch normalisation takes its statistics from the batch.
    likeness : tensorflow.Variable, optional
        Factor of the last term. With it, batches hold the teacher's weights.
    """

    def __init__(
        self,
        model: Any,
        loss: Loss,
        size: int,
        n_columns: int = 1,
        training: bool = True,
        likeness: Any = None,
    ) -> None:
        self.model, self.loss, self.size = model, loss, size
        self.n_columns, self.training, self.likeness = n_columns, training, likeness
        self._tf = backend.tensorflow()

    def __call__(self, *batch: Any) -> Any:
        """Return the loss, a scalar tensor, of what `Batches` yields."""
        columns, event = batch[: self.n_columns], batch[self.n_columns]
        return self.of(self.model(*columns, event, training=self.training)[:, 0], *batch)

    def of(self, weight: Any, *batch: Any) -> Any:
        """Return the loss of the weights that a batch's particles were given."""
        tf = self._tf
        loss, columns = self.loss, batch[: self.n_columns]
        event, target, truth, pt, px, py, vertex, jet, *more = batch[self.n_columns :]
        taken = tf.cast(vertex < 0.0, tf.float32)
        weight = taken * weight + (1.0 - taken) * vertex
        error = weight - target
        capped = tf.minimum(pt, loss.pt_cap)
        if loss.error == "absolute":
            single = tf.abs(error) * capped
        else:
            single = tf.square(error * capped) / 1000.0
        total = loss.particle * tf.reduce_sum(taken * single)
        if loss.met:
            balance = [tf.math.segment_sum(p * error, event) for p in (px, py)]
            total += loss.met * self._h(tf.norm(balance, axis=0), loss.met_scale) / 1000.0
        if loss.jet:
            wanted, wrong = (tf.math.segment_sum(pt * value, jet) for value in (truth, error))
            in_jet = tf.range(tf.shape(wanted)[0]) % MAX_JETS > 0
            counts = tf.cast(in_jet & (wanted > loss.jet_min_pt / 2), tf.float32)
            relative = counts * wrong / tf.maximum(wanted, loss.jet_min_pt / 2)
            total += loss.jet * self._h(relative, loss.jet_scale)
        if self.likeness is not None:
            total += self.likeness * self._unlikeness(weight, more.pop(0), taken)
        if loss.transport:
            clean, clean_pt, clean_event = more
            here = tf.concat([columns[0][:, :2], tf.math.log(pt)[:, None]], axis=1)
            distance = self._transport if loss.masses == "momentum" else self._sorted_transport
            total += loss.transport * distance(
                (here, weight * pt, event), (clean, clean_pt, clean_event)
            )
        return total / self.size

    def _h(self, value: Any, scale: float) -> Any:
        tf = self._tf
        ratio = tf.square(value / scale)
        return tf.reduce_sum(scale**2 * (tf.sqrt(1.0 + ratio) - 1.0))

    def _unlikeness(self, given: Any, wanted: Any, counted: Any) -> Any:
        """Mean over 20 bins of (n - m)^2 / (n + m + 1), the contents being those of the batch.

        Edges of bins are smooth, so that a weight near one feels it. With the sum of contents below
        the square, chance alone costs the same whatever the contents are: emptying a bin does not
        pay.
        """
        tf = self._tf
        edges = tf.range(1, LIKENESS_BINS, dtype=tf.float32) / LIKENESS_BINS
        above = [
            tf.tensordot(counted, tf.sigmoid((w[:, None] - edges) / _EDGE), 1)
            for w in (given, wanted)
        ]
        everything = tf.reduce_sum(counted)[None]
        ends = [tf.concat([everything, part, [0.0]], 0) for part in above]
        first, second = (end[:-1] - end[1:] for end in ends)
        return tf.reduce_mean(tf.square(first - second) / (first + second + 1.0))

    def _transport(self, first: tuple[Any, Any, Any], second: tuple[Any, Any, Any]) -> Any:
        """Sliced Wasserstein distance of two sets of events, [GeV] / 1000, summed over events.

        Particles are masses of their pt at the point (eta / 2, cos phi, sin phi, ln(pt) / 2). Along
        a random direction the distance is the integral of the difference of the two cumulative
        masses; they need not be equal, what is missing counts as far as the end of the axis.
        """
        tf = self._tf
        slices, bins = self.loss.slices, 64
        direction = tf.random.normal((4, slices))
        direction /= tf.norm(direction, axis=0)
        masses = []
        for where, mass, event in (first, second):
            eta, phi, log_pt = where[:, 0], where[:, 1], where[:, 2]
            point = tf.stack([eta / 2.0, tf.cos(phi), tf.sin(phi), log_pt / 2.0], axis=1)
            place = tf.clip_by_value((point @ direction + 4.0) / 8.0 * bins, 0.0, bins - 1.0)
            cell = tf.cast(place, tf.int32) + bins * tf.range(slices)
            cell += bins * slices * event[:, None]
            spread = tf.repeat(mass[:, None], slices, axis=1)
            total = tf.math.unsorted_segment_sum(
                tf.reshape(spread, [-1]), tf.reshape(cell, [-1]), self.size * slices * bins
            )
            masses.append(tf.reshape(total, (self.size, slices, bins)))
        difference = tf.abs(tf.cumsum(masses[0] - masses[1], axis=2))
        return tf.reduce_sum(difference) * (8.0 / bins) / slices / 1000.0

    def _sorted_transport(self, first: tuple[Any, Any, Any], second: tuple[Any, Any, Any]) -> Any:
        """Sliced Wasserstein distance of two sets of events, of equal masses, summed over events.

        As in Phys. Rev. D 108 (2023) 096003: every particle is one point, its features times its
        weight, and the smaller event gets points at the origin, where a weight of zero puts a
        particle. Along a random direction both are sorted and compared one by one. Features are
        (eta / 2, cos phi, sin phi, ln(1 + pt)).
        """
        tf = self._tf
        direction = tf.random.normal((4, self.loss.slices))
        direction /= tf.norm(direction, axis=0)

        def points(where: Any, mass: Any) -> Any:
            eta, phi, pt = where[:, 0], where[:, 1], tf.exp(where[:, 2])
            features = [eta / 2.0, tf.cos(phi), tf.sin(phi), tf.math.log1p(pt)]
            return (mass / pt)[:, None] * tf.stack(features, axis=1) @ direction

        along = [(points(where, mass), event) for where, mass, event in (first, second)]
        total = 0.0
        for number in range(self.size):
            one, other = (tf.boolean_mask(p, event == number) for p, event in along)
            n = tf.maximum(tf.shape(one)[0], tf.shape(other)[0])
            one, other = (
                tf.sort(tf.pad(p, [[0, n - tf.shape(p)[0]], [0, 0]]), axis=0) for p in (one, other)
            )
            total += tf.reduce_sum(tf.abs(one - other))
        return total / self.loss.slices / 1000.0
