"""A slow evaluator of menus, written from the rules alone: every choice of objects is tried.

It shares the parser of expressions with l1kd and nothing else: no table, no limit, no kernel.
"""

from itertools import permutations, product
from math import ceil, cos, cosh, floor, pi, sin

from l1kd.trigger.menu.expression import ExternalTerm, Not, ObjectTerm, Operation

CALO = ("EG", "TAU", "JET")
SUMS = ("ETT", "HTT", "ETM", "HTM", "ETMHF", "HTMHF", "ETTEM")


def rounded(x, places):
    """Round half up to decimal places, as an integer."""
    return floor(x * 10**places + 0.5)


def evaluate(menu, event, era="one-reference"):
    """Return {seed: decision} of one event: {kind: [object, ...]}, objects as dicts of integers."""
    return {seed.name: holds(seed.tree, menu, event, era) for seed in menu}


def holds(node, menu, event, era):
    if isinstance(node, Not):
        return not holds(node.term, menu, event, era)
    if isinstance(node, Operation):
        values = [holds(term, menu, event, era) for term in node.terms]
        if node.operator == "AND":
            return all(values)
        return any(values) if node.operator == "OR" else sum(values) % 2 == 1
    if isinstance(node, ExternalTerm):
        return bool(event["EXT"][node.name])
    if isinstance(node, ObjectTerm):
        return bool(passing(node, menu, event))
    return function_holds(node, menu, event, era)


def passing(term, menu, event):
    """Return the positions of the objects that pass an object's threshold and cuts."""
    cuts = [menu.cuts[name] for name in term.cuts]
    return [i for i, o in enumerate(event[term.kind]) if object_passes(term, cuts, i, o)]


def object_passes(term, cuts, position, o):
    if term.kind in (*CALO, "MU") and o["pt"] == 0:
        return False
    if term.threshold is not None:
        wanted = round(2 * term.threshold) + (term.kind == "MU")
        value = o["pt"] if "pt" in o else o["count"]
        if "pt" not in o:
            wanted = int(term.threshold)
        if value != wanted if term.equal else value < wanted:
            return False
    elif not o["flag"]:
        return False
    for kind in {cut.kind for cut in cuts}:
        several = [cut for cut in cuts if cut.kind == kind]
        some = any if kind in ("ETA", "PHI", "INDEX") else all
        if not some(cut_passes(cut, term.kind, position, o) for cut in several):
            return False
    return True


def cut_passes(cut, kind, position, o):
    low, high = cut.minimum, cut.maximum
    if cut.kind == "ETA" and kind == "MU":  # centred bins: the whole bin lies inside
        return low - 0.001 <= (o["eta"] - 0.5) * 0.010875 and (o["eta"] + 0.5) * 0.010875 <= (
            high + 0.001
        )
    if cut.kind == "ETA":
        return low - 0.001 <= o["eta"] * 0.0435 and (o["eta"] + 1) * 0.0435 <= high + 0.001
    if cut.kind == "PHI":
        step = 2 * pi / (576 if kind == "MU" else 144)
        first, last = o["phi"] * step, (o["phi"] + 1) * step
        inside = (low - 0.001 <= first, last <= high + 0.001)
        return all(inside) if low < high else any(inside)
    if cut.kind in ("QLTY", "ISO", "IP"):
        field = {"QLTY": "quality", "ISO": "iso", "IP": "ip"}[cut.kind]
        return bool(int(cut.data, 16) >> o[field] & 1)
    if cut.kind == "INDEX":
        return low <= o["index"] <= high
    if cut.kind == "SLICE":
        return low <= position <= high
    if cut.kind == "UPT":
        return low + 1 <= o["upt"] <= high + 1
    if cut.kind == "CHG":
        return bool(o["charge_valid"]) and o["charge"] == (cut.data == "negative")
    assert cut.kind == "DISP"
    return bool(o["displaced"])


def function_holds(node, menu, event, era):
    """Try every choice of objects for the legs of a function."""
    cuts = [menu.cuts[name] for name in node.cuts]
    overlap = [cut for cut in cuts if cut.kind.startswith("ORM")]
    others = [cut for cut in cuts if not cut.kind.startswith("ORM")]
    terms = list(node.objects)
    lists = [passing(term, menu, event) for term in terms]
    if not overlap:
        return choice(node.name, terms, lists, others, event)
    references = lists[-1]

    def overlaps(k, i, r):
        one, other = event[terms[k].kind][i], event[terms[-1].kind][r]
        return any(
            pair_passes(cut, cut.kind[3:], terms[k].kind, terms[-1].kind, one, other)
            for cut in overlap
        )

    def free(k, chosen):
        return [i for i in lists[k] if not any(overlaps(k, i, r) for r in chosen)]

    base = node.name.removesuffix("_orm")
    n = len(terms) - 1
    against = base != "comb" and n == 1  # the cuts are between the object and the reference
    if era == "any-reference":
        left = [free(k, references) for k in range(n)]
        if not references:
            return False
        if against:
            return choice(base, terms, [*left, references], others, event)
        return choice(base, terms[:n], left, others, event)
    for r in references:
        left = [free(k, [r]) for k in range(n)]
        if against and choice(base, terms, [*left, [r]], others, event):
            return True
        if not against and choice(base, terms[:n], left, others, event):
            return True
    return False


