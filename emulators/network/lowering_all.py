"""All handlers of firmware functions together: importing this module registers them."""

from l1kd.emulators.network import (
    lowering_convolution,
    lowering_dense,
    lowering_einsum,
    lowering_elementwise,
    lowering_generated,
    lowering_norm,
    lowering_pooling,
    lowering_recurrent,
    lowering_shapes,
    lowering_sparse,
    lowering_tables,
)
from l1kd.emulators.network.lowering import HANDLERS, lower_project

__all__ = ["HANDLERS", "lower_project"]

MODULES = (
    lowering_convolution,
    lowering_dense,
    lowering_einsum,
    lowering_elementwise,
    lowering_generated,
    lowering_norm,
    lowering_pooling,
    lowering_recurrent,
    lowering_shapes,
    lowering_sparse,
    lowering_tables,
)
