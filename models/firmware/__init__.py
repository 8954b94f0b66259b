"""Firmware of quantized networks: HLS and RTL projects, their proof, and what they cost.

In the order of a build: ``sources`` finds the network; ``hls``, ``rtl`` (with ``adders``) and
``gates`` write the project; ``vectors`` are what it is proved on; ``proof`` compares it with the
emulator; ``tools`` runs compilers, simulators and synthesis; ``record`` writes what was found.
``project`` reads a finished one. ``build`` is the way through all of it.
"""
