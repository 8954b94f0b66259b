"""Trigger menus of the Global Trigger: read, checked against events, evaluated bit for bit."""

from .menu import Check, Menu
from .model import Cut, Seed

__all__ = ["Check", "Cut", "Menu", "Seed"]
