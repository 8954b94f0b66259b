"""A trained teacher: written, and opened from its artefact."""

from pathlib import Path

import numpy as np

from l1kd.artefacts import load
from l1kd.errors import ArtefactError
from l1kd.models.objects.baselines import Score
from l1kd.models.objects.teachers.config import TeacherTraining
from l1kd.models.objects.teachers.teacher import Teacher
from l1kd.models.objects.teachers.training import build

__all__ = ["KIND", "WEIGHTS", "open_teacher", "save_teacher"]

KIND, WEIGHTS = "object_teacher", "weights.npz"


def save_teacher(teacher: Teacher, path: Path) -> None:
    """Write the arrays of the network, in its order."""
    arrays = {f"array_{k:02d}": array for k, array in enumerate(teacher.model.get_weights())}
    np.savez_compressed(path, **arrays)


def open_teacher(name: str | Path) -> Score:
    """Return the score of a teacher's artefact.

    Raises
    ------
    ArtefactError
        There is none, or its arrays do not fit what its manifest says.
    """
    artefact = load(name, KIND)
    described = artefact.manifest["outputs"]["score"]
    path = artefact.file(WEIGHTS)
    try:
        teacher = build(described["method"], TeacherTraining.model_validate(described["settings"]))
        with np.load(path, allow_pickle=False) as archive:
            teacher.model.set_weights([archive[key] for key in sorted(archive.files)])
        return teacher.scores()[described["of"]]
    except (KeyError, ValueError) as error:
        raise ArtefactError(f"{path}: expected the arrays of the teacher: {error}") from error
