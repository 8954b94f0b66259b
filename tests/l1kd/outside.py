"""A format, a weight, a score and a quantity of a user's own, as a plugin would register them."""

import awkward as ak
import numpy as np
from coffea.nanoevents.schemas import BaseSchema

import l1kd
from l1kd.algorithms import CandidateWeight, EventScore
from l1kd.formats import Format, Reader
from l1kd.trigger.quantities import Quantity


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


HALVING = {
    "net.cpp": """#include "net.h"
#include "parameters.h"
void net(input_t x[2], result_t layer1_out[2]) {
    nnet::halve<input_t, result_t, halve_config1>(x, layer1_out); // halve
}
""",
    "net.h": """#include "defines.h"
void net(input_t x[2], result_t layer1_out[2]);
""",
    "defines.h": """#include "ap_fixed.h"
typedef ap_fixed<8,4> input_t;
typedef ap_fixed<9,4> result_t;
""",
    "parameters.h": """#include "defines.h"
struct halve_config1 : nnet::activ_config { static const unsigned n_in = 2; };
""",
}


def write_halving_firmware(folder):
    """Write a project whose only layer is a function that hls4ml does not have."""
    folder.mkdir(parents=True)
    for name, text in HALVING.items():
        (folder / name).write_text(text)
