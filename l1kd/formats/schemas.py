"""coffea's schemas as the trigger's files need them: a missing branch is no reason to fail.

coffea gives every known collection a class (a Lorentz vector, a vertex) and fails, when the file
is opened or the collection is touched, if a branch of that class is missing. Here such a collection
is one of plain numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from coffea.nanoevents import DelphesSchema, NanoAODSchema, PFNanoAODSchema

__all__ = ["TriggerDelphesSchema", "TriggerNanoSchema", "TriggerPFNanoSchema"]

_PLAIN = "NanoCollection"
_WITHOUT_MASS = ("Photon", "Electron", "Muon", "Tower", "MasslessParticle")
_DELPHES_NEEDS = {
    "MissingET": {"MET", "Eta", "Phi"},
    "Vertex": {"T", "X", "Y", "Z"},
    **{name: {"PT", "Eta", "Phi", "Mass"} for name in ("Particle", "Jet", "Track")},
    **{name: {"Eta", "Phi"} for name in _WITHOUT_MASS},
}
_NANO_NEEDS = {
    "MissingET": {"pt", "phi"},
    "Vertex": {"x", "y", "z"},
    "SecondaryVertex": {"x", "y", "z", "pt", "eta", "phi", "mass"},
}
_VECTOR = {"pt", "eta", "phi", "mass"}
_NO_VECTORS = (_PLAIN, "MissingET", "Vertex", "SecondaryVertex", "AssociatedPFCand", "AssociatedSV")


def _fitting(mixins: Mapping[str, str], lacks: Callable[[str, str], bool]) -> dict[str, str]:
    """Classes of the collections, without those whose branches are not there."""
    return {name: _PLAIN if lacks(name, mixin) else mixin for name, mixin in mixins.items()}


class TriggerDelphesSchema(DelphesSchema):
    """Delphes, whose collections need not have all branches of coffea's classes."""

    mixins: dict[str, str]

    def _build_collections(self, branch_forms: dict[str, Any]) -> dict[str, Any]:
        def lacks(name: str, mixin: str) -> bool:
            stem = f"{name}/{name}."
            stored = {b.removeprefix(stem) for b in branch_forms if b.startswith(stem)}
            momentum = mixin not in _WITHOUT_MASS or bool({"PT", "ET"} & stored)
            return bool(stored) and not (
                momentum and stored.issuperset(_DELPHES_NEEDS.get(mixin, set()))
            )

        self.mixins = _fitting(type(self).mixins, lacks)
        return super()._build_collections(branch_forms)


class _Lenient(NanoAODSchema):
    """What both schemas of NanoAOD do about missing branches."""

    event_ids: ClassVar[list[str]] = []
    warn_missing_crossrefs = False
    mixins: dict[str, str]
    full_like_items: dict[str, Any]
    lenient = True
    """Whether classes whose branches are missing are left away."""

    def __init__(self, base_form: dict[str, Any], version: str = "latest") -> None:
        # constants fill in only where the file stores no column of that name
        stored = base_form["fields"]
        self.full_like_items = {
            name: made for name, made in self.full_like_items.items() if name not in stored
        }
        super().__init__(base_form, version)

    def _build_collections(
        self, field_names: list[str], input_contents: list[Any]
    ) -> tuple[list[str], list[Any]]:
        stored = {*field_names, *self.full_like_items, *self.alias_items}

        def lacks(name: str, mixin: str) -> bool:
            needs = _NANO_NEEDS.get(mixin, set() if mixin in _NO_VECTORS else _VECTOR)
            there = any(field.startswith(f"{name}_") for field in field_names)
            return there and not stored.issuperset(f"{name}_{need}" for need in needs)

        if self.lenient:
            self.mixins = _fitting(self.mixins, lacks)
        return super()._build_collections(field_names, input_contents)


class TriggerNanoSchema(_Lenient):
    """NanoAOD of the trigger, which need not have event numbers or cross-references."""


class TriggerPFNanoSchema(_Lenient, PFNanoAODSchema):
    """PFNano with the same lenience."""
