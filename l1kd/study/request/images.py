"""A comparison of scores of the calorimeter image."""

import math
from collections.abc import Sequence
from typing import Any, Self, TypeVar

from pydantic import Field, field_validator, model_validator

from l1kd.study.request.settings import Settings, recorded
from l1kd.trigger.rates import normalisation

__all__ = ["CicadaRequest"]

_T = TypeVar("_T", bound=Sequence[Any])


class CicadaRequest(Settings):
    """Which scores of the calorimeter image to compare, on which libraries.

    Attributes
    ----------
    fileset
        Folders of libraries ``regions_NAME.npz``, or such files; NAME=FILE names one.
    command
        Command line, for the provenance.
    """

    fileset: Any = None
    command: Sequence[str] | None = None

    models: tuple[str, ...] = Field(
        (),
        description="Scores by name, artefacts, firmware folders, network files; NAME=FOLDER names "
        "one. None: all shipped networks and the scores without training.",
    )
    teacher: str | None = Field(
        None, description="Artefact of the teacher; by default the one that most students learned."
    )
    reference: str = Field("ring_chi2", description="Score to which the others are compared.")
    mu: tuple[float, ...] = Field((60.0, 140.0), description="Mean pile-ups of the comparison.")
    curve_mu: tuple[float, ...] = Field(
        (40.0, 60.0, 80.0, 100.0, 120.0, 140.0, 160.0, 180.0, 200.0, 225.0, 250.0),
        description="Mean pile-ups at which rates and scores are followed.",
    )
    minimum_bias: str = Field("minbias", description="Library of minimum bias.")
    slices: tuple[str, ...] = Field(
        ("qcd35=0.0676", "qcd50=0.0223", "qcd150=0.000225"),
        description="NAME=MILLIBARN: libraries of hard collisions for stitched zero bias.",
    )
    signals: tuple[str, ...] = Field(
        (), description="Libraries of signals; all but minimum bias and the softest slice if none."
    )
    part: tuple[float, ...] = Field(
        (0.7, 1.0), description="Share of the minimum-bias collisions that is used, from and to."
    )
    signal_part: tuple[float, ...] = Field(
        (0.5, 1.0), description="Share of signal events and hard collisions, from and to."
    )
    images: int = Field(20_000, ge=100, description="Zero-bias images for areas and pile-up.")
    soft_images: int = Field(
        300_000, ge=100, description="Soft crossings of stitched zero bias; 1 kHz takes so many."
    )
    hard_images: int = Field(10_000, ge=10, description="Hard crossings of each slice.")
    normalisation: str = Field(
        "hl_lhc", description="Rate normalisation: hl_lhc, run3, phase2_2700."
    )
    targets: tuple[float, ...] = Field(
        (1.0, 3.0, 10.0, 30.0, 100.0), description="Rates of the efficiencies [kHz]."
    )
    seeds: float = Field(
        30.0, gt=0, description="Rate of each of the jet, HT and MET seeds of the menu [kHz]."
    )
    extra: float = Field(10.0, gt=0, description="Rate that one more seed may add [kHz].")
    built: tuple[str, ...] = Field(
        (), description="NAME=FOLDER: firmware builds of `l1kd build`, for the cost table."
    )
    seed: int = Field(20261130, ge=0, description="Of all images.")
    label: str = Field("", description="What the libraries are, for the page.")

    def options(self) -> dict[str, Any]:
        """Return what was asked, but for files, as it is recorded."""
        return {
            name: recorded(getattr(self, name))
            for name, field in CicadaRequest.model_fields.items()
            if field.description and name not in ("label", "built")
        }

    @field_validator("mu", "curve_mu", "targets")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0.0 < value < math.inf for value in values):
            raise ValueError("expected one positive number or more")
        return _once(values)

    @field_validator("models", "signals", "slices", "built")
    @classmethod
    def _different(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            name, equals, place = value.partition("=")
            if not name.strip() or (equals and not place.strip()):
                raise ValueError(
                    f"{value!r}: expected a name, and something behind an equals sign; write NAME "
                    "or NAME=VALUE"
                )
        _once([value.partition("=")[0] for value in values])
        return values

    @field_validator("part", "signal_part")
    @classmethod
    def _range(cls, part: tuple[float, ...]) -> tuple[float, ...]:
        if len(part) != 2 or not 0.0 <= part[0] < part[1] <= 1.0:
            raise ValueError("expected two rising numbers between 0 and 1")
        return part

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.minimum_bias in self.signals:
            raise ValueError(
                f"signals: {self.minimum_bias!r} is the library of minimum bias, of which zero "
                "bias is made, and no signal; leave it out"
            )
        total = normalisation(self.normalisation).input_hz / 1e3
        for name, rates in (
            ("targets", self.targets), ("seeds", (self.seeds,)), ("extra", (self.extra,))
        ):  # fmt: skip
            if max(rates) >= total:
                raise ValueError(
                    f"{name}: expected rates below that of all crossings, {total:g} kHz "
                    f"({self.normalisation}), found {max(rates):g} kHz; rates are in kHz"
                )
        return self


def _once(values: _T) -> _T:
    """Refuse what comes twice, since it would be computed and shown twice."""
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ValueError(f"{value!r} comes twice; expected each value once: leave one out")
    return values
