"""Real inputs of a network from events: what the trigger would feed it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from l1kd.emulators.particles.distillnet_inputs import N_FEATURES
from l1kd.errors import ConfigurationError, InputError
from l1kd.models.firmware.proof import vectors
from l1kd.models.firmware.proof.vectors import Emulator

__all__ = ["bundled", "real_inputs"]

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


def _rows(network: Emulator, kind: str | None, file: Path, limit: int) -> Integers:
    if file.suffix == ".npy":
        return vectors.load_rows(file, network)[:limit]
    family, formats = _family(kind), vectors.element_formats(network)
    if family == "qdistillnet":
        rows = _particles(file, limit, local=len(formats) > N_FEATURES)
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


def _particles(file: Path, limit: int, local: bool) -> npt.NDArray[np.floating]:
    """Return the inputs of the first particles, with those of their surroundings if asked for."""
    import awkward as ak

    from l1kd.algorithms import columns_of
    from l1kd.algorithms.networks import QDistillNet
    from l1kd.datasets import inspect_file
    from l1kd.emulators.particles.distillnet_inputs import distillnet_inputs
    from l1kd.emulators.particles.local_inputs import local_inputs

    events, parts, found = inspect_file(str(file)).open(), [], 0
    names = QDistillNet.inputs
    for start in range(0, len(events), _BLOCK):
        table = columns_of(QDistillNet().particles(events[start : start + _BLOCK]), *names)
        columns = dict(
            zip(names, np.ascontiguousarray(ak.to_numpy(ak.flatten(table)).T), strict=True)
        )
        rows = distillnet_inputs(**columns)
        if local:
            columns.pop("energy"), columns.pop("pid")
            offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(table)))])
            rows = np.concatenate([rows, local_inputs(**columns, offsets=offsets)], axis=1)
        parts.append(rows)
        found += len(rows)
        if found >= limit:
            break
    return np.concatenate(parts)


def _regions(file: Path, limit: int) -> npt.NDArray[np.floating]:
    from l1kd.datasets import inspect_file
    from l1kd.regions import regions

    image = regions(inspect_file(str(file)).open()[:limit])
    return image.reshape(len(image), -1)
