"""How the training frameworks are imported: silently, and able to work together."""

import os
import subprocess
import sys

import numpy as np
import pytest

from l1kd.errors import ConfigurationError
from l1kd.models import backend

NOISE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1796006134.590472   25354 port.cc:153] oneDNN custom operations are on.\n"
    "2026-11-22 10:00:00.000000: I tensorflow/core/util/port.cc:153] oneDNN custom operations\n"
)
"""What TensorFlow 2.21 writes while it is imported."""


def test_noise_of_libraries_is_kept_from_the_terminal_and_nothing_else(capfd):
    with backend._without_noise():
        os.write(2, NOISE.encode())
        os.write(2, b"Segmentation fault is near\n")
        sys.stderr.write("from Python\n")
    os.write(2, b"after\n")
    lines = capfd.readouterr().err.splitlines()
    assert sorted(lines[:2]) == ["Segmentation fault is near", "from Python"]
    assert lines[2:] == ["after"]


def broken():
    with backend._without_noise():
        os.write(2, b"the reason\n")
        raise ImportError("broken")


def test_what_was_said_before_an_error_is_shown(capfd):
    with pytest.raises(ImportError, match="broken"):
        broken()
    assert "the reason" in capfd.readouterr().err


def test_tensorflow_starts_silently(tf):
    code = "from l1kd.models import backend; backend.tensorflow(); backend.qkeras()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_missing_package_is_named():
    with pytest.raises(ConfigurationError, match=r"'no_such_package'.*install l1kd\[train\]"):
        backend._import("no_such_package")


def test_weights_of_powers_of_two_can_be_written():
    """hls4ml 1.3 calls numpy.product, which NumPy 2 does not have."""
    pytest.importorskip("hls4ml", reason="hls4ml is not installed")
    hls4ml = backend.hls4ml()
    types = sys.modules["hls4ml.model.types"]
    kind = types.ExponentPrecisionType(width=4, signed=True)
    values = np.array([[1.0, -2.0], [3.0, 1.0]])
    variable = types.ExponentWeightVariable("w", "w_t", kind, values)
    assert list(variable) == ["{1.0, 0}", "{0.0, 1}", "{1.0, 1}", "{1.0, 0}"]  # signs and exponents
    assert types.np.prod is np.prod
    assert hls4ml.__name__ == "hls4ml"
