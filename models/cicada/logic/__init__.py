"""CICADA's student of logic gates.

``encoding`` makes bits of regions and counts couples of them, ``gates`` are gates that learn,
``model`` is the network, while it is trained and in whole numbers.
"""

from l1kd.models.cicada.logic.encoding import couples
from l1kd.models.cicada.logic.model import KernelModel, Settled

__all__ = ["KernelModel", "Settled", "couples"]
