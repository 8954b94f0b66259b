"""Options of a verb out of a model of settings: names, types, help and checks are written once."""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from rich.markup import escape

from l1kd.cli.arguments import OF_FILES
from l1kd.errors import ConfigurationError
from l1kd.study.request import Settings, read_settings, require_known

__all__ = ["Given", "takes"]


class Given(dict[str, Any]):
    """What a user gave to a verb, by name, in YAML or as options; an option wins.

    `fileset` is what the files are, `out` the folder of the results.
    """


def _plain(annotation: Any) -> Any:
    """Return the type for click: without None, lists for tuples."""
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = [a for a in get_args(annotation) if a is not type(None)]
    if get_origin(annotation) is tuple:
        (of, _) = get_args(annotation)
        return list[str if of is Any else of]  # type: ignore[misc]
    return annotation


def _help(field: FieldInfo) -> str:
    """Describe an option, with its default if there is one to speak of."""
    default = field.default
    if default is None or default in ("", (), False):
        return _literal(str(field.description))
    shown = default
    if isinstance(default, tuple):
        shown = " ".join(x if isinstance(x, str) else f"{x:g}" for x in default)
    return _literal(f"{field.description} [default: {shown}]")


def _literal(text: str) -> str:
    """Keep rich from reading units in brackets as styles, and names between colons as emoji."""
    return escape(text).replace(":", ":[none][/none]")


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    """One option: None stands for not given."""
    kind = _plain(field.annotation)
    flags = f"--{name.replace('_', '-')}"
    options: dict[str, Any] = {"help": _help(field), "show_default": False}
    if flags in OF_FILES:
        options["metavar"] = "FILE..."
    declared = f"{flags}/--no-{flags[2:]}" if kind is bool else flags
    annotation = Annotated[kind | None, typer.Option(declared, **options)]  # type: ignore[valid-type]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )


_FILES = Annotated[
    list[str] | None,
    typer.Argument(help="Input files; NAME=FILE puts a file into the sample of that name."),
]
_FILESET = Annotated[Path | None, typer.Option(help="YAML: dataset names with their files.")]
_CONFIG = Annotated[
    Path | None, typer.Option(help="YAML: values of these options; an option given here wins.")
]
_OUT = Annotated[Path | None, typer.Option(help=_literal("Folder of the results.  [required]"))]


def takes(
    model: type[Settings], without: Sequence[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a verb take files, `--fileset`, `--config`, `--out` and all options of a model.

    Fields of the model that have a description are options, but for those in `without`. The
    decorated function is called with what was given, `Given`, as its first argument, and with its
    other parameters as they are.
    """
    fields = {
        name: field
        for name, field in model.model_fields.items()
        if field.description and name not in without
    }

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(verb).parameters.values())[1:]
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in (
                ("files", _FILES),
                ("out", _OUT),
                ("fileset", _FILESET),
                ("config", _CONFIG),
            )
        ]
        parameters = [*more, *(_option(name, field) for name, field in fields.items())]

        @wraps(verb)
        def command(**options: Any) -> None:
            rest = {p.name: options.pop(p.name) for p in own}
            verb(_gathered(options, [*fields, "files", "fileset", "out"]), **rest)

        parameters += [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


def _gathered(options: dict[str, Any], known: Sequence[str]) -> Given:
    """Put the options over the values of the YAML file."""
    config = options.pop("config")
    given = Given()
    if config is not None:
        given |= read_settings(config)
        require_known(given, known, str(config))
    typed = {name: value for name, value in options.items() if value not in (None, [])}
    if "files" in typed or "fileset" in typed:
        given = Given({k: v for k, v in given.items() if k not in ("files", "fileset")})
    given |= typed
    if given.get("out") is None:
        raise typer.BadParameter("missing option '--out', the folder of the results")
    given["out"] = Path(given["out"])
    files, fileset = given.pop("files", None), given.pop("fileset", None)
    if files and fileset is not None:
        raise typer.BadParameter("give either files or --fileset")
    if isinstance(files, str):
        files = [files]
    given["fileset"] = fileset if fileset is not None else files
    given["command"] = ["l1kd", *sys.argv[1:]]
    return given


def require_files(given: Given, hint: str) -> None:
    """Refuse a verb without any files.

    Raises
    ------
    typer.BadParameter
        With the hint.
    """
    if not given["fileset"]:
        raise typer.BadParameter(f"give either files or --fileset{hint}")


def settings(model: type[Settings], given: Given, **fixed: Any) -> Any:
    """Make the model of what was given, without `out`.

    Raises
    ------
    ConfigurationError
        If a value is outside its range.
    """
    values = {
        name: tuple(value) if isinstance(value, list) and name != "fileset" else value
        for name, value in given.items()
        if name in model.model_fields
    }
    try:
        return model.of(values | fixed)
    except TypeError as error:
        raise ConfigurationError(str(error)) from error
