"""CICADA's students in mixed precision, learned with HGQ2: every number has a width of its own.

``rings`` sums knots ring by ring, ``layers`` has the dense and the convolutional network of the
paper; ``exported`` makes the integer network; ``quantizers`` is what they share.
"""

from l1kd.models.cicada.hgq.exported import edge_images, export, score, trace
from l1kd.models.cicada.hgq.rings import rings

__all__ = ["edge_images", "export", "rings", "score", "trace"]
