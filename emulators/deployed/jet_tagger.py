"""L1TSC4NGJet: classes and momentum of seeded-cone jets.

Source: cms-sw/cmssw L1Trigger/Phase2L1ParticleFlow src/L1TSC4NGJetID.cc in its versions with 20 and
21 numbers a constituent, plugins/L1TSC4NGJetProducer.cc; wrapper cms-hls4ml/L1TSC4NGJetModel. The
numbers with which version 0 was trained: CMS-L1T-Jet-Tagging/FastPUPPI, JetNTuplizer.cc.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.correlator.types import PT_LSB
from l1kd.emulators.deployed.candidate_arrays import (
    CHARGED,
    ELECTRONS,
    HADRONS,
    MUONS,
    NEUTRAL_HADRON,
    PHOTON,
    CandidateArrays,
)
from l1kd.emulators.deployed.momentum_tables import PT, logarithm, reciprocal
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network

__all__ = ["CLASSES", "N_CONSTITUENTS", "SCORE", "JetTagger", "TaggedJets"]

N_CONSTITUENTS: Final = 16
CLASSES: Final = ("b", "c", "uds", "g", "tau_p", "tau_n", "mu", "e")
"""Order of eight classes: default of the producer, and of the trainings."""
SCORE: Final = FixedPoint(8, 1, False, "RND_CONV", "SAT")
"""l1ct::jet_tag_score_t, to which the classes' scores are cast."""
FACTOR: Final = FixedPoint(22, 12, False, "TRN", "SAT")
"""Type of the factor on the momentum."""
MIN_PT: Final = 40
"""Raw 10 GeV: only jets above are corrected and keep their scores."""
MAX_ETA: Final = 550
"""Integer part of 2.4 in steps of pi / 720: only jets below."""
INTEGER: Final = FixedPoint(32, 32)
WEIGHT: Final = FixedPoint(9, 1, False)
"""l1ct::puppiWgt_t."""
_SPECIES: Final = (
    PHOTON,
    *reversed(ELECTRONS),
    *reversed(MUONS),
    NEUTRAL_HADRON,
    *reversed(HADRONS),
)
"""Identities in the order of the inputs: positive charge before negative."""


@dataclass(frozen=True)
class _Version:
    """What one version of the caller computes.

    Attributes
    ----------
    sizes
        Of the network's inputs, by which the version is known.
    value
        Type in which the numbers are computed; None for that of the network's first input.
    inverse_of
        Type whose bits address the reciprocal of the jet's momentum; None for `value`.
    inverse_bits
        Of the address.
    inverse, log
        Types of the tables; None for `value`.
    eta_at
        Where the absolute pseudorapidity stands among the numbers, None without it.
    """

    sizes: tuple[int, ...]
    value: FixedPoint | None
    inverse_of: FixedPoint | None
    inverse_bits: int
    inverse: FixedPoint | None
    log: FixedPoint | None
    eta_at: int | None


_VERSIONS: Final = (
    _Version((320,), None, None, 8, None, None, None),
    _Version((336, 16, 2, 16), None, PT, 10, None, None, 3),
    _Version((336, 2), FixedPoint(64, 32, True, "RND", "SAT"), PT, 10, PT, PT, 20),
)


@dataclass(frozen=True)
class TaggedJets:
    """What the network says of jets, int64.

    Attributes
    ----------
    scores
        Shape (jets, classes), in steps of 1/128.
    factor
        Shape (jets,): factor on the momentum in steps of 1/1024, of every jet.
    pt
        Shape (jets,): momentum in steps of 0.25 GeV, corrected where `corrected`.
    corrected
        Shape (jets,), bool: above 10 GeV and below 2.4; the scores of the others are 0.
    """

    scores: Integers
    factor: Integers
    pt: Integers
    corrected: AnyArray


