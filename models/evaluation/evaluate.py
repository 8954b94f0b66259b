"""`l1kd evaluate`: the study of particle weights, with networks and what they rely on and cost.

The events go through the engine of every study (`l1kd.study.engine`), once for all charged
associations. What needs particles of many events at a time, or a clock, is added here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd._edge import flat
from l1kd.algorithms import Algorithm, LinPuppi, Puppi
from l1kd.algorithms.puppi import Association
from l1kd.candidates import candidates
from l1kd.datasets import Dataset, InputFile, inspect_file, load_fileset
from l1kd.emulators.array_types import Floats
from l1kd.errors import ConfigurationError, UnknownFormatError, UnreadableFileError
from l1kd.execution import require_writable, writing
from l1kd.models.evaluation.cost import latency, operations
from l1kd.models.evaluation.drawn import Drawn
from l1kd.models.evaluation.importance import permutation_importance
from l1kd.models.evaluation.networks import Judged, NetworkWeight, judged, shipped_networks
from l1kd.models.weights.particles import read_particles
from l1kd.physics.maps import distance_table
from l1kd.physics.response import STANDARD, ResponseSample
from l1kd.physics.slices import IN_BINS, resolution_tables
from l1kd.physics.tails import fake_met_table, signal_efficiencies
from l1kd.processors.multi import MultiProcessor
from l1kd.processors.particles import NO_PILEUP, NONE, SOFT_TRUTH
from l1kd.processors.resolution import ResolutionProcessor
from l1kd.processors.weights import CLASSES, KINDS, N_BINS, WeightProcessor, agreement_of, map_of
from l1kd.report import studies
from l1kd.report.summary import ResolutionStudy, Summary, Timing
from l1kd.report.weight_records import (
    BackgroundStudy,
    ImportanceStudy,
    NetworkRecord,
    WeightStudy,
)
from l1kd.study.engine import Passed, pass_over
from l1kd.study.request import WeightRequest
from l1kd.study.samples import named_files

__all__ = ["TEST", "Drawn", "Samples", "evaluate", "measure", "samples_of"]

TEST = "test"
"""Name of the sample whose weights are compared in full."""

_CHUNK = 200
_TIMED_EVENTS = 16
_ALL_EVENTS = 1 << 62
"""Every event is kept: slices, tails and agreements are made of the same ones."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Samples:
    """The samples of an evaluation.

    Attributes
    ----------
    datasets
        Files by name, the test sample first.
    roles
        For each "test", "background" or "signal".
    """

    datasets: Mapping[str, Dataset]
    roles: Mapping[str, str]

    def of_role(self, role: str) -> list[str]:
        """Names of the samples of a role."""
        return [name for name, its in self.roles.items() if its == role]


def samples_of(request: WeightRequest) -> Samples:
    """Find the samples of a request, cut to its number of events.

    Raises
    ------
    ConfigurationError
        If a sample has no name, two have the same, or truth files do not fit.
    UnreadableFileError
        If a file cannot be opened.
    """
    files = [request.fileset] if isinstance(request.fileset, str) else list(request.fileset or ())
    if not files:
        raise ConfigurationError("no files: the test sample is what weights are compared on")
    if request.truth and len(request.truth) != len(files):
        raise ConfigurationError(
            f"{len(files)} files with pile-up and {len(request.truth)} without; give one without "
            "pile-up for each, in the same order, or none"
        )
    made = {TEST: _dataset(files, request.truth, request.max_events)}
    roles = {TEST: "test"}
    for role, entries in (("background", request.background), ("signal", request.signal)):
        for entry in entries:
            if "=" not in entry:
                raise ConfigurationError(f"--{role} {entry}: expected NAME=FILE")
        for name, paths in named_files(entries).items():
            if name in made:
                raise ConfigurationError(
                    f"sample {name!r} comes twice: every name once; {TEST!r} is the sample of the "
                    "files"
                )
            made[name] = _dataset(paths, (), request.max_events)
            roles[name] = role
    return Samples(load_fileset(made), roles)


