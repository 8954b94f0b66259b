"""What a user may write as a fileset, and the one form into which it is brought."""

import difflib
import glob
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from l1kd._documents import read_document, shown_value
from l1kd.errors import ConfigurationError, UnreadableFileError

__all__ = ["Dataset", "Steps", "checked_name", "is_url", "load_fileset", "named_after"]

Steps = tuple[tuple[int, int], ...]
"""Ranges of entries, first included, last excluded, in ascending order."""

_DOCUMENTS = (".yaml", ".yml", ".json", ".json.gz")
_RESERVED = {
    "clusters",
    "dataset",
    "entrystart",
    "entrystop",
    "filename",
    "fileuuid",
    "metadata",
    "numentries",
    "preload",
    "treename",
    "truth",
    "uuid",
}
"""Names in an event's metadata that l1kd and coffea fill themselves."""

_FILE_KEYS = ("object_path", "steps", "num_entries", "uuid", "format", "lfn", "pfn")
_DATASET_KEYS = ("files", "truth", "metadata", "treename", "form", "format")
_LONGEST_NAME = 200


class Dataset(BaseModel):
    """One dataset of a fileset.

    Attributes
    ----------
    files
        Paths or URLs that uproot can open, wildcards expanded.
    truth
        The same events without pile-up, file by file (Delphes), or empty.
    trees
        Name of the tree by file, for the files of which it was given.
    steps
        Ranges of entries by file, for the files of which not all entries are wanted.
    counts, uuids
        Number of entries and ROOT's UUID by file, where the fileset says what they should be.
    metadata
        What the events of this dataset carry in `events.metadata`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: list[str]
    truth: list[str] = []
    trees: dict[str, str] = {}
    steps: dict[str, Steps] = {}
    counts: dict[str, int] = {}
    uuids: dict[str, str] = {}
    metadata: dict[str, Any] = {}


def is_url(path: str | Path) -> bool:
    """Whether a path names a protocol, as `root://` does."""
    return re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:/", str(path)) is not None


def named_after(files: Sequence[str]) -> str:
    """Name of a dataset to which nobody gave one: that of its file, or what its files share."""
    stems = [_split(file)[0].rstrip("/").rsplit("/", 1)[-1].split(".")[0] for file in files]
    name = stems[0]
    if len(set(stems)) > 1:
        equal = takewhile(lambda letters: len(set(letters)) == 1, zip(*stems, strict=False))
        shared = re.sub(r"[\W_\d]+$", "", "".join(letters[0] for letters in equal))
        name = shared if len(shared) > 2 else f"{name}_and_{len(stems) - 1}_more"
    return re.sub(r"[^\w.+-]+", "_", name).strip("._ ") or "events"


def load_fileset(fileset: Any) -> dict[str, Dataset]:
    """Bring a fileset into one form.

    Parameters
    ----------
    fileset
        A path to a YAML or JSON file; a file or a list of files (one dataset, named after them),
        with wildcards or a tree (`file.root:Tree`); a mapping of files to trees; a folder of skims;
        or a mapping of dataset names to any of these, or to mappings with `files`, `truth` and
        `metadata`. In coffea's form `files` is a mapping of paths to trees or to mappings with
        `object_path`, `steps`, `num_entries` and `uuid`.

    Raises
    ------
    ConfigurationError
        If it has another form, an unknown key or a name that is no name of a folder; if a pattern
        matches nothing, steps overlap, or truth files are not as many as the files.
    UnreadableFileError
        If the YAML or JSON file cannot be read.
    """
    if isinstance(fileset, str | Path) and str(fileset).endswith(_DOCUMENTS):
        path = Path(fileset)
        try:
            return load_fileset(_mapping_of(read_document(path)))
        except ConfigurationError as error:
            if str(path) in str(error):
                raise
            raise ConfigurationError(f"{path}: {error}") from error
    if isinstance(fileset, str | Path):
        fileset = [fileset]
    if isinstance(fileset, Mapping) and fileset and all(map(_names_file, fileset.items())):
        fileset = {named_after([str(path) for path in fileset]): {"files": fileset}}
    elif isinstance(fileset, Sequence):
        paths = [str(path) for path in _as_list(fileset, "the fileset")]
        fileset = {named_after(paths): {"files": paths}} if paths else {}
    if not isinstance(fileset, Mapping) or not fileset:
        raise ConfigurationError(
            "expected a fileset (dataset names with their files), found "
            f"{shown_value(fileset) if fileset or fileset is None else 'an empty one'}"
        )
    loaded: dict[str, Dataset] = {}
    for key, value in fileset.items():
        name = checked_name(key)
        if name in loaded:
            raise ConfigurationError(f"the dataset {name!r} is given twice")
        loaded[name] = _dataset(name, value)
    return loaded


def _mapping_of(document: Any) -> Any:
    if isinstance(document, Mapping | list | str):
        return document
    raise ConfigurationError(
        f"expected dataset names with their files, found {shown_value(document)}"
    )


def _names_file(item: tuple[Any, Any]) -> bool:
    """Whether this is `{path: "Tree"}` or `{path: {"object_path": ...}}` and no dataset."""
    path, value = item
    if not re.search(r"\.(root|parquet)$", str(path)):
        return False
    return (isinstance(value, str) and not re.search(r"[/.*]", value)) or (
        isinstance(value, Mapping) and bool(value) and set(value) <= set(_FILE_KEYS)
    )


def checked_name(name: Any) -> str:
    """Return the name of a dataset, after which folders and plots are named.

    Raises
    ------
    ConfigurationError
        If it cannot be the name of a folder, or would lie outside of the folder of results.
    """
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise ConfigurationError(
            f"expected the name of a dataset, found {shown_value(name)} ({type(name).__name__}); "
            "in YAML put it in quotes"
        )
    text = str(name)
    problem = None
    if not text.strip() or text != text.strip():
        problem = "is empty, or begins or ends with a blank"
    elif "/" in text or "\\" in text:
        problem = "holds a slash"
    elif text.startswith("."):
        problem = "begins with a dot"
    elif not text.isprintable():
        problem = "holds a character that cannot be printed"
    elif len(text.encode()) > _LONGEST_NAME:
        problem = f"is longer than {_LONGEST_NAME} bytes"
    if problem is None:
        return text
    proposed = re.sub(r"[^\w+-]+", "_", text).strip("_")[:60]
    hint = f"; call it {proposed!r}, for instance" if proposed else ""
    raise ConfigurationError(
        f"the name of dataset {shown_value(text)} {problem}: folders and plots are named after "
        f"datasets{hint}"
    )


def _dataset(name: str, value: Any) -> Dataset:
    if isinstance(value, Dataset):
        return value
    where = f"dataset {name!r}"
    content = dict(value) if isinstance(value, Mapping) else {"files": value}
    if content and "files" not in content and all(map(_names_file, content.items())):
        content = {"files": content}
    _known_keys(content, _DATASET_KEYS, where)
    if "files" not in content:
        raise ConfigurationError(f"{where}: expected 'files', found {shown_value(value)}")
    if content.get("format") not in (None, "root", "parquet"):
        raise ConfigurationError(f"{where}: expected the format root or parquet")
    tree = content.get("treename")
    if tree is not None and not isinstance(tree, str):
        raise ConfigurationError(f"{where}: expected the name of a tree, found {shown_value(tree)}")
    found: dict[str, dict[str, Any]] = {}
    for path, asked in _listed(content["files"], where):
        for one, options in _expanded(path, {"object_path": tree} | asked, where).items():
            if one in found:
                raise ConfigurationError(
                    f"{where} names the file {one} twice: its events would count twice"
                )
            found[one] = options
    truth = content.get("truth", [])
    truth = [
        one
        for path in _as_list(truth, f"{where}, truth")
        for one in _expanded(str(path), {}, f"{where}, truth")
    ]
    if truth and len(truth) != len(found):
        raise ConfigurationError(
            f"{where}: expected one truth file a file, found {len(truth)} for {len(found)} files"
        )

    def given(key: str) -> dict[str, Any]:
        return {file: o[key] for file, o in found.items() if o.get(key) is not None}

    return Dataset(
        files=list(found),
        truth=truth,
        trees=given("object_path"),
        steps=given("steps"),
        counts=given("num_entries"),
        uuids=given("uuid"),
        metadata=_metadata(content.get("metadata"), where),
    )


def _known_keys(content: Mapping[Any, Any], known: Sequence[str], where: str) -> None:
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1, 0.0)[0]
            raise ConfigurationError(
                f"{where}: unknown key {shown_value(key)}; did you mean {near!r}?"
            )


def _as_list(value: Any, where: str) -> list[Any]:
    values = [value] if isinstance(value, str | Path) else value
    if not isinstance(values, Sequence) or not all(isinstance(v, str | Path) for v in values):
        raise ConfigurationError(f"{where}: expected names of files, found {shown_value(value)}")
    if any(not str(v).strip() for v in values):
        raise ConfigurationError(f"{where}: expected names of files, found an empty name")
    return list(values)


def _listed(files: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    """Files with what is asked of each."""
    if not isinstance(files, Mapping):
        listed = [(str(path), dict[str, Any]()) for path in _as_list(files, where)]
    else:
        paths = _as_list(list(files), where)
        listed = [(str(path), _options(files[path], f"{where}, {path}")) for path in paths]
    if not listed:
        raise ConfigurationError(f"{where} names no file")
    return listed


def _options(value: Any, where: str) -> dict[str, Any]:
    """Return what is asked of one file: its tree, ranges of entries, and what it should be."""
    if value is None or isinstance(value, str):
        return {"object_path": value}
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{where}: expected the name of a tree, or object_path and steps, found "
            f"{shown_value(value)}"
        )
    _known_keys(value, _FILE_KEYS, where)
    tree, count, uuid = (value.get(key) for key in ("object_path", "num_entries", "uuid"))
    if tree is not None and not isinstance(tree, str):
        raise ConfigurationError(f"{where}: object_path: found {shown_value(tree)}")
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 0):
        raise ConfigurationError(f"{where}: num_entries: found {shown_value(count)}")
    if uuid is not None and not isinstance(uuid, str):
        raise ConfigurationError(f"{where}: uuid: found {shown_value(uuid)}")
    steps = None if value.get("steps") is None else _steps(value["steps"], where)
    return {"object_path": tree, "steps": steps, "num_entries": count, "uuid": uuid}


def _steps(value: Any, where: str) -> Steps:
    """Ranges of entries, from pairs or, as uproot has it, from edges."""

    def number(x: Any) -> bool:
        return isinstance(x, int) and not isinstance(x, bool) and x >= 0

    pairs = value
    if isinstance(value, Sequence) and len(value) > 1 and all(map(number, value)):
        pairs = list(pairwise(value))
    if (
        not isinstance(pairs, Sequence)
        or isinstance(pairs, str)
        or not pairs
        or not all(
            isinstance(p, Sequence) and len(p) == 2 and all(map(number, p)) and p[0] <= p[1]
            for p in pairs
        )
    ):
        raise ConfigurationError(
            f"{where}: steps: expected pairs [first entry, end] in ascending order, found "
            f"{shown_value(value)}"
        )
    ordered = sorted((int(start), int(stop)) for start, stop in pairs)
    for (_, end), (start, _) in pairwise(ordered):
        if start < end:
            raise ConfigurationError(
                f"{where}: steps overlap at entry {start}: its events would count twice"
            )
    return tuple(ordered)


def _metadata(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError(f"{where}: metadata: expected names with values")
    for key in value:
        if key in _RESERVED:
            raise ConfigurationError(
                f"{where}: metadata: {key!r} is what l1kd itself puts there; rename it"
            )
    return dict(value)


def _split(path: str) -> tuple[str, str | None]:
    """Take `file.root:Tree` apart; a file of that very name comes first."""
    if ":" not in path or (not is_url(path) and Path(path).exists()):
        return path, None
    match = re.match(r"^(.*[^:/]):([A-Za-z_][^:]*)$", path)
    if match is None or match[2].startswith("//"):
        return path, None
    file, tree = match.groups()
    named = re.search(r"\.\w+$", file) or glob.has_magic(file) or Path(file).exists()
    return (file, tree) if named else (path, None)


def _expanded(path: str, asked: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Files that a path or a pattern names."""
    from l1kd.datasets.manifest import pieces

    file, tree = _split(path)
    if tree is not None:
        if asked.get("object_path") not in (None, tree):
            raise ConfigurationError(f"{where}: {path}: the tree is also said to be otherwise")
        asked = asked | {"object_path": tree}
    if is_url(file) and not file.startswith("file:"):
        return {file: asked}
    file = re.sub(r"^file:(//)?(?=/)", "", file)
    if Path(file).is_dir():
        return dict.fromkeys(pieces(Path(file)), asked)
    if not glob.has_magic(file) or Path(file).exists():
        return {file: asked}
    matches = sorted(m for m in glob.glob(file, recursive=True) if Path(m).is_file())  # noqa: PTH207
    if not matches:
        raise UnreadableFileError(f"{where}: no file matches {file}")
    return dict.fromkeys(matches, asked)
