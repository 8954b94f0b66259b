"""From calorimeter towers to the 18 x 14 image of regions that the anomaly trigger sees.

Source: CMS Run-3 calorimeter geometry (4 x 4 trigger towers a region; gctPhi = ((iphi + 1) % 72)
// 4, gctEta 4..17 from -28 to 28) and the CICADA input format.
"""

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Images, Integers
from l1kd.emulators.compilation import njit

__all__ = [
    "COUNT_GEV",
    "N_ETA",
    "N_PHI",
    "TOWER_EDGES",
    "image_from_regions",
    "image_from_towers",
    "towers_from_energy",
]

N_PHI, N_ETA = 18, 14
COUNT_GEV = 0.5
"""E_T of one count [GeV]."""
FIRST_GCT_ETA = 4
MAX_TOWER_COUNTS = 511
MAX_REGION_COUNTS = 1023
N_TOWER_ETA, N_TOWER_PHI = 56, 72

TOWER_EDGES = np.concatenate(
    [0.087 * np.arange(21), [1.830, 1.930, 2.043, 2.172, 2.322, 2.500, 2.650, 3.000]]
)
"""|eta| edges of trigger towers |ieta| 1..28, shape (29,)."""


@njit(nogil=True)
def image_from_towers(iet: Integers, ieta: Integers, iphi: Integers, offsets: Integers) -> Images:
    """Sum trigger towers into regions.

    Parameters
    ----------
    iet, ieta, iphi
        int64, shape (n_towers,): counts, -28..-1 and 1..28 (others are outside the image and
        ignored, as the trigger does), 1..72.
    offsets
        int64, shape (n_events + 1,).

    Returns
    -------
    uint16, shape (n_events, 18, 14), clipped at 1023.
    """
    n_events = len(offsets) - 1
    image = np.zeros((n_events, N_PHI, N_ETA), np.uint16)
    sums = np.empty((N_PHI, N_ETA), np.int64)
    for event in range(n_events):
        sums[:] = 0
        for i in range(offsets[event], offsets[event + 1]):
            if 1 <= abs(ieta[i]) <= 28:
                row = ((iphi[i] + 1) % N_TOWER_PHI) // 4
                column = (ieta[i] + 28 if ieta[i] < 0 else ieta[i] + 27) // 4
                sums[row, column] += iet[i]
        for row in range(N_PHI):
            for column in range(N_ETA):
                image[event, row, column] = min(sums[row, column], MAX_REGION_COUNTS)
    return image


@njit(nogil=True)
def image_from_regions(et: Integers, ieta: Integers, iphi: Integers, offsets: Integers) -> Images:
    """Place regions into the image.

    Parameters
    ----------
    et, ieta, iphi
        int64, shape (n_regions,): counts, gctEta (4..17; the forward ones outside are ignored) and
        gctPhi 0..17.
    offsets
        int64, shape (n_events + 1,).

    Returns
    -------
    uint16, shape (n_events, 18, 14), clipped at 1023.
    """
    n_events = len(offsets) - 1
    image = np.zeros((n_events, N_PHI, N_ETA), np.uint16)
    for event in range(n_events):
        for i in range(offsets[event], offsets[event + 1]):
            column = ieta[i] - FIRST_GCT_ETA
            if 0 <= column < N_ETA:
                image[event, iphi[i], column] = min(et[i], MAX_REGION_COUNTS)
    return image


@njit(nogil=True)
def _fill_towers(
    eta: Floats, phi: Floats, em: Floats, had: Floats, edges: Floats,
    offsets: Integers,
) -> Images:  # fmt: skip
    n_events = len(offsets) - 1
    image = np.zeros((n_events, N_PHI, N_ETA), np.uint16)
    energy = np.empty((N_TOWER_ETA, N_TOWER_PHI, 2))
    sums = np.empty((N_PHI, N_ETA), np.int64)
    step = 2.0 * np.pi / N_TOWER_PHI
    for event in range(n_events):
        energy[:] = 0.0
        sums[:] = 0
        for i in range(offsets[event], offsets[event + 1]):
            tower = np.searchsorted(edges, abs(eta[i]), side="right")
            if tower > N_TOWER_ETA // 2:
                continue
            column = N_TOWER_ETA // 2 - tower if eta[i] < 0 else N_TOWER_ETA // 2 - 1 + tower
            row = int(np.floor((phi[i] % (2.0 * np.pi)) / step)) % N_TOWER_PHI
            to_et = 1.0 / np.cosh(eta[i])
            energy[column, row, 0] += em[i] * to_et
            energy[column, row, 1] += had[i] * to_et
        for column in range(N_TOWER_ETA):
            for row in range(N_TOWER_PHI):
                counts = np.int64(energy[column, row, 0] / COUNT_GEV)
                counts += np.int64(energy[column, row, 1] / COUNT_GEV)
                sums[((row + 2) % N_TOWER_PHI) // 4, column // 4] += min(counts, MAX_TOWER_COUNTS)
        for row in range(N_PHI):
            for column in range(N_ETA):
                image[event, row, column] = min(sums[row, column], MAX_REGION_COUNTS)
    return image


def towers_from_energy(
    eta: Floats, phi: Floats, em: Floats, had: Floats, offsets: AnyArray
) -> Images:
    """Image of simulated towers: summed into trigger towers, digitised, summed into regions.

    Electromagnetic and hadronic E_T of a trigger tower are floored to counts of 0.5 GeV
    separately; their sum is clipped at 511.

    Parameters
    ----------
    eta, phi
        float64, shape (n_towers,), of the tower; phi in radians of any turn.
    em, had
        float64, shape (n_towers,), energy [GeV].
    offsets
        int64, shape (n_events + 1,).

    Returns
    -------
    uint16, shape (n_events, 18, 14), clipped at 1023.
    """
    return np.asarray(_fill_towers(eta, phi, em, had, TOWER_EDGES, offsets))
