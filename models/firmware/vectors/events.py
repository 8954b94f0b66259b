"""Real inputs of a network from events: what the trigger would feed it.

`READERS` says, by the kind of network, how its inputs are made of an event file and of the events
that come with the package. Those are the first simulated top pairs and zero-bias crossings of the
test samples, as far as the default number of vectors needs them: ``real_events.npz``, written by
``python -m l1kd.models.firmware.vectors.real_events``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from l1kd.algorithms.linpuppi import track_z0
from l1kd.algorithms.residuals import Residuals
from l1kd.artefacts import sha256
from l1kd.emulators.array_types import AnyFloats, Integers
from l1kd.emulators.calorimeter import N_ETA, N_PHI
from l1kd.emulators.particles.input_matrix import INPUT_SETS, InputSet, input_matrix
from l1kd.errors import ConfigurationError, InputError
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.vectors import vectors
from l1kd.models.firmware.vectors.vectors import Emulator

__all__ = [
    "PACKAGED",
    "READERS",
    "PackagedEvents",
    "Reader",
    "image_rows",
    "packaged_inputs",
    "particle_columns",
    "particle_rows",
    "read_rows",
    "real_inputs",
]

Columns = dict[str, npt.NDArray[np.generic]]

PACKAGED = Path(__file__).with_name("real_events.npz")
"""Events that come with l1kd, the same in a wheel and in a checkout."""
_SAMPLES = ("ttbar2l", "minbias")
_PARTICLES_A_FRAME = 10
"""More than an event has for every frame of its regions."""
_BLOCK = 10
"""Events that are read at a time, until there are particles enough."""


class PackagedEvents(NamedTuple):
    """One sample of the packaged events: flat columns by name, with the events' offsets."""

    columns: Columns

    @classmethod
    def read(cls, sample: str, part: str) -> "PackagedEvents":
        """Read one part, ``particles`` or ``images``, of a sample."""
        start = f"{sample}.{part}."
        with np.load(PACKAGED, allow_pickle=False) as stored:
            names = [name for name in stored.files if name.startswith(start)]
            return cls({name.removeprefix(start): stored[name] for name in names})


class Reader(NamedTuple):
    """How inputs of one kind of network are made of events.

    Attributes
    ----------
    of_file : callable
        ``of_file(file, limit, inputs)`` gives rows of real numbers, shape (n, inputs), n at least
        `limit` if the file has so many.
    packaged : tuple of callable
        ``packaged(limit, inputs)`` gives the same of one sample of the packaged events.
    """

    of_file: Callable[[Path, int, int], AnyFloats]
    packaged: tuple[Callable[[int, int], AnyFloats], ...]


def particle_columns(file: str | Path, limit: int) -> Columns:
    """Read the candidates of the first events, at least `limit` if there are so many.

    Returns
    -------
    dict
        What `input_matrix` reads, float32, and ``offsets`` of the events, int64.
    """
    import awkward as ak

    from l1kd.algorithms import columns_of
    from l1kd.algorithms.networks import QDistillNet
    from l1kd.datasets import inspect_file

    events, parts, counts = inspect_file(str(file)).open(), [], [np.zeros(1, np.int64)]
    names, found = QDistillNet.inputs, 0
    for start in range(0, len(events), _BLOCK):
        table = columns_of(QDistillNet().particles(events[start : start + _BLOCK]), *names)
        parts.append(ak.to_numpy(ak.flatten(table)))
        counts.append(ak.to_numpy(ak.num(table)))
        found += len(parts[-1])
        if found >= limit:
            break
    columns = dict(zip(names, np.ascontiguousarray(np.concatenate(parts).T), strict=True))
    return {**columns, "offsets": np.cumsum(np.concatenate(counts))}


def particle_rows(file: str | Path, limit: int, input_set: InputSet) -> npt.NDArray[np.float32]:
    """Return the inputs of the particles of the first events, at least `limit` if there are."""
    return input_matrix(input_set, **particle_columns(file, limit))  # type: ignore[arg-type]


def image_rows(file: str | Path, limit: int) -> AnyFloats:
    """Return the calorimeter images of the first events, flat."""
    from l1kd.datasets import inspect_file
    from l1kd.regions import regions

    image = regions(inspect_file(str(file)).open()[:limit])
    return vectors.rows_of(image)


def object_rows(file: str | Path, limit: int) -> AnyFloats:
    """Return what networks of objects read of the first events."""
    from l1kd.algorithms.object_inputs import object_inputs
    from l1kd.datasets import inspect_file
    from l1kd.objects import objects

    return object_inputs(objects(inspect_file(str(file)).open()[:limit]))


def _input_set(count: int) -> InputSet:
    """Return the input set of so many columns."""
    for name, columns in INPUT_SETS.items():
        if len(columns) == count:
            return name
    given = " or ".join(str(len(columns)) for columns in INPUT_SETS.values())
    raise InputError(f"particles give {given} inputs, the network reads {count}")


def _packaged_particles(sample: str) -> Callable[[int, int], AnyFloats]:
    def rows(limit: int, inputs: int) -> AnyFloats:
        columns = PackagedEvents.read(sample, "particles").columns
        return input_matrix(_input_set(inputs), **columns)[:limit]  # type: ignore[arg-type]

    return rows


