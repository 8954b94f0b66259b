"""Configuration of a student's training."""

from typing import Literal

from l1kd.models.config import Optimisation, Training
from l1kd.models.objects.data import ObjectFiles
from l1kd.models.objects.students.architecture import Student
from l1kd.models.objects.students.pool import PoolSizes

__all__ = ["ObjectStudentConfig"]


class ObjectStudentConfig(Training):
    """A student of a teacher, as firmware.

    `search` says where its architecture comes from.
    """

    kind: Literal["object_student"]
    data: ObjectFiles
    teacher: str
    student: Student
    search: str = ""
    pool: PoolSizes = PoolSizes()
    optimisation: Optimisation
