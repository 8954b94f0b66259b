"""The table of prescales that a request means."""

from collections.abc import Mapping

from l1kd.errors import ConfigurationError
from l1kd.study.request import TableRequest
from l1kd.trigger.conditions.prescales import PrescaleTable

__all__ = ["prescale_table"]


def prescale_table(
    request: TableRequest, menu: str, own: Mapping[str, Mapping[str, float]]
) -> PrescaleTable | None:
    """Return the table that a request means: its file, or a column that the menu writes."""
    if request.prescales is not None:
        return PrescaleTable.read(request.prescales)
    if request.column is None:
        return None
    if not own:
        raise ConfigurationError("a column needs a prescale table: --prescales TABLE")
    return PrescaleTable.of_menu(own, f"menu {menu}")
