import sys

import numpy as np
import pytest

from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError
from l1kd.models import backend, export


class Firmware:
    """Stands in for compiled C++: a known answer, of which one is wrong if asked for."""

    def __init__(self, wrong_row=None):
        self.wrong_row = wrong_row

    def predict(self, x):
        y = x.sum(axis=1, keepdims=True)
        if self.wrong_row is not None:
            y[self.wrong_row] += 0.5
        return y


class Emulated:
    saved = None

    def predict(self, x):
        return x.sum(axis=1, keepdims=True)

    def save(self, path):
        path.write_text("network")


@pytest.fixture
def export_with(monkeypatch, tmp_path, tf):
    def run(firmware, keras_output=None):
        monkeypatch.setattr(Network, "from_hls_model", lambda _: Emulated())
        x = np.arange(12, dtype=np.float32).reshape(6, 2)
        return export.export_network(lambda _: firmware, x, tmp_path / "network.npz", keras_output)

    return run


def test_an_equal_network_is_written(export_with, tmp_path):
    wanted = np.arange(12.0).reshape(6, 2).sum(axis=1, keepdims=True)
    wanted[3] += 0.25
    _, metrics = export_with(Firmware(), wanted)
    assert (tmp_path / "network.npz").is_file()
    assert metrics == {
        "vectors": 6,
        "mismatches_firmware_emulator": 0,
        "mismatches_keras_emulator": 1,
        "largest_difference_keras_emulator": 0.25,
    }


def test_one_different_vector_is_an_error_and_nothing_is_written(export_with, tmp_path):
    with pytest.raises(ArtefactError, match=r"on 1 of 6 vectors.*\(4, 17\.5, 17\.0\)"):
        export_with(Firmware(wrong_row=4))
    assert not (tmp_path / "network.npz").exists()


def test_keras_2_is_what_hls4ml_finds_and_only_inside_the_block(tf):
    before = sys.modules.get("keras")
    with backend.keras_is_legacy():
        assert sys.modules["keras"] is backend.keras()
    assert sys.modules.get("keras") is before
