"""The scale of overlaid images, from images of another simulation."""

import numpy as np

from l1kd.datasets.overlay.images import Calibration, Overlay
from l1kd.emulators.array_types import AnyArray, Floats, Images
from l1kd.errors import InputError
from l1kd.validation import require_images

__all__ = ["calibrate"]


def _rings(values: AnyArray) -> tuple[Floats, Floats]:
    """Mean and spread of the regions of each ring in eta, the same on both sides."""
    both = np.concatenate([values, values[:, :, ::-1]]).astype(np.float64)
    return both.mean(axis=(0, 1)), both.std(axis=(0, 1))


def calibrate(overlay: Overlay, reference: Images, n: int = 4000) -> Calibration:
    """Match mean and spread of overlaid images to reference images, ring by ring in |eta|.

    The library's towers passed thresholds collision by collision; a simulation of the whole
    crossing keeps what lies below them, as a pedestal that hardly fluctuates.

    Parameters
    ----------
    overlay : Overlay
        Pile-up without calibration, signal or zero suppression.
    reference : numpy.ndarray, shape (m, 18, 14), uint16
        Zero-bias images in counts of 0.5 GeV, with the same mean pile-up.
    n : int
        Number of images to overlay for the comparison.

    Returns
    -------
    Calibration
        Symmetric in eta.

    Raises
    ------
    InputError
        The reference is no array of images, or the overlaid images do not fluctuate.
    """
    require_images(reference, "calibrate")
    if not len(reference):
        raise InputError("calibrate: expected one image or more as the reference, found none")
    # counts are floored: the energy behind a count is half a count larger on average
    made = overlay.images(n)
    if not made.size or (np.ptp(made, axis=(0, 1)) == 0).any():
        raise InputError(
            f"calibrate: {n} overlaid images of mean pile-up {overlay.mu!r} do not fluctuate in "
            "every ring in eta; overlay more, with more pile-up"
        )
    mean, spread = _rings(made + 0.5)
    wanted_mean, wanted_spread = _rings(reference + 0.5)
    gain = wanted_spread / spread
    collisions = overlay.collisions(n).mean()
    return Calibration(gain, np.maximum(wanted_mean - gain * mean, 0.0) / collisions)
