"""Slow and plain: every combination of objects, in Python, with cuts given as Python functions."""

import itertools
import math


def wrapped(one, other):
    d = abs(one - other) % (2 * math.pi)
    return 2 * math.pi - d if d > math.pi else d


def delta_r(a, b):
    return math.hypot(a["eta"] - b["eta"], wrapped(a["phi"], b["phi"]))


def mass(*objects):
    e = sum(o["pt"] * math.cosh(o["eta"]) for o in objects)
    x = sum(o["pt"] * math.cos(o["phi"]) for o in objects)
    y = sum(o["pt"] * math.sin(o["phi"]) for o in objects)
    z = sum(o["pt"] * math.sinh(o["eta"]) for o in objects)
    return math.sqrt(max(e * e - x * x - y * y - z * z, 0.0))


def fires(event, legs, between):
    """Tell whether an event fires.

    `event` is {collection: [objects]}, `legs` a list of (collection, passes(object)), `between` a
    function of one object a leg.
    """
    lists = [[(c, i) for i, o in enumerate(event[c]) if passes(o)] for c, passes in legs]
    for chosen in itertools.product(*lists):
        if len(set(chosen)) == len(chosen) and between(*(event[c][i] for c, i in chosen)):
            return True
    return False
