"""Rates of a menu: events in, a record that merges, and from it tables, plots and a page."""

from l1kd.study.menu_rates.accumulate import accumulate
from l1kd.study.menu_rates.report import figures, write_report
from l1kd.study.menu_rates.tables import make_tables
from l1kd.study.request import MenuRequest, TableRequest

__all__ = ["MenuRequest", "TableRequest", "accumulate", "figures", "make_tables", "write_report"]
