"""The portable back end: one Numba program that steps through operations."""
