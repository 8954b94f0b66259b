"""Where formats, algorithms and trigger quantities are known by name, and users add their own.

`register(item)` adds a `Format`, an algorithm (a subclass of `CandidateWeight` or `EventScore`, or
an instance) or a `Quantity`. From then on `insert`, the processors, the studies, the page and the
command line know it by its name. What was registered travels to workers, see `Registrations`.
"""

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import cloudpickle

from l1kd.errors import ConfigurationError

__all__ = ["Registrations", "Registry", "load_plugin", "nearest", "register", "reset"]

T = TypeVar("T")

_REGISTRIES: list["Registry[Any]"] = []


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name is meant, for a message: "; did you mean 'puppi'?", or nothing."""
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


class Registry(Mapping[str, T], Generic[T]):
    """Items of one kind by name: those that l1kd ships, then those of the user.

    Parameters
    ----------
    kind
        What an item is called in messages.
    takes
        Whether an object is an item of this registry.
    shipped
        Items with a `name`.
    """

    def __init__(self, kind: str, takes: Callable[[Any], bool], shipped: tuple[T, ...]) -> None:
        self.kind = kind
        self.takes = takes
        self._shipped: dict[str, T] = {_name(item): item for item in shipped}
        self._own: dict[str, T] = {}
        _REGISTRIES.append(self)

    def __getitem__(self, name: str) -> T:
        """Return the item of this name, the user's before the shipped one."""
        return self._own[name] if name in self._own else self._shipped[name]

    def __iter__(self) -> Iterator[str]:
        """Names, the shipped ones first."""
        return iter(self._shipped | self._own)

    def __len__(self) -> int:
        """Return the number of names."""
        return len(self._shipped | self._own)

    @property
    def own(self) -> tuple[T, ...]:
        """What the user registered, the latest first."""
        return tuple(reversed(self._own.values()))

    def is_own(self, name: str) -> bool:
        """Whether the user registered the item of this name."""
        return name in self._own

    def find(self, name: str) -> T:
        """Return the item of this name.

        Raises
        ------
        ConfigurationError
            If there is none; the message names the nearest one and lists all.
        """
        if name not in self:
            raise ConfigurationError(
                f"unknown {self.kind} {name!r}; available: {', '.join(self)}{nearest(name, self)}"
            )
        return self[name]

    def add(self, item: T, *, replace: bool = False) -> None:
        """Add an item, see `register`."""
        name = _name(item)
        if name in self and not replace:
            raise ConfigurationError(
                f"{self.kind} {name!r} is already registered; choose another name, or "
                "register(..., replace=True) to put yours in its place"
            )
        self._own.pop(name, None)
        self._own[name] = item

    def remove(self, name: str) -> None:
        """Forget an item that the user registered; a shipped one of its name is back."""
        self._own.pop(name, None)


def _name(item: Any) -> str:
    name = getattr(item, "name", None)
    if not isinstance(name, str) or not name.replace("-", "_").isidentifier():
        raise ConfigurationError(
            f"{item!r}: expected a name of letters, digits and underscores, found {name!r}"
        )
    return name


def register(item: Any, *, replace: bool = False) -> Any:
    """Make an item of the user's known by its name, everywhere in l1kd; returns the item.

    Parameters
    ----------
    item
        A `Format`, an algorithm class or instance, or a `Quantity`. As a decorator it serves
        algorithm classes.
    replace
        Whether it may take the place of an item of the same name.

    Raises
    ------
    ConfigurationError
        If it is nothing of the kind, or its name is taken.
    """
    for registry in _REGISTRIES:
        if registry.takes(item):
            registry.add(item, replace=replace)
            return item
    kinds = ", ".join(registry.kind for registry in _REGISTRIES)
    raise ConfigurationError(f"cannot register {item!r}: expected one of {kinds}")


def reset() -> None:
    """Forget everything that the user registered; what l1kd ships stays."""
    for registry in _REGISTRIES:
        for name in [item.name for item in registry.own]:
            registry.remove(name)


class Registrations:
    """What the user registered in this process; unpickling it registers the same elsewhere.

    A processor that is sent to workers takes one along, so that names mean there what they mean
    here.
    """

    def __init__(self) -> None:
        self.items = [item for registry in _REGISTRIES for item in reversed(registry.own)]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for item in self.items:
            register(item, replace=True)


def load_plugin(name: str) -> None:
    """Import a module of the user's that registers things, by its name or the path of its file.

    This runs the module's code. What a file defines is sent to workers with the processors.

    Raises
    ------
    ConfigurationError
        If there is no such module or file.
    """
    path = Path(name)
    if path.suffix != ".py":
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise
            raise ConfigurationError(
                f"plugin {name!r}: no such module; give the path of a .py file, or install it"
            ) from error
        return
    if not path.is_file():
        raise ConfigurationError(f"plugin {name}: no such file")
    if path.stem in sys.modules:
        raise ConfigurationError(
            f"plugin {name}: a module {path.stem!r} is loaded; rename the file"
        )
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"plugin {name}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    cloudpickle.register_pickle_by_value(module)
