"""The machine-code back end: one compiled function for each network."""
