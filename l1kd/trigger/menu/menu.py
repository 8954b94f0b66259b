"""`Menu`: reads a trigger menu, says what events can be evaluated, and evaluates it."""

from collections.abc import Iterator, Mapping
from functools import cache
from os import PathLike
from typing import Any

import numpy as np

from l1kd.emulators.global_trigger.program import Program
from l1kd.errors import MenuError
from l1kd.trigger.bits import Bits, Check
from l1kd.trigger.hardware import Source
from l1kd.trigger.object_menu import ObjectMenu, is_object_menu

from .compilation import Needs, compile_menu, needs_of
from .model import OVERLAP_ERAS, Cut, MenuText, Seed
from .reading import read_text
from .sources import source_of

__all__ = ["Menu"]

_BLOCK = 8192
"""Events whose columns are held at one time."""


class Menu:
    """A Level-1 menu of the Global Trigger.

    Parameters
    ----------
    text
        What the menu's file says.
    """

    def __init__(self, text: MenuText) -> None:
        self._text = text
        self._needs: dict[str, Needs] = {}
        self._programs: dict[tuple[str, ...], Program] = {}

    @classmethod
    def read(
        cls,
        path: str | PathLike[str],
        *,
        overlap_removal: str | None = None,
        externals: Mapping[str, int] | None = None,
    ) -> "Menu | ObjectMenu":
        """Read a menu.

        Parameters
        ----------
        path
            `.xml` (the hardware's form), `.html` (the documentation page), `.json` or `.yaml`;
            each also with `.gz`. A YAML file with `objects` is an object menu
            (`l1kd.trigger.object_menu`), and so are the menus that l1kd ships, by their names
            (`shipped_menus`).
        overlap_removal
            `any-reference` (up to 2018) or `one-reference` (since 2022); by default the year in
            the menu's name decides.
        externals
            Bits of external signals, added to what the file says.

        Returns
        -------
        Menu or ObjectMenu
            The menu; both have the same methods.

        Raises
        ------
        MenuError
            The file is no menu, or damaged; the message names line, seed and element.
        UnreadableFileError
            The file is missing or cannot be read.
        """
        if is_object_menu(path):
            return ObjectMenu.read(path)
        text = read_text(path)
        if overlap_removal is not None:
            if overlap_removal not in OVERLAP_ERAS:
                raise MenuError(
                    f"overlap_removal is {' or '.join(OVERLAP_ERAS)}, not {overlap_removal!r}"
                )
            text.overlap_removal = overlap_removal
        text.externals.update(externals or {})
        return cls(text)

    @property
    def name(self) -> str:
        """Name of the menu."""
        return self._text.name

    @property
    def overlap_removal(self) -> str:
        """Logic of overlap removal in use: `any-reference` or `one-reference`."""
        return self._text.era

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the seeds in the order of their bits."""
        return tuple(seed.name for seed in self)

    @property
    def cuts(self) -> dict[str, Cut]:
        """Cuts by name."""
        return self._text.cuts

    @property
    def externals(self) -> Mapping[str, int]:
        """Bit of every external signal."""
        return self._text.externals

    def __len__(self) -> int:
        """Return the number of seeds."""
        return len(self._text.seeds)

    def __iter__(self) -> Iterator[Seed]:
        """Yield the seeds in the order of their bits."""
        return iter(sorted(self._text.seeds.values(), key=lambda seed: seed.index))

    def __contains__(self, name: str) -> bool:
        """Return whether the menu has a seed of this name."""
        return name in self._text.seeds

    def __getitem__(self, name: str) -> Seed:
        """Return a seed by its name."""
        try:
            return self._text.seeds[name]
        except KeyError:
            raise MenuError(f"{self.name} has no seed {name!r}") from None

    def used_cuts(self, name: str) -> tuple[str, ...]:
        """Return the names of the cuts that a seed uses."""
        return tuple(self._text.used_cuts(self[name]))

    def needs(self, name: str) -> Needs:
        """Return the columns that a seed needs, or why it can never be evaluated."""
        if name not in self._needs:
            self._needs[name] = needs_of(self[name], self._text)
        return self._needs[name]

    def check(self, events: Any, **options: Any) -> Check:
        """Say seed by seed whether it can be evaluated.

        Parameters
        ----------
        events
            NanoEvents or awkward records with L1 objects, or what `read_vector` returns.
        **options
            As for `evaluate`.

        Returns
        -------
        Check
            For every seed which column is missing, or nothing.
        """
        return self._check(source_of(events, **options))

    def evaluate(self, events: Any, **options: Any) -> Bits:
        """Evaluate all seeds that the events allow, in the hardware's integers.

        Parameters
        ----------
        events
            NanoEvents or awkward records with L1 objects, or what `read_vector` returns.
        **options
            `prefix` of the collections (`L1`, or `L1Emul`) and `crossings`, the (first, last)
            crossing that the events store; both are found out by default.

        Returns
        -------
        Bits
            One boolean a seed and event, packed.
        """
        source = source_of(events, **options)
        check = self._check(source)
        names = check.evaluable
        if names not in self._programs:
            self._programs[names] = compile_menu(self._text, names)
        program = self._programs[names]
        packed = np.zeros((len(source), -(-len(names) // 8)), np.uint8)
        for start in range(0, len(source), _BLOCK):
            stop = min(start + _BLOCK, len(source))
            records = np.zeros((stop - start, program.width), np.int32)
            for column, at in program.columns.items():
                values = source.column(column, self.externals, start, stop)
                records[:, at : at + values.shape[1]] = values
            packed[start:stop] = program.evaluate(records)
        return Bits(names, packed, {name: why for name, why in check if why})

    def _check(self, source: Source) -> Check:
        """Return for every seed why it cannot be evaluated on a source."""
        lacking = cache(lambda column: source.lacking(column, self.externals))
        too_low = cache(source.too_low)
        reasons = {}
        for seed in self:
            needs = self.needs(seed.name)
            found = [needs.problem, *map(lacking, needs.columns), *map(too_low, needs.legs)]
            if any(column.field == "charge" for column in needs.columns):
                found += map(source.charge_unknown, needs.legs)
            reasons[seed.name] = "; ".join(dict.fromkeys(why for why in found if why))
        return Check(reasons)
