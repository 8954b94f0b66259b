"""Which candidates belong to which seeded-cone jet."""

from collections.abc import Mapping

import numpy as np

from l1kd.emulators.array_types import AnyArray, Shorts
from l1kd.emulators.compilation import njit

__all__ = ["jet_of_candidates"]


def jet_of_candidates(
    n_cand: AnyArray, eta: AnyArray, phi: AnyArray, jets: Mapping[str, AnyArray], cone2: int
) -> Shorts:
    """Return the jet of every candidate.

    Parameters
    ----------
    n_cand : integers, shape (n,)
        Candidates per event.
    eta, phi : integers, shape (n, slots)
        Raw global candidates, as the jets were made from.
    jets : mapping
        Output of `SeededCone.run`.
    cone2 : int
        `SeededCone.cone2` of these jets.

    Returns
    -------
    int16, shape (n, slots)
        Position of the jet in the order of finding; -1 of what no jet took, and behind the last
        candidate.
    """
    out = np.full(np.shape(eta), -1, np.int16)
    arrays = (jets["n_jets"], jets["seed_hwEta"], jets["seed_hwPhi"])
    wide = [np.ascontiguousarray(a, np.int64) for a in (n_cand, eta, phi, *arrays)]
    _assign(*wide, cone2, out)
    return out


@njit(nogil=True)
def _assign(n_cand, eta, phi, n_jets, seed_eta, seed_phi, cone2, out):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Give every candidate to the first jet whose cone it is in: jets take in order."""
    for event in range(len(n_cand)):
        for i in range(n_cand[event]):
            for jet in range(n_jets[event]):
                deta = eta[event, i] - seed_eta[event, jet]
                dphi = phi[event, i] - seed_phi[event, jet]
                if dphi > 720:
                    dphi -= 1440
                elif dphi < -720:
                    dphi += 1440
                if deta * deta + dphi * dphi < cone2:
                    out[event, i] = jet
                    break
