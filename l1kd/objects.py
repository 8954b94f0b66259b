"""Events as lists of objects: four muons, four electrons, ten jets and MET.

The array that anomaly triggers on objects read (Govorkova et al., Nat. Mach. Intell. 4 (2022) 154):
shape (n_events, 19, 3), rows 0 to 3 muons, 4 to 7 electrons, 8 to 17 jets, each kind by falling
pt, 18 MET; columns pt [GeV], eta, phi [rad, (-pi, pi]]; absent objects are zero, and MET has
eta 0. Electrons of a Level-1 trigger are its e/gamma objects.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import awkward as ak
import numpy as np

from l1kd._documents import open_arrays
from l1kd._edge import collections, flat, has_branch, is_dask, offsets_of, partitioned, read, shown
from l1kd.emulators.array_types import AnyArray, Mask, Offsets, Singles
from l1kd.emulators.object_arrays import leading
from l1kd.errors import InputError, MissingBranchError, UnknownFormatError, UnreadableFileError
from l1kd.formats.columns import wrapped
from l1kd.registry import nearest

__all__ = [
    "KINDS",
    "N_OBJECTS",
    "SOURCES",
    "checked_source",
    "in_native_precision",
    "object_sources",
    "objects",
    "read_object_array",
    "require_objects",
]

KINDS: Final = {"muon": (0, 4), "electron": (4, 8), "jet": (8, 18), "met": (18, 19)}
"""Rows of each kind of object: first, last (exclusive)."""
N_OBJECTS: Final = 19
_CALORIMETER_ETA: Final = 0.0435
_CALORIMETER_PHI: Final = 2.0 * np.pi / 144
_MUON_ETA: Final = 0.010875
_MUON_PHI: Final = 2.0 * np.pi / 576
_MISSING_ET: Final = 2
"""EtSum type of MET without the forward calorimeter (CMSSW's kMissingEt)."""


class _Columns(NamedTuple):
    """Where one kind of object is found: alternatives for each column, the first that is there.

    An alternative is a branch and a function from its values to GeV or rad.
    """

    collection: str
    pt: tuple[tuple[str, Callable[[AnyArray], AnyArray]], ...]
    eta: tuple[tuple[str, Callable[[AnyArray], AnyArray]], ...]
    phi: tuple[tuple[str, Callable[[AnyArray], AnyArray]], ...]
    select: Callable[[ak.Array, str], Mask | None] = lambda events, collection: None


def _scaled(step: float, offset: float = 0.0) -> Callable[[AnyArray], AnyArray]:
    return lambda index: (index + offset) * step


def _as_it_is(values: AnyArray) -> AnyArray:
    return values


def _muon_pt(index: AnyArray) -> AnyArray:
    """Half GeV, counted from one: 0 is no muon."""
    return np.maximum(index - 1, 0) * 0.5


def _this_crossing(events: ak.Array, collection: str) -> Mask | None:
    if not has_branch(events, collection, "bx"):
        return None
    return flat(read(events, collection, "bx"), np.int64) == 0


def _missing_et(events: ak.Array, collection: str) -> Mask | None:
    kind = flat(read(events, collection, "etSumType"), np.int64) == _MISSING_ET
    crossing = _this_crossing(events, collection)
    return kind if crossing is None else kind & crossing


def _trigger(prefix: str) -> dict[str, _Columns]:
    """Objects of the Level-1 trigger; muons at the vertex, as the Global Trigger has them."""
    half = (("pt", _as_it_is), ("hwPt", _scaled(0.5)))
    calorimeter = (
        (("eta", _as_it_is), ("hwEta", _scaled(_CALORIMETER_ETA))),
        (("phi", _as_it_is), ("hwPhi", _scaled(_CALORIMETER_PHI))),
    )
    return {
        "muon": _Columns(
            f"{prefix}Mu",
            (("pt", _as_it_is), ("hwPt", _muon_pt)),
            (
                ("etaAtVtx", _as_it_is),
                ("hwEtaAtVtx", _scaled(_MUON_ETA)),
                ("eta", _as_it_is),
                ("hwEta", _scaled(_MUON_ETA)),
            ),
            (
                ("phiAtVtx", _as_it_is),
                ("hwPhiAtVtx", _scaled(_MUON_PHI)),
                ("phi", _as_it_is),
                ("hwPhi", _scaled(_MUON_PHI)),
            ),
            _this_crossing,
        ),
        "electron": _Columns(f"{prefix}EG", half, *calorimeter, _this_crossing),
        "jet": _Columns(f"{prefix}Jet", half, *calorimeter, _this_crossing),
        "met": _Columns(f"{prefix}EtSum", half, (), calorimeter[1], _missing_et),
    }


def _offline(met: str) -> dict[str, _Columns]:
    names = {"muon": "Muon", "electron": "Electron", "jet": "Jet", "met": met}
    column = {name: ((name, _as_it_is),) for name in ("pt", "eta", "phi")}
    return {
        kind: _Columns(name, column["pt"], () if kind == "met" else column["eta"], column["phi"])
        for kind, name in names.items()
    }


_PLAIN = {name: ((name, _as_it_is),) for name in ("PT", "MET", "Eta", "Phi")}
SOURCES: Final[Mapping[str, Mapping[str, _Columns]]] = {
    "L1": _trigger("L1"),
    "L1Emul": _trigger("L1Emul"),
    "PuppiMET": _offline("PuppiMET"),
    "MET": _offline("MET"),
    "PFMET": _offline("PFMET"),
    "Delphes": {
        "muon": _Columns("Muon", _PLAIN["PT"], _PLAIN["Eta"], _PLAIN["Phi"]),
        "electron": _Columns("Electron", _PLAIN["PT"], _PLAIN["Eta"], _PLAIN["Phi"]),
        "jet": _Columns("Jet", _PLAIN["PT"], _PLAIN["Eta"], _PLAIN["Phi"]),
        "met": _Columns("MissingET", _PLAIN["MET"], (), _PLAIN["Phi"]),
    },
}
"""Where objects come from: `L1` (NanoAOD, L1 NANO, scouting), `L1Emul`; offline NanoAOD by its MET
(`PuppiMET`, `MET`, `PFMET`); `Delphes`. The first that the events hold is the default."""


def _holds(events: Any, source: Mapping[str, _Columns]) -> bool:
    return all(
        columns.collection in collections(events)
        and any(has_branch(events, columns.collection, name) for name, _ in columns.pt)
        for columns in source.values()
    )


def object_sources(events: Any) -> list[str]:
    """Names of the sources of objects that `events` hold, the default one first."""
    return [name for name, source in SOURCES.items() if _holds(events, source)]


def checked_source(name: str | None) -> str | None:
    """Return a name of `SOURCES`, or None for the default one.

    Raises
    ------
    UnknownFormatError
        If it is neither.
    """
    if name is not None and name not in SOURCES:
        raise UnknownFormatError(
            f"unknown source of objects {name!r}{nearest(str(name), SOURCES)}; there are "
            f"{', '.join(SOURCES)}"
        )
    return name


def _source(events: Any, name: str | None) -> Mapping[str, _Columns]:
    if (name := checked_source(name)) is not None:
        if _holds(events, SOURCES[name]):
            return SOURCES[name]
        wanted = ", ".join(columns.collection for columns in SOURCES[name].values())
        raise UnknownFormatError(
            f"objects of {name!r} need {wanted}; the events hold {shown(collections(events))}"
        )
    for source in SOURCES.values():
        if _holds(events, source):
            return source
    raise UnknownFormatError(
        "no muons, electrons, jets and MET of a known format: expected the collections of one of "
        f"{', '.join(SOURCES)}, found {shown(collections(events))}"
    )


def _column(
    events: ak.Array,
    collection: str,
    alternatives: tuple[tuple[str, Callable[[AnyArray], AnyArray]], ...],
) -> AnyArray:
    """Values of the first branch that is there, float64 of shape (n_objects,)."""
    for branch, convert in alternatives:
        if has_branch(events, collection, branch):
            array = read(events, collection, branch)
            values = flat(array, np.float64) if array.ndim == 2 else ak.to_numpy(array)
            return convert(np.asarray(values, np.float64))
    names = " or ".join(name for name, _ in alternatives)
    raise MissingBranchError(
        f"{collection} has no {names}; it has {', '.join(events[collection].fields)}"
    )


def _offsets(events: ak.Array, columns: _Columns) -> Offsets:
    array = events[columns.collection][events[columns.collection].fields[0]]
    return offsets_of(array) if array.ndim == 2 else np.arange(len(array) + 1, dtype=np.int64)


def _fill(out: Singles, events: ak.Array, kind: str, columns: _Columns) -> None:
    """Write the rows of one kind: the largest pt first, what is too many left away."""
    first, last = KINDS[kind]
    pt = _column(events, columns.collection, columns.pt)
    phi = _column(events, columns.collection, columns.phi)
    eta = _column(events, columns.collection, columns.eta) if columns.eta else np.zeros_like(pt)
    offsets = _offsets(events, columns)
    for name, values, wrong, expected in (
        *((name, values, ~np.isfinite(values), f"finite {name}")
          for name, values in (("pt", pt), ("eta", eta), ("phi", phi))),
        ("pt", pt, pt < 0, "pt >= 0 GeV"),
    ):  # fmt: skip
        if wrong.any():
            place = int(wrong.argmax())
            event = int(np.searchsorted(offsets, place, side="right")) - 1
            raise InputError(
                f"{columns.collection}.{name}: expected {expected}, found {values[place]} in event "
                f"{event}, object {place - offsets[event]}; {int(wrong.sum())} objects in all"
            )
    kept = columns.select(events, columns.collection)
    wanted = pt if kept is None else np.where(kept, pt, 0.0)
    found = leading(wanted, offsets, last - first)
    for column, values in enumerate((pt, eta, wrapped(phi))):
        out[:, first:last, column] = np.where(found < 0, 0.0, np.append(values, 0.0)[found])


def objects(events: Any, source: str | None = None) -> Any:
    """Objects of every event.

    Parameters
    ----------
    events
        NanoEvents of NanoAOD, L1 NANO or Delphes; eager, virtual or dask-awkward.
    source
        One of `SOURCES`; by default the first that the events hold, the trigger's objects before
        offline ones. Level-1 objects are those of crossing 0; physical columns are taken where
        the file has them, else hardware integers are converted (0.5 GeV; muons at the vertex).

    Returns
    -------
    ndarray of float32, shape (n_events, 19, 3)
        Rows and columns as the module says. A dask-awkward array where `events` are one.

    Raises
    ------
    UnknownFormatError
        If the events do not hold the collections.
    MissingBranchError, InputError
        If a branch is missing, or holds NaN, infinity or negative pt.
    """
    if is_dask(events):
        return partitioned(_as_awkward, events, source)
    found = _source(events, source)
    out = np.zeros((len(events), N_OBJECTS, 3), np.float32)
    for kind, columns in found.items():
        _fill(out, events, kind, columns)
    return out


def _as_awkward(events: ak.Array, source: str | None) -> ak.Array:
    return ak.Array(objects(events, source))


def in_native_precision(values: AnyArray) -> AnyArray:
    """Return real numbers as native float32 where it holds every value of their type, else float64.

    Values are the same in any byte order; what is wider than double precision is rounded to it.
    """
    narrow = np.can_cast(values.dtype, np.float32)
    with np.errstate(over="ignore"):
        return values.astype(np.float32 if narrow else np.float64, copy=False)


def _single(objects: AnyArray) -> Singles:
    """Round objects to single precision; angles of another turn lose the turn before."""
    with np.errstate(over="ignore", invalid="ignore"):
        single = objects.astype(np.float32)
        phi = objects[..., 2].astype(np.float64)
        turned = (np.mod(phi + np.pi, 2.0 * np.pi) - np.pi).astype(np.float32)
    outside = np.abs(single[..., 2]) > np.float32(np.pi)
    single[..., 2] = np.where(outside & np.isfinite(single[..., 2]), turned, single[..., 2])
    return single


def require_objects(objects: AnyArray, where: str, first: int = 0) -> None:
    """Refuse objects that are not finite in single precision, or have pt below 0.

    Parameters
    ----------
    objects : real numbers, shape (n, 19, 3)
    where : str
        With which the message begins.
    first : int
        Number of the first event, for the message.

    Raises
    ------
    InputError
        Naming event, row, kind of object and column of the first such value, and the value.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        single = objects.astype(np.float32)
    for wrong, expected in (
        (~np.isfinite(single), "a number that is finite in single precision"),
        (single < np.array([0.0, -np.inf, -np.inf]), "pt >= 0 GeV"),
    ):
        if wrong.any():
            event, row, column = np.argwhere(wrong)[0]
            kind = next(name for name, (_, last) in KINDS.items() if row < last)
            raise InputError(
                f"{where}: event {first + event}, row {row} ({kind}), "
                f"{('pt', 'eta', 'phi')[column]}: expected {expected}, found "
                f"{objects[event, row, column]}"
            )


# rows of the public files: MET, four electrons, four muons, ten jets
_PUBLIC_ROWS: Final = [*range(5, 9), *range(1, 5), *range(9, 19), 0]


def read_object_array(path: str | Path) -> Singles:
    """Read a file of object arrays.

    Parameters
    ----------
    path
        `.npz` with `X` of shape (n, 19, 3) in the order of this module, or HDF5 (`.h5`) of the
        public "Anomaly Detection at 40 MHz" set: `Particles` of shape (n, 19, 4) with MET,
        electrons, muons and jets, pt, eta, phi and a class. phi may be of any turn.

    Returns
    -------
    ndarray of float32, shape (n, 19, 3)
        phi within a turn.

    Raises
    ------
    UnreadableFileError
        If the file cannot be read or lacks the array.
    InputError
        If the array has another shape, values that are not finite, or pt below 0.
    """
    file = Path(path)
    try:
        if file.suffix in (".h5", ".hdf5"):
            key, expected, found = "Particles", (N_OBJECTS, 4), _particles(file)
        elif file.suffix == ".npz":
            key, expected, found = "X", (N_OBJECTS, 3), _own(file)
        else:
            raise ValueError(f"expected .npz, .h5 or .hdf5, found {file.suffix!r}")
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{file}: expected an array of objects: {error}") from error
    where = f"{file}: {key}"
    if found.dtype.kind not in "fiu":
        raise InputError(f"{where}: expected real numbers, found {found.dtype}")
    if found.ndim != 3 or found.shape[1:] != expected:
        raise InputError(
            f"{where}: expected shape (n, {expected[0]}, {expected[1]}), found {found.shape}"
        )
    if key == "Particles":
        found = found[:, _PUBLIC_ROWS, :3]
    require_objects(found, where)
    return _single(found)


def _particles(file: Path) -> AnyArray:
    import h5py  # of the extra `train`: only needed for these files

    with h5py.File(file, "r") as content:
        found = content.get("Particles")
        if not isinstance(found, h5py.Dataset):
            what = "no array Particles" if found is None else "a group Particles"
            raise ValueError(
                f"expected an array Particles of shape (n, 19, 4), found {what}; the file has "
                f"{', '.join(content) or 'nothing'}"
            )
        return np.asarray(found)


def _own(file: Path) -> AnyArray:
    with open_arrays(file) as archive:
        if "X" not in archive.files:
            listed = ", ".join(archive.files) or "none"
            raise ValueError(f"expected X of shape (n, 19, 3) in it, found the arrays {listed}")
        return np.asarray(archive["X"])
