"""Training, validation and test events of the networks that weigh particles."""

from dataclasses import dataclass
from pathlib import Path

from l1kd.algorithms.puppi import Association
from l1kd.errors import ConfigurationError
from l1kd.models.weights.batches import Events
from l1kd.models.weights.config import Loss, ParticleData
from l1kd.models.weights.particles import Generated, Particles, read_particles

__all__ = ["Samples"]

_UNDER: dict[Association, str] = {"dz": "", "truth": ", charged by the true association"}
"""What the names of test samples end with where charged particles are associated both ways."""
_NO_PILEUP_MIN_PT = 1.0
"""The files with pile-up hold particles above this [GeV]: so must those without."""


@dataclass(frozen=True)
class Samples:
    """The events of one configuration.

    Attributes
    ----------
    train, validation : Events
        The last events of the training files validate.
    tests : dict
        Particles and truth of each test sample.
    files : tuple of pathlib.Path
        All files that were read.
    """

    train: Events
    validation: Events
    tests: dict[str, tuple[Particles, Generated]]
    files: tuple[Path, ...]

    @classmethod
    def read(cls, data: ParticleData, loss: Loss) -> "Samples":
        """Read the files that a configuration names.

        Raises
        ------
        ConfigurationError
            The loss wants events without pile-up, and the configuration names none, or other ones.
        """
        files = [data.folder / name for name in data.train]
        tests = {
            name + _UNDER[association] * (data.association == "both"): read_particles(
                [data.folder / file], [data.max_events], association
            )
            for association in _associations(data)
            for name, file in data.test.items()
        }
        parts = [_parts(data, association, loss) for association in _associations(data)]
        train, validation = parts[0]
        for more, more_validation in parts[1:]:
            train, validation = train.and_then(more), validation.and_then(more_validation)
        clean = data.no_pileup if loss.transport else ()
        others = [data.folder / name for name in (*data.test.values(), *clean)]
        return cls(train, validation, tests, (*files, *others))


def _associations(data: ParticleData) -> tuple[Association, ...]:
    return ("dz", "truth") if data.association == "both" else (data.association,)


def _parts(data: ParticleData, association: Association, loss: Loss) -> tuple[Events, Events]:
    """Return the events that train and those that validate, with one charged association."""
    files = [data.folder / name for name in data.train]
    limits = [_limit(data, name) for name in data.train]
    particles, generated = read_particles(files, limits, association)
    clean = _no_pileup(data, particles) if loss.transport else None
    if data.association == "both" and association == "truth":
        loss = loss.model_copy(update={"charged": "vertex"})
    everything = Events.of(particles, generated, loss, clean)
    held_out = max(1, round(data.validation_fraction * particles.n_events))
    kept = particles.n_events - held_out
    return everything.part(0, kept), everything.part(kept, particles.n_events)


def _limit(data: ParticleData, name: str) -> int | None:
    limits = (data.max_events, data.first_events.get(name))
    return min((limit for limit in limits if limit is not None), default=None)


def _no_pileup(data: ParticleData, particles: Particles) -> Particles:
    if len(data.no_pileup) != len(data.train):
        raise ConfigurationError(
            f"the loss's transport term needs a file without pile-up for each training file: "
            f"{len(data.train)} training files, {len(data.no_pileup)} in 'no_pileup'"
        )
    limits = [_limit(data, name) for name in data.train]
    clean, _ = read_particles([data.folder / name for name in data.no_pileup], limits)
    if clean.n_events != particles.n_events:
        raise ConfigurationError(
            f"the files in 'no_pileup' hold {clean.n_events} events, those in 'train' "
            f"{particles.n_events}: expected the same events with and without pile-up"
        )
    return clean.select(clean.pt > _NO_PILEUP_MIN_PT)
