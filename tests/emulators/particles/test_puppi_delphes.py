"""PUPPI against Delphes: its code on the same numbers, and its results in the sample files.

The files hold rounded values: 12 bits of mantissa for tracks, 10 for neutrals. Delphes ran on the
values before rounding, so weights in the files can only be met as closely as rounding lets them;
`docs/puppi.md` has the figures. `puppi_delphes.npz` holds what Delphes' own code gives for the
rounded values (tests/data/README.md), where equality is the test.
"""

from dataclasses import replace
from typing import NamedTuple

import awkward as ak
import numpy as np
import pytest
import uproot

from l1kd.emulators.particles.puppi import DELPHES, NEUTRAL, flagged_association, puppi_weights

TRACK_BITS, NEUTRAL_BITS = 12, 10


class Sample(NamedTuple):
    """Flat E-Flow columns of a file, and Delphes' weight of every neutral."""

    columns: dict[str, np.ndarray]
    is_track: np.ndarray
    lepton: np.ndarray
    delphes: np.ndarray
    met: np.ndarray


def flat(array):
    return ak.to_numpy(ak.flatten(array))


def read(path):
    with uproot.open(path) as file:
        tree = file["Delphes"]
        branches = {name: tree[name].array() for name in tree.keys() if "." in name}  # noqa: SIM118
    branch = {name.split("/")[-1]: array for name, array in branches.items()}
    neutral = ("EFlowPhoton", "EFlowNeutralHadron")

    def joined(track, other):
        pieces = [branch[f"EFlowTrack.{track}"]]
        pieces += [branch[f"{n}.{other}"] if other else branch[f"{n}.ET"] * 0 for n in neutral]
        return ak.concatenate(pieces, axis=1)

    pt = joined("PT", "ET")
    charge = flat(joined("Charge", None))
    lepton = np.isin(np.abs(flat(joined("PID", None))), (11, 13))
    codes = flagged_association(charge, flat(joined("IsRecoPU", None)) != 0)
    columns = {
        "pt": flat(pt),
        "eta": flat(joined("Eta", "Eta")),
        "phi": flat(joined("Phi", "Phi")),
        "mass": flat(joined("Mass", None)).astype(np.float64),
        "association": np.where(lepton, -codes, codes).astype(np.int8),
        "offsets": np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(pt)))]),
        "n_vertices": ak.to_numpy(ak.num(branch["Vertex.Z"])),
    }
    n_tracks = ak.to_numpy(ak.num(branch["EFlowTrack.PT"]))
    n_photons = ak.to_numpy(ak.num(branch["EFlowPhoton.ET"]))
    delphes = match(columns, branch, n_tracks, n_photons)
    return Sample(columns, charge != 0, lepton, delphes, flat(branch["PuppiMissingET.MET"]))


def match(columns, branch, n_tracks, n_photons):
    """Find the neutrals that Delphes kept, by direction; a photon is PID 22, a hadron 0."""
    weights = np.zeros(len(columns["pt"]))
    after = {name: branch[f"ParticleFlowCandidate.{name}"] for name in ("Charge", "PID", "PT")}
    direction = [branch[f"ParticleFlowCandidate.{name}"] for name in ("Eta", "Phi")]
    for event, first in enumerate(columns["offsets"][:-1]):
        middle = first + n_tracks[event] + n_photons[event]
        ranges = {
            22: (first + n_tracks[event], middle),
            0: (middle, columns["offsets"][event + 1]),
        }
        charge, pid, pt = (ak.to_numpy(after[name][event]) for name in after)
        eta, phi = (ak.to_numpy(values[event]).astype(np.float64) for values in direction)
        for kept in np.flatnonzero(charge == 0):
            low, high = ranges[pid[kept]]
            off = np.maximum(
                np.abs(columns["eta"][low:high] - eta[kept]) / max(abs(eta[kept]), 0.01),
                np.abs(columns["phi"][low:high] - phi[kept]) / max(abs(phi[kept]), 0.01),
            )
            off[weights[low:high] > 0.0] = np.inf
            best = off.argmin()
            assert off[best] < 1.3e-3, "a kept neutral has no counterpart within rounding"
            weights[low + best] = pt[kept] / columns["pt"][low + best]
    return weights


