"""Menus and events made for the tests: small numbers, so that cuts and overlaps happen often."""

import numpy as np
from hypothesis import strategies as st

from l1kd.emulators.global_trigger.objects import KINDS
from l1kd.trigger.hardware import HardwareEvents
from l1kd.trigger.menu import Menu
from l1kd.trigger.menu.reading.plain import read_mapping

SIGNALS = {"A": 3, "B.v0": 70}
CUTS = {
    "MU-QLTY_DBLE": {"data": "0xff00"},
    "MU-ISO_12": {"data": "0x6"},
    "MU-ETA_1p0": {"minimum": -0.9951, "maximum": 0.9951},
    "MU-PHI_WRAP": {"minimum": 5.235988, "maximum": 1.047198},
    "MU-CHG_NEG": {"data": "negative"},
    "MU-IP_12": {"data": "0x6"},
    "MU-UPT_3": {"minimum": 3, "maximum": 255},
    "MU-INDEX_LOW": {"minimum": 0, "maximum": 30},
    "MU-INDEX_HIGH": {"minimum": 80, "maximum": 107},
    "MU-SLICE_0to1": {"minimum": 0, "maximum": 1},
    "EG-ISO_1": {"data": "0xa"},
    "EG-ETA_POS": {"minimum": 0.348, "maximum": 5.0},
    "EG-ETA_NEG": {"minimum": -5.0, "maximum": -0.348},
    "TAU-ISO_1": {"data": "0xe"},
    "JET-ETA_POS": {"minimum": 0.0, "maximum": 2.523},
    "JET-PHI_HALF": {"minimum": 0.0, "maximum": 3.1415926535897931},
    "JET-DISP_LLP": {"data": "0x1"},
    "DR_0p6": {"minimum": 0.0, "maximum": 0.6000000000000001},
    "DR_MIN_0p3": {"minimum": 0.3, "maximum": 11.8},
    "DETA_MAX_1p0": {"minimum": 0.0, "maximum": 1.0},
    "DPHI_MIN_1p0": {"minimum": 1.0, "maximum": 3.15},
    "MASS_2to6": {"minimum": 2.0, "maximum": 6.0},
    "MASSUPT_3": {"minimum": 3.0, "maximum": 151982.0},
    "MASSDR_4": {"minimum": 4.0, "maximum": 151982.0},
    "TBPT_4": {"minimum": 4.0, "maximum": 151982.0},
    "CHGCOR_OS": {"data": "os"},
    "CHGCOR_LS": {"data": "ls"},
    "ORMDR_0p5": {"minimum": 0.0, "maximum": 0.5},
    "ORMDETA_0p3": {"minimum": 0.0, "maximum": 0.3},
    "ORMDPHI_0p4": {"minimum": 0.0, "maximum": 0.4},
}
FIELDS = {
    "pt": (0, 12), "eta": (-40, 40), "phi": (0, 143), "iso": (0, 3), "quality": (0, 15),
    "charge": (0, 1), "charge_valid": (0, 1), "index": (0, 107), "upt": (0, 8), "ip": (0, 3),
    "displaced": (0, 1), "count": (0, 9), "flag": (0, 1),
}  # fmt: skip
SLOTS = {"MU": 4, "EG": 3, "TAU": 3, "JET": 5}


def mapping_of(expressions, **more):
    """Return a menu as a mapping; the seeds are S0, S1, ..."""
    seeds = [{"index": i, "name": f"S{i}", "expression": e} for i, e in enumerate(expressions)]
    return {
        "menu": "made",
        "external_signals": SIGNALS,
        "cuts": CUTS,
        "algorithms": seeds,
        **more,
    }


def menu_of(expressions, **more):
    """Return a menu of these expressions."""
    return Menu(read_mapping(mapping_of(expressions, **more), "made"))


def _slots(kind):
    return SLOTS.get(kind.name, 1)


def _range(kind, field):
    low, high = FIELDS[field]
    return (low, 575) if (kind.name, field) == ("MU", "phi") else (low, high)


KEPT = [kind for kind in KINDS.values() if "score" not in kind.fields]


@st.composite
def _event(draw):
    event = {
        kind.name: [
            {field: draw(st.integers(*_range(kind, field))) for field in kind.fields}
            for _ in range(_slots(kind))
        ]
        for kind in KEPT
    }
    return event | {"EXT": {name: draw(st.booleans()) for name in SIGNALS}}


class _Events:
    """Events by hypothesis, or by a random generator."""

    def __call__(self):
        return _event()

    @staticmethod
    def random(rng):
        """Return one event of a NumPy generator."""
        event = {
            kind.name: [
                {
                    field: int(rng.integers(low, high, endpoint=True))
                    for field in kind.fields
                    for low, high in [_range(kind, field)]
                }
                for _ in range(_slots(kind))
            ]
            for kind in KEPT
        }
        return event | {"EXT": {name: bool(rng.integers(2)) for name in SIGNALS}}


event_strategy = _Events()


def columns_of(events):
    """Return events as columns of the hardware."""
    lists = {}
    for kind in KEPT:
        lists[kind.name] = {
            field: np.zeros((len(events), kind.slots), np.int32) for field in kind.fields
        }
        for n, event in enumerate(events):
            for slot, one in enumerate(event[kind.name]):
                for field, value in one.items():
                    lists[kind.name][field][n, slot] = value
    words = np.zeros((len(events), 4), np.uint64)
    for n, event in enumerate(events):
        for name, bit in SIGNALS.items():
            words[n, bit // 64] |= np.uint64(event["EXT"][name]) << np.uint64(bit % 64)
    return HardwareEvents(lists, words)
