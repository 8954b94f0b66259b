"""What networks of the correlator share as algorithms."""

from pathlib import Path
from typing import Any

import awkward as ak

from l1kd._edge import note
from l1kd.algorithms.deployed.base import DeployedNetwork
from l1kd.algorithms.deployed.candidates import CorrelatorEvents, can_read, correlator_events
from l1kd.algorithms.linpuppi import LinPuppi

__all__ = ["OfCorrelator"]


class OfCorrelator(DeployedNetwork):
    """A network of PUPPI candidates: those that the events have, or l1kd's own.

    Parameters
    ----------
    model
        The firmware folder.
    source
        Collection of candidates, `L1PuppiCand`, `L1ExtPuppiCand` or `L1PuppiCands`; by default the
        first that the events have. Without any the correlator runs on the particles, and its
        collections are inserted, too.
    linpuppi
        How it runs then.
    """

    inputs = ("L1PuppiCand",)
    tracks: bool = True
    """Whether it reads impact parameters."""

    def __init__(
        self,
        model: str | Path | None = None,
        source: str | None = None,
        *,
        linpuppi: LinPuppi | None = None,
    ) -> None:
        super().__init__(model, source)
        self.linpuppi = LinPuppi() if linpuppi is None else linpuppi

    def applies_to(self, events: Any) -> bool:
        """Whether the events have candidates, or particles."""
        return can_read(events)

    def candidates(self, events: ak.Array) -> CorrelatorEvents:
        """Read the candidates; what was filled in is noted."""
        found = correlator_events(events, self.source, self.linpuppi, tracks=self.tracks)
        for name, value in found.filled.items():
            note("filled", f"{name} = {value}")
        return found
