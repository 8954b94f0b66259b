"""Trigger quantities: the numbers of an event that thresholds are applied to.

A quantity is computed once for every weighting of the particles (MET with PUPPI's
weights, with DistillNet's, ...) or once for an event (a score). Rates, efficiencies, menus and the
page know all that are registered: `l1kd.register(Quantity(...))` adds a user's own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import awkward as ak
import numpy as np

from l1kd.algorithms import ALGORITHMS, Algorithm, algorithm
from l1kd.columns import EventColumns
from l1kd.emulators.array_types import AnyArray, Floats
from l1kd.errors import ConfigurationError, InputError
from l1kd.physics.jets import Jets, ht, leading_pt
from l1kd.registry import Registry

__all__ = ["QUANTITIES", "Measured", "Quantity", "describe", "quantity", "score_of"]


class Measured(Protocol):
    """One weighting of inserted events; each part is computed when it is first asked for.

    Attributes
    ----------
    events
        With all that was inserted.
    weighting
        Name of the weighting; empty for a quantity that has none.
    particles
        Flat columns `pt`, `eta`, `phi`, `energy` and offsets of what counts.
    weights
        float64[n], or None for weight one.
    met
        Components (px, py) [GeV] of the MET, float64[n_events] each.
    jets
        Anti-kt jets of the weighted particles.
    ht_cuts
        Smallest pt [GeV] and largest abs(eta) of the jets that enter HT.
    """

    @property
    def events(self) -> ak.Array: ...  # noqa: D102
    @property
    def weighting(self) -> str: ...  # noqa: D102
    @property
    def particles(self) -> EventColumns: ...  # noqa: D102
    @property
    def weights(self) -> Floats | None: ...  # noqa: D102
    @property
    def met(self) -> tuple[Floats, Floats]: ...  # noqa: D102
    @property
    def jets(self) -> Jets: ...  # noqa: D102
    @property
    def ht_cuts(self) -> tuple[float, float]: ...  # noqa: D102


@dataclass(frozen=True)
class Quantity:
    """A number that every event has, and on which thresholds are set.

    Attributes
    ----------
    name
        In columns and tables, "<name>:<weighting>" or "<name>".
    label
        What plots call it, without its unit.
    compute
        Function of a `Measured` that returns one number an event, shape (n_events,).
    unit
        For instance GeV; empty for a pure number.
    step
        Natural spacing of thresholds on it; None allows every number.
    weighted
        Whether it differs from weighting to weighting. Otherwise it is computed once, from
        `Measured.events`.
    caption
        What a figure's caption says of its definition.
    """

    name: str
    label: str
    compute: Callable[[Any], AnyArray]
    unit: str = "GeV"
    step: float | None = None
    weighted: bool = True
    caption: str = ""

    @property
    def axis(self) -> str:
        """Label with the unit, for an axis."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    def values(self, measured: Any) -> Floats:
        """Compute it, and check what comes.

        Raises
        ------
        InputError
            If it is not one number an event, or a value is NaN.
        """
        try:
            found = np.asarray(self.compute(measured), np.float64)
        except Exception as error:
            error.add_note(f"in quantity {self.name!r}")
            raise
        n_events = len(measured.events)
        if found.shape != (n_events,):
            raise InputError(
                f"quantity {self.name!r}: expected one number for each of {n_events} events, "
                f"found shape {found.shape}"
            )
        if np.isnan(found).any():
            first = int(np.flatnonzero(np.isnan(found))[0])
            raise InputError(
                f"quantity {self.name!r}: found NaN in event {first} of this chunk; an event "
                "without the object has a value below every threshold, such as 0"
            )
        return found


# named functions, not lambdas: a processor that holds them pickles to the same bytes everywhere
def _met(measured: Measured) -> Floats:
    return np.hypot(*measured.met)


def _jet_pt(measured: Measured) -> Floats:
    return leading_pt(measured.jets)


def _ht(measured: Measured) -> Floats:
    return ht(measured.jets, *measured.ht_cuts)


_HT_JETS = "Jets with pt above 30 GeV within |eta| < 2.4, unless the options say otherwise."

QUANTITIES: Registry[Quantity] = Registry(
    "quantity",
    lambda item: isinstance(item, Quantity),
    (
        Quantity("met", "MET", _met),
        Quantity("jet_pt", "leading jet $p_T$", _jet_pt),
        Quantity(
            "ht",
            "$H_T$",
            _ht,
            caption=_HT_JETS,
        ),
    ),
)
"""Trigger quantities by name; scores of algorithms are not among them, see `score_of`."""


@dataclass(frozen=True)
class _Field:
    """Reads "collection.field" of inserted events; picklable."""

    place: str

    def __call__(self, measured: Any) -> AnyArray:
        collection, _, field = self.place.partition(".")
        values = measured.events[collection]
        return np.asarray(ak.to_numpy(values[field] if field else values), np.float64)


def score_of(score: str | Algorithm) -> Quantity:
    """Return the quantity that an event score is: `<name>_score`, with the algorithm's label.

    Raises
    ------
    ConfigurationError
        If the algorithm is unknown or weights particles.
    """
    found = algorithm(score)
    if found.is_weight:
        raise ConfigurationError(
            f"{found.name!r} weights particles; a quantity needs an EventScore"
        )
    return Quantity(
        f"{found.name}_score",
        found.title if found.unit else f"{found.title} score",
        _Field(found.adds),
        unit=found.unit,
        step=found.step,
        weighted=False,
    )


def quantity(name: str | Quantity) -> Quantity:
    """Return the registered quantity of this name, or the score `<algorithm>_score`.

    Raises
    ------
    ConfigurationError
        If there is none; the message names the nearest one.
    """
    if isinstance(name, Quantity):
        return name
    score = name.removesuffix("_score")
    if name not in QUANTITIES and score != name and score in ALGORITHMS:
        return score_of(score)
    return QUANTITIES.find(name)


def describe(column: str, own: Mapping[str, Quantity] | None = None) -> tuple[Quantity, str]:
    """Tell quantity and weighting of a column "<quantity>:<weighting>" or "<quantity>".

    Parameters
    ----------
    column
        A column of `RateProcessor`, or a name of a summary.
    own
        Quantities that need not be registered, by name.

    Returns
    -------
    quantity, weighting
        An unknown quantity is described by its own name, without unit; the weighting is empty for
        a quantity that has none.
    """
    name, _, weighting = column.partition(":")
    if own is not None and name in own:
        return own[name], weighting
    try:
        return quantity(name), weighting
    except ConfigurationError:
        return Quantity(name, name.replace("_", " "), _Field(name), "", None, bool(weighting)), (
            weighting
        )
