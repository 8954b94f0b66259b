"""NNPuppiTau: taus around the hardest candidates, their identity and momentum.

Source: cms-sw/cmssw L1Trigger/Phase2L1ParticleFlow src/taus/TauNNIdHW.cc and
interface/taus/TauNNIdHW.h in their newest version (angles as whole steps of pi / 720),
plugins/L1NNTauProducer.cc (``process_HW``, ``makeTau_HW``); networks cms-hls4ml/NNPuppiTauModel.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.compilation import njit
from l1kd.emulators.deployed.candidate_arrays import CandidateArrays
from l1kd.emulators.deployed.checks import sizes
from l1kd.emulators.deployed.momentum_tables import PT
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network

__all__ = ["IDENTITY", "FoundTaus", "Taus"]

MAX_TAUS: Final = 5
N_CANDIDATES: Final = 10
MIN_PT: Final = 80
"""Raw 20 GeV."""
MAX_ETA: Final = 572
"""Largest |eta| below 2.5 in steps of pi / 720."""
CONE2: Final = 8403
"""(0.4 * 720 / pi)^2, the whole steps."""
TAU_CONE2: Final = 525
"""(0.1 * 720 / pi)^2, the whole steps."""
SATURATED: Final = 16383
SCALE: Final = 571
"""pi / 720 in steps of 2^-17, as the firmware holds it."""
IDENTITY: Final = FixedPoint(16, 6)
"""Type of both outputs."""
TIE_BITS: Final = 3


@dataclass(frozen=True)
class FoundTaus:
    """Taus of all events, one after another by falling momentum; int64 of shape (taus,).

    Attributes
    ----------
    event
        Their event.
    pt, eta, phi
        hwPt (sum of the narrow cone), hwEta, hwPhi of the seed.
    charge, seed_pt
        Of the seed.
    z0
        hwZ0 of the first charged hadron of the narrow cone.
    count
        Electrons, charged hadrons and photons in the narrow cone.
    identity, factor
        Outputs of the network in steps of 1/1024.
    """

    event: Integers
    pt: Integers
    eta: Integers
    phi: Integers
    charge: Integers
    seed_pt: Integers
    z0: Integers
    count: Integers
    identity: Integers
    factor: Integers

    @property
    def corrected_pt(self) -> Integers:
        """Momentum times the network's factor, in steps of 0.25 GeV."""
        exact = FixedPoint(63, 63 - PT.fraction - IDENTITY.fraction)
        return np.asarray(PT.cast(self.pt * self.factor, exact), np.int64)

    @property
    def word(self) -> Integers:
        """Identity as the tau's word holds it, 10 bits: 1 wraps to 0."""
        return self.identity & 1023


class Taus:
    """NNPuppiTau: candidates of events to taus.

    Raises
    ------
    ValueError
        If the network has other sizes.
    """

    def __init__(self, network: Network) -> None:
        sizes(network, "NNPuppiTau", [8 * N_CANDIDATES], [1, 1])
        self.network = network

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Taus":
        """Read a version's firmware folder."""
        return cls(Network.from_hls_project(folder))

    def find(self, candidates: CandidateArrays) -> tuple[Integers, Integers]:
        """Find taus, and what the network reads of them.

        The hardest electron, charged hadron or photon within 2.5 is a seed; candidates within 0.4
        are taken from the rest. It is a tau if electrons, charged hadrons and photons within 0.1
        have 20 GeV; at most five an event. The ten candidates of the largest key are read, equal
        keys in their order: momentum, then the low three bits of the differences of eta and phi.

        Returns
        -------
        taus : int64, shape (taus, 8)
            Event, hwPt, hwEta, hwPhi, charge, hwPt of the seed, hwZ0, count.
        inputs : int64, shape (taus, 80)
            Raw ``ap_fixed<16,10>``.
        """
        c = candidates
        order = np.argsort(_sort_keys(c), axis=1, kind="stable")
        fields = [
            np.take_along_axis(x, order, 1) for x in (c.hwPt, c.hwEta, c.hwPhi, c.hwId, c.hwZ0)
        ]
        taus = np.zeros((c.n_events * MAX_TAUS, 8), np.int64)
        inputs = np.zeros((len(taus), 8 * N_CANDIDATES), np.int64)
        found = _find(c.count, np.stack(fields), taus, inputs)
        return taus[:found], inputs[:found]

    def predict(self, candidates: CandidateArrays, threads: int = 1) -> FoundTaus:
        """Find the taus of events and evaluate the network."""
        taus, inputs = self.find(candidates)
        held = self.network.inputs[0].format.cast(inputs, FixedPoint(16, 10))
        if len(taus):
            identity, factor = self.network.predict_raw(held, threads=threads)
        else:
            identity = factor = np.zeros((0, 1), np.int64)
        forms = [tensor.format for tensor in self.network.outputs]
        outputs = [
            np.asarray(IDENTITY.cast(np.asarray(x).reshape(-1), form), np.int64)
            for x, form in zip((identity, factor), forms, strict=True)
        ]
        columns = [*taus.T, *outputs]
        by_pt = np.lexsort((np.arange(len(taus)), -taus[:, 1], taus[:, 0]))
        return FoundTaus(*(column[by_pt] for column in columns))


