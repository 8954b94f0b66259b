"""Networks by distributed arithmetic: replayed on the symbolic variables of da4ml or alkaid.

``tool`` is what both tools can do, ``adapters`` the two of them, ``internals`` what is read of them
beyond their interface and the versions for which that holds; ``casts`` builds roundings and
overflows of these, ``trace`` replays a network.
"""
