"""Skims with the new fields: one file a chunk."""

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import awkward as ak
import numpy as np
import uproot
from coffea import processor

from l1kd._edge import collections, shown
from l1kd.algorithms import Algorithm, algorithm
from l1kd.errors import ConfigurationError, MissingBranchError
from l1kd.insertion import insert
from l1kd.processors.columns import chunk_key

__all__ = ["InsertProcessor"]

_IDENTITY = ("run", "luminosityBlock", "event", "genWeight")


class InsertProcessor(processor.ProcessorABC):
    """Insert weights and scores, and write them to files.

    A chunk becomes one file, `<dataset>/<stem>-<hash of the path>-<first>-<last>.<format>`. It is
    written under another name and renamed, so a file under its own name is complete, and a chunk
    that is processed again replaces its own file.

    Parameters
    ----------
    out
        Folder of the skims, as every worker sees it.
    format
        "root": tree `Events` with `nL1Cand`, `L1Cand_pt`, ..., `CICADA_score`, which coffea's
        NanoAODSchema reads. "parquet": the same fields, as nested records.
    algorithms, source
        As for `l1kd.insert`.
    keep
        Collections of the input that are copied too.

    Notes
    -----
    Every skim has `run`, `luminosityBlock` and `event`; where the input has no event number (as
    Delphes) `event` is the entry of the input file and the other two are 1.

    The result is {dataset: {"seen": n, "files": {path: n_events}}}.
    """

    def __init__(
        self,
        out: str | Path,
        format: Literal["root", "parquet"] = "root",
        algorithms: Sequence[str | Algorithm] | None = None,
        source: str | None = None,
        keep: Sequence[str] = (),
    ) -> None:
        if format not in ("root", "parquet"):
            raise ConfigurationError(f"format {format!r}: expected 'root' or 'parquet'")
        self.out = str(out)
        self.format = format
        self.algorithms = None if algorithms is None else [algorithm(a) for a in algorithms]
        self.source = source
        self.keep = tuple(keep)

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Insert into one chunk and write it."""
        metadata = dict(events.metadata)
        inserted = insert(events, self.algorithms, self.source)
        fields = _identity(inserted, chunk_key(metadata)[1])
        for name in ("L1Cand", "CICADA"):
            if name in collections(inserted):
                fields[name] = _plain(inserted[name])
        for name in self.keep:
            if name not in collections(inserted):
                found = shown(collections(inserted))
                raise MissingBranchError(f"collection {name!r} to keep is missing; found: {found}")
            fields[name] = _plain(inserted[name])
        path = self._path(metadata)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            (_write_root if self.format == "root" else _write_parquet)(fields, unfinished)
            os.replace(unfinished, path)  # noqa: PTH105  (atomic, also over an older file)
        finally:
            unfinished.unlink(missing_ok=True)
        dataset = metadata.get("dataset", "events")
        return {dataset: {"seen": len(events), "files": {str(path): len(events)}}}

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is."""
        return accumulator

    def _path(self, metadata: dict[str, Any]) -> Path:
        source, start = chunk_key(metadata)
        stop = metadata.get("entrystop", start)
        of_path = hashlib.sha256(source.encode()).hexdigest()[:8]
        stem = f"{Path(source).stem}-{of_path}-{start}-{stop}"
        return Path(self.out) / metadata.get("dataset", "events") / f"{stem}.{self.format}"


def _identity(events: ak.Array, first_entry: int) -> dict[str, ak.Array]:
    """Return what tells events apart: the stored numbers, or the entry of the input file."""
    stored = {name: events[name] for name in _IDENTITY if name in collections(events)}
    if "event" in stored:
        return stored
    entry = np.arange(first_entry, first_entry + len(events), dtype=np.uint64)
    one = np.ones(len(events), np.uint32)
    made = {"run": one, "luminosityBlock": one, "event": entry}
    return {name: ak.from_numpy(values) for name, values in made.items()} | stored


def _plain(array: ak.Array) -> ak.Array:
    """Return records without behaviour, of numbers only: what a flat tree can hold."""
    if not array.fields:
        return ak.without_parameters(array)
    numbers = {f: array[f] for f in array.fields if not array[f].fields and array[f].ndim <= 2}
    depth = 1 if array.ndim == 1 else 2
    return ak.zip({f: ak.without_parameters(v) for f, v in numbers.items()}, depth_limit=depth)


def _write_root(fields: dict[str, ak.Array], path: Path) -> None:
    with uproot.recreate(path, compression=uproot.ZSTD(5)) as file:
        packed = {name: ak.to_packed(ak.materialize(values)) for name, values in fields.items()}
        tree = file.mktree("Events", {name: values.type.content for name, values in packed.items()})
        tree.extend(packed)


def _write_parquet(fields: dict[str, ak.Array], path: Path) -> None:
    ak.to_parquet(ak.zip(fields, depth_limit=1), path, compression="zstd")