def _sort_keys(c: CandidateArrays) -> AnyArray:
    """Return what sorts candidates by falling momentum, absent ones last."""
    there = np.arange(c.hwPt.shape[1]) < c.count[:, np.newaxis]
    return np.where(there, -c.hwPt, 1)


@njit(nogil=True)
def _turn(dphi: Any) -> Any:
    if dphi > 720:
        return dphi - 1440
    return dphi + 1440 if dphi < -720 else dphi


@njit(nogil=True)
def _wrap(value: Any, bits: Any) -> Any:
    half = 1 << (bits - 1)
    return ((value + half) & (2 * half - 1)) - half


@njit(nogil=True)
def _read(members, m, seed, pt, eta, phi, label, row) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Write the network's inputs: the members of the largest keys, ties in their order."""
    keys = np.empty(m, np.int64)
    for k in range(m):
        i = members[k]
        low = ((eta[seed] - eta[i]) & 7) << TIE_BITS | ((phi[seed] - phi[i]) & 7)
        keys[k] = pt[i] << (2 * TIE_BITS) | low
    for k in range(min(m, N_CANDIDATES)):
        best = 0
        for j in range(1, m):
            if keys[j] > keys[best]:
                best = j
        i = members[best]
        keys[best] = -1
        at = 8 * k
        row[at] = _wrap(pt[i] << 4, 16)
        row[at + 1] = _wrap((_wrap(eta[seed] - eta[i], 9) * SCALE) >> 11, 10)
        row[at + 2] = _wrap((_wrap(_turn(phi[seed] - phi[i]), 9) * SCALE) >> 11, 10)
        if pt[i] == 0:
            continue
        kind = label[i]
        if kind == 1:
            row[at + 3] = 64
        elif kind == 0:
            row[at + 6] = 64
        elif kind >= 6:
            row[at + 5] = 64
        elif kind >= 4:
            row[at + 4] = 64
        else:
            row[at + 7] = 64


@njit(nogil=True)
def _find(count, fields, taus, inputs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Find the taus of all events, whose candidates fall in momentum; return how many."""
    found = 0
    slots = fields.shape[2]
    members = np.empty(slots, np.int64)
    used = np.empty(slots, np.bool_)
    for event in range(len(count)):
        pt, eta, phi, label, z0 = fields[:, event]
        n = count[event]
        used[:n] = False
        first = found
        for seed in range(n):
            kind = label[seed]
            seeds = 1 <= kind <= 5 and abs(eta[seed]) <= MAX_ETA
            if used[seed] or not seeds or found - first == MAX_TAUS:
                continue
            m, total, number, track = 0, 0, 0, 0
            for i in range(n):
                deta, dphi = eta[seed] - eta[i], _turn(phi[seed] - phi[i])
                distance = deta * deta + dphi * dphi
                if used[i] or distance >= CONE2:
                    continue
                used[i] = True
                members[m] = i
                m += 1
                if distance < TAU_CONE2 and 1 <= label[i] <= 5:
                    number += 1
                    total = min(total + pt[i], SATURATED)
                    if track == 0 and 2 <= label[i] <= 3:
                        track = z0[i]
            if total < MIN_PT:
                continue
            charge = 0 if kind == 1 else 2 * (kind & 1) - 1
            taus[found] = (event, total, eta[seed], phi[seed], charge, pt[seed], track, number)
            _read(members, m, seed, pt, eta, phi, label, inputs[found])
            found += 1
    return found
