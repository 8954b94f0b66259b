"""A network in the correlator: float training for equal rate, then mixed precision, then export."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial, reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.region_networks import KIND, describe
from l1kd.emulators.array_types import Floats, Singles
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppiParameters
from l1kd.emulators.correlator.weighing import FORMAT
from l1kd.models import backend, mixed_precision
from l1kd.models.config import read_config
from l1kd.models.correlator.batches import Batches, Kind
from l1kd.models.correlator.card import card
from l1kd.models.correlator.config import CorrelatorConfig
from l1kd.models.correlator.crossings import Crossings, Raw, form, read_raw
from l1kd.models.correlator.judging import figures, mets
from l1kd.models.correlator.networks import (
    float_network,
    kernels,
    largest_inputs,
    quantized_network,
    standard,
)
from l1kd.models.correlator.overlay import (
    forward_pairs,
    hard_parts,
    one_side,
    overlaid,
    pileup_parts,
    recombined,
)
from l1kd.models.correlator.rate_loss import RateLoss
from l1kd.models.correlator.teacher import Weigh, columns_of, mean_of, opened, with_targets
from l1kd.models.export import export_network
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit, run_in_chunks

__all__ = ["RECIPE"]

_TRACED = 200_000
"""Candidates from which the ranges of the quantized network are taken, beside the limits."""
_OF_QUANTIZED = ("quantized", "first_bits", "bits_pace", "ebops_regularisation", "folds")
"""Settings that come after the float training: another price of bits does not repeat it."""
EVERYTHING = -1
"""In the place of a half: all events."""
PAIRS = "pairs of forward jets"
"""Name of the events that `forward_pairs` makes."""


@dataclass(frozen=True)
class _Data:
    """Events by file, and what else the trainings share."""

    zero_bias: dict[str, Crossings]
    pileup: dict[str, Crossings]
    signals: dict[str, Crossings]
    made: dict[str, Crossings]
    mean: Floats
    deviation: Floats
    files: tuple[Path, ...]

    def each(self, change: Callable[[Crossings], Crossings]) -> "_Data":
        """Return the same data with all events changed."""
        zero_bias, pileup, signals, made = (
            {name: change(own) for name, own in group.items()}
            for group in (self.zero_bias, self.pileup, self.signals, self.made)
        )
        return replace(self, zero_bias=zero_bias, pileup=pileup, signals=signals, made=made)

    def reading(self, names: Sequence[str], among: Sequence[str]) -> "_Data":
        """Return the same events with some of the inputs, all of which are named in `among`."""
        if tuple(names) == tuple(among):
            return self
        places = [among.index(name) for name in names]

        def fewer(of: Crossings) -> Crossings:
            return replace(of, values=np.ascontiguousarray(of.values[:, places]))

        kept = self.each(fewer)
        return replace(kept, mean=self.mean[places], deviation=self.deviation[places])

    def kinds(self, config: CorrelatorConfig, without: int) -> list[Kind]:
        """List what a training draws from, without one half of the data."""
        found = []
        each = next(iter(self.zero_bias.values()))
        per_event = each.rate / int(each.original.sum())
        soft = 1.0 + sum(int(c.original.sum()) for c in self.pileup.values()) / each.n_events
        shares = config.data.signals | {_side(n): x for n, x in config.data.invisible.items()}
        shares[PAIRS] = config.data.forward_share
        of_all = self.zero_bias | self.pileup | self.signals | self.made
        for name, crossings in of_all.items():
            mine = crossings.half != without
            size = int((mine & crossings.original).sum())
            share = shares.get(name, 0.0)
            rate = crossings.rate
            if name in self.pileup:
                rate = per_event * int(crossings.original.sum())
            if name in self.pileup or crossings is each:
                rate /= soft
            given = Crossings(**{**vars(crossings), "rate": rate})
            of_ht = config.data.ht.get(name, 0.0)
            mixed = config.data.mixed if name in self.pileup or crossings is each else 0
            found.append(Kind(given, np.flatnonzero(mine), size, share, of_ht, mixed))
        return found


class _Lesson(NamedTuple):
    """What one training reads.

    `data`: the student's events with their targets. `weigh`: the teacher's weights as a function of
    all inputs, None without one. `histories`: of the teacher's trainings.
    """

    data: _Data
    weigh: Weigh | None
    histories: dict[str, Any]


def _read(config: CorrelatorConfig) -> _Data:
    """Read the files, put hard parts on other crossings, form inputs of student and teacher."""
    data = config.data
    names = columns_of(config)  # a teacher that does not fit is refused before files are read
    raw = {
        name: read_raw(data.folder / name)
        for name in (data.soft, *data.hard, *data.pileup, *data.signals)
    }
    halves = {name: (np.arange(r.n_events) % 2).astype(np.int8) for name, r in raw.items()}
    shape = partial(
        form, names=names, puppi=config.puppi(), clusterer=config.clusterer(), tracks=config.tracks
    )
    made = {
        name: shape(
            r, half=halves[name],
            rate=float(r.weight.sum()) if name in (data.soft, *data.hard) else 0.0,
        )
        for name, r in raw.items()
    }  # fmt: skip
    soft = [(raw[name], halves[name]) for name in (data.soft, *data.pileup)]
    if data.reuse_pileup:
        others = (*data.hard, *data.signals)
        rest = reduce(Raw.followed_by, (pileup_parts(raw[name]) for name in others))
        of_rest = np.concatenate([halves[name] for name in others])
        hard = hard_parts(raw[data.soft])
        more, half = overlaid(
            hard, halves[data.soft], [(rest, of_rest)], [1.0], data.overlays, config.seed + 300
        )
        made[data.soft] = made[data.soft].followed_by(shape(more, half=half, original=False))
        soft[0] = raw[data.soft].followed_by(rest), np.concatenate([halves[data.soft], of_rest])
    n = len(data.pileup)
    shares = [1.0 - data.overlay_pileup * (n > 0)] + [data.overlay_pileup / max(n, 1)] * n
    for number, name in enumerate((*data.hard, *data.signals)):
        hard = hard_parts(raw[name])
        more, half = overlaid(hard, halves[name], soft, shares, data.overlays, config.seed + number)
        made[name] = made[name].followed_by(shape(more, half=half, original=False))
        for time in range(data.recombined if name in data.hard else 0):
            seed = config.seed + 1000 * (time + 1) + number
            other = recombined(hard, halves[name], seed)
            more, half = overlaid(other, halves[name], soft, shares, 1, seed)
            made[name] = made[name].followed_by(shape(more, half=half, original=False))
    for number, name in enumerate(data.invisible):
        side = one_side(hard_parts(raw[name]), config.seed + number)
        for times, original in ((1, True), (data.overlays - 1, False)):
            seed = config.seed + 100 + 2 * number + original
            more, half = overlaid(side, halves[name], soft, shares, times, seed)
            parts = shape(more, half=half, original=original)
            made[_side(name)] = parts if original else made[_side(name)].followed_by(parts)
    aside = [_side(name) for name in data.invisible]
    if data.forward_pairs:
        sides = data.forward_hard or data.hard
        together = reduce(Raw.followed_by, (hard_parts(raw[name]) for name in sides))
        of = np.concatenate([halves[name] for name in sides])
        pairs, of = forward_pairs(together, of, data.forward_pairs // 2, config.seed + 200)
        for times, original in ((1, True), (data.overlays - 1, False)):
            seed = config.seed + 201 + original
            more, half = overlaid(pairs, of, soft, shares, times, seed)
            parts = shape(more, half=half, original=original)
            made[PAIRS] = parts if original else made[PAIRS].followed_by(parts)
        aside.append(PAIRS)
    mean, deviation = standard(np.concatenate([c.values[::20] for c in made.values()]))
    return _Data(
        {name: made[name] for name in (data.soft, *data.hard)},
        {name: made[name] for name in data.pileup},
        {name: made[name] for name in data.signals},
        {name: made[name] for name in aside},
        mean,
        deviation,
        tuple(data.folder / name for name in raw),
    )


def _weigher(model: Any, config: CorrelatorConfig) -> Any:
    return run_in_chunks(
        lambda x: model(x, training=False)[:, 0], (len(config.inputs),), batch=65536
    )


def _judged(
    data: _Data, config: CorrelatorConfig, weigh: Any, half: int
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """MET of the events of one half, or all, that are no overlays; and the figures."""
    found = {}
    for name, crossings in (data.zero_bias | data.signals | data.made).items():
        mine = crossings.original & ((crossings.half == half) | (half == EVERYTHING))
        found[name] = mets(crossings, np.flatnonzero(mine), weigh, config.pt_cut)
    return found, _figures(data, found)


def _figures(data: _Data, met: Mapping[str, Floats]) -> dict[str, Any]:
    zero_bias = [(crossings, met[name]) for name, crossings in data.zero_bias.items()]
    found = figures(zero_bias, {name: met[name] for name in data.signals})
    if data.made:
        aside = figures(zero_bias, {name: met[name] for name in data.made})
        found["made"] = {name: aside[name] for name in data.made}
    return found


def _side(name: str) -> str:
    """Name of the events of which one side is invisible."""
    return f"{name}, one side"


def _float(
    data: _Data, config: CorrelatorConfig, without: int, job: Job, before: str = ""
) -> tuple[Any, Any]:
    """Train a float network on all events but one half; return it and its history."""
    seed, steps = config.seed + without + 1, config.optimisation.batch
    model = float_network(config, data.mean, data.deviation, seed)
    loss = RateLoss(lambda x: model(x, training=True)[:, 0], config.loss, config.pt_cut)
    matrices = kernels(model)
    tf = backend.tensorflow()

    def regularised(*batch: Any) -> Any:
        decay = tf.add_n([tf.reduce_sum(tf.square(k)) for k in matrices])
        return loss(*batch) + config.loss.decay * decay

    def before_step(step: int) -> None:
        loss.only_shares.assign(step < config.loss.only_shares * steps)

    task = Fit(
        f"{config.name}, float" + (f", without half {without}" if without >= 0 else ""),
        model,
        adam(config.optimisation, steps),
        config.optimisation.epochs,
        steps,
        Batches(data.kinds(config, without), steps, seed),
        regularised,
        before_step=before_step,
    )
    stage = before + ("float" if without == EVERYTHING else f"half{without}")
    same = fingerprint(config, _OF_QUANTIZED)
    history = fit(task, job.checkpoints(stage), same, job.quiet)
    return model, history


def _lesson(events: _Data, config: CorrelatorConfig, without: int, job: Job) -> _Lesson:
    """Give candidates their targets, by a teacher that has not seen one half of the events."""
    columns = columns_of(config)
    histories: dict[str, Any] = {}
    if not config.teacher.given:
        return _Lesson(events, None, histories)
    if config.teacher.artefact:
        read, teacher = opened(config)
    else:
        members = [config.member(number) for number in range(config.teacher.members)]
        read, weighers = members[0].inputs, []
        seen = events.reading(read, columns)
        for number, own in enumerate(members):
            model, histories[f"teacher {number}"] = _float(
                seen, own, without, job, f"teacher{number}_"
            )
            weighers.append(_weigher(model, own))
        teacher = mean_of(weighers)
    places = [columns.index(name) for name in read]

    def weigh(rows: Any) -> Singles:
        return teacher(rows[:, places])

    taught = events.each(partial(with_targets, weigh=weigh, target=config.loss.target))
    return _Lesson(taught.reading(config.inputs, columns), weigh, histories)


def _quantized(data: _Data, config: CorrelatorConfig, trained: Any, job: Job) -> tuple[Any, Any]:
    """Train on in mixed precision."""
    model = quantized_network(config, trained, data.mean, data.deviation)
    steps = config.quantized.batch
    total = steps * config.quantized.epochs
    compiled = mixed_precision.fused(model)
    loss = RateLoss(lambda x: x, config.loss, config.pt_cut)
    first, last = config.ebops_regularisation
    tf = backend.tensorflow()
    spread = tf.constant(config.loss.noise * data.deviation, tf.float32)
    drawn = tf.Variable(0, trainable=False)

    def with_cost(*batch: Any) -> Any:
        noise = tf.random.stateless_normal(tf.shape(batch[0]), [config.seed, drawn])
        weights, cost = compiled(batch[0] + spread * noise)
        return loss.of(weights[:, 0], *batch[1:]) + cost

    def before_step(step: int) -> None:
        drawn.assign(step)
        mixed_precision.regularise_ebops(model, first * (last / first) ** (step / total))

    task = Fit(
        f"{config.name}, quantized",
        model,
        mixed_precision.adam(config.quantized.learning_rate, total, config.bits_pace),
        config.quantized.epochs,
        steps,
        Batches(data.kinds(config, EVERYTHING), steps, config.seed),
        with_cost,
        lambda: {"ebops": float(mixed_precision.ebops(model))},
        before_step=before_step,
    )
    history = fit(task, job.checkpoints("quantized"), fingerprint(config), job.quiet)
    _trace(model, data, config)
    return model, history


def _sample(data: _Data) -> NDArray[np.float32]:
    """Gather inputs of candidates of all kinds."""
    every = [c.values for c in (data.zero_bias | data.signals).values()]
    rows = np.concatenate([v[:: max(len(v) * len(every) // _TRACED, 1)] for v in every])
    return rows.astype(np.float32) * np.float32(2.0**-FORMAT.fraction)


def _trace(model: Any, data: _Data, config: CorrelatorConfig) -> None:
    """Fix the integer bits from inputs and their limits."""
    from hgq.utils import trace_minmax

    top = largest_inputs(config)
    limits = np.stack([np.zeros_like(top), top]).astype(np.float32)
    trace_minmax(model, np.concatenate([_sample(data), limits]), verbose=0)


def _cross_validation(events: _Data, config: CorrelatorConfig, job: Job) -> dict[str, Any]:
    """Train on each half, teacher and student, and judge both on the other.

    The figures are of all events together.
    """
    parts: dict[str, list[dict[str, Floats]]] = {}
    own, history = [], {}
    for half in range(config.folds):
        data, teacher, taught = _lesson(events, config, half, job)
        model, history[f"half {half}"] = _float(data, config, half, job)
        history |= {f"half {half}, {name}": epochs for name, epochs in taught.items()}
        met, found = _judged(data, config, _weigher(model, config), half)
        own.append(found)
        parts.setdefault("all", []).append(met)
        if teacher is not None:
            parts.setdefault("teacher", []).append(_judged(events, config, teacher, half)[0])
    if not parts:
        return {}
    figures_of = {
        who: _figures(events, {name: np.concatenate([m[name] for m in met]) for name in met[0]})
        for who, met in parts.items()
    }
    return {"validation": {**figures_of, "halves": own}, "histories": history}


def _changes(own: LinPuppiParameters) -> dict[str, Any]:
    """Return what differs from the preset."""
    preset = asdict(PRESETS[own.name])
    return {name: value for name, value in asdict(own).items() if value != preset[name]}


def _run(config: CorrelatorConfig, job: Job) -> Product:
    """Train, and write ``network.npz`` and the model of the training framework.

    Raises
    ------
    ArtefactError
        The integer network differs from the compiled C++ of hls4ml on any candidate.
    """
    events = _read(config)
    checked = _cross_validation(events, config, job)
    data, teacher, histories = _lesson(events, config, EVERYTHING, job)
    trained, history = _float(data, config, EVERYTHING, job)
    _, as_float = _judged(data, config, _weigher(trained, config), EVERYTHING)
    model, more = _quantized(data, config, trained, job)
    few = _sample(data)[: config.check_vectors]
    given = _weigher(model, config)(few)[:, None]
    network, export = export_network(
        partial(mixed_precision.firmware, model), few, job.out / "network.npz", given
    )
    with backend.quiet():
        model.save(job.out / "model.keras")

    def infer(x: NDArray[np.float32]) -> Singles:
        weights: Singles = network.predict(x)[:, 0].astype(np.float32)
        return weights

    _, as_integers = _judged(data, config, infer, EVERYTHING)
    metrics = {
        "export": export,
        "ebops": mixed_precision.ebops(model),
        "validation": checked.get("validation", {}),
        "training": {"float": as_float, "integers": as_integers},
        "history": {
            "float": history, "quantized": more, **histories, **checked.get("histories", {})
        },
    }  # fmt: skip
    if teacher is not None:
        metrics["target"] = config.loss.target
        _, metrics["training"]["teacher"] = _judged(events, config, teacher, EVERYTHING)
    cuts = {name: [config.pt_cut] * len(p.pt_cut) for name, p in PRESETS.items()}
    return Product(
        kind=KIND,
        description=f"Weight of every candidate of a region from {len(config.inputs)} integers.",
        inputs=describe(
            config.inputs,
            tracks=config.tracks,
            clusters=config.clusterer(),
            pt_cut=cuts,
            linpuppi={board: _changes(own) for board, own in config.puppi().items()},
        ),
        outputs={"weight": {"format": str(network.outputs[0].format), "range": [0, 1]}},
        files=("network.npz", "model.keras"),
        data=data.files,
        metrics=metrics,
        card=card(config, metrics),
    )


RECIPE = Recipe(
    KIND,
    "weight of a candidate in the correlator's regions, trained for efficiency at equal rate",
    lambda path: read_config(path, CorrelatorConfig),
    _run,
)
