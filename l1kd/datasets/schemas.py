"""coffea's schema of the skims that l1kd writes."""

from typing import Any

from coffea.nanoevents import DelphesSchema, transforms
from coffea.nanoevents.methods import delphes, nanoaod
from coffea.nanoevents.schemas.base import zip_forms

from l1kd.candidates import behavior as _candidates
from l1kd.formats.schemas import TriggerPFNanoSchema

__all__ = ["L1KDSchema"]


_MASSLESS = ("Photon", "Electron", "Muon", "Tower")
"""coffea's classes of Delphes without a mass of their own."""


class L1KDSchema(TriggerPFNanoSchema):
    """Skims of `l1kd insert`, ROOT or parquet: `NanoEventsFactory` gives vectors again.

    `L1Cand` is what `l1kd.candidates` gives, and every collection with `pt`, `eta`, `phi` and
    `mass` or `energy` is a Lorentz vector, a user's own among them. What was copied from NanoAOD
    or PFNano has coffea's classes and cross-references of these; what was copied from Delphes keeps
    Delphes' names and has coffea's classes of Delphes.
    """

    mixins: dict[str, str]

    def __init__(self, base_form: dict[str, Any], version: str = "latest") -> None:
        fields = set(base_form["fields"])
        collections = {name[1:] for name in fields if name.startswith("n")}
        collections |= {name.split("_")[0] for name in fields}
        self._from_delphes = _is_delphes(fields)
        known = DelphesSchema.mixins if self._from_delphes else TriggerPFNanoSchema.mixins
        self.mixins = dict(known)
        for name in collections:
            stored = {f.removeprefix(f"{name}_") for f in fields if f.startswith(f"{name}_")}
            mixin = "L1Cand" if name == "L1Cand" and "charge" in stored else _vector(stored)
            if mixin is not None and (name == "L1Cand" or name not in known):
                self.mixins[name] = mixin
        self.lenient = not self._from_delphes
        if self._from_delphes:
            self.all_cross_references = dict[str, str]()
            self.full_like_items: dict[str, Any] = {
                f"{name}_mass": (transforms.full_like_from_offsets_form, (f"o{name}", 0.0))
                for name in collections
                if known.get(name) in _MASSLESS
            }
        super().__init__(base_form, version)
        if self._from_delphes:
            # an attribute of the instance: which classes fit depends on the file
            setattr(self, "behavior", _delphes_behavior)  # noqa: B010

    def _build_collections(
        self, field_names: list[str], input_contents: list[Any]
    ) -> tuple[list[str], list[Any]]:
        forms = dict(zip(field_names, input_contents, strict=True))
        made = {
            name: self._list(name, forms)
            for counter in sorted(forms, key=len, reverse=True)
            if "_" in (name := counter[1:]) and counter[0] == "n" and _has_members(name, forms)
        }
        names, contents = super()._build_collections(list(forms), list(forms.values()))
        if self._from_delphes:
            for content in contents:
                _alias(content)
        return [*names, *made], [*contents, *made.values()]

    def _list(self, name: str, forms: dict[str, Any]) -> Any:
        """Take a collection whose name holds an underscore out of `forms`."""
        offsets = transforms.counts2offsets_form(forms.pop(f"n{name}"))
        members = [f for f in forms if f.startswith(f"{name}_")]
        content = {f.removeprefix(f"{name}_"): forms.pop(f) for f in members}
        mixin = self.mixins.get(name, "NanoCollection")
        form = zip_forms(content, name, record_name=mixin, offsets=offsets)
        form["content"]["parameters"].update({"collection_name": name})
        return form

    @classmethod
    def behavior(cls) -> dict[Any, Any]:
        """Classes of CMS and of l1kd."""
        return {**nanoaod.behavior, **_candidates}


def _is_delphes(fields: set[str]) -> bool:
    """Whether these are Delphes' names: PT and Eta where CMS writes pt and eta."""
    pairs = (("PT", "Eta"), ("ET", "Eta"), ("MET", "Phi"))
    return any(
        f"{name.rsplit('_', 1)[0]}_{second}" in fields
        for first, second in pairs
        for name in fields
        if name.endswith(f"_{first}")
    )


def _has_members(name: str, forms: dict[str, Any]) -> bool:
    return any(f.startswith(f"{name}_") for f in forms)


def _vector(stored: set[str]) -> str | None:
    """Class of a collection that has what a Lorentz vector needs."""
    if not stored.issuperset({"pt", "eta", "phi"}):
        return None
    if "energy" in stored:
        return "PtEtaPhiELorentzVector"
    if "mass" in stored:
        return "PtEtaPhiMCollection" if "charge" not in stored else "PtEtaPhiMCandidate"
    return None


def _delphes_behavior() -> dict[Any, Any]:
    return {**delphes.behavior, **_candidates}


_ANGLES = {"eta": "Eta", "phi": "Phi"}
_ALIASES = {
    "MissingET": {"rho": "MET", **_ANGLES},
    "Vertex": {"t": "T", "x": "X", "y": "Y", "z": "Z"},
    **{name: _ANGLES | {"mass": "Mass"} for name in ("Particle", "Jet", "Track")},
    **dict.fromkeys(_MASSLESS, _ANGLES),
}
"""Names that coffea's classes of Delphes read, and what Delphes calls them."""


def _alias(content: dict[str, Any]) -> None:
    """Add to a Delphes collection the names that its class reads, as coffea's own schema does."""
    record = content.get("content", content)
    aliases = _ALIASES.get(record.get("parameters", {}).get("__record__", ""))
    if aliases is None:
        return
    fields, contents = record["fields"], record["contents"]
    if "E" in fields:  # a vector has a mass or an energy
        del contents[fields.index("E")]
        fields.remove("E")
    if {"PT", "ET"} & set(fields):
        momentum = "PT" if "PT" in fields else "ET"
        aliases = {"PT": momentum, "pt": momentum} | aliases
    for name, stored in aliases.items():
        if stored in fields and name not in fields:
            contents.append(contents[fields.index(stored)])
            fields.append(name)
