"""Plots of rates, efficiencies and menus."""
