"""Which source of columns some events are."""

from typing import Any

from l1kd.errors import InputError
from l1kd.trigger.hardware import HardwareEvents, Source

from .nanoaod import ObjectEvents

__all__ = ["source_of"]


def source_of(events: Any, **options: Any) -> Source:
    """Return the source of columns for events of any accepted form.

    Parameters
    ----------
    events
        What `read_vector` returns, NanoEvents, or awkward records.
    **options
        As for `ObjectEvents`.

    Raises
    ------
    InputError
        The events have none of these forms, or an option does not fit them.
    """
    if isinstance(events, HardwareEvents):
        if options:
            raise InputError(f"hardware words take no option {next(iter(options))!r}")
        return events
    if not hasattr(events, "fields"):
        raise InputError(f"events must be records with L1 objects, not {type(events).__name__}")
    return ObjectEvents(events, **options)
