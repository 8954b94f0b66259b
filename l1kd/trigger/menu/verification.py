"""A menu against the decisions that a file stores.

The bits of NanoAOD are final decisions: in data they come after prescales and masks. A bit that is
set says that its condition was true; a condition may be true while its bit is clear. Test vectors
and unprescaled simulation store the conditions themselves.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .files import stretches
from .menu import Menu

__all__ = ["SeedVerdict", "Verification", "verify"]


@dataclass
class SeedVerdict:
    """One seed compared with its stored bit.

    Attributes
    ----------
    events, passed, stored
        Events compared, with a true condition, with a set bit.
    bit_only, condition_only
        Events in which only the bit is set (a contradiction), or only the condition is true
        (a contradiction only where there are no prescales and masks).
    """

    name: str
    events: int = 0
    passed: int = 0
    stored: int = 0
    bit_only: int = 0
    condition_only: int = 0


@dataclass
class Verification:
    """All seeds compared with the stored bits of a file.

    Attributes
    ----------
    seeds
        Verdicts of the seeds that could be evaluated and are stored.
    reasons
        Why other seeds could not be evaluated.
    not_stored
        Seeds that the file holds no bit of.
    """

    seeds: dict[str, SeedVerdict]
    reasons: dict[str, str]
    not_stored: tuple[str, ...]

    @property
    def equal(self) -> tuple[str, ...]:
        """Seeds whose condition equals the bit in every event."""
        return tuple(n for n, v in self.seeds.items() if not v.bit_only and not v.condition_only)

    @property
    def consistent(self) -> tuple[str, ...]:
        """Seeds that are not equal, but could be after a prescale or mask."""
        return tuple(n for n, v in self.seeds.items() if not v.bit_only and v.condition_only)

    @property
    def contradicted(self) -> tuple[str, ...]:
        """Seeds whose bit is set in an event in which their condition is false."""
        return tuple(n for n, v in self.seeds.items() if v.bit_only)


def verify(menu: Menu, path: str | Path) -> Verification:
    """Compare a menu with the stored decisions of a file.

    Parameters
    ----------
    menu
        The menu that the file was taken with.
    path
        NanoAOD with `L1_*` bits, or a test vector.

    Returns
    -------
    Verification
        Counts for every seed. A seed that some stretch of the file cannot evaluate is excluded
        altogether, with that reason.
    """
    verdicts: dict[str, SeedVerdict] = {}
    reasons: dict[str, str] = {}
    not_stored: set[str] = set()
    for events, stored in stretches(path):
        bits = menu.evaluate(events)
        reasons = bits.reasons | reasons
        for name in bits.names:
            bit = stored(menu[name])
            if bit is None:
                not_stored.add(name)
                continue
            verdict = verdicts.setdefault(name, SeedVerdict(name))
            condition = bits[name]
            verdict.events += len(bit)
            verdict.passed += int(np.count_nonzero(condition))
            verdict.stored += int(np.count_nonzero(bit))
            verdict.bit_only += int(np.count_nonzero(bit & ~condition))
            verdict.condition_only += int(np.count_nonzero(condition & ~bit))
    kept = {name: verdict for name, verdict in verdicts.items() if name not in reasons}
    return Verification(kept, reasons, tuple(sorted(not_stored)))
