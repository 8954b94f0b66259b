"""CICADA's students in mixed precision, learned with HGQ2: every number has a width of its own.

``rings`` sums knots ring by ring, ``layers`` has the dense and the convolutional network of the
paper, ``tables`` looks results up; ``quantizers`` is what they share. ``student`` chooses among
them, ``training`` trains, ``exported`` makes the integer network.
"""

from l1kd.models.cicada.hgq.exported import edge_images, export, export_tables, score, trace
from l1kd.models.cicada.hgq.student import student
from l1kd.models.cicada.hgq.training import train_student

__all__ = ["edge_images", "export", "export_tables", "score", "student", "trace", "train_student"]
