"""The whole job: files in, resolution, rates, scores, figures and a page out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from l1kd import plots
from l1kd.algorithms import Algorithm, algorithm
from l1kd.datasets import Dataset, InputFile, load_fileset, read_fileset
from l1kd.errors import ConfigurationError, UnreadableFileError
from l1kd.execution import Executor, RunResult, run
from l1kd.insertion import insert
from l1kd.processors.particles import CORRELATOR, DELPHES_PUPPI
from l1kd.processors.rates import RateProcessor
from l1kd.processors.resolution import ResolutionProcessor
from l1kd.processors.together import Together
from l1kd.report import studies
from l1kd.report.page import write_page
from l1kd.report.summary import FileRecord, Summary, Timing
from l1kd.trigger.quantities import score_of
from l1kd.trigger.rates import Normalisation, normalisation

__all__ = ["MINBIAS", "Request", "study"]

MINBIAS = "minbias"
"""Name of the dataset from which rates are taken."""

DEFAULT = ("puppi", "distillnet", "qdistillnet", "cicada")
"""What is studied unless the request says otherwise."""

_TRUTH_WEIGHTINGS = ("soft_truth", "no_pileup", DELPHES_PUPPI)


@dataclass(frozen=True)
class Request:
    """What to study, and how to run it.

    Attributes
    ----------
    fileset
        Signals, in a form of `l1kd.datasets.load_fileset`; may hold the dataset `minbias`.
    minbias
        Files of zero-bias events; empty for no rates.
    truth
        Files without pile-up that pair with the fileset's files, in order, if it has one dataset.
    algorithms
        Names of what to insert and to study, or algorithm objects; None for all that `DEFAULT` names
        and the files allow.
    resolution, rates
        Which of the studies to make.
    normalisation
        Preset of `l1kd.trigger.rates`.
    min_pt
        Only particles above enter missing momentum and jets [GeV].
    """

    fileset: Any
    minbias: Sequence[str] = ()
    truth: Sequence[str] = ()
    algorithms: Sequence[str | Algorithm] | None = None
    source: str | None = None
    resolution: bool = True
    rates: bool = True
    normalisation: str = "hl_lhc"
    min_pt: float = 0.0
    executor: Executor = "iterative"
    workers: int = 1
    scheduler: str | None = None
    checkpoint: str | None = None
    skip_bad_files: bool = False
    chunksize: int = 100
    status: bool = False
    label: str = ""
    command: Sequence[str] | None = field(default=None)


def _datasets(request: Request) -> dict[str, Dataset]:
    datasets = load_fileset(request.fileset)
    if request.truth:
        if len(datasets) != 1:
            raise ConfigurationError(
                "truth files pair with one dataset; name them in the fileset's YAML for several"
            )
        name, dataset = next(iter(datasets.items()))
        datasets = load_fileset({name: {"files": dataset.files, "truth": list(request.truth)}})
    if request.minbias:
        datasets |= load_fileset({MINBIAS: list(request.minbias)})
    return datasets


def _algorithms(request: Request, file: InputFile) -> list[Algorithm]:
    """Algorithms for the dataset of this file."""
    if request.algorithms is not None:
        return [algorithm(a) for a in request.algorithms]
    events = file.open(0, min(1, file.entries))
    return [a for a in map(algorithm, DEFAULT) if a.applies_to(events)]


def _weights(algorithms: Sequence[Algorithm]) -> list[str]:
    return [a.name for a in algorithms if a.is_weight]


def _processor(
    request: Request, name: str, algorithms: Sequence[Algorithm], *, truth: bool
) -> Together:
    """Processor of one dataset: rates for all, resolution for signals that have particles.

    LinPUPPI brings the correlator's own objects with it.
    """
    weights = _weights(algorithms)
    weightings = ["none", *weights] if weights else []
    if "linpuppi" in weights:
        weightings.append(CORRELATOR)
    parts: dict[str, Any] = {}
    if request.resolution and name != MINBIAS and weightings:
        extra = [w for w in _TRUTH_WEIGHTINGS if truth or w != "no_pileup"]
        parts["resolution"] = ResolutionProcessor(
            [*weightings, *extra],
            algorithms=[a for a in algorithms if a.is_weight],
            source=request.source,
            min_pt=request.min_pt,
        )
    if request.rates:
        parts["rates"] = RateProcessor(
            weightings,
            score=False,
            algorithms=algorithms,
            source=request.source,
            min_pt=request.min_pt,
        )
    return Together(parts, list(algorithms), request.source)


def study(request: Request, out: str | Path) -> Summary:
    """Run the studies and write `summary.json`, `index.html` and `figures/` into `out`.

    Raises
    ------
    L1KDError
        As `l1kd.execution.run`; nothing is written then.
    """
    for name in request.algorithms or ():
        algorithm(name)  # an unknown one is an error before any file is opened
    norm = normalisation(request.normalisation)
    datasets = _datasets(request)
    files, bad = read_fileset(datasets)
    if bad and not request.skip_bad_files:
        raise next(iter(bad.values()))
    results: dict[str, RunResult] = {}
    chosen: dict[str, list[Algorithm]] = {}
    for name, dataset in datasets.items():
        opened = [file for file in files if file.dataset == name]
        if not opened:
            raise UnreadableFileError(f"dataset {name!r}: no file of it can be read")
        chosen[name] = _algorithms(request, opened[0])
        results[name] = run(
            _processor(request, name, chosen[name], truth=bool(dataset.truth)),
            {name: dataset},
            executor=request.executor,
            workers=request.workers,
            scheduler=request.scheduler,
            checkpoint=request.checkpoint,
            skip_bad_files=request.skip_bad_files,
            chunksize=request.chunksize,
            status=request.status,
        )
    summary, figures = _report(request, norm, files, results, chosen)
    folder = Path(out)
    write_page(summary, figures, folder)
    summary.write(folder / "summary.json")
    return summary


def _report(
    request: Request,
    norm: Normalisation,
    files: list[InputFile],
    results: Mapping[str, RunResult],
    chosen: Mapping[str, list[Algorithm]],
) -> tuple[Summary, dict[str, Figure]]:
    """Turn what was accumulated into records and figures."""
    start = time.perf_counter()
    figures: dict[str, Figure] = {}
    summary = Summary(
        title="l1kd run",
        sample_label=request.label,
        provenance=studies.provenance(
            {a.name: a.version for used in chosen.values() for a in used},
            command=request.command,
            executor=request.executor,
            workers=request.workers,
        ),
    )
    for name, result in results.items():
        summary.files += _file_records(name, files, result)
        n_events = sum(result.events.values())
        for part, output in result.output.items():
            if part == "losses":
                summary.notes.append(_losses(name, output, n_events))
            else:
                summary.datasets.append(studies.dataset_record(name, part, output[name]))
        summary.timings.append(Timing(step=f"run {name}", seconds=result.seconds, events=n_events))
    for name, result in results.items():
        if "resolution" in result.output:
            output = result.output["resolution"][name]
            tables = studies.resolution_study(name, output)
            summary.resolution.append(tables)
            figures |= studies.resolution_figures(tables, output)
    if request.rates and MINBIAS in results:
        scores = [a for used in chosen.values() for a in used if not a.is_weight]
        _add_rates(summary, figures, norm, results, scores)
    elif request.rates:
        summary.notes.append("No zero-bias files were given, so there are no rates.")
    signal = next((file for file in files if file.dataset != MINBIAS), None)
    if signal is not None and _weights(chosen[signal.dataset]):
        figures["event"] = _event_display(signal, request, chosen[signal.dataset])
    summary.timings.append(Timing(step="tables and figures", seconds=time.perf_counter() - start))
    return summary, figures


def _losses(name: str, lost: Mapping[str, int], n_events: int) -> str:
    """Say how many particles of an event the correlator's limits dropped."""
    each = ", ".join(f"{where.replace('_', ' ')} {n / n_events:.1f}" for where, n in lost.items())
    return f"LinPUPPI on {name}: particles lost an event by limit of the firmware: {each}."


