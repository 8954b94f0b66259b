"""Turn-ons, scalings, and algorithms at equal rate."""
