"""Menus of objects and legs in l1kd's own YAML: Phase-2 menus, and any collection of a file.

`ObjectMenu.read` reads and checks one, `check` says what a file lacks, `evaluate` decides.
"""

from l1kd.trigger.object_menu.menu import ObjectMenu
from l1kd.trigger.object_menu.schema import is_object_menu, shipped_menus

__all__ = ["ObjectMenu", "is_object_menu", "shipped_menus"]
