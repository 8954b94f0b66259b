"""How turn-ons are described: in YAML, in Python, by options.

```yaml
jet:
  online: L1SeededConeJet.pt
  reference: GenJet.pt
  match: 0.35                      # dR; without it the largest objects of an event are compared
  reference_cuts: ["abs(eta) < 2.4"]
  online_cuts: []
  regions: {barrel: [0, 1.5], endcap: [1.5, 2.4]}
  edges: [0, 200, 5]               # first, last, width; or all edges under `bins`
  step: 0.25
  thresholds: [40, 60, 80, 100]
  scaling: 0.95                    # efficiency at which thresholds are quoted
```
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from l1kd._documents import read_document
from l1kd.emulators.array_types import Floats
from l1kd.errors import ConfigurationError
from l1kd.registry import nearest
from l1kd.trigger.efficiency.turn_on import Shape
from l1kd.trigger.object_menu.expressions import parse_cut

__all__ = ["INCLUSIVE", "TurnOnForm", "by_region", "read_turn_ons"]


Cuts = tuple[str, ...] | dict[str, tuple[str, ...]]
"""Cuts on all objects, or on those of each region (`inclusive`: on all)."""

INCLUSIVE = "inclusive"
"""Region of everything, as menus call it."""


class TurnOnForm(BaseModel):
    """One turn-on: what is measured against what.

    Attributes
    ----------
    online, reference
        `Collection.field` whose value is compared with thresholds, and that of the axis.
    match
        Largest dR between a reference and an online object; None compares, in every event, the
        largest reference with the largest online object.
    all_objects
        With `match`: every reference object counts, not only the largest of an event.
    reference_cuts, online_cuts
        Cuts on objects, in the language of menus: for all, or by the region that an object is in
        itself (`inclusive` for all).
    regions
        Ranges of abs(eta) of the reference, lower edge inclusive; each has its own curve. None is
        one curve of all.
    bins
        Edges of the reference's bins.
    step
        Spacing of the online quantity, 0 for values as they are.
    thresholds
        On the online quantity.
    scaling
        Efficiency at which thresholds are quoted.
    shape
        Function that is fitted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    online: str = Field(pattern=r"^\w+\.\w+$")
    reference: str = Field(pattern=r"^\w+\.\w+$")
    match: float | None = Field(None, gt=0)
    all_objects: bool = False
    reference_cuts: Cuts = ()
    online_cuts: Cuts = ()
    regions: dict[str, tuple[float, float]] = {}
    bins: tuple[float, ...]
    step: float = Field(0.0, ge=0)
    thresholds: tuple[float, ...] = Field(min_length=1)
    scaling: float = Field(0.95, gt=0, lt=1)
    shape: Shape | Literal["best"] = "best"

    @model_validator(mode="before")
    @classmethod
    def _edges(cls, given: Any) -> Any:
        """Turn `edges`: first, last, width into bins."""
        if not isinstance(given, Mapping) or "edges" not in given:
            return given
        content = dict(given)
        edges = content.pop("edges")
        if "bins" in content or not isinstance(edges, list | tuple) or len(edges) != 3:
            raise ValueError("edges are first, last, width; all edges stand under bins")
        first, last, width = (float(x) for x in edges)
        if not (width > 0.0 and last > first):
            raise ValueError("edges: expected first < last and a positive width")
        n = round((last - first) / width)
        content["bins"] = [first + i * width for i in range(n + 1)]
        return content

    @field_validator("bins")
    @classmethod
    def _rising(cls, bins: tuple[float, ...]) -> tuple[float, ...]:
        if len(bins) < 2 or not np.all(np.diff(bins) > 0.0):
            raise ValueError("expected two or more rising edges")
        return bins

    @model_validator(mode="after")
    def _parsed(self) -> "TurnOnForm":
        for cuts in (self.reference_cuts, self.online_cuts):
            for region, texts in by_region(cuts).items():
                if region != INCLUSIVE and region not in self.regions:
                    known = ", ".join((INCLUSIVE, *self.regions))
                    raise ValueError(f"cuts of the region {region!r}; there are: {known}")
                for text in texts:
                    parse_cut(text, "cuts")
        return self

    @property
    def edges(self) -> Floats:
        """Edges of the reference's bins."""
        return np.asarray(self.bins, dtype=np.float64)

    @classmethod
    def of(cls, content: Any, where: str) -> "TurnOnForm":
        """Check a description.

        Raises
        ------
        ConfigurationError
            If a key is unknown or missing, or a value is wrong; the message says where.
        """
        if not isinstance(content, Mapping):
            raise ConfigurationError(f"{where}: expected online, reference, edges and thresholds")
        try:
            return cls.model_validate(dict(content))
        except ValidationError as error:
            first = error.errors()[0]
            place = " / ".join(str(part) for part in first["loc"])
            hint = ""
            if first["type"] == "extra_forbidden":
                hint = nearest(str(first["loc"][-1]), [*cls.model_fields, "edges"])
            raise ConfigurationError(f"{where}: {place}: {first['msg']}{hint}") from None


def by_region(cuts: Cuts) -> dict[str, tuple[str, ...]]:
    """Cuts of each region."""
    return cuts if isinstance(cuts, dict) else {INCLUSIVE: cuts}


def read_turn_ons(path: str | Path) -> dict[str, TurnOnForm]:
    """Read {name: turn-on} from a YAML file.

    Raises
    ------
    UnreadableFileError, ConfigurationError
        If the file cannot be read, or a description is wrong.
    """
    content = read_document(Path(path))
    if not isinstance(content, Mapping) or not content:
        raise ConfigurationError(f"{path}: expected names with their turn-ons")
    return {str(name): TurnOnForm.of(own, f"{path}: {name}") for name, own in content.items()}
