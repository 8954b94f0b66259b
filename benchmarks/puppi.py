"""PUPPI's cost against the number of candidates, and against NumPy over all pairs.

Usage: ``python benchmarks/puppi.py [--repeats N] [--pairs-up-to N]``. Synthetic events with the
composition of pile-up: the primary vertex gives 100 charged candidates whatever the pile-up, 30%
of the rest are charged and central, the others neutral, flat in eta and phi. Both implementations
run in this process, one thread, and their weights are compared. With the bundled real events the
throughput is measured too.
"""

import argparse
import platform
import time
from pathlib import Path
from statistics import median

import numba
import numpy as np
from scipy.special import erf

from l1kd.emulators.particles.puppi import (
    CHARGED_PILEUP,
    CHARGED_PV,
    NEUTRAL,
    PHASE2,
    charged_association,
    puppi_weights,
)

BUNDLE = Path(__file__).resolve().parents[1] / "tests" / "data" / "ttbar2l_PU140.root"
SIZES = (1000, 2000, 4000, 8000, 16000, 32000, 64000)


def synthetic(n, rng):
    """Make one event as the flat columns that `puppi_weights` takes."""
    codes = np.full(n, NEUTRAL, np.int8)
    codes[: 100 + 3 * (n - 100) // 10] = CHARGED_PILEUP
    codes[:100] = CHARGED_PV
    eta = np.where(codes == NEUTRAL, rng.uniform(-5, 5, n), rng.uniform(-4, 4, n))
    pt = rng.exponential(np.where(codes == CHARGED_PV, 10.0, 1.0))
    return pt, eta, rng.uniform(-np.pi, np.pi, n), codes, np.array([0, n]), np.array([n // 60])


def all_pairs(pt, eta, phi, codes, _, n_vertices, config=PHASE2):
    """Compute the weights of one event from the full matrix of distances, in plain NumPy."""
    weights = (codes == CHARGED_PV).astype(np.float32)
    for eta_bin in config.bins:
        inside = (np.abs(eta) >= eta_bin.eta_min) & (np.abs(eta) <= eta_bin.eta_max)
        sources = codes == CHARGED_PV if eta_bin.charged_neighbours else codes >= 0
        targets = np.flatnonzero(inside)
        d_phi = np.abs(phi[targets, None] - phi[sources])
        d_phi = np.minimum(d_phi, 2 * np.pi - d_phi)
        dr2 = (eta[targets, None] - eta[sources]) ** 2 + d_phi**2
        near = (dr2 <= eta_bin.cone**2) & (dr2 >= 1e-4)
        sums = np.divide(pt[sources] ** 2, dr2, out=np.zeros_like(dr2), where=near).sum(axis=1)
        alpha = np.log(sums, out=np.zeros_like(sums), where=sums > 0)
        kinds = codes[targets] != NEUTRAL if eta_bin.pool == "charged" else codes[targets] >= 0
        pool = np.sort(alpha[kinds & (pt[targets] >= eta_bin.pool_pt_min)].astype(np.float32))
        zeros = np.flatnonzero(pool == 0)
        first = zeros[-1] if len(zeros) else 0
        middle = np.float64(pool[first + (len(pool) - first) // 2])
        left = pool[(pool != 0) & (pool <= middle)].astype(np.float64)
        rms = np.sqrt(np.mean((left - middle) ** 2) or 1e-5)
        distance = np.where(alpha != 0, alpha - middle, 0.0)
        weight = erf(np.maximum(distance, 0.0) / rms / np.sqrt(2))
        counted = max(1, int(config.vertex_efficiency * n_vertices[0]))
        threshold = eta_bin.neutral_pt_min + counted * eta_bin.neutral_pt_slope
        weight[(weight < config.weight_min) | (weight * pt[targets] < threshold)] = 0.0
        neutral = codes[targets] == NEUTRAL
        weights[targets[neutral]] = weight[neutral]
    return weights


def seconds(function, arguments, repeats):
    """Return the median processor time of a call, which other programs disturb least."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function(*arguments)
        times.append(time.process_time() - start)
    return median(times)


def scaling(repeats, pairs_up_to):
    """Print time against candidates, the local exponent, and the ratio to all pairs."""
    rng = np.random.default_rng(1)
    puppi_weights(*synthetic(1000, rng))
    print("| candidates | l1kd [ms] | us per candidate | exponent | all pairs [ms] | ratio |")
    print("|---|---|---|---|---|---|")
    previous = None
    for n in SIZES:
        event = synthetic(n, rng)
        own = seconds(puppi_weights, event, repeats)
        exponent = "" if previous is None else f"{np.log2(own / previous):.2f}"
        pairs, ratio = "", ""
        if n <= pairs_up_to:
            np.testing.assert_allclose(puppi_weights(*event), all_pairs(*event), atol=1e-6)
            other = seconds(all_pairs, event, max(1, repeats // 5))
            pairs, ratio = f"{1e3 * other:.1f}", f"{other / own:.1f}"
        row = (n, f"{1e3 * own:.2f}", f"{1e6 * own / n:.2f}", exponent, pairs, ratio)
        print("| " + " | ".join(str(value) for value in row) + " |")
        previous = own


def real_events(repeats):
    """Print the throughput on the bundled events."""
    import awkward as ak
    import uproot

    with uproot.open(BUNDLE) as file:
        tree = file["Delphes"]

        def column(track, neutral):
            pieces = [tree[f"EFlowTrack.{track}"].array()]
            for name in ("EFlowPhoton", "EFlowNeutralHadron"):
                filler = ak.zeros_like(tree[f"{name}.ET"].array())
                pieces.append(tree[f"{name}.{neutral}"].array() if neutral else filler)
            return ak.concatenate(pieces, axis=1)

        pt = column("PT", "ET")
        offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(pt)))])
        vertex = tree["Vertex.Z"].array()[tree["Vertex.Index"].array() == 0]
        z = np.repeat(ak.to_numpy(ak.flatten(vertex)), np.diff(offsets))
        flat = [
            ak.to_numpy(ak.flatten(x)) for x in (pt, column("Eta", "Eta"), column("Phi", "Phi"))
        ]
        tracks = [
            ak.to_numpy(ak.flatten(column(name, None))) for name in ("Charge", "DZ", "ErrorDZ")
        ]
        n_vertices = ak.to_numpy(ak.num(tree["Vertex.Z"].array()))
    codes = charged_association(tracks[0], (tracks[1] - z) / 10, tracks[2] / 10)
    took = seconds(puppi_weights, (*flat, codes, offsets, n_vertices), repeats)
    n_events = len(offsets) - 1
    print(
        f"\nBundled top-pair events, {offsets[-1] / n_events:.0f} candidates each: "
        f"{n_events / took:.0f} events/s ({1e3 * took / n_events:.2f} ms per event)"
    )


def main():
    """Run both parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--pairs-up-to", type=int, default=16000)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}")
    print(f"{platform.machine()}, {platform.processor() or platform.system()}, one thread\n")
    scaling(arguments.repeats, arguments.pairs_up_to)
    real_events(arguments.repeats)


if __name__ == "__main__":
    main()