class JetTagger:
    """L1TSC4NGJet: constituents of seeded-cone jets to classes and corrected momentum.

    Parameters
    ----------
    network : Network
        Of one of three versions of the caller, told by the sizes of its inputs: 320 (20 numbers a
        constituent); 336, 16, 2 and 16 (21 numbers, shares of momentum, the jet's own, which are
        filled); 336 and 2.
    classes : sequence of str, optional
        Names of the classes in the order of the network's output; `CLASSES` for eight.
    counts : bool, optional
        Of 320 inputs: whether momenta are whole steps of 0.25 GeV, as the first caller passed them
        and its training had them, or GeV, as the later one does. By default steps for a network
        whose name ends in `_v0`, GeV for others.

    Raises
    ------
    ValueError
        If the network has other sizes, or the number of classes does not fit, or `counts` is given
        for other than 320 inputs.
    """

    def __init__(
        self,
        network: Network,
        classes: Sequence[str] | None = None,
        counts: bool | None = None,
    ) -> None:
        found = tuple(tensor.size for tensor in network.inputs)
        versions = [version for version in _VERSIONS if version.sizes == found]
        if not versions:
            known = ", ".join(str(list(version.sizes)) for version in _VERSIONS)
            raise ValueError(
                f"L1TSC4NGJet: expected a network with inputs of {known} numbers, found "
                f"{list(found)}"
            )
        outputs = [tensor.size for tensor in network.outputs]
        if len(outputs) != 2 or 1 not in outputs:
            raise ValueError(f"L1TSC4NGJet: expected classes and one factor, found {outputs}")
        self._factor = outputs.index(1)
        count = outputs[1 - self._factor]
        if classes is None and count != len(CLASSES):
            raise ValueError(
                f"L1TSC4NGJet: the network has {count} classes; give their names in its order"
            )
        self.classes = tuple(CLASSES if classes is None else classes)
        if len(self.classes) != count or len(set(self.classes)) != count:
            raise ValueError(f"L1TSC4NGJet: expected {count} names of classes, found {classes}")
        if counts is not None and len(found) > 1:
            raise ValueError(
                f"L1TSC4NGJet: counts={counts} is a choice for networks of 320 inputs; the caller "
                f"of this one, with {list(found)}, passes GeV"
            )
        first = len(found) == 1 and network.graph.name.endswith("_v0")
        self.counts = first if counts is None else counts
        self.network = network
        self._version = versions[0]
        self._value = self._version.value or network.inputs[0].format

    @classmethod
    def from_folder(
        cls,
        folder: str | Path,
        classes: Sequence[str] | None = None,
        counts: bool | None = None,
    ) -> "JetTagger":
        """Read a version's firmware folder."""
        return cls(Network.from_hls_project(folder), classes, counts)

    def inputs(
        self, constituents: CandidateArrays, pt: AnyArray, eta: AnyArray, phi: AnyArray
    ) -> tuple[Integers, ...]:
        """Return what the network receives, raw numbers of the formats of its inputs.

        Parameters
        ----------
        constituents : CandidateArrays
            One "event" a jet, its 16 hardest constituents: `hardest_constituents`.
        pt, eta, phi : integers, shape (jets,)
            hwPt, hwEta, hwPhi of the jets.
        """
        value, version = self._value, self._version
        jet_pt = np.asarray(value.cast(pt, PT))
        if self.counts:
            momenta = self._momenta_in_counts(constituents, np.asarray(pt))
        else:
            momenta = self._momenta(constituents, jet_pt)
        numbers = momenta + self._numbers(constituents, np.asarray(eta), np.asarray(phi))
        filled = np.arange(constituents.hwPt.shape[1]) < constituents.count[:, np.newaxis]
        rows = np.where(filled[..., np.newaxis], np.stack(numbers, axis=2), 0)
        first = rows.reshape(len(rows), version.sizes[0])
        if len(version.sizes) == 1:
            parts = [first]
        elif len(version.sizes) == 2:
            parts = [first, np.stack([jet_pt, value.cast(eta, INTEGER)], axis=1)]
        else:
            log = logarithm(PT.cast(jet_pt, value), PT, self._value, 8)
            own = np.stack([log, np.abs(value.cast(eta, INTEGER))], axis=1)
            mask = filled.astype(np.int64) << value.fraction
            parts = [first, rows[..., 1], own, mask]
        tensors = self.network.inputs
        return tuple(
            np.asarray(tensor.format.cast(part, value), np.int64)
            for tensor, part in zip(tensors, parts, strict=True)
        )

    def _whole(self, raw: AnyArray) -> AnyArray:
        return self._value.cast(raw, INTEGER)

    def _momenta(self, c: CandidateArrays, jet_pt: AnyArray) -> list[AnyArray]:
        """Return momentum [GeV], share and logarithm of every constituent, from tables."""
        value, version = self._value, self._version
        pt = value.cast(c.hwPt, PT)
        source = version.inverse_of or value
        table = version.inverse or value
        inverse = reciprocal(source.cast(jet_pt, value), source, table, version.inverse_bits)
        product = pt * value.cast(inverse, table)[:, np.newaxis]
        share = value.cast(product, FixedPoint(64, 64 - 2 * value.fraction))
        log_table = version.log or value
        log = value.cast(logarithm(c.hwPt, PT, log_table, 8), log_table)
        return [pt, share, log]

    def _momenta_in_counts(self, c: CandidateArrays, pt: AnyArray) -> list[AnyArray]:
        """Return the same as the first caller: steps of 0.25 GeV over the jet's GeV, as floats."""
        there = np.maximum(c.hwPt, 1)  # layer 2 has no candidate of zero; empty slots are zeroed
        jet = np.maximum(pt, 1).astype(np.float32) * np.float32(PT_LSB)
        share = c.hwPt.astype(np.float32) / jet[:, np.newaxis]
        log = np.log(there.astype(np.float64)).astype(np.float32)
        return [self._whole(c.hwPt), self._value.from_float(share), self._value.from_float(log)]

    def _numbers(self, c: CandidateArrays, eta: AnyArray, phi: AnyArray) -> list[AnyArray]:
        """Return the other numbers of every constituent, raw in the caller's type."""
        value, version, whole = self._value, self._version, self._whole
        turn = c.hwPhi - phi[:, np.newaxis]
        beyond = 1440 - turn if self.counts else turn - 1440  # the first caller turned the sign
        turn = np.where(turn > 720, beyond, np.where(turn < -720, turn + 1440, turn))
        charged = c.hwId >= CHARGED
        numbers = [whole(eta[:, np.newaxis] - c.hwEta), whole(turn)]
        numbers.append(value.from_float(_MASSES)[c.hwId])
        numbers += [whole((c.hwId == species).astype(np.int64)) for species in _SPECIES]
        numbers += [whole(np.where(charged, raw, 0)) for raw in (c.hwZ0, c.hwDxy)]
        numbers.append(whole(np.ones_like(c.hwPt)))
        weight = np.where(charged, 0, c.hwPuppiW)
        if self.counts:  # it went through an integer
            numbers.append(whole(weight >> WEIGHT.fraction))
        else:
            numbers.append(value.cast(weight, WEIGHT))
        numbers.append(whole(np.where(charged, 0, c.hwEmID)))
        numbers.append(whole(np.where(charged, c.hwTkQuality, 0)))
        if version.eta_at is not None:
            numbers.insert(version.eta_at - 3, whole(np.abs(c.hwEta)))
        return numbers

    def predict(
        self,
        constituents: CandidateArrays,
        pt: AnyArray,
        eta: AnyArray,
        phi: AnyArray,
        threads: int = 1,
    ) -> TaggedJets:
        """Tag jets; arguments as for `inputs`."""
        raw = self.network.predict_raw(*self.inputs(constituents, pt, eta, phi), threads=threads)
        classes, factor = raw[1 - self._factor], raw[self._factor].reshape(-1)
        formats = [tensor.format for tensor in self.network.outputs]
        momenta = np.asarray(pt, np.int64)
        corrected = (np.abs(eta) < MAX_ETA) & (momenta > MIN_PT)
        scores = SCORE.cast(classes, formats[1 - self._factor])
        factor = np.asarray(FACTOR.cast(factor, formats[self._factor]), np.int64)
        product = PT.cast(momenta * factor, FixedPoint(63, 63 - PT.fraction - FACTOR.fraction))
        return TaggedJets(
            scores=np.where(corrected[:, np.newaxis], scores, 0),
            factor=factor,
            pt=np.where(corrected, product, momenta),
            corrected=corrected,
        )


_MASSES: Final = np.array([0.5, 0.0, 0.13, 0.13, 0.005, 0.005, 0.105, 0.105])
"""Mass [GeV] by identity."""
