"""How a trial's numbers become a student."""

from collections.abc import Mapping
from typing import Any

from l1kd.models.objects.search.config import Space, Strategy
from l1kd.models.objects.students.architecture import Bits, Hgq, Student, parameters

__all__ = ["ARCHITECTURE", "NUMBERS", "phases", "student_of", "suggest"]

ARCHITECTURE, NUMBERS = "architecture", "numbers"
"""What a phase of a search looks for; both, one, or the other."""


def phases(strategy: Strategy, trials: int) -> list[tuple[frozenset[str], int]]:
    """Return the phases of a search: what each looks for, and the number of its first trial."""
    both = frozenset({ARCHITECTURE, NUMBERS})
    if strategy == "phasesearch":
        return [(frozenset({ARCHITECTURE}), 0), (frozenset({NUMBERS}), trials // 2)]
    return [(both, 0)]


def _architecture(trial: Any, space: Space) -> None:
    count = trial.suggest_int("layers", *space.layers)
    for number in range(count):
        trial.suggest_categorical(f"width_{number}", space.widths)


def suggest(trial: Any, strategy: Strategy, wanted: frozenset[str], space: Space) -> None:
    """Let optuna choose the numbers of a trial: an `optuna.trial.Trial`."""
    if ARCHITECTURE in wanted:
        _architecture(trial, space)
    if NUMBERS not in wanted:
        return
    if strategy == "hgq":
        trial.suggest_float("beta", *space.beta, log=True)
        return
    for kind in ("weight", "activation"):
        trial.suggest_int(f"{kind}_bits", *space.bits)
        trial.suggest_int(f"{kind}_integer", *space.integer)


def student_of(
    chosen: Mapping[str, Any], strategy: Strategy, space: Space, best: Student | None = None
) -> Student:
    """Build the student of a trial.

    Parameters
    ----------
    chosen
        Numbers of the trial.
    best
        Whose architecture is taken, where the trial chose none.
    """
    if "layers" in chosen:
        hidden = tuple(int(chosen[f"width_{number}"]) for number in range(chosen["layers"]))
    else:
        assert best is not None
        hidden = best.hidden
    if "beta" in chosen:
        beta = float(chosen["beta"])
        return Student(hidden=hidden, numbers=Hgq(first_beta=beta / space.beta_rise, beta=beta))
    if "weight_bits" not in chosen:
        return Student(hidden=hidden)
    bits = Bits(
        weight=chosen["weight_bits"],
        # a format needs no more integer bits than it has bits
        weight_integer=min(chosen["weight_integer"], chosen["weight_bits"] - 1),
        activation=chosen["activation_bits"],
        activation_integer=min(chosen["activation_integer"], chosen["activation_bits"]),
    )
    return Student(hidden=hidden, numbers=bits)


def too_large(student: Student, space: Space) -> bool:
    """Tell whether a student has more parameters than it may."""
    return parameters(student.hidden) > space.most_parameters
