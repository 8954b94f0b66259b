"""coffea's schemas as the trigger's files need them."""

from typing import Any, ClassVar

from coffea.nanoevents import NanoAODSchema, PFNanoAODSchema

__all__ = ["TriggerNanoSchema", "TriggerPFNanoSchema"]


def _keep_stored(schema: Any, base_form: dict[str, Any]) -> None:
    """Make a schema fill in constants only where the file stores no column of that name."""
    schema.full_like_items = {
        name: made
        for name, made in schema.full_like_items.items()
        if name not in base_form["fields"]
    }


class TriggerNanoSchema(NanoAODSchema):
    """NanoAOD of the trigger, which need not have event numbers or cross-references."""

    event_ids: ClassVar[list[str]] = []
    warn_missing_crossrefs = False

    def __init__(self, base_form: dict[str, Any], version: str = "latest") -> None:
        _keep_stored(self, base_form)
        super().__init__(base_form, version)


class TriggerPFNanoSchema(PFNanoAODSchema):
    """PFNano with the same lenience."""

    event_ids: ClassVar[list[str]] = []
    warn_missing_crossrefs = False

    def __init__(self, base_form: dict[str, Any], version: str = "latest") -> None:
        _keep_stored(self, base_form)
        super().__init__(base_form, version)
