"""What a user may name as a network."""

import pytest

from l1kd.errors import FirmwareError, L1KDError, UnreadableFileError
from l1kd.models.firmware import build as building
from l1kd.models.firmware.sources import names, sources
from tests.l1kd.algorithms.test_correlator import artefact


@pytest.mark.parametrize("name", ["model.h5", "model.npz", "model.txt", "folder", "absent"])
def test_what_is_no_network_is_refused(tmp_path, name):
    for file in ("model.h5", "model.npz", "model.txt"):
        (tmp_path / file).write_bytes(b"nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(L1KDError, match=name.partition(".")[0]):
        sources.find(str(tmp_path / name))


def test_a_model_in_floating_point_is_refused_with_the_reason(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    options = building.hls.HlsOptions("Vitis", "part", 4.0, "latency", "top")
    with pytest.raises(FirmwareError, match=r"floating-point model.*--precision default="):
        sources.find("distillnet_paper-v1").write(options, tmp_path / "hls")


def test_a_region_knows_the_linpuppi_of_all_boards_where_it_reads_their_met(tmp_path):
    linpuppi = {"hgcal": {"dz": 0.4}, "barrel": {"dz": 0.6}}
    for name, columns in (("met", ("pt", "met_away")), ("none", ("pt", "em"))):
        folder = artefact(tmp_path / name, names=columns, linpuppi=linpuppi)
        stream = sources.find(str(folder), board="hgcal").network
        assert stream.puppi.parameters.dz == 0.4
        found = {board: puppi.parameters.dz for board, puppi in stream.others.items()}
        assert found == ({"hgcal": 0.4, "barrel": 0.6} if name == "met" else {})


def test_an_unknown_name_is_answered_with_the_nearest_shipped_one():
    with pytest.raises(
        UnreadableFileError, match=r"mean 'qdistillnet_paper-v1'\?; `l1kd models` lists them"
    ):
        sources.find("qdistilnet_paper-v1")


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("qdistillnet_paper-v1", "qdistillnet_paper_v1"),
        ("small", "network_small"),
        ("Signal", "network_signal"),
        ("2.net--x_", "network_2_net_x"),
        ("", "network"),
        ("é", "network"),
    ],
)
def test_names_suit_every_language(given, made):
    assert names.identifier(given) == made
