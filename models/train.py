"""The one entry point of all trainings, for the command line and for Python."""

import difflib
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

from l1kd.artefacts import Artefact, write_manifest
from l1kd.errors import ConfigurationError
from l1kd.models import backend, recipes
from l1kd.models.config import named_artefacts
from l1kd.models.recipe import Job, Recipe
from l1kd.models.records import COMMON_FILES, write_records

__all__ = ["kinds", "recipe_of", "register", "train"]

_REGISTERED: dict[str, Recipe[Any]] = {}


def register(recipe: Recipe[Any]) -> None:
    """Add a kind of training that does not come with l1kd.

    Raises
    ------
    ConfigurationError
        The kind exists already.
    """
    if recipe.kind in kinds():
        raise ConfigurationError(
            f"there is a training '{recipe.kind}' already: choose another kind"
        )
    _REGISTERED[recipe.kind] = recipe


def kinds() -> tuple[str, ...]:
    """Return what can be trained."""
    shipped = (module.name for module in pkgutil.iter_modules(recipes.__path__))
    return tuple(sorted({*shipped, *_REGISTERED}))


def recipe_of(kind: str) -> Recipe[Any]:
    """Return the recipe of a kind of training.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    known = kinds()
    if kind in known:
        return _REGISTERED.get(kind) or _shipped(kind)
    near = difflib.get_close_matches(kind, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ""
    described = ", ".join(f"{name} ({recipe_of(name).summary})" for name in known)
    raise ConfigurationError(f"there is no training '{kind}'; known are {described}{hint}")


def _shipped(kind: str) -> Recipe[Any]:
    recipe: Recipe[Any] = import_module(f"{recipes.__name__}.{kind}").RECIPE
    return recipe


def train(name: str, config_path: str | Path, out: str | Path, quiet: bool = False) -> Artefact:
    """Train a network and write its artefact; go on where an interrupted training stopped.

    Parameters
    ----------
    name : str
        One of `kinds`; dashes may stand for underscores.
    config_path : str or pathlib.Path
        YAML file. Those that made the shipped artefacts are `l1kd.models.config.shipped_configs`.
    out : str or pathlib.Path
        Folder of the artefact, made if needed. Checkpoints lie in its folder `checkpoints`, which
        may be removed afterwards.
    quiet : bool
        Show no progress bars.

    Returns
    -------
    Artefact
        The finished artefact.

    Raises
    ------
    ConfigurationError
        The name is unknown, the configuration is wrong, TensorFlow or QKeras is missing or
        damaged, or the folder holds checkpoints of another configuration.
    ArtefactError
        The exported network is not equal to the firmware.
    """
    recipe = recipe_of(name.replace("-", "_"))
    config, folder = recipe.read(Path(config_path)), Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    backend.seed_everything(config.seed, config.threads)
    with named_artefacts(config, Path(config_path)):
        product = recipe.run(config, Job(folder, quiet))
    write_records(folder, config, Path(config_path), product)
    return write_manifest(
        folder,
        name=config.name,
        version=config.version,
        kind=product.kind,
        description=product.description,
        inputs=product.inputs,
        outputs=product.outputs,
        files=(*product.files, *COMMON_FILES),
    )
