"""The evaluation itself: samples in, `evaluation.json`, figures and a page out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.puppi import Association
from l1kd.emulators.array_types import Weights
from l1kd.errors import ConfigurationError
from l1kd.models.evaluation.cost import latency, operations
from l1kd.models.evaluation.importance import permutation_importance
from l1kd.models.evaluation.maps import Maps, cell_distance, event_maps, weight_maps
from l1kd.models.evaluation.measure import resolution_tables, response_sample
from l1kd.models.evaluation.networks import Judged, judged
from l1kd.models.evaluation.samples import Sample, describe_files, read_sample
from l1kd.models.evaluation.schema import Evaluation
from l1kd.models.evaluation.tails import fake_met_table, signal_efficiencies
from l1kd.models.evaluation.weightings import Charged, all_weightings, weight_counts
from l1kd.models.weights.agreement import agreement
from l1kd.physics.response import ResponseSample
from l1kd.report.studies import provenance

__all__ = ["ASSOCIATIONS", "Drawn", "Request", "measure"]

ASSOCIATIONS: tuple[Association, ...] = ("dz", "truth")
"""Charged associations: by dz and its error, and the idealised one of the simulation."""

_TIMED_EVENTS = 16

Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to evaluate.

    Attributes
    ----------
    files, truth
        Test sample, and for each file the same events without pile-up, or nothing.
    models
        Artefacts: names of shipped ones or folders.
    associations
        Out of `ASSOCIATIONS`.
    backgrounds, signals
        Further samples by name: files in which missing momentum is fake, files of other signals.
    max_events
        Read no more events than this of each file.
    charged
        See `l1kd.models.evaluation.weightings.Charged`.
    importance_events
        Events on which inputs are shuffled; 0 leaves that out.
    timing
        Whether networks are timed.
    command
        Command line, for the provenance.
    """

    files: Sequence[Path]
    models: Sequence[str]
    truth: Sequence[Path] = ()
    associations: Sequence[Association] = ASSOCIATIONS
    backgrounds: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    signals: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    max_events: int | None = None
    charged: Charged = "own"
    importance_events: int = 150
    timing: bool = True
    command: Sequence[str] | None = None

    def __post_init__(self) -> None:
        names = ["test", *self.backgrounds, *self.signals]
        if len(set(names)) != len(names):
            raise ConfigurationError(
                f"samples {', '.join(names)}: every name once; 'test' is the sample of the files"
            )


@dataclass(frozen=True)
class Drawn:
    """What figures need beside the numbers, for one association."""

    test: ResponseSample
    backgrounds: Mapping[str, ResponseSample]
    maps: Maps
    event: Mapping[str, NDArray[np.float64]] | None