def _opened(path: str) -> InputFile | None:
    """Open a file; None if it cannot be read, which the engine reports or skips as asked."""
    try:
        return inspect_file(path)
    except (UnreadableFileError, UnknownFormatError):
        return None


def _dataset(files: Sequence[str], truth: Sequence[str], most: int | None) -> Any:
    if most is None:
        return {"files": list(files)} | ({"truth": list(truth)} if truth else {})
    steps: dict[str, tuple[tuple[int, int], ...]] = {
        file.path: ((0, most),) for file in map(_opened, files) if file and most < file.entries
    }
    return Dataset(files=list(files), truth=list(truth), steps=steps)


def _softest(files: Sequence[str], most: int | None) -> float:
    """Smallest pt [GeV] that is stored with pile-up."""
    softest = np.inf
    for file in filter(None, map(_opened, files)):
        end = file.entries if most is None else min(most, file.entries)
        for start in range(0, end, _CHUNK):
            record = candidates(file.open(start, min(start + _CHUNK, end)))
            softest = min(softest, float(flat(record["pt"], np.float32).min(initial=np.inf)))
    return softest


def _processor(
    associations: Sequence[Association],
    networks: Sequence[Judged],
    request: WeightRequest,
    role: str,
    min_pt_without: float,
) -> MultiProcessor:
    """Everything that is accumulated of one sample, under every association."""
    teachers = [n.name for n in networks if n.kind == "teacher"]
    parts: dict[str, Any] = {}
    for association in associations:
        algorithms: list[Algorithm] = [
            Puppi(association=association),
            LinPuppi(association=association),
            *(NetworkWeight(n, request.charged) for n in networks),
        ]
        weightings = [NONE, *(a.name for a in algorithms), SOFT_TRUTH]
        paired = [NO_PILEUP] if request.truth and role == "test" else []
        inner: dict[str, Any] = {
            "resolution": ResolutionProcessor(
                [*weightings, *paired],
                algorithms=algorithms,
                min_pt_without=min_pt_without,
                jets=role != "background",
                limit=_ALL_EVENTS,
            )
        }
        if role == "test":
            inner["weights"] = WeightProcessor(
                weightings,
                [*teachers, SOFT_TRUTH],
                algorithms=algorithms,
                min_pt_without=min_pt_without,
            )
        vertex = request.vertex_of(association)
        parts[association] = MultiProcessor(inner, algorithms, vertex=vertex)
    return MultiProcessor(parts, [])


