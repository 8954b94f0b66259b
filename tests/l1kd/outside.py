"""A format, a weight, a score and a quantity of a user's own, as a plugin would register them."""

import awkward as ak
import numpy as np
from coffea.nanoevents.schemas import BaseSchema

import l1kd
from l1kd.algorithms import CandidateWeight, EventScore
from l1kd.formats import FORMATS, Format, Reader
from l1kd.trigger.quantities import QUANTITIES, Quantity


def read_candidates(events):
    """Jagged records with canonical fields; this ntuple calls them by other names."""
    rows = events["Cluster"]
    fields = {
        "pt": rows.et,
        "eta": rows.eta,
        "phi": rows.phi,
        "energy": rows.et * np.cosh(rows.eta),
    }
    return ak.zip({**fields, "charge": rows.q, "pid": rows.q * 0, "dz": rows.dz})


def count_vertices(events):
    return np.asarray(events["nvtx"], np.int64)


CLUSTERS = Format(
    name="clusters",
    tree="Clusters",
    schema=BaseSchema,
    candidates=(Reader("Cluster", ("Cluster",), read_candidates),),
    vertices=(Reader("nvtx", ("nvtx",), count_vertices),),
)


class Half(CandidateWeight):
    """Weight one half for every particle."""

    name = "half"
    inputs = ("pt",)
    adds = "L1Cand.half_weight"
    label = "one half"

    def numpy_call(self, *, offsets, pt):
        return np.full(pt.size, 0.5, np.float32)


class Hottest(EventScore):
    """Largest region."""

    name = "hottest"
    adds = "Hottest.score"
    label = "hottest region"
    step = 1.0

    def numpy_call(self, image):
        return image.max(axis=(1, 2)).astype(np.float32)


def count_jets(measured):
    """Jets above 40 GeV."""
    jets = measured.jets
    return np.bincount(jets.event[jets.pt > 40.0], minlength=jets.n_events)


N_JETS = Quantity("n_jets", "jets above 40 GeV", count_jets, unit="", step=1.0)

EVERYTHING = (CLUSTERS, Half, Hottest, N_JETS)


def register_all():
    for item in EVERYTHING:
        l1kd.register(item, replace=True)


def forget_all():
    from l1kd.algorithms import ALGORITHMS

    for registry in (FORMATS, ALGORITHMS, QUANTITIES):
        for item in EVERYTHING:
            registry.remove(item.name)