def _add_rates(
    summary: Summary,
    figures: dict[str, Figure],
    norm: Normalisation,
    results: Mapping[str, RunResult],
    scores: Sequence[Algorithm],
) -> None:
    own = {q.name: q for q in map(score_of, scores)}
    columns = {
        name: result.output["rates"][name]["columns"].joined() for name, result in results.items()
    }
    background = columns.pop(MINBIAS)
    summary.rates.append(studies.rate_study(MINBIAS, background, columns, norm, own=own))
    figures |= studies.rate_figures(MINBIAS, background, norm, own=own)
    for score in own:
        if score in background:
            summary.scores.append(studies.score_study(MINBIAS, background, columns, score=score))
            figures |= studies.score_figures(
                MINBIAS, background, columns, norm, score=score, own=own
            )


def _file_records(name: str, files: list[InputFile], result: RunResult) -> list[FileRecord]:
    records = [
        FileRecord(
            path=file.path,
            dataset=name,
            entries=file.entries,
            processed=result.events.get(file.path, 0),
            truth=file.truth,
            skipped=result.skipped.get(file.path),
        )
        for file in files
        if file.dataset == name
    ]
    known = {record.path for record in records}
    unopened = [
        FileRecord(path=path, dataset=name, skipped=reason)
        for path, reason in result.skipped.items()
        if path not in known
    ]
    return records + unopened


def _event_display(file: InputFile, request: Request, algorithms: Sequence[Algorithm]) -> Figure:
    """Draw the first event of the first signal file."""
    weights_of = [a for a in algorithms if a.is_weight]
    particles = insert(file.open(0, 1), weights_of, request.source)["L1Cand"][0]
    weights = {"none": None} | {a.name: particles[f"{a.name}_weight"] for a in weights_of}
    return plots.event_display(particles.pt, particles.eta, particles.phi, weights)
