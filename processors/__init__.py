"""Coffea processors: thin layers of adapters, algorithms and histograms."""
