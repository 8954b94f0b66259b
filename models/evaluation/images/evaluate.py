"""`l1kd evaluate cicada`: scores of the calorimeter image, all on the same images."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.algorithms import EventScore
from l1kd.emulators.array_types import AnyFloats, Images
from l1kd.emulators.image_sums import image_sums
from l1kd.errors import ConfigurationError, InputError
from l1kd.execution import require_writable, writing
from l1kd.models.evaluation.images import measures
from l1kd.models.evaluation.images.cost import RESIDUAL_STAGE, cost_table
from l1kd.models.evaluation.images.judged import judged, target_of, teacher_of
from l1kd.models.evaluation.images.plots import figures
from l1kd.models.evaluation.images.samples import ImagesAtMu, Libraries, Sample
from l1kd.models.evaluation.images.seeds import beside_seeds
from l1kd.report import studies
from l1kd.report.menu_page import pictures_of, render
from l1kd.statistics import ONE_SIGMA, SharedEvents
from l1kd.study.request import CicadaRequest
from l1kd.trigger.rates import normalisation
from l1kd.trigger.rates.shared import SharedThreshold, shared_threshold

__all__ = ["TEACHER", "evaluate", "measure"]

TEACHER = "teacher"
_RATE_HZ = 1e6
_SYMMETRY_IMAGES = 500
_DRAWN = 2000
_FIRST = 100
"""Images that are scored before all, to find what is wrong early."""
Say = Callable[[str], None]
Scores = Mapping[str, EventScore]


def _scores_of(request: CicadaRequest) -> dict[str, EventScore]:
    """Scores under evaluation, the teacher first and the reference among them."""
    wanted = judged(request.models)
    if TEACHER in wanted:
        raise ConfigurationError(
            f"a score is called {TEACHER!r}, as the teacher of --teacher is: give it another name"
        )
    teacher = teacher_of(request.teacher, wanted)
    found: dict[str, EventScore] = {} if teacher is None else {TEACHER: teacher}
    found |= wanted
    if request.reference not in found:
        found |= judged((request.reference,))
    return found


def _scored(scores: Scores, images: Images, sample: str) -> dict[str, AnyFloats]:
    """Score the images of a sample.

    Raises
    ------
    InputError
        If a score is NaN, which no threshold passes or refuses: after the first images, before the
        rest takes its time.
    """
    for part in (slice(_FIRST), slice(None)):
        found = {name: score.score(images[part]) for name, score in scores.items()}
        for name, values in found.items():
            bad = int(np.isnan(values).sum())
            if bad:
                raise InputError(
                    f"score {name!r} ({scores[name].version}): expected a number for every image, "
                    f"found {bad} NaN of {len(values)} images of {sample}; mend the score, or "
                    "leave it out of --models"
                )
    return found


def _scales(scores: Scores) -> dict[str, float]:
    """Students of this teacher, and how many times its score they learned."""
    targets = {name: target_of(score) for name, score in scores.items()}
    return {
        name: float(target.get("scale", 1.0))
        for name, target in targets.items()
        if target.get("teacher") == scores[TEACHER].version
    }


def _at_mu(
    mu: float, made: ImagesAtMu, scores: Scores, request: CicadaRequest
) -> tuple[dict[str, Any], dict[str, SharedThreshold]]:
    """Everything at one mean pile-up, and thresholds for 1 MHz of undivided zero bias."""
    hertz = normalisation(request.normalisation).input_hz
    steps = {name: score.step for name, score in scores.items()}
    noise = _scored(scores, made.noise.images, f"zero bias at mean pile-up {mu:g}")
    stitched = _scored(scores, made.stitched.images, f"stitched zero bias at mean pile-up {mu:g}")
    signals = {
        name: (_scored(scores, x.images, f"{name} at mean pile-up {mu:g}"), x.blocks)
        for name, x in made.signals.items()
    }
    only = {name: scored for name, (scored, _) in signals.items()}
    events = SharedEvents(made.stitched.blocks, made.stitched.weights)
    targets = [1e3 * target for target in request.targets]
    sums = {name: image_sums(x.images) for name, x in made.signals.items()}
    found: dict[str, Any] = {
        "mu": mu,
        "areas": measures.areas(noise, made.noise.blocks, signals, request.reference),
        "roc": {
            s: {name: measures.roc_points(noise[name], scored[name]) for name in scores}
            for s, scored in only.items()
        },
        "rates": measures.at_rates(stitched, events, signals, targets, hertz, steps),
        "stitched": {
            "rates_hz": dict(made.stitched.rates),
            "crossings": len(made.stitched.images),
            "hard_collisions": len(np.setdiff1d(made.stitched.hard, [-1])),
        },
        "seeds": beside_seeds(
            stitched,
            image_sums(made.stitched.images),
            events,
            {s: (scored, sums[s], blocks) for s, (scored, blocks) in signals.items()},
            (1e3 * request.seeds, 1e3 * request.extra),
            hertz,
        ),
        "saturation": measures.saturation(noise, only),
        "symmetry": {
            name: measures.symmetry(score.score, made.noise.images[:_SYMMETRY_IMAGES])
            for name, score in scores.items()
        },
        "distances": {},
        "drawn": {
            "zero bias": {name: values[:_DRAWN].tolist() for name, values in noise.items()},
            **{s: {n: v[:_DRAWN].tolist() for n, v in x.items()} for s, x in only.items()},
        },
    }
    if TEACHER in scores:
        found["distances"] = measures.distances(
            (noise, made.noise.blocks), signals, TEACHER, _scales(scores)
        )
    shared = SharedEvents(made.noise.blocks)
    cuts = {
        name: shared_threshold(noise[name], shared, _RATE_HZ, hertz, step=steps[name])
        for name in scores
    }
    return found, cuts


def measure(
    request: CicadaRequest, say: Say = lambda step: None
) -> tuple[dict[str, Any], Libraries]:
    """Compare scores of the calorimeter image.

    Parameters
    ----------
    request
        Libraries, scores, pile-ups and rates.
    say
        Called with a line for every step.

    Returns
    -------
    (numbers, libraries)
        JSON-ready: ``at``, one entry for each mean pile-up; ``pileup``, rates and scores against
        it; ``cost``; ``scores``, what was compared.

    Raises
    ------
    ConfigurationError, InputError, UnreadableFileError, ArtefactError, FirmwareSourceError
        A library or a score cannot be used; the message says why.
    """
    if not request.fileset:
        raise ConfigurationError("no libraries: name a folder of regions_NAME.npz files")
    scores, libraries = _scores_of(request), Libraries.of(request)
    hertz = normalisation(request.normalisation).input_hz
    found: dict[str, Any] = {
        "scores": {name: score.version for name, score in scores.items()},
        "reference": request.reference,
        "teacher": None if TEACHER not in scores else scores[TEACHER].version,
        "signals": list(libraries.signals),
        "input_hz": hertz,
        "level": ONE_SIGMA,
        # first of all: it reads every network and build, and what is wrong should cost no time
        "cost": cost_table(scores, request.built),
        "residual_stage": RESIDUAL_STAGE,
        "at": [],
    }
    first = libraries.noise(request.mu[0], request.model_copy(update={"images": _FIRST}))
    _scored(scores, first.images, f"zero bias at mean pile-up {request.mu[0]:g}")
    thresholds: dict[str, dict[str, SharedThreshold]] = {}
    for mu in request.mu:
        say(f"mean pile-up {mu:g}: images")
        made = libraries.at(mu, request)
        say(f"mean pile-up {mu:g}: {len(scores)} scores")
        entry, thresholds[f"{mu:g}"] = _at_mu(mu, made, scores, request)
        found["at"].append(entry)
    say("rates and scores against pile-up")
    along: dict[float, tuple[dict[str, AnyFloats], SharedEvents]] = {}
    for mu in sorted(request.curve_mu):
        sample: Sample = libraries.along(mu, request)
        along[mu] = (
            _scored(scores, sample.images, f"zero bias at mean pile-up {mu:g}"),
            SharedEvents(sample.blocks),
        )
    found["pileup"] = measures.against_pileup(thresholds, along, hertz) | {"set_at_hz": _RATE_HZ}
    return found, libraries


def evaluate(
    request: CicadaRequest, out: str | Path, say: Say = lambda step: None
) -> dict[str, Any]:
    """Compare scores and write `cicada.json`, `index.html` and `figures/` into `out`.

    Parameters
    ----------
    request, say
        As for `measure`.
    out
        Folder of the results; made if it is not there.

    Returns
    -------
    dict
        All numbers.
    """
    folder = Path(out)
    require_writable(folder)
    found, libraries = measure(request, say)
    provenance = studies.provenance({}, command=request.command).model_dump()
    provenance["options"] = request.options()
    found["provenance"] = provenance
    found["libraries"] = {name: str(path) for name, path in libraries.paths.items()}
    say("plots and page")
    with writing(folder):
        drawn = pictures_of(figures(found), folder)
        for entry in found["at"]:
            del entry["drawn"]  # the plots hold it
        text = json.dumps(_plain(found), indent=1) + "\n"
        (folder / "cicada.json").write_text(text, encoding="utf-8")
        shown = {"found": found, "pictures": drawn, "about": provenance, "label": request.label}
        (folder / "index.html").write_text(render("images.html", shown), encoding="utf-8")
    return found


def _plain(value: Any) -> Any:
    """Return JSON types; a number that is none is null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
