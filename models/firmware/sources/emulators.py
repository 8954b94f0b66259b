"""The emulator of anything that `l1kd build` takes, and of what it built."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from l1kd.emulators.network import Network
from l1kd.errors import FirmwareError
from l1kd.models.firmware import project
from l1kd.models.firmware.hls.hls import HlsOptions
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.sources.frameworks import Precisions
from l1kd.models.firmware.vectors.vectors import Emulator

__all__ = ["emulator_of", "networks_below"]

_OPTIONS = HlsOptions("Vitis", "xcvu13p-flga2577-2-e", 1000.0 / 240.0, "latency", "network")
_DEPTH = 5


def emulator_of(name: str, precisions: Precisions | None = None) -> Emulator:
    """Return the emulator of a built project, or of a network as `sources.find` takes it.

    A model of a training framework is converted by hls4ml, for Vitis with the latency strategy.

    Raises
    ------
    L1KDError
        There is no such thing, or it is not understood.
    """
    path = Path(name)
    if (path / project.DESCRIPTION).is_file():
        return project.read_network(path)
    source = sources.find(name, precisions)
    if source.network is not None:
        return source.network
    with TemporaryDirectory() as folder:
        try:
            source.write(_OPTIONS, Path(folder))
        except FirmwareError as error:
            if source.traced is None:
                raise
            return source.traced(str(error))
        try:
            return Network.from_hls_project(folder)
        except ValueError as error:
            raise FirmwareError(f"{name}: {error}") from error


def networks_below(folder: Path) -> Iterator[tuple[Path, Network | str]]:
    """Give every firmware folder below a folder, with its network or why it cannot be read."""
    for header in sorted(folder.rglob("parameters.h")):
        place = header.parent
        if len(place.relative_to(folder).parts) > _DEPTH:
            continue
        try:
            yield place, Network.from_hls_project(place)
        except (ValueError, OSError) as error:
            yield place, str(error)
