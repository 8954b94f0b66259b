"""Configuration of the networks in the correlator."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from l1kd.emulators.correlator.clusters import Clusterer, Window
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppiParameters, tuned_for
from l1kd.emulators.correlator.weighing import NAMES
from l1kd.models.config import Optimisation, Strict, Training

__all__ = ["CorrelatorConfig", "CorrelatorData", "CorrelatorTeacher", "RateLossConfig"]


class CorrelatorData(Strict):
    """Events of the training.

    Attributes
    ----------
    folder : pathlib.Path
        Where the files lie, relative to the directory in which l1kd is started.
    soft : str
        Soft collisions: the class of zero bias without a hard collision.
    hard : tuple of str
        Classes of zero bias with a hard collision.
    pileup : tuple of str
        Soft collisions at other pile-up; they enter the rate beside `soft`, each event with the
        weight of one of `soft`.
    signals : dict of str to float
        Files, and their shares in the efficiency of the loss.
    invisible : dict of str to float
        Classes of zero bias whose hard collisions become signals when one of their sides is made
        invisible, and their shares: jets with missing momentum, as far forward as there are any.
    forward_pairs : int
        How many events of two forward jets are made of sides of `hard`, see
        `l1kd.models.correlator.overlay.forward_pairs`; as many are drawn in an epoch.
    forward_share : float
        Their share.
    forward_hard : tuple of str
        Classes of `hard` whose sides they are made of; all where none is named.
    ht : dict of str to float
        Signals, and their shares in the efficiency of HT.
    overlays : int
        How often the hard part of each event of `hard` and of the signals is put on another soft
        crossing, turned and reflected.
    recombined : int
        How often more each event of `hard` comes with the opposite side of another one, see
        `l1kd.models.correlator.overlay.recombined`.
    overlay_pileup : float
        Share of overlays that use the crossings of `pileup`.
    reuse_pileup : bool
        Whether what is left of the events of `hard` and of the signals without their hard
        collisions serves as soft crossings, too: below other hard collisions, and, with the hard
        collisions of `soft`, as `overlays` crossings more for each of `soft`.
    mixed : int
        How many crossings are made of each of `soft` and `pileup` in every batch, of its tracker
        and another one's calorimeter beyond, turned by any angle.
    """

    folder: Path
    soft: str
    hard: tuple[str, ...]
    pileup: tuple[str, ...] = ()
    signals: dict[str, float] = Field(min_length=1)
    invisible: dict[str, float] = Field(default_factory=dict)
    forward_pairs: int = Field(default=0, ge=0)
    forward_share: float = Field(default=0.0, ge=0.0)
    forward_hard: tuple[str, ...] = ()
    ht: dict[str, float] = Field(default_factory=dict)
    overlays: int = Field(default=1, ge=1)
    recombined: int = Field(default=0, ge=0)
    overlay_pileup: float = Field(default=0.0, ge=0.0, le=1.0)
    reuse_pileup: bool = False
    mixed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _sides(self) -> "CorrelatorData":
        unknown = sorted(set(self.forward_hard) - set(self.hard))
        if unknown:
            raise ValueError(f"forward_hard names {unknown}, which are not among hard: {self.hard}")
        return self


class RateLossConfig(Strict):
    """The loss on whole events, see `l1kd.models.correlator.rate_loss`.

    Attributes
    ----------
    rates : tuple of float
        Zero-bias rates [kHz] at which the efficiency counts, equally.
    width : float
        Width of the soft threshold, relative to it.
    share : float
        Factor of the error of single weights against their target.
    target : str
        What single weights are compared with: the true share, the teacher's weight, or the mean of
        both.
    response : float
        Factor of the squared deviation of a signal's MET response from one.
    regions : float
        Factor of the error of a signal's sums of weighted momenta by region, relative to the true
        sum of all.
    ht : float
        Factor of the efficiency of HT, the sum of the tracker's regions above 30 GeV.
    crowding : float
        Factor of a signal's kept candidates beyond `listed`, relative to it.
    listed : int
        Candidates of an event that may be kept without a loss.
    decay : float
        Factor of the squared weights of the float network.
    noise : float
        Standard deviation of noise on the standardised inputs in training.
    only_shares : int
        Epochs at the beginning that look at single weights alone.
    """

    rates: tuple[float, ...] = (1000.0, 310.0, 100.0)
    width: float = Field(default=0.2, gt=0.0)
    share: float = Field(default=1.0, ge=0.0)
    target: Literal["truth", "teacher", "both"] = "truth"
    response: float = Field(default=0.0, ge=0.0)
    regions: float = Field(default=0.0, ge=0.0)
    ht: float = Field(default=0.0, ge=0.0)
    crowding: float = Field(default=0.0, ge=0.0)
    listed: int = Field(default=110, gt=0)
    decay: float = Field(default=3e-4, ge=0.0)
    noise: float = Field(default=0.05, ge=0.0)
    only_shares: int = Field(default=4, ge=0)


class CorrelatorTeacher(Strict):
    """What a network learns from: larger float networks trained before it, or an artefact.

    Attributes
    ----------
    members : int
        How many float networks are trained first, by the same loss on the same events with the
        truth as target; their mean weight teaches. 0: none.
    hidden : tuple of int
        Sizes of their hidden layers.
    inputs : tuple of str
        What they read; the same as the student where none are named.
    optimisation : Optimisation
        Pace of their training; that of the student's float training where it is not given.
    artefact : str
        Artefact of kind "correlator", a shipped name or a folder, that teaches instead.
    """

    members: int = Field(default=0, ge=0)
    hidden: tuple[int, ...] = (64, 48)
    inputs: tuple[str, ...] = ()
    optimisation: Optimisation | None = None
    artefact: str | None = None

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return bool(self.members or self.artefact)


class CorrelatorConfig(Training):
    """A network in the correlator: float training, then HGQ2 in mixed precision.

    Attributes
    ----------
    inputs : tuple of str
        Columns of `l1kd.emulators.correlator.weighing`.
    tracks : str
        Which tracks are weighed: "kept", those that LinPUPPI keeps, or "every" one.
    windows : tuple of str
        What clusters of barrel, HGCal and HF are made of, see
        `l1kd.emulators.correlator.clusters.Clusterer`.
    linpuppi : str
        Parameters of LinPUPPI, whose weight and sums the network may read: the presets, or those
        tuned for clusters, and for towers where `windows` says so.
    dz : dict
        Largest distance [cm] of a track from the vertex, by board type.
    pt_cut : float
        Smallest weighted momentum of a neutral that leaves a region [GeV].
    hidden : tuple of int
        Sizes of the hidden layers.
    teacher : CorrelatorTeacher
        What `loss.target` asks for.
    folds : int
        2: the float training is repeated on each half of the events and judged on the other, with
        a teacher of its own that did not see the other half either.
    first_bits : int
        Bits of the weights with which the quantized training begins.
    bits_pace : float
        Factor on the pace of bit widths.
    ebops_regularisation : (float, float)
        What an effective bit operation adds to the loss, at the beginning and at the end.
    optimisation, quantized : Optimisation
        Pace of the float and of the quantized training; `batch` is how many batches an epoch has.
    """

    kind: Literal["correlator"]
    data: CorrelatorData
    inputs: tuple[str, ...] = Field(min_length=1)
    tracks: Literal["kept", "every"] = "kept"
    windows: tuple[Window, Window, Window] = ("3x3", "3x3", "3x3")
    linpuppi: Literal["presets", "tuned"] = "presets"
    dz: dict[Literal["barrel", "hgcal"], float]
    pt_cut: float = Field(default=1.0, ge=0.0)
    hidden: tuple[int, ...] = (20, 20)
    teacher: CorrelatorTeacher = CorrelatorTeacher()
    folds: Literal[0, 2] = 2
    first_bits: int = Field(default=8, gt=1)
    bits_pace: float = Field(default=10.0, gt=0.0)
    ebops_regularisation: tuple[float, float] = (1e-7, 1e-6)
    loss: RateLossConfig = RateLossConfig()
    optimisation: Optimisation
    quantized: Optimisation

    def clusterer(self) -> Clusterer:
        """Return how clusters are formed."""
        return Clusterer(windows=self.windows)

    def puppi(self) -> dict[str, LinPuppiParameters]:
        """Return LinPUPPI's parameters by board type."""
        chosen = tuned_for(self.windows) if self.linpuppi == "tuned" else dict(PRESETS)
        return chosen | {board: chosen[board].replace(dz=cut) for board, cut in self.dz.items()}

    def member(self, number: int) -> "CorrelatorConfig":
        """Return the configuration of one of the networks that teach."""
        own = self.teacher
        changed = {
            "name": f"{self.name}, teacher {number}",
            "seed": self.seed + 10_000 * (number + 1),
            "hidden": own.hidden,
            "inputs": own.inputs or self.inputs,
            "optimisation": own.optimisation or self.optimisation,
            "loss": self.loss.model_copy(update={"target": "truth"}),
            "teacher": CorrelatorTeacher(),
        }
        return self.model_copy(update=changed)

    @model_validator(mode="after")
    def _known(self) -> "CorrelatorConfig":
        for inputs in (self.inputs, self.teacher.inputs):
            unknown = [name for name in inputs if name not in NAMES]
            if unknown:
                raise ValueError(f"inputs {unknown} are none of {', '.join(NAMES)}")
        return self

    @model_validator(mode="after")
    def _taught(self) -> "CorrelatorConfig":
        teacher, target = self.teacher, self.loss.target
        if target != "truth" and not teacher.given:
            raise ValueError(f"loss.target {target!r} needs a teacher: members or an artefact")
        if target == "truth" and teacher.given:
            raise ValueError(
                "a teacher is given and loss.target is 'truth': it would not be used; expected "
                "'teacher' or 'both'"
            )
        if teacher.artefact and teacher.members:
            raise ValueError("teacher: expected members or an artefact, found both")
        if teacher.artefact and self.folds:
            raise ValueError(
                f"teacher.artefact {teacher.artefact} may have seen the events on which the halves "
                "are judged: expected folds: 0, or members, which are trained without them"
            )
        return self
