"""Image samples for training and testing CICADA."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import uproot

from l1kd.columns import offsets_from_counts
from l1kd.datasets.overlay import Calibration, Overlay, Profile, RegionLibrary, calibrate
from l1kd.emulators.array_types import Images
from l1kd.emulators.calorimeter import image_from_towers
from l1kd.errors import UnreadableFileError
from l1kd.models.cicada.config import ImageData
from l1kd.statistics import Blocks

__all__ = ["ImageSource", "OverlaidTest", "read_images"]

_LIBRARY = "regions_{}.npz"
# independent random streams: a number each, beside the seed, and behind it that of an epoch or of
# a sample; numbers of signals begin with one, since a zero at the end would be that of zero bias
_CALIBRATION, _TRAIN, _VALIDATION, _TEST, _EXPOSURE = range(5)


def read_images(path: Path) -> Images:
    """Read the calorimeter images of a customised L1 NANO file.

    Parameters
    ----------
    path : pathlib.Path
        File with a tree `Events` that holds `L1EmulCaloTower`.

    Returns
    -------
    numpy.ndarray, shape (n, 18, 14), uint16
        Counts of 0.5 GeV: sums of 4 x 4 towers with ``iphi`` moved by one, clipped at 1023.
    """
    names = [f"L1EmulCaloTower_{field}" for field in ("iet", "ieta", "iphi")]
    with uproot.open(path) as file:
        tree = file["Events"]
        columns = [tree[name].array(library="np") for name in names]
    offsets = offsets_from_counts([len(event) for event in columns[0]])
    iet, ieta, iphi = (np.concatenate(column).astype(np.int64) for column in columns)
    return image_from_towers(iet, ieta, iphi, offsets)


class OverlaidTest(NamedTuple):
    """Overlaid images of a test, and which collisions of the library each of them holds."""

    background: Images
    collisions: Blocks
    signals: dict[str, Images]
    signal_collisions: dict[str, Blocks]


@dataclass(frozen=True)
class ImageSource:
    """All images of one configuration, each kind from its own part of the libraries.

    Attributes
    ----------
    data : ImageData
        Where the libraries lie and how they are split.
    seed : int
        Seed of every image.
    library : RegionLibrary
        All minimum-bias collisions.
    calibration : Calibration
        Scale of the pile-up.
    mu : float or Profile, optional
        Mean pile-up, instead of that of `data`.
    """

    data: ImageData
    seed: int
    library: RegionLibrary
    calibration: Calibration
    mu: float | Profile | None = None

    @classmethod
    def read(cls, data: ImageData, seed: int) -> "ImageSource":
        """Read the minimum-bias library and match its scale to the reference, if there is one.

        Raises
        ------
        UnreadableFileError
            A file of the test or of the exposure is not there: before anything is trained.
        """
        missing = [str(path) for path in cls._files(data) if not path.is_file()]
        if missing:
            raise UnreadableFileError(f"training: there is no {', '.join(missing)}")
        library = RegionLibrary.read(data.folder / data.minimum_bias)
        calibration = Calibration.identity()
        if data.reference is not None:
            images = read_images(data.folder / data.reference)
            train = Overlay(library.part(0.0, data.split[0]), data.mu, (seed, _CALIBRATION))
            calibration = calibrate(train, images[: len(images) // 2])
        return cls(data, seed, library, calibration)

    def files(self) -> list[Path]:
        """Return every file that is read."""
        return self._files(self.data)

    @staticmethod
    def _files(data: ImageData) -> list[Path]:
        names = [data.minimum_bias, *(_LIBRARY.format(name) for name in data.signals)]
        names += [_LIBRARY.format(name) for name in data.exposure]
        names += list(data.test_files.values())
        if data.reference is not None:
            names.append(data.reference)
        return [data.folder / name for name in dict.fromkeys(names)]

    def _part(self, part: str) -> RegionLibrary:
        first, second = self.data.split
        ends = {"train": (0.0, first), "validation": (first, second), "test": (second, 1.0)}
        return self.library.part(*ends[part])

    def _overlay(
        self, part: str, stream: tuple[int, ...], signal: RegionLibrary | None = None
    ) -> Overlay:
        seed, mu = (self.seed, *stream), self.data.mu if self.mu is None else self.mu
        return Overlay(self._part(part), mu, seed, signal, self.calibration)

    def at(self, mu: float | Profile) -> "ImageSource":
        """Return the same source with another mean pile-up, or a profile of it."""
        return replace(self, mu=mu)

    def _tested(self, signal: str | None) -> Overlay:
        if signal is None:
            return self._overlay("test", (_TEST,))
        events = RegionLibrary.read(self.data.folder / _LIBRARY.format(signal)).part(0.5, 1.0)
        return self._overlay("test", (_TEST, self._number(signal)), events)

    def _number(self, signal: str) -> int:
        return 1 + self.data.signals.index(signal)

    def training(self, n: int, epoch: int) -> Images:
        """Overlay `n` zero-bias images for an epoch; every epoch gives new ones."""
        return self._overlay("train", (_TRAIN, epoch)).images(n)

    def validation(self, n: int) -> Images:
        """Overlay `n` zero-bias images of collisions that training never uses."""
        return self._overlay("validation", (_VALIDATION,)).images(n)

    def test(self, n: int) -> Images:
        """Overlay `n` zero-bias images of collisions kept for the test."""
        return self._tested(None).images(n)

    def collisions(self, n: int, signal: str | None = None) -> Blocks:
        """Tell which collisions of the library the `n` images of `test` or of `signal` hold."""
        return self._tested(signal).blocks(n)

    def exposure(self, n: int) -> Images:
        """Overlay `n` signal-like images in all, from the first half of the exposure samples."""
        names = self.data.exposure
        parts = []
        for number, name in enumerate(names):
            signal = RegionLibrary.read(self.data.folder / _LIBRARY.format(name)).part(0.0, 0.5)
            share = n // len(names) + (number < n % len(names))
            parts.append(self._overlay("train", (_EXPOSURE, number), signal).images(share))
        return np.concatenate(parts) if parts else np.empty((0, 18, 14), np.uint16)

    def validation_signal(self, name: str) -> Images:
        """Overlay every event of the first half of a signal sample once, to choose networks."""
        events = RegionLibrary.read(self.data.folder / _LIBRARY.format(name)).part(0.0, 0.5)
        overlay = self._overlay("validation", (_VALIDATION, self._number(name)), events)
        return overlay.images(len(events))

    def signal(self, name: str) -> Images:
        """Overlay every event of the second half of a signal sample once, for the test."""
        overlay = self._tested(name)
        return overlay.images(0 if overlay.signal is None else len(overlay.signal))

    def test_images(self, n: int) -> OverlaidTest:
        """Overlay the whole test: `n` zero-bias images and every signal."""
        signals = {name: self.signal(name) for name in self.data.signals}
        shared = {name: self.collisions(len(x), name) for name, x in signals.items()}
        return OverlaidTest(self.test(n), self.collisions(n), signals, shared)

    def whole_simulation(self) -> tuple[Images, dict[str, Images]]:
        """Read the fully simulated zero-bias (second half) and signal images of the test."""
        if self.data.reference is None:
            return np.empty((0, 18, 14), np.uint16), {}
        background = read_images(self.data.folder / self.data.reference)
        signals = {
            name: read_images(self.data.folder / file)
            for name, file in self.data.test_files.items()
        }
        return background[len(background) // 2 :], signals
