"""Which source of columns some events are."""

from typing import Any

from .hardware import HardwareEvents, Source

__all__ = ["source_of"]


def source_of(events: Any, **options: Any) -> Source:
    """Return the source of columns for events of any accepted form."""
    if isinstance(events, HardwareEvents):
        return events
    raise TypeError
