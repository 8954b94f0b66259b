"""Skims with the new fields: one file a chunk, and a manifest of the files that are valid."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import awkward as ak
from coffea import processor
from coffea.nanoevents import BaseSchema

from l1kd._edge import noting
from l1kd.algorithms import Algorithm, algorithm
from l1kd.datasets import InputFile, checked_name, is_url, open_events
from l1kd.datasets.manifest import Manifest, Piece, digest_of, read_manifest
from l1kd.errors import ConfigurationError, L1KDError, OutputError
from l1kd.execution import require_writable
from l1kd.execution.fingerprint import fingerprint
from l1kd.insertion import insert
from l1kd.processors.columns import chunk_key
from l1kd.processors.skims import (
    FORMATS,
    Columns,
    inserted_columns,
    require_matches,
    stored_columns,
)
from l1kd.vertices import Vertex, checked_vertex

__all__ = ["InsertProcessor"]

_PIECE = re.compile(r"-([0-9a-f]{8})-\d+-\d+\.(root|parquet)$")


class InsertProcessor(processor.ProcessorABC):
    """Insert weights and scores, and write them to files beside all that the input holds.

    A chunk becomes one piece, `<dataset>/<stem>-<hash of the path>-<first>-<last>.<format>`. It is
    written under another name and renamed, so a file under its own name is complete. When all
    chunks are done `<dataset>/manifest.json` names the valid pieces, with the entries that each was
    made from and its SHA-256; pieces of the same input that an earlier run left are deleted.

    Parameters
    ----------
    out
        Folder of the skims, as every worker and this process see it.
    format
        "root": tree `Events` with `nL1Cand`, `L1Cand_pt`, ..., `CICADA_score`, compressed with LZ4,
        which has checksums. "parquet": the same columns, pages with checksums. `l1kd.L1KDSchema`
        reads both.
    algorithms, source, vertex
        As for `l1kd.insert`.
    keep
        Patterns of branches or collections of the input ("GenJet", "Jet_*"); only what matches is
        copied. Nothing given is all. What was inserted is written in any case.
    drop
        Patterns of branches or collections, of the input or inserted, that are not written.

    Notes
    -----
    Every skim has `run`, `luminosityBlock` and `event`; where the input has no event number (as
    Delphes) `event` is the entry of the input file and the other two are 1. Delphes' branches
    become `EFlowTrack_PT` and so on. Lists of lists and strings cannot be written; the result
    names them.

    The result is {dataset: {"seen": n, "files": {path: n_events}, "inserted": names of branches,
    "kept": number of branches that were copied, "dropped": number that was not asked for,
    "lost": names of branches that cannot be written}}.
    """

    def __init__(
        self,
        out: str | Path,
        format: Literal["root", "parquet"] = "root",
        algorithms: Sequence[str | Algorithm] | None = None,
        source: str | None = None,
        keep: Sequence[str] = (),
        drop: Sequence[str] = (),
        vertex: Vertex | None = None,
    ) -> None:
        if format not in FORMATS:
            raise ConfigurationError(f"format {format!r}: expected 'root' or 'parquet'")
        self.out = str(out)
        self.format = format
        self.algorithms = None if algorithms is None else [algorithm(a) for a in algorithms]
        self.source = source
        self.vertex = checked_vertex(vertex)
        self.keep = tuple(keep)
        self.drop = tuple(drop)

    def prepare(self, files: Sequence[InputFile]) -> None:
        """Check the folder before any work.

        Raises
        ------
        OutputError
            If it cannot be written.
        ConfigurationError
            If it holds skims of other files that were made otherwise.
        """
        require_writable(self.out)
        settings = self._settings()
        for dataset in dict.fromkeys(file.dataset for file in files):
            folder = Path(self.out) / checked_name(dataset)
            require_writable(folder)
            found = read_manifest(folder)
            if found is None:  # pieces are not valid before the run has ended
                Manifest(settings=settings, pieces={}).write(folder)
                continue
            ours = {str(uuid.UUID(bytes=f.uuid)) for f in files if f.dataset == dataset}
            others = [p.source for p in found.pieces.values() if p.source_uuid not in ours]
            if others and found.settings != settings:
                raise ConfigurationError(
                    f"{folder} holds skims of {others[0]} that were made with other settings or "
                    "another l1kd: choose another folder, or delete this one"
                )

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Insert into one chunk and write it."""
        metadata = dict(events.metadata)
        source, start = chunk_key(metadata)
        stop = int(metadata.get("entrystop", start + len(events)))
        if len(events) != stop - start:
            raise ConfigurationError(
                f"expected whole chunks to write, found {len(events)} of {stop - start} events"
            )
        with noting() as notes:
            inserted = insert(events, self.algorithms, self.source, self.vertex)
        raw = open_events(source, str(metadata.get("treename", "")), BaseSchema, start, stop)
        columns = stored_columns(raw, start)
        places = {name for subject, name in notes if subject == "inserted"}
        new = inserted_columns(inserted, places | columns.unknown(inserted.fields))
        require_matches(self.keep, columns.names(), "keep")
        require_matches(self.drop, [*columns.names(), *new.names()], "drop")
        dropped = columns.select(self.keep, self.drop) + new.select((), self.drop)
        path = self._path(metadata)
        sha = self._write(columns | new, path)
        piece = Piece(
            events=len(events),
            source=source,
            source_uuid=str(metadata.get("fileuuid", "")),
            entry_start=start,
            entry_stop=stop,
            sha256=sha,
        )
        return {
            path.parent.name: {
                "seen": len(events),
                "files": {str(path): len(events)},
                "pieces": {str(path): piece.model_dump()},
                "inserted": set(new.names()),
                "kept": set(columns.names()),
                "dropped": set(dropped),
                "lost": set(columns.lost),
            }
        }

    def intact(self, output: Mapping[str, Any]) -> bool:
        """Whether the pieces of a result from a checkpoint are still there, as they were."""
        return all(
            Path(path).is_file() and digest_of(Path(path)) == piece["sha256"]
            for entry in output.values()
            for path, piece in entry["pieces"].items()
        )

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Write the manifests, and delete what they do not name."""
        finished = {}
        for dataset, entry in accumulator.items():
            made = {Path(path).name: Piece(**piece) for path, piece in entry["pieces"].items()}
            self._finish(Path(self.out) / dataset, made)
            finished[dataset] = {
                "seen": entry["seen"],
                "files": entry["files"],
                "inserted": sorted(entry["inserted"]),
                "kept": len(entry["kept"]),
                "dropped": len(entry["dropped"]),
                "lost": sorted(entry["lost"]),
            }
        return finished

    def _settings(self) -> str:
        made = (self.algorithms, self.source, self.vertex, self.keep, self.drop, self.format)
        return fingerprint(made)[:16]

    def _path(self, metadata: Mapping[str, Any]) -> Path:
        source, start = chunk_key(metadata)
        stop = metadata.get("entrystop", start)
        stem = f"{Path(source).stem}-{_hash_of(source)}-{start}-{stop}"
        dataset = checked_name(metadata.get("dataset", "events"))
        return Path(self.out) / dataset / f"{stem}.{self.format}"

    def _write(self, columns: Columns, path: Path) -> str:
        """Write a piece, whole or not at all; return its SHA-256."""
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        content = columns.packed()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            FORMATS[self.format](content, unfinished)
            digest = digest_of(unfinished)
            unfinished.replace(path)
        except OSError as error:
            if isinstance(error, L1KDError):
                raise
            raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
        finally:
            if unfinished.is_file():
                unfinished.unlink()
        return digest

    def _finish(self, folder: Path, made: Mapping[str, Piece]) -> None:
        """Write the manifest of one dataset; pieces of the same inputs are replaced."""
        before = read_manifest(folder)
        inputs = {piece.source_uuid for piece in made.values()}
        kept = {
            name: piece
            for name, piece in ({} if before is None else before.pieces).items()
            if piece.source_uuid not in inputs and (folder / name).is_file()
        }
        Manifest(settings=self._settings(), pieces={**kept, **made}).write(folder)
        replaced = set() if before is None else before.pieces.keys() - kept.keys()
        hashes = {_hash_of(piece.source) for piece in made.values()}
        _delete(folder, {*_pieces_of(folder, hashes), *replaced} - made.keys())


def _hash_of(source: str) -> str:
    """Part of a piece's name that tells inputs of the same name apart, however they are spelt."""
    path = source if is_url(source) else str(Path(source).resolve())
    return sha256(path.encode()).hexdigest()[:8]


def _pieces_of(folder: Path, hashes: set[str]) -> Iterable[str]:
    for path in list(folder.iterdir()):
        found = _PIECE.search(path.name)
        if found and found[1] in hashes:
            yield path.name


def _delete(folder: Path, names: set[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
