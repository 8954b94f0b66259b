"""From a request to its page: processors over files, tables, plots."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from l1kd import plots
from l1kd.algorithms import ALGORITHMS, Algorithm, algorithm, known_algorithm
from l1kd.datasets import Dataset, InputFile
from l1kd.errors import ConfigurationError
from l1kd.execution import RunResult, require_writable, writing
from l1kd.insertion import insert
from l1kd.processors.multi import MultiProcessor
from l1kd.processors.particles import CORRELATOR, DELPHES_PUPPI
from l1kd.processors.rates import RateProcessor
from l1kd.processors.resolution import ResolutionProcessor
from l1kd.report import studies
from l1kd.report.page import write_page
from l1kd.report.summary import Summary, Timing
from l1kd.study.engine import Passed, pass_over
from l1kd.study.request import Request, nearest
from l1kd.study.samples import datasets_of
from l1kd.trigger.quantities import score_of
from l1kd.trigger.rates.curves import Normalisation, normalisation
from l1kd.vertices import FOUND, SIMULATED, Vertex, checked_vertex

__all__ = ["study"]

DEFAULT = ("puppi", "distillnet", "qdistillnet", "cicada")
"""What is studied unless the request says otherwise."""

_TRUTH_WEIGHTINGS = ("soft_truth", "no_pileup", DELPHES_PUPPI)


def _check_algorithms(request: Request) -> None:
    for name in request.algorithms or ():
        if isinstance(name, str) and name != "none" and not known_algorithm(name):
            hint = nearest(name, ALGORITHMS)
            if Path(name).suffix:
                hint = "; if that is a file, put files before options"
            raise ConfigurationError(
                f"unknown algorithm {name!r}; available: none, {', '.join(ALGORITHMS)}{hint}"
            )


def _algorithms(request: Request, file: InputFile) -> tuple[list[Algorithm], bool]:
    """Algorithms for the dataset of this file, and whether weight one is studied, too."""
    if request.algorithms is not None:
        named = [algorithm(a) for a in request.algorithms if a != "none"]
        return named, "none" in request.algorithms
    events = file.open(0, min(1, file.entries))
    return [a for a in map(algorithm, DEFAULT) if a.applies_to(events)], False


def _processor(
    request: Request,
    name: str,
    algorithms: Sequence[Algorithm],
    *,
    unweighted: bool,
    truth: bool,
    vertex: Vertex | None,
) -> MultiProcessor:
    """Processor of one dataset: rates for all, resolution for signals that have particles.

    LinPUPPI brings the correlator's own objects with it.
    """
    weights = [a.name for a in algorithms if a.is_weight]
    weightings = [*(["none"] if unweighted else []), *weights]
    if "linpuppi" in weights:
        weightings.append(CORRELATOR)
    common: dict[str, Any] = {
        "source": request.source,
        "vertex": vertex,
        "min_pt": request.min_pt,
        "jet_min_pt": request.jet_min_pt,
    }
    parts: dict[str, Any] = {}
    if request.resolution and name != request.zero_bias and weightings:
        extra = [w for w in _TRUTH_WEIGHTINGS if truth or w != "no_pileup"]
        parts["resolution"] = ResolutionProcessor(
            [*weightings, *extra],
            algorithms=[a for a in algorithms if a.is_weight],
            max_dr=request.max_dr,
            met_edges=request.met_edges,
            jet_edges=request.jet_edges,
            **common,
        )
    if request.rates:
        parts["rates"] = RateProcessor(
            weightings,
            score=False,
            algorithms=algorithms,
            ht_min_pt=request.ht_min_pt,
            ht_max_abs_eta=request.ht_max_eta,
            **common,
        )
    return MultiProcessor(parts, list(algorithms), request.source, vertex)


def _vertex(request: Request, datasets: Mapping[str, Dataset]) -> Vertex | None:
    """Return the vertex of all datasets: with zero bias the trigger's, None; else the simulated.

    One page has one vertex, or efficiencies would not belong to the rates.
    """
    if request.vertex is None and not (request.rates and request.zero_bias in datasets):
        return SIMULATED
    return request.vertex


def _require_sense(request: Request, datasets: Mapping[str, Dataset]) -> None:
    """Refuse a request from which nothing can come, before any work."""
    signals = [name for name in datasets if name != request.zero_bias]
    if request.resolution and not request.rates and not signals:
        raise ConfigurationError("nothing to study: a resolution needs files of a signal")
    if request.rates and not request.resolution and request.zero_bias not in datasets:
        raise ConfigurationError(
            "nothing to study: rates need zero-bias events, with --minbias FILE or as the dataset "
            f"{request.zero_bias!r} of a fileset"
        )


def _normalisation(request: Request) -> Normalisation:
    """Return what rates are normalised to, and what the zero bias can resolve."""
    if (request.library is None) != (request.mean_pileup is None):
        raise ConfigurationError(
            "library and mean_pileup belong together: one collision of a library is in mean_pileup "
            "/ library of the crossings"
        )
    given = {
        "bunches": request.bunches,
        "library": request.library,
        "mean_pileup": request.mean_pileup,
    }
    known = {name: value for name, value in given.items() if value is not None}
    return normalisation(request.normalisation).model_copy(update=known)


def study(request: Request, out: str | Path) -> Summary:
    """Run the studies and write `summary.json`, `index.html` and `figures/` into `out`.

    Raises
    ------
    ConfigurationError
        If the request cannot be met, or nothing could be computed from the files.
    OutputError
        If `out` cannot be written, where nothing is computed, or the disk is full at the end.
    L1KDError
        As `l1kd.execution.run`; nothing is written then.
    """
    _check_algorithms(request)
    norm = _normalisation(request)
    datasets = datasets_of(request)
    _require_sense(request, datasets)
    vertex = _vertex(request, datasets)
    folder = Path(out)
    require_writable(folder)
    chosen: dict[str, list[Algorithm]] = {}

    def processor_of(name: str, dataset: Dataset, first: InputFile) -> MultiProcessor:
        chosen[name], unweighted = _algorithms(request, first)
        truth = bool(dataset.truth)
        return _processor(
            request, name, chosen[name], unweighted=unweighted, truth=truth, vertex=vertex
        )

    passed = pass_over(datasets, processor_of, request, request.status)
    summary, figures = _report(request, norm, passed, chosen)
    if not (summary.resolution or summary.rates or summary.scores):
        raise ConfigurationError(
            "nothing could be computed: resolutions need particles and an algorithm that weights "
            "them, rates need zero-bias events and scores or weights; ask l1kd inspect "
            f"{passed.files[0].path}"
        )
    with writing(folder):
        summary.write(folder / "summary.json")  # first: whatever happens to the plots
        write_page(summary, figures, folder)
    return summary


def _report(
    request: Request,
    norm: Normalisation,
    passed: Passed,
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
            options=request.options(),
        ),
        files=passed.file_records(),
        timings=passed.timings(),
    )
    files, results = passed.files, passed.results
    for name, result in results.items():
        for part, output in result.output.items():
            if part == "losses":
                n_events = passed.events(name)
                summary.notes += [
                    _losses(name, prefix, lost, n_events) for prefix, lost in output.items()
                ]
            elif part == "vertex":
                summary.vertices.append(studies.vertex_record(name, output))
            else:
                summary.datasets.append(studies.dataset_record(name, part, output[name]))
    for name, result in results.items():
        if "resolution" in result.output:
            output = result.output["resolution"][name]
            tables = studies.resolution_study(
                name, output, met_edges=request.met_edges, jet_edges=request.jet_edges
            )
            summary.resolution.append(tables)
            figures |= studies.resolution_plots(tables, output)
    if request.rates and request.zero_bias in results:
        scores = [a for used in chosen.values() for a in used if not a.is_weight]
        _add_rates(request, summary, figures, norm, results, scores)
    elif request.rates:
        summary.notes.append("No zero-bias files were given, so there are no rates.")
    shown = next((file for file in files if file.dataset != request.zero_bias), files[0])
    weights = [a for a in chosen[shown.dataset] if a.is_weight]
    if shown.entries and weights:
        own = next((v.vertex for v in summary.vertices if v.dataset == shown.dataset), None)
        figures["event"] = _event_display(shown, request, weights, own)
    summary.timings.append(Timing(step="tables and figures", seconds=time.perf_counter() - start))
    return summary, figures


def _losses(name: str, prefix: str, lost: Mapping[str, int], n_events: int) -> str:
    """Say how many particles of an event the correlator's limits dropped."""
    each = ", ".join(f"{where.replace('_', ' ')} {n / n_events:.1f}" for where, n in lost.items())
    who = "LinPUPPI" if prefix == "L1Puppi" else f"{prefix}, a correlator,"
    return f"{who} on {name}: particles lost an event by limit of the firmware: {each}."


def _add_rates(
    request: Request,
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
    name = request.zero_bias
    background = columns.pop(name)
    targets = [1e3 * target for target in request.targets]
    summary.rates.append(
        studies.rate_study(name, background, columns, norm, targets_hz=targets, own=own)
    )
    figures |= studies.rate_plots(name, background, norm, own=own)
    for score in own:
        if score in background:
            summary.scores.append(studies.score_study(name, background, columns, score=score))
            figures |= studies.score_plots(name, background, columns, norm, score=score, own=own)


def _event_display(
    file: InputFile, request: Request, weights_of: Sequence[Algorithm], vertex: str | None
) -> Figure:
    """Draw the first event of a file."""
    choice = checked_vertex(vertex if vertex in (FOUND, SIMULATED) else None)
    particles = insert(file.open(0, 1), weights_of, request.source, choice)["L1Cand"][0]
    weights = {"none": None} | {a.name: particles[f"{a.name}_weight"] for a in weights_of}
    return plots.event_display(particles.pt, particles.eta, particles.phi, weights)
