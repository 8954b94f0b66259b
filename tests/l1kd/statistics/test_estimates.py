"""A number as JSON."""

import json
import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from l1kd import statistics

FLOATS = st.floats(-1e6, 1e6, allow_nan=False, width=32)
SAMPLES = hnp.arrays(np.float64, st.integers(1, 40), elements=FLOATS)


def test_estimate_as_json():
    estimate = statistics.Estimate(1.5, 1.0, math.inf, 7)
    assert json.loads(json.dumps(estimate.as_dict())) == {
        "value": 1.5,
        "low": 1.0,
        "high": None,
        "n": 7,
    }
