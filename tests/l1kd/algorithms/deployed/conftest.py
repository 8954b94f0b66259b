"""Firmware folders of deployed networks, with a stand-in for the network itself."""

import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from tests.emulators.deployed.stand_in import StandIn

F = FixedPoint
PASSED = F(32, 16)
SIZES = {
    "AXOL1TL_v5": ([(57, F(18, 13))], [(1, F(18, 14))]),
    "TOPO_20": ([(20, F(16, 6))], [(1, F(11, 1, False))]),
    "TOPO_21": ([(21, F(16, 6))], [(1, F(11, 1, False))]),
    "L1TSC4NGJetModel_v0": (
        [(320, F(24, 12, True, "RND", "SAT"))],
        [(8, F(24, 12, False, "RND", "SAT")), (1, F(16, 6))],
    ),
    "TOoLLiP_v3": ([(130, F(12, 6, True, "TRN", "SAT"))], [(1, F(14, 8, True, "TRN", "SAT"))]),
    "NNPuppiTauModel_v1": ([(80, F(16, 10))], [(1, F(16, 6)), (1, F(16, 6))]),
    "L1METML_v1": (
        [(400, PASSED), (200, PASSED), (100, F(4, 4, False)), (100, F(4, 4, False))],
        [(2, PASSED)],
    ),
    "EMTFnn_v1": ([(29, F(13, 13, False))], [(2, F(8, 8, False))]),
}
SOURCES = {
    "AXOL1TL_v5": "typedef ap_fixed<5,5> ad_shift_t;\ntypedef ap_fixed<10,9> ad_offset_t;\n"
    f"static const ad_shift_t ad_shift[57] = {{{', '.join(['1', '-1', '0'] * 19)}}};\n"
    f"static const ad_offset_t ad_offsets[57] = {{{', '.join(['0.5', '2', '-3'] * 19)}}};\n",
    "TOPO_20": f"int norm[20] = {{{', '.join(['4', '1'] * 10)}}};\n"
    f"int bias[20] = {{{', '.join(['3', '0'] * 10)}}};\n",
    "TOPO_21": f"int norm[21] = {{{', '.join(['8'] * 21)}}};\n"
    f"int bias[21] = {{{', '.join(['1'] * 21)}}};\n",
}


@pytest.fixture
def model(tmp_path, monkeypatch):
    """Return a function from the name of a version to its folder."""

    def read(folder):
        name = str(folder).split("/")[-1]
        return StandIn(*SIZES[name], name)

    monkeypatch.setattr(Network, "from_hls_project", read)

    def folder(name):
        made = tmp_path / name
        made.mkdir(exist_ok=True)
        (made / "scales.h").write_text(SOURCES.get(name, ""))
        return made

    return folder
