"""The YAML form of object menus, and the menus that l1kd ships.

```yaml
name: example
scale: float                  # or phase2_gt: the integers of the Phase-2 Global Trigger
scalings: v44                 # a shipped set, a JSON file, or the mapping itself
objects:
  TkMu:
    collection: L1gmtTkMuon
    regions: {barrel: [0, 0.83], overlap: [0.83, 1.24], endcap: [1.24, 2.4]}
    cuts: ["abs(eta) < 2.4", "hwQual & 2 or (pt > 8 and hwQual & 1)"]
    scaling: L1gmtTkMuon/default
seeds:
  L1_DoubleTkMu:
    legs:
      first: {object: TkMu, offline: 15}
      second: {object: TkMu, online: 7}
    pairs: ["dz(first, second) < 1"]
    group: muon
    prescales: {default: 1}
```
"""

import math
import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from l1kd._documents import read_document
from l1kd.errors import ConfigurationError, MenuError, UnreadableFileError

__all__ = [
    "Leg",
    "MenuForm",
    "ObjectForm",
    "ScalingLine",
    "Seed",
    "Threshold",
    "is_object_menu",
    "read_menu",
    "shipped_menus",
    "threshold",
]

_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScalingLine(_Strict):
    """Line from the trigger's pt to the offline one: offline = slope * pt + offset [GeV]."""

    slope: float = Field(gt=0, allow_inf_nan=False)
    offset: float = Field(allow_inf_nan=False)


class Threshold(_Strict):
    """A comparison with a value; `operator` is >= unless the text says >."""

    operator: Literal[">=", ">"]
    value: float = Field(allow_inf_nan=False)


def threshold(text: float | str) -> Threshold:
    """Read ``22``, ``">= 22"`` or ``"> 22"``.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(text, int | float) and not isinstance(text, bool):
        return Threshold(operator=">=", value=text)
    found = re.fullmatch(r"\s*(>=|>)?\s*([-+0-9.eE]+)\s*", str(text))
    if not found:
        raise ValueError(f"expected a number, '>= number' or '> number', found {text!r}")
    return Threshold(operator=found[1] or ">=", value=float(found[2]))  # type: ignore[arg-type]


class ObjectForm(_Strict):
    """Where objects come from, and which of them count.

    `value` is the field that thresholds apply to. `regions` are ranges of abs(eta), lower edge
    inclusive, upper edge exclusive. `cuts` hold for all objects, or by region (`inclusive` for
    all). `scaling` names a line by region (``inclusive`` where there are no regions), as
    ``collection/id`` of the menu's scalings or as the mapping itself. `position` takes one entry
    of a list that holds different things, such as a list of sums.
    """

    collection: str = Field(pattern=_NAME)
    value: str = Field(default="pt", pattern=_NAME)
    regions: dict[str, tuple[float, float]] = {}
    cuts: list[str] | dict[str, list[str]] = []
    scaling: str | dict[str, ScalingLine] | None = None
    position: int | None = Field(default=None, ge=0)
    label: str = ""


class Leg(_Strict):
    """One object that a seed asks for.

    `online` compares the trigger's value, `offline` the scaled one; a leg with neither takes every
    object. `cut` is one more cut on the object.
    """

    object: str
    online: Threshold | None = None
    offline: Threshold | None = None
    region: str | None = None
    cut: str | None = None

    @field_validator("online", "offline", mode="before")
    @classmethod
    def _read(cls, given: Any) -> Any:
        return given if given is None or isinstance(given, Mapping) else threshold(given)


class Seed(_Strict):
    """One trigger: a combination of different objects, one a leg, that passes all pair cuts.

    `requires` names other seeds that must fire in the same event.
    """

    legs: dict[str, Leg] = Field(min_length=1, max_length=8)
    pairs: list[str] = []
    requires: list[str] = []
    group: str = ""
    prescales: dict[str, float] = {}
    comment: str = ""

    @field_validator("legs")
    @classmethod
    def _named(cls, legs: dict[str, Leg]) -> dict[str, Leg]:
        bad = [name for name in legs if not re.fullmatch(_NAME, name)]
        if bad:
            raise ValueError(f"a leg's name is a word, as mu or first; found {bad[0]!r}")
        return legs

    @field_validator("prescales")
    @classmethod
    def _not_negative(cls, prescales: dict[str, float]) -> dict[str, float]:
        for column, value in prescales.items():
            if not math.isfinite(value) or value < 0 or 0 < value < 1:
                raise ValueError(f"prescale {column!r}: expected 0 (off) or >= 1, found {value}")
        return prescales


class MenuForm(_Strict):
    """A whole menu."""

    name: str
    scale: Literal["float", "phase2_gt"] = "float"
    scalings: str | dict[str, dict[str, dict[str, ScalingLine]]] | None = None
    objects: dict[str, ObjectForm] = Field(min_length=1)
    seeds: dict[str, Seed] = Field(min_length=1)
    comment: str = ""


_FORMS: Final[dict[str, type[BaseModel]]] = {"objects": ObjectForm, "seeds": Seed, "legs": Leg}


def shipped_menus() -> list[str]:
    """Names of the menus that come with l1kd: `Menu.read(name)` reads them."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def _folder() -> Path:
    return Path(str(resources.files("l1kd.trigger.object_menu"))) / "menus"


