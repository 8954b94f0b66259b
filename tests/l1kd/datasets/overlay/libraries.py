"""Small libraries of single collisions for tests."""

import numpy as np


def arrays(n=60, seed=1):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 6, n)
    offset = np.concatenate(([0], np.cumsum(sizes)))
    index = np.concatenate([rng.choice(252, size, replace=False) for size in sizes])
    return {
        "region_offset": offset.astype(np.int32),
        "region_index": index.astype(np.uint8),
        "region_et16": rng.integers(1, 400, offset[-1]).astype(np.uint16),
        "lsb_gev": 1 / 16,
        "gen_lead_jet_pt": rng.exponential(30.0, n).astype(np.float32),
    }


def write_library(path, n=60, seed=1):
    np.savez(path, **arrays(n, seed))
    return path
