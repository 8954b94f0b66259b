"""What a rate job accumulated, in a file: partial results that merge exactly.

The file is a zip of NumPy arrays with a header in JSON; nothing in it is code.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from l1kd._documents import open_arrays
from l1kd.errors import InputError, UnreadableFileError
from l1kd.trigger.counts.decisions import Decisions
from l1kd.trigger.counts.spectra import Spectrum

__all__ = ["SCHEMA_VERSION", "DatasetRates", "RateRecord"]

SCHEMA_VERSION = 1
"""Raised when the file changes in a way that older readers would not understand."""

_HEADER = "header"
_DAMAGES = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass
class DatasetRates:
    """One dataset of a rate job.

    Attributes
    ----------
    decisions, spectra
        Table of decision patterns, and distributions by name: quantities in their own unit, scans
        as the number of thresholds passed.
    seen, used, skipped
        Events read, events counted, and {reason: events} of the others.
    files
        {path: events processed}.
    vertex
        Events by the vertex that they were weighed with, and how often a found one is right, as
        `l1kd.processors.vertices.vertex_counts` counts them.
    """

    decisions: Decisions
    spectra: dict[str, Spectrum] = field(default_factory=dict)
    seen: int = 0
    used: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    vertex: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: "DatasetRates") -> "DatasetRates":
        """Dataset of the files of both.

        Raises
        ------
        InputError
            If both hold the same file, or something that does not add up.
        """
        twice = sorted(self.files.keys() & other.files.keys())
        if twice:
            raise InputError(f"{twice[0]} is in both: its events would count twice")
        if self.spectra.keys() != other.spectra.keys():
            odd = ", ".join(sorted(self.spectra.keys() ^ other.spectra.keys()))
            raise InputError(f"rates do not merge: only one of them has the distributions {odd}")
        return DatasetRates(
            self.decisions + other.decisions,
            {name: x + other.spectra[name] for name, x in self.spectra.items()},
            self.seen + other.seen,
            self.used + other.used,
            _added(self.skipped, other.skipped),
            dict(sorted((self.files | other.files).items())),
            _added(self.vertex, other.vertex),
        )


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted({*one, *other})}


@dataclass
class RateRecord:
    """Everything that a rate job accumulated.

    Attributes
    ----------
    menu
        Name of the menu.
    indices
        {seed: bit} of the whole menu.
    groups
        {group: seeds} that the menu names.
    settings
        What changes the meaning of the numbers: how events are weighted, bins of pile-up, scans.
    reasons
        {seed: why it could not be evaluated}.
    datasets
        By name.
    prescales
        {column: {seed: prescale}} that the menu writes.
    """

    menu: str
    indices: dict[str, int]
    groups: dict[str, list[str]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    datasets: dict[str, DatasetRates] = field(default_factory=dict)
    prescales: dict[str, dict[str, float]] = field(default_factory=dict)

    def __add__(self, other: "RateRecord") -> "RateRecord":
        """Record of both jobs; the order does not matter.

        Raises
        ------
        InputError
            If menus or settings differ, or a file is in both.
        """
        if (self.menu, self.indices) != (other.menu, other.indices):
            raise InputError(f"rates of the menus {self.menu} and {other.menu} do not merge")
        if self.settings.get("menu") != other.settings.get("menu"):
            raise InputError(
                f"rates of two menus that are both called {self.menu} do not merge: their seeds "
                "have different thresholds or cuts"
            )
        if self.settings != other.settings:
            odd = sorted(
                key
                for key in {*self.settings, *other.settings}
                if self.settings.get(key) != other.settings.get(key)
            )
            raise InputError(
                f"rates do not merge: they were made with different {', '.join(odd)}: "
                + "; ".join(f"{self.settings.get(k)} and {other.settings.get(k)}" for k in odd)
            )
        datasets = dict(self.datasets)
        for name, own in other.datasets.items():
            datasets[name] = datasets[name] + own if name in datasets else own
        return RateRecord(
            self.menu,
            self.indices,
            self.groups,
            self.settings,
            dict(sorted((self.reasons | other.reasons).items())),
            dict(sorted(datasets.items())),
            self.prescales,
        )

    def tables(self) -> dict[str, Decisions]:
        """Decisions of every dataset."""
        return {name: own.decisions for name, own in self.datasets.items()}

    def write(self, path: str | Path) -> Path:
        """Write the record; the ending is .npz."""
        arrays: dict[str, Any] = {}
        datasets = {}
        for name, own in self.datasets.items():
            header, held = own.decisions.state()
            arrays |= {f"{name}/decisions/{key}": x for key, x in held.items()}
            spectra = {}
            for quantity, spectrum in own.spectra.items():
                spectra[quantity], held = spectrum.state()
                arrays |= {f"{name}/{len(spectra) - 1}/{key}": x for key, x in held.items()}
            datasets[name] = {
                "decisions": header,
                "spectra": spectra,
                "seen": own.seen,
                "used": own.used,
                "skipped": own.skipped,
                "files": own.files,
                "vertex": own.vertex,
            }
        content = {
            "schema_version": SCHEMA_VERSION,
            "menu": self.menu,
            "indices": self.indices,
            "groups": self.groups,
            "prescales": self.prescales,
            "settings": self.settings,
            "reasons": self.reasons,
            "datasets": datasets,
        }
        text = json.dumps(content, separators=(",", ":")).encode()
        path = Path(path)
        with path.open("wb") as file:
            arrays[_HEADER] = np.frombuffer(text, np.uint8)
            np.savez_compressed(file, **arrays)
        return path

    @classmethod
    def read(cls, path: str | Path) -> "RateRecord":
        """Read what `write` wrote.

        Raises
        ------
        UnreadableFileError
            If the file is missing, damaged, or no record of rates.
        """
        try:
            with open_arrays(Path(path)) as stored:
                content = json.loads(stored[_HEADER].tobytes())
                if content["schema_version"] != SCHEMA_VERSION:
                    raise InputError(
                        f"schema version {content['schema_version']}, this l1kd reads "
                        f"{SCHEMA_VERSION}"
                    )
                arrays = {name: stored[name] for name in stored.files if name != _HEADER}
            return cls(
                content["menu"],
                content["indices"],
                content["groups"],
                content["settings"],
                content["reasons"],
                {name: _dataset(name, own, arrays) for name, own in content["datasets"].items()},
                content.get("prescales", {}),
            )
        except _DAMAGES as e:
            words = " ".join(str(e).split())[:200]
            raise UnreadableFileError(f"{path}: expected rates of l1kd, found: {words}") from e


def _dataset(name: str, own: Mapping[str, Any], arrays: Mapping[str, Any]) -> DatasetRates:
    def part(which: str) -> dict[str, Any]:
        start = f"{name}/{which}/"
        return {key[len(start) :]: x for key, x in arrays.items() if key.startswith(start)}

    return DatasetRates(
        Decisions.from_state(own["decisions"], part("decisions")),
        {
            quantity: Spectrum.from_state(header, part(str(i)))
            for i, (quantity, header) in enumerate(own["spectra"].items())
        },
        own["seen"],
        own["used"],
        own["skipped"],
        own["files"],
        own.get("vertex", {}),
    )
