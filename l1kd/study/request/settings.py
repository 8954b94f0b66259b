"""Options by name, checked: the base of all requests."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from l1kd._documents import read_document, shown_value
from l1kd.errors import ConfigurationError
from l1kd.registry import nearest

__all__ = ["Settings", "read_settings", "recorded", "require_known"]


class Settings(BaseModel):
    """Options by name; an unknown name is an error that names the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, options: Mapping[str, Any], where: str = "options") -> Self:
        """Check options and take them; None stands for the default.

        Raises
        ------
        ConfigurationError
            If a name is unknown or a value is outside its range.
        """
        require_known(options, cls.model_fields, where)
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or where
            raise ConfigurationError(f"{name}: {first['msg']}, found {first['input']!r}") from error


def require_known(given: Iterable[str], known: Iterable[str], where: str) -> None:
    """Refuse a name that is not known, naming the nearest that is.

    Raises
    ------
    ConfigurationError
        For the first unknown name.
    """
    names = list(known)
    for name in given:
        if name not in names:
            hint = nearest(name, names) or f"; known: {', '.join(sorted(names))}"
            raise ConfigurationError(f"{where}: unknown key {name!r}{hint}")


def read_settings(path: str | Path) -> dict[str, Any]:
    """Read options from a YAML file; a name may be written with `-` or with `_`.

    Raises
    ------
    UnreadableFileError
        If there is no such file.
    ConfigurationError
        If it is not text, or not a YAML mapping of names to values.
    """
    content = read_document(Path(path))
    if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
        raise ConfigurationError(
            f"{path}: expected names with their values, found {shown_value(content)}"
        )
    return {key.replace("-", "_"): value for key, value in content.items()}


def recorded(value: Any) -> Any:
    """Return a value in plain JSON types; an open end is None, an object its description."""
    if isinstance(value, tuple):
        return [recorded(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | None) else repr(value)
