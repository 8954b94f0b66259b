"""Generated VHDL, analysed, elaborated and simulated by GHDL, equals the emulator."""

import numpy as np
import pytest

from l1kd.models.firmware.rtl.rtl import build_rtl
from tests.models.firmware.rtl_networks import flat, random_inputs, random_network
from tests.models.firmware.vhdl import ghdl, simulate

pytest.importorskip("da4ml")
pytest.importorskip("alkaid")


@ghdl
@pytest.mark.parametrize("cutoff", [None, 3])
@pytest.mark.parametrize("tool", ["da4ml", "alkaid"])
def test_simulated_vhdl(tool, cutoff, tmp_path):
    network = random_network(7)  # with tables
    inputs = random_inputs(network, 400)
    design = build_rtl(network, tmp_path, tool=tool, latency_cutoff=cutoff)
    assert (design.latency_cycles > 0) == (cutoff is not None)
    got = simulate(tmp_path, design, network, np.concatenate(inputs, axis=1))
    assert np.array_equal(got, flat(network, network.predict_raw(*inputs)))
    assert len(np.unique(got)) > 5
