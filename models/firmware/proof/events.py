"""Real inputs of a network from events: what the trigger would feed it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from l1kd.emulators.particles.input_matrix import INPUT_SETS, InputSet, input_matrix
from l1kd.errors import ConfigurationError, InputError
from l1kd.models.firmware.proof import vectors
from l1kd.models.firmware.proof.vectors import Emulator

__all__ = ["bundled", "particle_rows", "real_inputs"]

Integers = npt.NDArray[np.int64]
_BLOCK = 10
"""Events that are read at a time, until there are particles enough."""
_BUNDLED = {
    "qdistillnet": ("ttbar2l_PU140.root", "minbias_PU140.root"),
    "cicada": ("minbias_PU140_l1nano.root", "ttbar2l_PU140_l1nano.root"),
}


def bundled(kind: str | None) -> tuple[Path, ...]:
    """Return the event files that come with a checkout of l1kd for this kind of network.

    The installed package carries none: the result is empty there.
    """
    folder = Path(__file__).resolve().parents[3] / "tests" / "data"
    files = (folder / name for name in _BUNDLED.get(_family(kind), ()))
    return tuple(file for file in files if file.is_file())


def _family(kind: str | None) -> str:
    """Return whose inputs a kind of network reads; students are named after their teachers."""
    for family in _BUNDLED:
        if kind is not None and (family in kind or family.removeprefix("q") in kind):
            return family
    return ""


def real_inputs(
    network: Emulator, kind: str | None, files: tuple[Path, ...], limit: int
) -> Integers:
    """Read the inputs of a network from event files or arrays.

    Parameters
    ----------
    kind : str, optional
        Kind of the artefact, which says what its inputs are: the 16 numbers of a particle for
        `distillnet` and `qdistillnet`, the calorimeter image for `cicada`.
    files : tuple of pathlib.Path
        ``.root`` files with events, or ``.npy`` files with rows of inputs.
    limit : int
        At most so many rows, as equally as possible from every file.

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
    parts = [_rows(network, kind, file, share) for file in files]
    return np.concatenate(parts)[:limit]


def _input_set(count: int, file: Path) -> InputSet:
    """Return the input set of so many columns."""
    for name, columns in INPUT_SETS.items():
        if len(columns) == count:
            return name
    given = " or ".join(str(len(columns)) for columns in INPUT_SETS.values())
    raise InputError(f"{file}: the events give {given} inputs, the network reads {count}")


def _rows(network: Emulator, kind: str | None, file: Path, limit: int) -> Integers:
    if file.suffix == ".npy":
        return vectors.load_rows(file, network)[:limit]
    family, formats = _family(kind), vectors.element_formats(network)
    if family == "qdistillnet":
        rows = particle_rows(file, limit, _input_set(len(formats), file))
    elif family == "cicada":
        rows = _regions(file, limit)
    else:
        raise ConfigurationError(
            f"{file}: it is not known what a network of kind '{kind}' reads of an event; "
            "give its inputs as a .npy file instead"
        )
    if rows.shape[1] != len(formats):
        raise InputError(
            f"{file}: the events give {rows.shape[1]} inputs, the network reads {len(formats)}"
        )
    return vectors.cast_rows(rows[:limit].astype(np.float64), formats, str(file))


def particle_rows(file: Path, limit: int, input_set: InputSet) -> npt.NDArray[np.floating]:
    """Return the inputs of the particles of the first events, at least `limit` if there are."""
    import awkward as ak

    from l1kd.algorithms import columns_of
    from l1kd.algorithms.networks import QDistillNet
    from l1kd.datasets import inspect_file

    events, parts, found = inspect_file(str(file)).open(), [], 0
    names = QDistillNet.inputs
    for start in range(0, len(events), _BLOCK):
        table = columns_of(QDistillNet().particles(events[start : start + _BLOCK]), *names)
        columns = dict(
            zip(names, np.ascontiguousarray(ak.to_numpy(ak.flatten(table)).T), strict=True)
        )
        offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(table)))])
        parts.append(input_matrix(input_set, **columns, offsets=offsets))
        found += len(parts[-1])
        if found >= limit:
            break
    return np.concatenate(parts)


def _regions(file: Path, limit: int) -> npt.NDArray[np.floating]:
    from l1kd.datasets import inspect_file
    from l1kd.regions import regions

    image = regions(inspect_file(str(file)).open()[:limit])
    return image.reshape(len(image), -1)
