"""Trigger studies: rates, thresholds, efficiencies and turn-ons."""
