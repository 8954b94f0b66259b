"""Numba kernels of the Level-1 firmware: NumPy arrays in, NumPy arrays out."""
