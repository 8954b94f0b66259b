"""Training configurations: YAML files validated by pydantic.

What all kinds have, and how files are read. An unknown key is an error that names the nearest known
one. Strings are never evaluated. The kinds' own classes lie in `l1kd.models.weights.config` and
`l1kd.models.cicada.config`.
"""

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from l1kd._documents import read_document
from l1kd.errors import ArtefactError, ConfigurationError, UnreadableFileError

__all__ = [
    "Optimisation",
    "Strict",
    "Training",
    "named_artefacts",
    "read_config",
    "read_mapping",
    "shipped_configs",
    "shipped_searches",
]

_CONFIGS = Path(__file__).parent / "configs"


class Strict(BaseModel):
    """A part of a configuration: no unknown keys, not to be changed.

    Attributes
    ----------
    renamed : mapping of str to str
        Former names of keys, for the message to those who still use them.
    """

    renamed: ClassVar[Mapping[str, str]] = {}
    model_config = ConfigDict(extra="forbid", frozen=True)


class Optimisation(Strict):
    """Length and pace of one training."""

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)


class Training(Strict):
    """What every training configuration has."""

    kind: str
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    seed: int = Field(ge=0)
    threads: int = Field(default=0, ge=0)
    check_vectors: int = Field(default=100_000, gt=0)


_Config = TypeVar("_Config", bound=Training)


def shipped_configs() -> dict[str, Path]:
    """Return the configurations of trainings that come with the package, by their file's name."""
    return _named(_CONFIGS)


def shipped_searches() -> dict[str, Path]:
    """Return the configurations of searches that come with the package, by their file's name."""
    return _named(_CONFIGS / "searches")


def _named(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _model_at(model: type[BaseModel], location: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the part of a configuration at a place."""
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            break
        if not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return model


def _unknown_key(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Say what an unknown key should have been."""
    part, key = _model_at(model, location[:-1]), str(location[-1])
    renamed = part.renamed if issubclass(part, Strict) else {}
    if key in renamed:
        return f"this key is now called '{renamed[key]}'"
    near = difflib.get_close_matches(key, list(part.model_fields), n=1, cutoff=0.0)
    return f"unknown key; the nearest known key is '{near[0]}'"


def _explain(error: ValidationError, model: type[BaseModel], path: Path) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        text = f"{where}: {problem['msg']}, found {problem['input']!r}"
        if problem["type"] == "extra_forbidden":
            text = f"{where}: {_unknown_key(model, problem['loc'])}"
        lines.append(text)
    return f"{path}: " + "; ".join(lines)


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping of keys to values.

    Raises
    ------
    ConfigurationError
        It does not exist, is no text in UTF-8, no YAML, gives a key twice, is nested too deeply, or
        is no mapping.
    """
    path = Path(path)
    try:
        content: Any = read_document(path)
    except UnreadableFileError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds no mapping of keys to values")
    return content


@contextmanager
def named_artefacts(config: Training, path: Path) -> Iterator[None]:
    """Say which key of which file names an artefact that cannot be used.

    Raises
    ------
    ArtefactError
        With file and key in front, where the one that was met is about what a key names.
    """
    try:
        yield
    except ArtefactError as error:
        for key in ("teacher", "teacher_artefact", "teacher.artefact", "distillation.teacher"):
            name: Any = config
            for part in key.split("."):
                name = getattr(name, part, None)
            if isinstance(name, str | Path) and Path(name).name in str(error):
                raise ArtefactError(f"{path}: {key}: {error}") from error
        raise


def read_config(path: str | Path, kind: type[_Config]) -> _Config:
    """Read and validate a training configuration.

    Parameters
    ----------
    path : pathlib.Path
        YAML file.
    kind : type
        Configuration class of a recipe.

    Returns
    -------
    Training
        Of that class, validated and immutable.

    Raises
    ------
    ConfigurationError
        The file does not exist, is not a YAML mapping, or has an unknown key or a value outside
        its range; or is of another kind, of which the message names nothing else.
    """
    path = Path(path)
    content = read_mapping(path)
    expected = get_args(kind.model_fields["kind"].annotation)
    found = content.get("kind")
    if expected and found is not None and found not in expected:
        names = " or ".join(repr(name) for name in expected)
        raise ConfigurationError(f"{path}: kind: expected {names}, found {found!r}")
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, kind, path)) from error