def _packaged_images(sample: str) -> Callable[[int, int], AnyFloats]:
    def rows(limit: int, inputs: int) -> AnyFloats:
        images = PackagedEvents.read(sample, "images").columns["regions"]
        return images[:limit].astype(np.float64)

    return rows


READERS: dict[str, Reader] = {
    "distillnet": Reader(
        lambda file, limit, inputs: particle_rows(file, limit, _input_set(inputs)),
        (_packaged_particles("ttbar2l"), _packaged_particles("minbias")),
    ),
    "cicada": Reader(
        lambda file, limit, inputs: image_rows(file, limit),
        (_packaged_images("minbias"), _packaged_images("ttbar2l")),
    ),
    "object": Reader(lambda file, limit, inputs: object_rows(file, limit), ()),
}
"""By a part of the kind's name: students are named after their teachers."""


def _reader(kind: str | None) -> Reader | None:
    found = (reader for name, reader in READERS.items() if kind is not None and name in kind)
    return next(found, None)


def packaged_inputs(
    network: Emulator, kind: str | None, limit: int, normalisation: Residuals | None = None
) -> tuple[Integers | None, dict[str, str]]:
    """Return the inputs that the events of the package give a network of this kind.

    Parameters
    ----------
    limit : int
        At most so many rows, as equally as possible from every sample.
    normalisation : Residuals, optional
        What is done to calorimeter images before the network reads them.

    Returns
    -------
    raw : int64 array, shape (n, elements), or None
        None where it is not known what such a network reads of an event, or the package's events
        do not have it.
    origin : dict
        Name and hash of the file of events; empty with None.

    Raises
    ------
    InputError
        The inputs do not fit.
    """
    if isinstance(network, RegionStream):
        share = -(-limit // len(_SAMPLES))
        parts = [
            _frames(network, PackagedEvents.read(sample, "particles").columns)[:share]
            for sample in _SAMPLES
        ]
        return np.concatenate(parts), {PACKAGED.name: sha256(PACKAGED)}
    reader = _reader(kind)
    if reader is None or not reader.packaged:
        return None, {}
    count = len(vectors.element_formats(network))
    share = -(-limit // len(reader.packaged))
    parts = [
        _cast(network, rows(share, count)[:share], PACKAGED.name, normalisation)
        for rows in reader.packaged
    ]
    return np.concatenate(parts)[:limit], {PACKAGED.name: sha256(PACKAGED)}


def real_inputs(
    network: Emulator,
    kind: str | None,
    files: tuple[Path, ...],
    limit: int,
    normalisation: Residuals | None = None,
) -> Integers:
    """Read the inputs of a network from event files or arrays.

    Parameters
    ----------
    kind : str, optional
        Kind of the artefact, which says what its inputs are: the numbers of a particle for
        `distillnet` and `qdistillnet`, the calorimeter image for `cicada`, muons, electrons, jets
        and MET for `object_anomaly`.
    files : tuple of pathlib.Path
        ``.root`` files with events, or ``.npy`` files with rows of inputs.
    limit : int
        At most so many rows, as equally as possible from every file.
    normalisation : Residuals, optional
        What is done to calorimeter images of events before the network reads them; arrays hold what
        it reads already.

    Returns
    -------
    int64 array, shape (n, elements)
        Raw integers.

    Raises
    ------
    ConfigurationError
        Events are given, and the network's kind does not say what it reads of them.
    InputError
        The inputs do not fit.
    """
    share = -(-limit // len(files))
    parts = [_rows(network, kind, file, share, normalisation) for file in files]
    return np.concatenate(parts)[:limit]


def _rows(
    network: Emulator, kind: str | None, file: Path, limit: int, normalisation: Residuals | None
) -> Integers:
    if file.suffix == ".npy":
        return vectors.load_rows(file, network)[:limit]
    if isinstance(network, RegionStream):
        return _frames(network, particle_columns(file, limit * _PARTICLES_A_FRAME))[:limit]
    reader = _reader(kind)
    if reader is None:
        raise ConfigurationError(
            f"{file}: it is not known what a network of kind '{kind}' reads of an event; "
            "give its inputs as a .npy file instead"
        )
    count = len(vectors.element_formats(network))
    try:
        rows = reader.of_file(file, limit, count)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    return _cast(network, rows[:limit], str(file), normalisation)


def _frames(network: RegionStream, columns: Columns) -> Integers:
    """Return the frames of all regions of events, from flat columns with offsets."""
    names = ("pt", "eta", "phi", "charge", "pid")
    particles: dict[str, Any] = {name: columns[name] for name in names}
    particles["z0"] = track_z0(columns["dz"])
    return network.frames_of(particles, columns["offsets"])


def read_rows(rows: AnyFloats, normalisation: Residuals | None) -> AnyFloats:
    """Return what a network reads of calorimeter images, flat counts: these, or raw residuals."""
    if normalisation is None:
        return rows
    images = np.asarray(rows, np.uint16).reshape(-1, N_PHI, N_ETA)
    return vectors.rows_of(normalisation.raw(images)).astype(np.float64)


def _cast(
    network: Emulator, rows: AnyFloats, name: str, normalisation: Residuals | None = None
) -> Integers:
    formats = vectors.element_formats(network)
    if rows.shape[1] != len(formats):
        raise InputError(
            f"{name}: the events give {rows.shape[1]} inputs, the network reads {len(formats)}"
        )
    return vectors.cast_rows(read_rows(rows, normalisation).astype(np.float64), formats, name)
