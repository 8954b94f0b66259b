"""Libraries and images of an evaluation of scores of the calorimeter image."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from l1kd.datasets.overlay import Overlay, RegionLibrary
from l1kd.emulators.array_types import Images
from l1kd.errors import ConfigurationError, UnreadableFileError
from l1kd.statistics import Blocks
from l1kd.study.request import CicadaRequest
from l1kd.trigger.rates import normalisation
from l1kd.trigger.rates.stitching import HardSlice, StitchedImages, StitchedZeroBias

__all__ = ["ImagesAtMu", "Libraries", "Sample"]

_PREFIX = "regions_"
_NOISE, _STITCHED, _CURVE, _SIGNAL = range(4)


class Sample(NamedTuple):
    """Images, and which minimum-bias collisions they hold."""

    images: Images
    blocks: Blocks


class ImagesAtMu(NamedTuple):
    """All images at one mean pile-up."""

    noise: Sample
    signals: dict[str, Sample]
    stitched: StitchedImages


def _paths(given: Iterable[str | Path]) -> dict[str, Path]:
    """Find the libraries by name."""
    found: dict[str, Path] = {}
    for entry in given:
        label, equals, place = str(entry).partition("=")
        if equals and not (label.strip() and place.strip()):
            raise ConfigurationError(f"library {str(entry)!r}: expected NAME=FILE")
        path = Path(place if equals else entry)
        if path.is_dir():
            files = sorted(path.glob(f"{_PREFIX}*.npz"))
            if not files:
                raise UnreadableFileError(
                    f"{path}: expected libraries {_PREFIX}NAME.npz, found none"
                )
            named = {file.stem.removeprefix(_PREFIX): file for file in files}
        elif not path.exists():
            kind = "library of regions (.npz)" if path.suffix else "folder of libraries"
            raise UnreadableFileError(
                f"{path}: there is no such {kind}; give a folder of {_PREFIX}NAME.npz, a file or "
                "NAME=FILE"
            )
        else:
            named = {label if equals else path.stem.removeprefix(_PREFIX): path}
        for name, file in named.items():
            if name in found:
                raise ConfigurationError(f"library {name!r} comes twice: {found[name]} and {file}")
            found[name] = file
    return found


def _sigma(entry: str) -> tuple[str, float]:
    name, _, value = entry.partition("=")
    try:
        sigma = float(value)
    except ValueError:
        sigma = -1.0
    if not sigma > 0.0:
        raise ConfigurationError(
            f"--slices {entry}: expected NAME=MILLIBARN, for instance qcd50=0.02"
        )
    return name, sigma


@dataclass(frozen=True)
class Libraries:
    """The parts of the libraries that are used.

    Attributes
    ----------
    minimum_bias
        Collisions of pile-up.
    stitched
        Soft ones, and hard ones of the slices.
    signals
        By name.
    paths
        Where they were read.
    """

    minimum_bias: RegionLibrary
    stitched: StitchedZeroBias
    signals: Mapping[str, RegionLibrary]
    paths: Mapping[str, Path]

    @classmethod
    def of(cls, request: CicadaRequest) -> "Libraries":
        """Read what is asked for.

        Raises
        ------
        ConfigurationError
            A library is missing or named twice.
        InputError, UnreadableFileError
            A file is no library.
        """
        given = request.fileset if isinstance(request.fileset, list | tuple) else [request.fileset]
        paths = _paths(given)
        slices = dict(_sigma(entry) for entry in request.slices)
        softest = next(iter(slices), None)
        signals = request.signals or tuple(
            name for name in paths if name not in (request.minimum_bias, softest)
        )
        missing = [n for n in (request.minimum_bias, *slices, *signals) if n not in paths]
        if missing or not signals:
            raise ConfigurationError(
                f"no library of {', '.join(missing) or 'a signal'}; "
                f"found: {', '.join(paths) or 'none'}"
            )
        read = {name: RegionLibrary.read(paths[name]) for name in {*slices, *signals}}
        library = RegionLibrary.read(paths[request.minimum_bias]).part(*request.part)
        parts = {name: x.part(*request.signal_part) for name, x in read.items()}
        hard = {name: HardSlice(parts[name], sigma) for name, sigma in slices.items()}
        used = (request.minimum_bias, *slices, *signals)
        return cls(
            library,
            StitchedZeroBias.of(library, hard),
            {name: parts[name] for name in signals},
            {name: paths[name] for name in used},
        )

    def noise(self, mu: float, request: CicadaRequest, purpose: int = _NOISE) -> Sample:
        """Zero-bias images of the whole library."""
        return _made(Overlay(self.minimum_bias, mu, (request.seed, purpose)), request.images)

    def along(self, mu: float, request: CicadaRequest) -> Sample:
        """Zero-bias images of another stream, to follow rates against pile-up."""
        return self.noise(mu, request, _CURVE)

    def at(self, mu: float, request: CicadaRequest) -> ImagesAtMu:
        """All images at a mean pile-up."""
        signals = {}
        for number, (name, events) in enumerate(self.signals.items()):
            seed = (request.seed, _SIGNAL, number)
            signals[name] = _made(Overlay(self.minimum_bias, mu, seed, events), len(events))
        norm = normalisation(request.normalisation)
        stitched = self.stitched.images(
            mu, request.soft_images, request.hard_images, norm, (request.seed, _STITCHED)
        )
        return ImagesAtMu(self.noise(mu, request), signals, stitched)


def _made(overlay: Overlay, n: int) -> Sample:
    return Sample(overlay.images(n), overlay.blocks(n))
