"""Trigger menus of the Global Trigger: read, checked against events, evaluated bit for bit."""

from l1kd.trigger.bits import Bits, Check
from l1kd.trigger.object_menu import ObjectMenu, shipped_menus

from .menu import Menu
from .model import Cut, Seed

__all__ = ["Bits", "Check", "Cut", "Menu", "ObjectMenu", "Seed", "shipped_menus"]
