"""coffea's schemas as the trigger's files need them."""

from typing import ClassVar

from coffea.nanoevents import NanoAODSchema, PFNanoAODSchema

__all__ = ["TriggerNanoSchema", "TriggerPFNanoSchema"]


class TriggerNanoSchema(NanoAODSchema):
    """NanoAOD of the trigger, which need not have event numbers or cross-references."""

    event_ids: ClassVar[list[str]] = []
    warn_missing_crossrefs = False


class TriggerPFNanoSchema(PFNanoAODSchema):
    """PFNano with the same lenience."""

    event_ids: ClassVar[list[str]] = []
    warn_missing_crossrefs = False
