"""Write the real events that come with the package, from the test samples of a checkout.

Usage: ``python -m l1kd.models.firmware.vectors.real_events [FOLDER]``; FOLDER is ``tests/data``.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.models.firmware.vectors.events import PACKAGED, image_rows, particle_columns
from l1kd.models.firmware.vectors.vectors import DEFAULT_VECTORS

__all__ = ["write"]

SAMPLES = {
    "ttbar2l": ("ttbar2l_PU140.root", "ttbar2l_PU140_l1nano.root"),
    "minbias": ("minbias_PU140.root", "minbias_PU140_l1nano.root"),
}
"""Files of particles and of calorimeter images."""
PARTICLES = DEFAULT_VECTORS // 2 // len(SAMPLES)
"""Of each sample: half of the vectors of a proof are real."""
IMAGES = 1000


def write(folder: Path, target: Path = PACKAGED) -> None:
    """Write whole events, so many that they have `PARTICLES` particles, and all images.

    Parameters
    ----------
    folder : pathlib.Path
        Holds the files of `SAMPLES`.
    """
    arrays: dict[str, Any] = {}
    for sample, (particles, images) in SAMPLES.items():
        columns = particle_columns(folder / particles, PARTICLES)
        offsets = columns.pop("offsets")
        events = int(np.searchsorted(offsets, PARTICLES))
        last = offsets[events] if events < len(offsets) else offsets[-1]
        arrays[f"{sample}.particles.offsets"] = offsets[: events + 1]
        for name, column in columns.items():
            kind = np.int8 if name in ("charge", "pid") else np.float32
            arrays[f"{sample}.particles.{name}"] = column[:last].astype(kind)
        counts = image_rows(folder / images, IMAGES)
        arrays[f"{sample}.images.regions"] = counts.astype(np.uint16)
    np.savez_compressed(target, **arrays)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("tests/data"))
    write(parser.parse_args().folder)
