"""The scores under evaluation, by name."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from l1kd.algorithms import ALGORITHMS, Cicada, CicadaTeacher, EventScore, algorithm
from l1kd.artefacts import load, shipped
from l1kd.errors import ConfigurationError

__all__ = ["SIMPLE", "judged", "target_of", "teacher_of"]

SIMPLE = ("ring_chi2", "ring_excess", "calo_hottest", "calo_ht", "calo_rms", "calo_sum")
"""Scores that need no training, with which every comparison is made."""
_TEACHER = "cicada_teacher"


def _networks(kind: str) -> list[str]:
    return [name for name in shipped() if load(name).kind == kind]


def _score(name: str) -> EventScore:
    if name in ALGORITHMS:
        found = algorithm(name)
        if not isinstance(found, EventScore) or found.inputs != ("regions",):
            raise ConfigurationError(f"{name}: not a score of the calorimeter image")
        return found
    path = Path(name)
    if (path.is_dir() and (path / "manifest.json").is_file()) or not path.exists():
        return CicadaTeacher(name) if load(name).kind == _TEACHER else Cicada(name)
    return Cicada(name)


def judged(names: tuple[str, ...]) -> dict[str, EventScore]:
    """Find scores, and call them as plots and tables do.

    Parameters
    ----------
    names
        Names of scores, artefacts, firmware folders or network files; NAME=FOLDER names one. None
        at all: every shipped network, and `SIMPLE`.

    Raises
    ------
    ConfigurationError, ArtefactError, FirmwareSourceError
        If one is no score of the image, or two have the same name.
    """
    wanted = names or (*_networks("cicada"), *SIMPLE)
    found: dict[str, EventScore] = {}
    for entry in wanted:
        label, equals, place = entry.partition("=")
        if not label.strip() or (equals and not place.strip()):
            raise ConfigurationError(f"score {entry!r}: expected NAME, or NAME=FOLDER to name one")
        score = _score(place if equals else entry)
        name = label if equals else score.version if isinstance(score, Cicada) else entry
        if name in found:
            raise ConfigurationError(f"two scores are called {name!r}: name one, NAME=FOLDER")
        found[name] = score
    return found


def teacher_of(name: str | None, scores: Mapping[str, EventScore]) -> CicadaTeacher | None:
    """Return the teacher that was asked for.

    Else the shipped one that most of the scores learned, else the newest; None where none is.
    """
    if name is None:
        there = _networks(_TEACHER)
        learned = [target_of(score).get("teacher") for score in scores.values()]
        counts = Counter(title for title in learned if title in there)
        return (
            CicadaTeacher([*(title for title, _ in counts.most_common(1)), there[-1]][0])
            if there
            else None
        )
    return CicadaTeacher(name)


def target_of(score: EventScore) -> Mapping[str, Any]:
    """Say what a network learned: its ``target``, and its ``teacher`` where it names one."""
    if not isinstance(score, Cicada) or score.is_firmware:
        return {}
    stated: Mapping[str, Any] = score.artefact.manifest["outputs"].get("score", {})
    return stated
