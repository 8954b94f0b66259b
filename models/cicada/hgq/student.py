"""The mixed-precision student of a configuration."""

from typing import Any

import numpy as np

from l1kd.models.cicada.config import HgqShape
from l1kd.models.cicada.hgq.layers import convolutional, dense
from l1kd.models.cicada.hgq.quantizers import begin
from l1kd.models.cicada.hgq.rings import rings
from l1kd.models.cicada.hgq.tables import begin_tables, tables
from l1kd.models.cicada.targets import TrainingTargets

__all__ = ["student"]

_PLACING = 20_000
"""Zero-bias images by which knots are placed."""
_BEGIN_SHARE = 8
"""First weights are found from one image in so many."""


def student(shape: HgqShape, targets: TrainingTargets) -> Any:
    """Build the student with its first weights.

    Returns
    -------
    keras.Model
        float32[n, 252] counts or raw residuals to float32[n, 1] scores, multiples of 1/256 in
        [0, 256).
    """
    width = targets.width
    zero_bias = targets.read(targets.images[: min(_PLACING, targets.config.student_images)])
    start = float(np.median(targets.validation_targets))
    some = slice(None, None, _BEGIN_SHARE)
    seen, wanted = targets.read(targets.images[some]), targets.targets[some]
    if shape.architecture == "tables":
        model = tables(shape.hidden, shape.region_bits, width, start)
        begin_tables(model, seen, wanted)
        return model
    if shape.architecture == "rings":
        model = rings(zero_bias, shape.knots, shape.hidden, width, start, shape.smear)
    elif shape.architecture == "convolutional":
        model = convolutional(shape.filters, zero_bias, shape.hidden, width, start)
    else:
        model = dense(shape.hidden, width, start)
    begin(model, seen, wanted, targets.config.seed)
    return model