class _Clock:
    """Wall time of the steps."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.timings: list[Timing] = []

    @contextmanager
    def __call__(self, step: str, events: int | None = None) -> Iterator[None]:
        self.say(step)
        begun = perf_counter()
        yield
        seconds = perf_counter() - begun
        self.timings.append(Timing(step=step, seconds=seconds, events=events))


def _resolution(
    name: str, association: Association, sample: ResponseSample, vertices: Any
) -> ResolutionStudy:
    return ResolutionStudy.model_validate(
        {
            "dataset": name,
            "association": association,
            "reference": "puppi",
            **STANDARD._asdict(),
            "replicas_in_bins": IN_BINS.replicas,
            **resolution_tables(sample, vertices),
        }
    )


def _weights(
    association: Association, output: Mapping[str, Any], references: Sequence[str]
) -> WeightStudy:
    """Agreements, histograms and distances of the test sample."""
    columns = output["columns"].joined()
    weightings = [name.removeprefix("bins:all:") for name in columns if "bins:all:" in name]
    agreement = {
        reference: {
            kind: {
                w: agreement_of(columns, kind, reference, w).table()
                for w in weightings
                if w not in (NONE, reference)
            }
            for kind in KINDS
        }
        for reference in references
    }
    distances = {
        name.removeprefix("distance:"): x
        for name, x in columns.items()
        if name.startswith("distance:")
    }
    counts = {
        kind: {w: row.tolist() for w, row in zip(weightings, rows, strict=True)}
        for kind, rows in zip(CLASSES, output["counts"], strict=True)
    }
    edges = np.linspace(0.0, 1.0, N_BINS + 1).tolist()
    return WeightStudy.model_validate(
        {
            "dataset": TEST,
            "association": association,
            "agreement": agreement,
            "histograms": {"edges": edges, "counts": counts},
            "distance": distance_table(distances) if distances else {},
        }
    )


def _backgrounds(
    association: Association,
    table: Mapping[str, Any],
    backgrounds: Mapping[str, ResponseSample],
    signals: Mapping[str, ResponseSample],
) -> list[BackgroundStudy]:
    scales = {w: row["u_response"].value or np.nan for w, row in table.items()}
    return [
        BackgroundStudy.model_validate(
            {
                "dataset": name,
                "association": association,
                "fake_met": fake_met_table(sample, scales),
                "efficiencies": signal_efficiencies(sample, signals),
            }
        )
        for name, sample in backgrounds.items()
    ]


def _drawn(
    response: Mapping[str, ResponseSample], samples: Samples, output: Mapping[str, Any]
) -> Drawn:
    maps = output["maps"].joined()
    n_events = response[TEST].weight.size
    event: dict[str, NDArray[Any]] = {}
    if "event_met" in maps:
        chunk = int(np.argmax(maps["event_met"]))
        names = [name for name in maps if name.startswith("event:")]
        event = {name.removeprefix("event:"): maps[name][chunk] for name in names}
    return Drawn(
        response[TEST],
        {name: response[name] for name in samples.of_role("background")},
        map_of(maps, "weight", n_events),
        map_of(maps, "momentum", n_events),
        event,
    )


def _add_association(
    summary: Summary,
    association: Association,
    passed: Passed,
    samples: Samples,
    networks: Sequence[Judged],
) -> Drawn:
    """Turn what was accumulated under one association into records."""
    columns = {
        name: passed.output(name, association, "resolution")["columns"].joined()
        for name in samples.datasets
    }
    response = {name: ResponseSample.from_columns(x) for name, x in columns.items()}
    studied = [name for name, role in samples.roles.items() if role != "background"]
    found = []
    for name in studied:
        vertices = columns[name].get("n_vertices") if name == TEST else None
        found.append(_resolution(name, association, response[name], vertices))
    summary.resolution += found
    output = passed.output(TEST, association, "weights")
    references = [*(n.name for n in networks if n.kind == "teacher"), SOFT_TRUTH]
    summary.weights.append(_weights(association, output, references))
    backgrounds = {name: response[name] for name in samples.of_role("background")}
    signals = {name: response[name] for name in studied}
    summary.backgrounds += _backgrounds(association, found[0].met, backgrounds, signals)
    return _drawn(response, samples, output)


def _importance(
    association: Association,
    files: Sequence[str],
    networks: Sequence[Judged],
    n_events: int,
    request: WeightRequest,
    weights: Floats,
) -> ImportanceStudy:
    most = request.max_events
    limit = n_events if most is None else min(most, n_events)
    few, generated = read_particles(
        [Path(path) for path in files], limit, association, request.vertex_of(association)
    )
    n = min(n_events, few.n_events)
    few = few.events(0, n)
    generated = generated.first(n)
    teachers = [network for network in networks if network.kind == "teacher"]
    wanted = teachers[0].weights(few) if teachers else few.truth
    tables = {
        network.name: permutation_importance(
            network,
            few,
            generated,
            weights[:n],
            few.truth if network.kind == "teacher" else wanted,
        )
        for network in networks
    }
    return ImportanceStudy.model_validate(
        {"dataset": TEST, "association": association, "events": n, "networks": tables}
    )


def _network(network: Judged, files: Sequence[str], timing: bool) -> NetworkRecord:
    artefact = network.artefact
    timed = None
    if timing:
        few, _ = read_particles([Path(files[0])], _TIMED_EVENTS)
        timed = latency(network, few)
    return NetworkRecord.model_validate(
        {
            "name": network.name,
            "kind": network.kind,
            "folder": str(artefact.folder),
            "description": artefact.manifest["description"],
            **operations(network),
            "latency": timed,
        }
    )


def _described(passed: Passed, samples: Samples, associations: Sequence[Association]) -> list[Any]:
    """Books of every sample; they are the same for every association."""
    records = []
    for name, role in samples.roles.items():
        output = passed.output(name, associations[0], "resolution")
        columns = output["columns"].joined()
        vertices = columns.get("n_vertices")
        record = studies.dataset_record(name, "weights", output)
        records.append(
            record.model_copy(
                update={
                    "role": role,
                    "particles": output["particles"],
                    "vertices": None if vertices is None else float(vertices.mean()),
                }
            )
        )
    return records


def measure(
    request: WeightRequest, say: Say = lambda step: None
) -> tuple[Summary, dict[Association, Drawn]]:
    """Compare particle weights; nothing is written.

    Parameters
    ----------
    request : WeightRequest
        What to compare.
    say : callable
        Told every step before it begins.

    Returns
    -------
    summary : Summary
        All numbers.
    drawn : dict
        For each association what the plots need beside them.

    Raises
    ------
    ArtefactError, ConfigurationError, UnreadableFileError, PairingError
        A model or a sample cannot be used, see `judged`, `samples_of`, `l1kd.execution.run`.
    """
    networks = judged(request.models or shipped_networks())
    samples = samples_of(request)
    files = samples.datasets[TEST].files
    associations = request.associations
    clock = _Clock(say)
    with clock("events of all samples"):
        # pt above the next smaller number is pt equal to the softest or above
        softest = _softest(files, request.max_events) if request.truth else 0.0
        least = float(np.nextafter(np.float32(softest), np.float32(-np.inf)))

        def processor_of(name: str, dataset: Dataset, first: InputFile) -> MultiProcessor:
            return _processor(associations, networks, request, samples.roles[name], least)

        passed = pass_over(samples.datasets, processor_of, request, request.status)
    empty = [name for name in samples.datasets if not passed.events(name)]
    if empty:
        raise ConfigurationError(f"sample {empty[0]}: no events in its files")
    summary = Summary(
        title="l1kd evaluate",
        sample_label=request.label,
        provenance=studies.provenance(
            {n.name: str(n.artefact.folder) for n in networks},
            command=request.command,
            executor=request.executor,
            workers=request.workers,
            options=request.options(),
        ),
        files=passed.file_records(),
        datasets=_described(passed, samples, associations),
        charged=request.charged,
    )
    drawn: dict[Association, Drawn] = {}
    n_events = passed.events(TEST)
    for association in associations:
        with clock(f"{association}: tables", n_events):
            drawn[association] = _add_association(summary, association, passed, samples, networks)
            if association == "dz":
                summary.vertices += [
                    studies.vertex_record(name, passed.results[name].output["dz"]["vertex"])
                    for name in samples.datasets
                ]
        if request.importance_events and networks:
            n = min(request.importance_events, n_events)
            with clock(f"{association}: importance of inputs", n):
                weights = drawn[association].test.weight
                summary.importance.append(
                    _importance(association, files, networks, n, request, weights)
                )
    with clock("operations and times"):
        summary.networks += [_network(n, files, request.timing) for n in networks]
    summary.timings += [*passed.timings(), *clock.timings]
    return summary, drawn


def evaluate(request: WeightRequest, out: str | Path, say: Say = lambda step: None) -> Summary:
    """Compare particle weights and write `summary.json`, `index.html` and `figures/` into `out`.

    Parameters
    ----------
    request, say
        As for `measure`.
    out : path
        Folder of the results; made if it is not there.

    Returns
    -------
    Summary
        All numbers.

    Raises
    ------
    ArtefactError, ConfigurationError, MissingBranchError, PairingError
        A model or a sample cannot be used; the message says why.
    """
    from l1kd.models.evaluation.plots import drawings
    from l1kd.report.page import write_page

    folder = Path(out)
    require_writable(folder)
    summary, drawn = measure(request, say)
    say("plots and page")
    with writing(folder):
        summary.write(folder / "summary.json")
        write_page(summary, drawings(summary, drawn), folder)
    return summary
