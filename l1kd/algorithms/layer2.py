"""What the correlator makes of events, as records in physical units beside the integers."""

from typing import Any

import awkward as ak
import numpy as np

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.correlator.chain import CorrelatorResult
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB, Z0_LSB

__all__ = ["candidates", "ht", "jets", "met", "vertex"]

_MASS2_LSB = 0.25
_WEIGHT_LSB = 1.0 / 256.0


def _by_event(counts: AnyArray, columns: dict[str, AnyArray]) -> ak.Array:
    """Make records of the first `counts` entries of padded columns of shape (n_events, slots)."""
    kept = np.arange(next(iter(columns.values())).shape[1]) < counts[:, np.newaxis]
    flat = {name: values[kept] for name, values in columns.items()}
    return ak.unflatten(ak.zip(flat), np.asarray(counts, np.int64))


def _momentum(raw: Any, prefix: str) -> dict[str, AnyArray]:
    return {
        "pt": (raw[f"{prefix}hwPt"] * PT_LSB).astype(np.float32),
        "eta": (raw[f"{prefix}hwEta"] * ETA_PHI_LSB).astype(np.float32),
        "phi": _azimuth(raw[f"{prefix}hwPhi"]),
    }


def _azimuth(raw: AnyArray) -> AnyArray:
    """Azimuth in (-pi, pi]; the firmware's integer of a jet may lie a turn further."""
    turned = raw - 1440 * np.ceil((raw - 720) / 1440)
    return (turned * ETA_PHI_LSB).astype(np.float32)


def candidates(result: CorrelatorResult, offsets: AnyArray) -> ak.Array:
    """Candidates of layer 2: `pt`, `eta`, `phi`, `puppi_weight` and the firmware's integers.

    `l1CandIdx` is their particle in `L1Cand`, -1 of clusters; `offsets` are the particles'.
    """
    raw = result.candidates
    names = ("hwPt", "hwEta", "hwPhi", "hwPuppiW", "hwId")
    source = raw["cand_source"]
    if result.clusters is not None and len(result.clusters.source):
        source = np.where(source >= 0, result.clusters.source[np.maximum(source, 0)], -1)
    index = np.where(source >= 0, source - np.asarray(offsets)[:-1, np.newaxis], -1)
    columns = _momentum(raw, "cand_") | {
        "puppi_weight": (raw["cand_hwPuppiW"] * _WEIGHT_LSB).astype(np.float32),
        **{name: raw[f"cand_{name}"] for name in names},
        "l1CandIdx": index.astype(np.int32),
    }
    return _by_event(raw["n_cand"], columns)


def vertex(result: CorrelatorResult, found: bool) -> ak.Array:
    """Primary vertex that the correlator used: `z0` [cm], its integer, and whether it was found.

    A found one is relative to the centre of the detector, as `z0` of the tracks; the simulated one
    is 0, as dz is relative to it.
    """
    z0 = (result.vertex * Z0_LSB).astype(np.float32)
    return ak.zip({"z0": z0, "hwZ0": result.vertex, "found": np.full(len(z0), found)})


def jets(raw: dict[str, AnyArray]) -> ak.Array:
    """Seeded-cone jets: `pt`, `eta`, `phi`, `mass` and the firmware's integers."""
    columns = _momentum(raw, "") | {
        "mass": np.sqrt(raw["hwMassSq"] * _MASS2_LSB).astype(np.float32),
        **{name: raw[name] for name in ("hwPt", "hwEta", "hwPhi", "hwMassSq")},
    }
    return _by_event(raw["n_jets"], columns)


def met(raw: dict[str, AnyArray]) -> ak.Array:
    """MET of each event: `pt`, `phi` and the firmware's integers."""
    return ak.zip(
        {
            "pt": (raw["met_hwPt"] * PT_LSB).astype(np.float32),
            "phi": _azimuth(raw["met_hwPhi"]),
            "hwPt": raw["met_hwPt"],
            "hwPhi": raw["met_hwPhi"],
        }
    )


def ht(raw: dict[str, AnyArray]) -> ak.Array:
    """HT (as `pt` and `ht`), missing HT and its azimuth; the firmware's vector is the jets' sum."""
    return ak.zip(
        {
            "pt": (raw["ht_hwSumPt"] * PT_LSB).astype(np.float32),
            "ht": (raw["ht_hwSumPt"] * PT_LSB).astype(np.float32),
            "mht": (raw["mht_hwPt"] * PT_LSB).astype(np.float32),
            "mht_phi": _azimuth(raw["mht_hwPhi"]),
            "hwHt": raw["ht_hwSumPt"],
            "hwMht": raw["mht_hwPt"],
            "hwMhtPhi": raw["mht_hwPhi"],
        }
    )
