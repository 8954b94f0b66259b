"""Classes of events and the rates at which they happen: what a sample is normalised to.

Every recipe returns the `EventClass`es that `l1kd.trigger.rates.tables.menu_rates` takes.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from l1kd.errors import ConfigurationError, InputError
from l1kd.trigger.conditions.luminosity import SECTION_SECONDS, PileupProfile
from l1kd.trigger.counts.decisions import Decisions
from l1kd.trigger.rates.curves import Normalisation
from l1kd.trigger.rates.tables import EventClass

__all__ = [
    "SIGMA_INELASTIC_MB",
    "Slice",
    "by_pileup",
    "by_weight",
    "in_sections",
    "slice_rates",
    "zero_bias",
]

SIGMA_INELASTIC_MB = 78.9
"""Inelastic cross section of proton collisions at 14 TeV in Pythia [mb]."""


def zero_bias(samples: Mapping[str, Decisions], norm: Normalisation) -> list[EventClass]:
    """All events stand for the crossings of the detector; weights only say how much each counts."""
    total = _sum(samples)
    return [EventClass(", ".join(samples), total, norm.input_hz)]


def _sum(samples: Mapping[str, Decisions]) -> Decisions:
    tables = list(samples.values())
    if not tables:
        raise InputError("rates: no events")
    total = tables[0]
    for table in tables[1:]:
        total = total + table
    return total


def by_weight(samples: Mapping[str, Decisions]) -> list[EventClass]:
    """Every event's weight is the rate [Hz] that it stands for: stitched zero bias.

    The datasets are disjoint classes, each with the sum of its weights as its rate; see
    `slice_rates` for where such weights come from.
    """
    return [EventClass(name, table, table.sum_of_weights) for name, table in samples.items()]


def in_sections(
    samples: Mapping[str, Decisions], prescale: float = 1.0, sections: int | None = None
) -> list[EventClass]:
    """Unbiased data: events over the time of their luminosity sections.

    Parameters
    ----------
    samples
        Tables divided by run and luminosity section (strata "run" and "lumi"), unless the number
        of sections is given.
    prescale
        Of the zero-bias trigger that took the events: each stands for so many crossings.
    sections
        Number of sections, for files in which some section left no event.
    """
    total = _sum(samples)
    if sections is None:
        if not {"run", "lumi"} <= set(total.strata_names):
            raise InputError(
                "rates by time need the luminosity sections: divide the decisions by run and "
                "lumi, or give the number of sections"
            )
        found = total.by("run", "lumi").strata
        sections = len(np.unique(found, axis=0))
    if sections < 1 or not prescale >= 1.0:
        raise ConfigurationError(f"{sections} luminosity sections at prescale {prescale}")
    rate = total.n_events * prescale / (sections * SECTION_SECONDS)
    return [EventClass(", ".join(samples), total, rate)]


def by_pileup(
    samples: Mapping[str, Decisions], norm: Normalisation, profile: PileupProfile
) -> tuple[list[EventClass], float]:
    """Reweight to a profile of pile-up: every bin is a class with the profile's share.

    Parameters
    ----------
    samples
        Tables divided by "pileup", a whole number: the lower end of the event's own bin of
        pile-up, which must not be wider than those of the profile.
    norm, profile
        Rate of the crossings, and their shares.

    Returns
    -------
    The classes, and the share of the profile for which the sample has no events: the rates are
    those of the rest, scaled up to all crossings.

    Raises
    ------
    InputError
        If no bin of the profile has events.
    """
    total = _sum(samples).by("pileup")
    bins = profile.bins(total.stratum("pileup"))
    filled = [i for i in range(len(profile.shares)) if profile.shares[i] and np.any(bins == i)]
    if not filled:
        raise InputError("no event has a pile-up of the profile")
    covered = float(profile.shares[filled].sum())
    classes = [
        EventClass(
            f"pile-up {profile.edges[i]:g} to {profile.edges[i + 1]:g}",
            total.where(bins == i),
            norm.input_hz * float(profile.shares[i]) / covered,
        )
        for i in filled
    ]
    return classes, 1.0 - covered


class Slice(NamedTuple):
    """A slice of pT-hat: its cross section [mb] and the number of events made of it."""

    sigma_mb: float
    n_events: int


def slice_rates(
    soft: str,
    n_soft: int,
    slices: Mapping[str, Slice],
    norm: Normalisation,
    mean_pileup: float,
    sigma_inelastic_mb: float = SIGMA_INELASTIC_MB,
) -> dict[str, tuple[float, float]]:
    """Rates of the classes of stitched zero bias, and the weight of an event of each.

    A crossing is soft when none of its collisions has a pT-hat above the lowest edge of the
    slices; the number of harder ones is Poisson with mean ``mean_pileup sigma_hard / sigma_inel``.
    A crossing with a hard collision belongs to the slices in the proportion of their cross
    sections; two hard collisions in one crossing count as one, of the event's own slice. The
    classes are disjoint, so the pile-up overlaid must hold no hard collision.

    Parameters
    ----------
    soft, n_soft
        Name and number of events of the class without a hard collision.
    slices
        The others.
    norm, mean_pileup
        Rate of the crossings, and their mean number of collisions.
    sigma_inelastic_mb
        Cross section of all collisions [mb].

    Returns
    -------
    {name: (rate of the class [Hz], weight of each of its events [Hz])}; the rates add up to
    the rate of the crossings.

    Raises
    ------
    ConfigurationError
        If a number is not positive, or the slices have more than all of the cross section.
    """
    hard_mb = sum(s.sigma_mb for s in slices.values())
    numbers = [n_soft, mean_pileup, sigma_inelastic_mb]
    numbers += [x for s in slices.values() for x in s]
    if not all(x > 0 for x in numbers) or hard_mb >= sigma_inelastic_mb or soft in slices:
        raise ConfigurationError(
            f"stitching: cross sections {hard_mb:g} of {sigma_inelastic_mb:g} mb, pile-up "
            f"{mean_pileup:g}, events {n_soft} and {[s.n_events for s in slices.values()]}: all "
            "must be positive, the slices a part of the whole and named differently"
        )
    without = math.exp(-mean_pileup * hard_mb / sigma_inelastic_mb)
    rates = {soft: (norm.input_hz * without, n_soft)}
    for name, each in slices.items():
        share = each.sigma_mb / hard_mb
        rates[name] = (norm.input_hz * (1.0 - without) * share, each.n_events)
    return {name: (rate, rate / n) for name, (rate, n) in rates.items()}
