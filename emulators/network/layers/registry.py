"""All handlers of firmware functions together: importing this module registers them."""

from l1kd.emulators.network.layers import convolution as lowering_convolution
from l1kd.emulators.network.layers import dense as lowering_dense
from l1kd.emulators.network.layers import einsum as lowering_einsum
from l1kd.emulators.network.layers import elementwise as lowering_elementwise
from l1kd.emulators.network.layers import generated as lowering_generated
from l1kd.emulators.network.layers import lookups as lowering_tables
from l1kd.emulators.network.layers import norm as lowering_norm
from l1kd.emulators.network.layers import pooling as lowering_pooling
from l1kd.emulators.network.layers import recurrent as lowering_recurrent
from l1kd.emulators.network.layers import shapes as lowering_shapes
from l1kd.emulators.network.layers import sparse as lowering_sparse
from l1kd.emulators.network.layers.lowering import HANDLERS, lower_project

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
