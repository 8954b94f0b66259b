"""Events as a network in the correlator sees them."""

import numpy as np

from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import PRESETS
from l1kd.models.correlator import crossings
from l1kd.models.correlator.crossings import form
from tests.models.correlator.events import raw

FIELDS = ("values", "pt", "px", "py", "share", "neutral", "region", "start", "half", "original")


def formed(clusterer=None):
    events = raw()
    # close together, so that towers have neighbours
    close = {name: events.particles[name] / 5 for name in ("eta", "phi")}
    events = events._replace(particles=events.particles | close)
    half = (np.arange(events.n_events) % 2).astype(np.int8)
    return form(events, ("pt", "abs_eta", "alpha"), PRESETS, half, rate=7.0, clusterer=clusterer)


def test_events_are_the_same_however_many_are_formed_at_a_time(monkeypatch):
    whole = formed()
    assert whole.n_events > 2
    assert (np.diff(whole.start) > 0).all()
    monkeypatch.setattr(crossings, "_FORMED", 2)
    parts = formed()
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert parts.rate == whole.rate == 7.0


def test_clusters_are_those_that_are_asked_for():
    usual = formed()
    np.testing.assert_array_equal(usual.pt, formed(Clusterer()).pt)
    fine = formed(Clusterer(windows=("1x1", "1x1", "1x1")))
    assert fine.pt[fine.neutral].sum() < usual.pt[usual.neutral].sum()