def _explained(error: ValidationError, path: Path) -> str:
    """First problem, where it is, and the nearest name of an unknown key."""
    problems = error.errors()
    # an unknown key explains a missing one
    problem = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    place = [str(part) for part in problem["loc"]]
    text = f"{path}: {' / '.join(place)}: {problem['msg']}"
    if problem["type"] == "extra_forbidden":
        inside = next((p for p in reversed(place[:-1]) if p in _FORMS), None)
        form = _FORMS[inside] if inside else MenuForm
        known = list(form.model_fields)
        near = get_close_matches(place[-1], known, 1, 0.0)[0]
        text = f"{path}: {' / '.join(place)}: unknown key; the nearest is {near!r}"
    return text


def is_object_menu(source: str | PathLike[str]) -> bool:
    """Tell whether this is the name of a shipped menu, or a YAML file with `objects`."""
    path = Path(source)
    if str(source) in shipped_menus():
        return True
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return False
    content = _document(path)
    return isinstance(content, dict) and "objects" in content


def _document(path: Path) -> Any:
    try:
        return read_document(path)
    except ConfigurationError as error:
        raise MenuError(str(error)) from error


def read_menu(source: str | PathLike[str]) -> tuple[MenuForm, Path]:
    """Read a menu, its scalings resolved.

    Parameters
    ----------
    source
        A YAML file, or the name of a shipped menu.

    Raises
    ------
    MenuError
        If it cannot be read, has unknown or missing keys, or names scalings that do not exist.
    """
    path = Path(source)
    if str(source) in shipped_menus():
        path = _folder() / f"{path.name}.yaml"
    content = _document(path)
    if not isinstance(content, dict):
        raise MenuError(f"{path}: expected a mapping with name, objects and seeds")
    try:
        form = MenuForm.model_validate(content)
        if isinstance(form.scalings, str):
            content["scalings"] = _scalings(form.scalings, path)
            form = MenuForm.model_validate(content)
    except ValidationError as error:
        raise MenuError(_explained(error, path)) from None
    return form, path


def _scalings(name: str, menu: Path) -> Any:
    """Read scalings in CMSSW's JSON form: collection, id, region, slope and offset."""
    shipped = _folder() / f"scalings_{name}.json"
    path = shipped if shipped.is_file() else menu.parent / name
    try:
        return _document(path)
    except UnreadableFileError as error:
        raise MenuError(
            f"{menu}: scalings {name!r}: expected a shipped set or a JSON file beside the menu: "
            f"{error}"
        ) from None
