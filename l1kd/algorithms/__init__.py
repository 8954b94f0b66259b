"""The algorithms that are inserted into events."""
