"""Input vectors of proofs: real events, edges of the number formats, random numbers.

``vectors`` makes and holds them, ``events`` turns event files and the package's own events into
inputs of a network, ``real_events`` writes the latter.
"""
