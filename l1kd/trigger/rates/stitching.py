"""Stitched zero bias of calorimeter images: rates that a library of minimum bias cannot resolve.

One collision of a library of L takes part in mu / L of the crossings, so that a library of minimum
bias alone resolves no rate below some tens of kHz. Hard collisions are therefore taken from slices
of pT-hat, which hold many of them, with their cross sections: a *soft* crossing has only collisions
whose leading generated jet is below a cut, a *hard* one has one collision above it, drawn from the
slices, and soft ones besides. Divided by the generated jet, nothing counts twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from l1kd.datasets.overlay import Calibration, Overlay, RegionLibrary
from l1kd.emulators.array_types import Floats, Images, Integers
from l1kd.errors import ConfigurationError
from l1kd.statistics import Blocks
from l1kd.trigger.rates.classes import Slice, slice_rates
from l1kd.trigger.rates.curves import Normalisation

__all__ = ["CUT_GEV", "SIGMA_LIBRARY_MB", "HardSlice", "StitchedImages", "StitchedZeroBias"]

CUT_GEV = 60.0
"""Leading generated jet that divides soft from hard collisions [GeV]."""
SIGMA_LIBRARY_MB = 78.0
"""Inelastic cross section at 13 TeV, of which the minimum-bias library is a sample [mb]."""
_LEAD = "gen_lead_jet_pt"


class HardSlice(NamedTuple):
    """Collisions of a range of pT-hat, all that were generated, and their cross section [mb]."""

    library: RegionLibrary
    sigma_mb: float


class StitchedImages(NamedTuple):
    """Crossings of stitched zero bias.

    Attributes
    ----------
    images
        uint16[n, 18, 14], counts of 0.5 GeV: soft crossings first, then those of each slice.
    weights
        float64[n], rate that each stands for [Hz].
    blocks
        Which collisions each holds: soft ones of the library, and its hard one.
    hard
        int64[n], number of the hard collision among all of the slices; -1 in a soft crossing.
    rates
        Rate of each class [Hz].
    """

    images: Images
    weights: Floats
    blocks: Blocks
    hard: Integers
    rates: Mapping[str, float]


@dataclass(frozen=True)
class StitchedZeroBias:
    """Zero bias with hard collisions from slices of pT-hat.

    Attributes
    ----------
    soft : RegionLibrary
        Minimum-bias collisions below the cut.
    hard : mapping
        For each slice its collisions above the cut.
    sigma_mb : mapping
        Cross section of these [mb].
    sigma_inelastic_mb : float
        Cross section of all collisions [mb].
    """

    soft: RegionLibrary
    hard: Mapping[str, RegionLibrary]
    sigma_mb: Mapping[str, float]
    sigma_inelastic_mb: float = SIGMA_LIBRARY_MB

    @classmethod
    def of(
        cls,
        minimum_bias: RegionLibrary,
        slices: Mapping[str, HardSlice],
        *,
        cut_gev: float = CUT_GEV,
        sigma_inelastic_mb: float = SIGMA_LIBRARY_MB,
    ) -> "StitchedZeroBias":
        """Divide libraries by the generated leading jet.

        Parameters
        ----------
        minimum_bias
            With ``gen_lead_jet_pt``.
        slices
            Slices that do not overlap in pT-hat and together hold nearly everything above the cut,
            likewise. The cross section above the cut is the slice's times the share of its
            collisions.
        cut_gev
            Leading generated jet [GeV].
        sigma_inelastic_mb
            Cross section of the minimum-bias library [mb].

        Raises
        ------
        InputError
            A library does not have the generated jet, or nothing on its side of the cut.
        ConfigurationError
            There is no slice, or cross sections are not positive or not below the inelastic one.
        """
        if not slices:
            raise ConfigurationError("stitching: no slices of hard collisions")
        _require_part({x: each.sigma_mb for x, each in slices.items()}, sigma_inelastic_mb)
        hard, sigma = {}, {}
        for name, each in slices.items():
            above = each.library.column(_LEAD) >= cut_gev
            hard[name] = each.library.where(above)
            sigma[name] = each.sigma_mb * float(above.mean())
        soft = minimum_bias.where(minimum_bias.column(_LEAD) < cut_gev)
        return cls(soft, hard, sigma, sigma_inelastic_mb)

    @property
    def share_hard(self) -> float:
        """Share of the collisions that is hard."""
        return sum(self.sigma_mb.values()) / self.sigma_inelastic_mb

    def images(
        self,
        mu: float,
        n_soft: int,
        n_hard: int,
        norm: Normalisation,
        seed: int | tuple[int, ...],
        *,
        calibration: Calibration | None = None,
        zero_suppression: int = 0,
    ) -> StitchedImages:
        """Make crossings.

        Parameters
        ----------
        mu
            Mean number of collisions in a crossing.
        n_soft, n_hard
            Number of soft crossings, and of hard ones of each slice.
        norm
            Rate of all crossings.
        seed
            Of all that is random.
        calibration, zero_suppression
            As for `l1kd.datasets.calo_overlay`.
        """
        numbers = {name: Slice(self.sigma_mb[name], n_hard) for name in self.hard}
        rates = slice_rates("soft", n_soft, numbers, norm, mu, self.sigma_inelastic_mb)
        seeds = (seed,) if isinstance(seed, int) else tuple(seed)
        size, first_hard = len(self.soft), 0
        library = size + sum(len(x) for x in self.hard.values())
        images, weights, hard = [], [], []
        blocks = None
        for number, name in enumerate(rates):
            events = self.hard.get(name)
            n = n_soft if events is None else n_hard
            overlay = Overlay(
                self.soft, mu * (1.0 - self.share_hard), (*seeds, number), events,
                calibration, zero_suppression,
            )  # fmt: skip
            images.append(overlay.images(n))
            weights.append(np.full(n, rates[name][1]))
            own = np.full(n, -1) if events is None else first_hard + np.arange(n) % len(events)
            hard.append(own)
            here = _with_hard(overlay.blocks(n), own, size, library)
            blocks = here if blocks is None else blocks.followed_by(here)
            first_hard += 0 if events is None else len(events)
        assert blocks is not None  # slice_rates always has the soft class
        return StitchedImages(
            np.concatenate(images),
            np.concatenate(weights),
            blocks,
            np.concatenate(hard),
            {name: rate for name, (rate, _) in rates.items()},
        )


def _require_part(sigma_mb: Mapping[str, float], inelastic_mb: float) -> None:
    """Refuse cross sections of slices that are not a part of the inelastic one."""
    for name, sigma in sigma_mb.items():
        if not 0.0 < sigma < inelastic_mb:
            raise ConfigurationError(
                f"stitching: slice {name}: expected a cross section in mb above 0 and below the "
                f"inelastic one of {inelastic_mb:g} mb, found {sigma:g}; is it in another unit?"
            )
    total = sum(sigma_mb.values())
    if not total < inelastic_mb:
        raise ConfigurationError(
            f"stitching: slices {', '.join(sigma_mb)}: expected cross sections that add up to less "
            f"than the inelastic one of {inelastic_mb:g} mb, found {total:g}; slices must not "
            "overlap, and their unit is mb"
        )


def _with_hard(soft: Blocks, hard: Integers, size: int, library: int) -> Blocks:
    """Add the hard collision of each event, numbered behind the `size` soft ones."""
    has = (hard >= 0).astype(np.int64)
    offsets = soft.offsets + np.append(0, np.cumsum(has))
    block = np.empty(offsets[-1], np.int64)
    last = np.zeros(block.size, bool)
    last[offsets[1:][has == 1] - 1] = True
    block[~last] = soft.block
    block[last] = size + hard[has == 1]
    return Blocks(block, offsets, library)