def missing_et(columns, weights):
    event = np.repeat(np.arange(len(columns["n_vertices"])), np.diff(columns["offsets"]))
    x, y = (weights * columns["pt"] * f(columns["phi"]) for f in (np.cos, np.sin))
    return np.hypot(np.bincount(event, x), np.bincount(event, y))


def agreement(sample, weights, delphes, met):
    """Share of equal decisions, of weights within 1e-3, of MET within 1%."""
    neutral = sample.columns["association"] == NEUTRAL
    both = neutral & (weights > 0) & (delphes > 0)
    return (
        ((weights > 0) == (delphes > 0))[neutral].mean(),
        (np.abs(weights - delphes)[both] < 1e-3).mean(),
        (np.abs(missing_et(sample.columns, weights) - met) < 0.01 * met).mean(),
    )


def spread(values, bits, rng):
    """Values that might have been there before rounding to that many bits of mantissa."""
    _, exponent = np.frexp(values)
    return values + rng.uniform(-0.5, 0.5, len(values)) * np.ldexp(1.0, exponent - bits)


def rounded(values, bits):
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits)


def replica(sample, rng):
    """Delphes' weights and MET as they might be if the stored values were not the true ones."""
    columns = dict(sample.columns)
    for name in ("pt", "eta", "phi", "mass"):
        values = columns[name].astype(np.float64)
        track, neutral = (spread(values, bits, rng) for bits in (TRACK_BITS, NEUTRAL_BITS))
        columns[name] = np.where(sample.is_track, track, neutral) * (values != 0)
    weights = puppi_weights(**columns, config=DELPHES)
    seen = rounded(weights * columns["pt"], TRACK_BITS) / sample.columns["pt"]
    return seen, missing_et(columns, weights)


@pytest.fixture(scope="module", params=["ttbar2l_PU140", "minbias_PU140"])
def name(request):
    return request.param


@pytest.fixture(scope="module")
def sample(name, data):
    return read(data / f"{name}.root")


@pytest.mark.parametrize("pool", ["charged", "charged_pileup"])
def test_equal_to_delphes_code_on_the_same_numbers(sample, name, data, pool):
    label = {"charged": "run", "charged_pileup": "intended"}[pool]
    with np.load(data / "puppi_delphes.npz") as golden:
        expected = np.zeros(len(sample.delphes))
        expected[golden[f"{name}_{label}_index"]] = golden[f"{name}_{label}_weight"]
    bins = tuple(b if b.pool == "all" else replace(b, pool=pool) for b in DELPHES.bins)
    weights = puppi_weights(**sample.columns, config=replace(DELPHES, bins=bins))
    neutral = sample.columns["association"] == NEUTRAL
    np.testing.assert_array_equal((weights > 0)[neutral], (expected > 0)[neutral])
    difference = np.abs(weights - expected)[neutral]
    # Rounded inputs lie exactly on the edge of a cone, or on the smallest pT of the pool, more
    # often than others would, and there the last bit decides.
    assert difference.max() < 2e-3
    assert (difference > 1e-4).sum() <= 3


def test_agrees_with_the_files_as_far_as_their_rounding_allows(sample):
    weights = puppi_weights(**sample.columns, config=DELPHES)
    decisions, close, met = agreement(sample, weights, sample.delphes, sample.met)
    assert decisions >= 0.999
    rng = np.random.default_rng(1)
    possible = np.array([agreement(sample, weights, *replica(sample, rng)) for _ in range(4)])
    assert close >= possible[:, 1].mean() - 0.06
    assert met >= possible[:, 2].mean() - 0.2
    assert decisions >= possible[:, 0].mean() - 2e-4


def test_charged_particles_are_those_that_delphes_kept(sample):
    weights = puppi_weights(**sample.columns, config=DELPHES)
    codes = sample.columns["association"]
    np.testing.assert_array_equal(weights[codes != NEUTRAL], np.abs(codes[codes != NEUTRAL]) == 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "kept", "close"),
    [("ttbar2l_PU140_uncut100.root", 4730, 0.54), ("minbias_PU140_uncut100.root", 1103, 0.34)],
)
def test_full_uncut_files(shared, file, kept, close):
    sample = read(shared / "samples" / file)
    assert (sample.delphes > 0).sum() == kept
    weights = puppi_weights(**sample.columns, config=DELPHES)
    decisions, found, _ = agreement(sample, weights, sample.delphes, sample.met)
    assert decisions >= 0.9998
    assert found == pytest.approx(close, abs=0.01)
