"""Events with the collections of a Phase-2 L1Nano, drawn at random."""

import awkward as ak
import numpy as np

FIELDS = {
    "L1gmtTkMuon": ("pt", "eta", "phi", "z0", "charge", "hwQual"),
    "L1tkElectron": ("pt", "eta", "phi", "z0", "charge", "eleId", "relIso"),
    "L1tkPhoton": ("pt", "eta", "phi", "eleId", "phoId", "relIso"),
    "L1EG": ("pt", "eta", "phi", "eleId", "saId"),
    "L1caloTau": ("pt", "eta", "phi"),
    "L1nnPuppiTau": ("pt", "eta", "phi", "chargedIso"),
    "L1puppiJetSC4": ("pt", "eta", "phi"),
    "L1PV": ("z0",),
}


def columns(rng, n, fields):
    made = {
        "pt": np.round(rng.exponential(30, n) * 32) / 32,
        "eta": np.round(rng.uniform(-2.6, 2.6, n) * 4096 / np.pi) * np.pi / 4096,
        "phi": np.round(rng.uniform(-np.pi, np.pi, n) * 4096 / np.pi) * np.pi / 4096,
        "z0": np.round(rng.normal(0, 2, n) * 2560) / 2560,
        "charge": rng.choice([-1, 1], n),
        "hwQual": rng.integers(0, 4, n),
        "eleId": rng.integers(0, 2, n),
        "phoId": rng.integers(0, 2, n),
        "saId": rng.integers(0, 2, n),
        "relIso": rng.exponential(0.2, n),
        "chargedIso": rng.uniform(0, 1, n),
    }
    return {name: made[name].astype(np.float32) for name in fields}


def l1nano(n_events, seed=1, mean=2.0):
    """Draw events; every quantity lies on the grid of the Phase-2 Global Trigger."""
    rng = np.random.default_rng(seed)
    events = {}
    for name, fields in FIELDS.items():
        counts = rng.poisson(mean, n_events)
        flat = columns(rng, int(counts.sum()), fields)
        if name == "L1gmtTkMuon":
            flat["hwQual"] = flat["hwQual"].astype(np.int32)
        events[name] = ak.unflatten(ak.zip(flat), counts)
    sums = np.round(rng.exponential(150, (n_events, 2)) * 32) / 32
    events["L1puppiJetSC4sums"] = ak.zip({"pt": ak.from_regular(ak.Array(sums), axis=1)})
    events["L1puppiMET"] = ak.zip(
        {"pt": rng.exponential(60, n_events), "phi": rng.uniform(-np.pi, np.pi, n_events)}
    )
    return ak.zip(events, depth_limit=1)