class _Clock:
    """Wall time of the steps."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.timings: list[dict[str, Any]] = []

    def __call__(self, step: str, events: int | None, work: Callable[[], Any]) -> Any:
        self.say(step)
        begun = perf_counter()
        result = work()
        seconds = perf_counter() - begun
        self.timings.append({"step": step, "seconds": seconds, "events": events})
        return result


def _read(request: Request, clock: _Clock) -> dict[str, tuple[str, Sample]]:
    """Read all samples, by name with their role, the test sample first."""
    wanted = {"test": ("test", request.files)}
    wanted |= {name: ("background", files) for name, files in request.backgrounds.items()}
    wanted |= {name: ("signal", files) for name, files in request.signals.items()}
    found = {}
    for name, (role, files) in wanted.items():
        truth = request.truth if role == "test" else ()
        sample = clock(
            f"read {name}",
            None,
            partial(
                read_sample,
                name,
                files,
                request.associations,
                truth=truth,
                max_events=request.max_events,
            ),
        )
        if sample.n_events == 0:
            raise ConfigurationError(f"sample {name}: no events in {[str(f) for f in files]}")
        found[name] = (role, sample)
    return found


def _accuracies(
    sample: Sample,
    association: Association,
    weights: Mapping[str, Weights],
    networks: Sequence[Judged],
) -> dict[str, Any]:
    """Agreement of all weightings with the truth and, where there is one, with the teacher."""
    particles = sample.particles[association]
    references = [n.name for n in networks if n.kind == "teacher"] + ["soft_truth"]
    chosen = {"all": None, "neutral": particles.charge == 0}
    return {
        reference: {
            kind: {
                name: agreement(given, weights[reference], particles.offsets, mask)
                for name, given in weights.items()
                if name not in ("none", reference)
            }
            for kind, mask in chosen.items()
        }
        for reference in references
    }


def _backgrounds(
    test: ResponseSample,
    tables: Mapping[str, Any],
    backgrounds: Mapping[str, ResponseSample],
    signals: Mapping[str, ResponseSample],
) -> dict[str, Any]:
    scales = {w: row["u_response"]["value"] or np.nan for w, row in tables["met"].items()}
    everything = {"test": test, **signals}
    return {
        name: {
            "fake_met": fake_met_table(sample, scales),
            "efficiencies": signal_efficiencies(sample, everything),
        }
        for name, sample in backgrounds.items()
    }


def _associated(
    association: Association,
    samples: Mapping[str, tuple[str, Sample]],
    networks: Sequence[Judged],
    request: Request,
    clock: _Clock,
) -> tuple[dict[str, Any], Drawn]:
    """Measure everything under one association."""
    measured: dict[str, ResponseSample] = {}
    weights: dict[str, Weights] = {}
    for name, (role, sample) in samples.items():
        some = clock(
            f"{association}: weights of {name}",
            sample.n_events,
            partial(all_weightings, sample, association, networks, request.charged),
        )
        measured[name] = clock(
            f"{association}: missing momentum and jets of {name}",
            sample.n_events,
            partial(
                response_sample,
                sample,
                sample.particles[association],
                some,
                jets=role != "background",
            ),
        )
        if name == "test":
            weights = some
    _, test = samples["test"]
    particles = test.particles[association]
    roles = {name: role for name, (role, _) in samples.items()}
    tables = clock(
        f"{association}: resolutions",
        test.n_events,
        lambda: {
            name: resolution_tables(m, test.n_vertices if name == "test" else None)
            for name, m in measured.items()
            if roles[name] != "background"
        },
    )
    by_role = {
        role: {name: m for name, m in measured.items() if roles[name] == role}
        for role in ("background", "signal")
    }
    record: dict[str, Any] = {
        "association": association,
        "samples": tables,
        "accuracy": clock(
            f"{association}: accuracies",
            test.n_events,
            lambda: _accuracies(test, association, weights, networks),
        ),
        "weights": weight_counts(particles, weights),
        "backgrounds": _backgrounds(
            measured["test"], tables["test"], by_role["background"], by_role["signal"]
        ),
    }
    event = None
    if test.twin is not None:
        record["distance"] = cell_distance(particles, weights, test.twin)
        shown = int(np.argmax(np.hypot(*test.generated.met)))
        event = event_maps(particles, weights, test.twin, shown)
    maps = weight_maps(particles, weights, test.twin)
    return record, Drawn(measured["test"], by_role["background"], maps, event)


def _importance(
    association: Association, test: Sample, networks: Sequence[Judged], n_events: int
) -> dict[str, Any]:
    few = test.first(n_events)
    particles = few.particles[association]
    teachers = [n for n in networks if n.kind == "teacher"]
    taught = teachers[0].weights(particles) if teachers else particles.truth
    return {
        n.name: permutation_importance(
            n, few, association, particles.truth if n.kind == "teacher" else taught
        )
        for n in networks
    }


def _model(network: Judged, test: Sample, timing: bool) -> dict[str, Any]:
    artefact = network.artefact
    timed = latency(network, test.first(_TIMED_EVENTS).any_particles) if timing else None
    return {
        "name": network.name,
        "kind": network.kind,
        "folder": str(artefact.folder),
        "description": artefact.manifest["description"],
        **operations(network),
        "latency": timed,
    }


def measure(
    request: Request, say: Say = lambda step: None
) -> tuple[Evaluation, dict[Association, Drawn]]:
    """Evaluate weightings; nothing is written.

    Parameters
    ----------
    request : Request
        What to evaluate.
    say : callable
        Told every step before it begins.

    Returns
    -------
    evaluation : Evaluation
        All numbers.
    drawn : dict
        For each association what the figures need beside them.

    Raises
    ------
    ArtefactError, ConfigurationError
        A model or a sample cannot be used, see `judged` and `read_sample`.
    """
    networks = judged(request.models)
    clock = _Clock(say)
    samples = _read(request, clock)
    _, test = samples["test"]
    records, drawn = [], {}
    for association in request.associations:
        record, drawn[association] = _associated(association, samples, networks, request, clock)
        if request.importance_events:
            record["importance"] = clock(
                f"{association}: importance of inputs",
                min(request.importance_events, test.n_events),
                partial(_importance, association, test, networks, request.importance_events),
            )
        records.append(record)
    models = clock(
        "operations and times", None, lambda: [_model(n, test, request.timing) for n in networks]
    )
    described = provenance(
        {n.name: str(n.artefact.folder) for n in networks}, command=request.command
    )
    evaluation = Evaluation.model_validate(
        {
            "provenance": described.model_dump(),
            "charged": request.charged,
            "samples": [
                {"name": name, "role": role, **describe_files(sample)}
                for name, (role, sample) in samples.items()
            ],
            "models": models,
            "associations": records,
            "timings": clock.timings,
        }
    )
    return evaluation, drawn
