"""Autoencoders that learn the background, one module a kind, and what all of them give."""

from l1kd.models.objects.teachers.files import KIND, WEIGHTS, open_teacher, save_teacher
from l1kd.models.objects.teachers.teacher import FLOOR, Teacher
from l1kd.models.objects.teachers.training import build, train_teacher

__all__ = [
    "FLOOR",
    "KIND",
    "WEIGHTS",
    "Teacher",
    "build",
    "open_teacher",
    "save_teacher",
    "train_teacher",
]