def choice(name, terms, lists, cuts, event):
    for chosen in product(*lists):
        used = [(term.kind, i) for term, i in zip(terms, chosen, strict=True)]
        if len(set(used)) < len(used):
            continue
        objects = [event[kind][i] for kind, i in used]
        if all(cut_holds(name, cut, [k for k, _ in used], objects) for cut in cuts):
            return True
    return False


def cut_holds(name, cut, kinds, objects):
    if cut.kind == "CHGCOR":
        charges = {o["charge"] for o in objects}
        valid = all(o["charge_valid"] for o in objects)
        return valid and len(charges) == (2 if cut.data == "os" else 1)
    if name == "mass_inv_3":
        total = sum(
            half_square_mass("MASS", kinds[0], kinds[0], a, b)[0]
            for a, b in permutations(objects, 2)
            if id(a) < id(b)
        )
        places = half_square_mass("MASS", kinds[0], kinds[0], *objects[:2])[1]
        low, high = limits(cut, "MASS")
        return low * 10 ** (places - 1) <= total <= high * 10 ** (places - 1)
    quantity = "MASST" if name.startswith("mass_trv") and cut.kind == "MASS" else cut.kind
    return pair_passes(cut, quantity, *kinds[:2], *objects[:2])


def limits(cut, quantity):
    """Return the limits in the last decimal digit that they keep."""

    def changed(v):
        if quantity in ("DETA", "DPHI"):
            return v
        return v * v if quantity in ("DR", "TBPT") else v * v / 2

    places = 1 if quantity in ("MASS", "MASST", "MASSUPT", "TBPT", "MASSDR") else 3
    return floor(changed(cut.minimum) * 10**places), ceil(changed(cut.maximum) * 10**places)


def on_muon_scale(kind, index):
    return index if kind == "MU" else 4 * index + 2


def distances(first, second, a, b):
    """Return delta eta, delta phi and the step of eta and phi of a pair."""
    muon = "MU" in (first, second)
    step, bins = (0.010875, 576) if muon else (0.0435, 144)

    def index(kind, o, field):
        return on_muon_scale(kind, o[field]) if muon else o[field]

    eta = 0
    if "eta" in a and "eta" in b:
        eta = abs(index(first, a, "eta") - index(second, b, "eta"))
    phi = abs(index(first, a, "phi") - index(second, b, "phi"))
    phi = min(phi, bins - phi)
    return eta * step, phi * (2 * pi / bins), 4 if muon else 3


def momentum(kind, o, field="pt"):
    if field == "upt":
        return floor((o["upt"] - 0.5) * 10 + 0.5) if o["upt"] else 0
    return floor((o["pt"] + (-0.5 if kind == "MU" else 0.5)) * 5 + 0.5)


def half_square_mass(quantity, first, second, a, b):
    """Return half the squared mass, and its decimal digits."""
    deta, dphi, places = distances(first, second, a, b)
    field = "upt" if quantity == "MASSUPT" else "pt"
    along = 10**places if quantity == "MASST" else rounded(cosh(deta), places)
    factor = along - rounded(cos(dphi), places)
    return momentum(first, a, field) * momentum(second, b, field) * factor, 2 + places


def pair_passes(cut, quantity, first, second, a, b):
    deta, dphi, places = distances(first, second, a, b)
    low, high = limits(cut, quantity)
    if quantity in ("DETA", "DPHI"):
        return low <= rounded(deta if quantity == "DETA" else dphi, 3) <= high
    if quantity == "DR":
        value = rounded(deta, 3) ** 2 + rounded(dphi, 3) ** 2
        return low * 1000 <= value <= high * 1000
    if quantity == "TBPT":
        return low * 10 ** (2 * places + 1) <= two_body(first, second, a, b, places)
    value, scale = half_square_mass(
        "MASS" if quantity == "MASSDR" else quantity, first, second, a, b
    )
    if quantity == "MASSDR":
        inverse = inverse_square_distance(first, a, b)
        return inverse == 0 or value * inverse >= low * 10 ** (scale + 5 - 1)
    return low * 10 ** (scale - 1) <= value <= high * 10 ** (scale - 1)


def two_body(first, second, a, b, places):
    muon = "MU" in (first, second)
    bins = 576 if muon else 144
    x, y = momentum(first, a), momentum(second, b)

    def angle(kind, o):
        return ((on_muon_scale(kind, o["phi"]) if muon else o["phi"]) + 0.5) * (2 * pi / bins)

    one, other = angle(first, a), angle(second, b)
    along = rounded(cos(one), places) * rounded(cos(other), places)
    across = rounded(sin(one), places) * rounded(sin(other), places)
    return (x * x + y * y) * 10 ** (2 * places) + 2 * x * y * (along + across)


def inverse_square_distance(kind, a, b):
    drop, step, bins = (1, 0.010875 * 2, 288) if kind == "MU" else (0, 0.0435, 144)
    eta = abs((a["eta"] >> drop) - (b["eta"] >> drop))
    phi = abs((a["phi"] >> drop) - (b["phi"] >> drop))
    phi = min(phi, bins - phi)
    if eta == phi == 0:
        return 0
    return rounded(1 / ((eta * step) ** 2 + (phi * 2 * pi / bins) ** 2), 5)
