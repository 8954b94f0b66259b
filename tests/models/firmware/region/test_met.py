"""The module of the event's MET as a candidate sees it, in Verilator, for all azimuths."""

from math import cos, log2, pi
from types import SimpleNamespace

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import Tensor
from l1kd.models.firmware.region.met import LATENCY, MET, met_modules
from l1kd.models.firmware.region.pipeline import Pipeline
from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.tools import verilator

needs_verilator = pytest.mark.skipif(
    verilator.available() is not None, reason=str(verilator.available())
)
WORDS = (
    Tensor("met", (1,), FixedPoint(8, 8, False)),
    Tensor("met_phi", (1,), FixedPoint(11, 11)),
    Tensor("phi", (1,), FixedPoint(10, 10)),
)
PARTS = tuple(Tensor(name, (1,), WORDS[0].format) for name in ("met_away", "met_toward"))


def design(folder):
    """Place the module between two ports, words side by side."""
    p = Pipeline("top")
    data, low, inputs = p.input("data_in", 29), 0, []
    for word in WORDS:
        width = word.format.width
        part = p.comb(f"{{0}}[{low + width - 1}:{low}]", width, data, signed=word.format.signed)
        inputs.append((word.name, part))
        low += width
    p.output("data_out", p.instance(MET, inputs, ("parts", 16), LATENCY))
    sources = []
    for text in (p.text(), *met_modules()):
        sources.append(folder / f"{text.split(maxsplit=2)[1]}.v")
        sources[-1].write_text(text)
    return RtlDesign("top", "verilog", 29, 16, LATENCY, LATENCY, 1, 0.0, 0, 0, tuple(sources))


@needs_verilator
@pytest.mark.slow
def test_parts_of_the_met_for_every_pair_of_azimuths(tmp_path):
    lost = [int(-16 * log2(cos(k * pi / 720)) + 0.5) for k in range(360)]
    lost = np.array([*(min(x, 255) for x in lost), 255])
    phi, met_phi = (x.ravel() for x in np.meshgrid(np.arange(-512, 512), np.arange(-1024, 1024)))
    met = np.random.default_rng(6).integers(0, 256, phi.size)
    met[::3] = 255
    rows = np.stack([met, met_phi, phi], axis=1)
    words = SimpleNamespace(inputs=WORDS, outputs=PARTS)
    found = verilator.simulate(tmp_path, design(tmp_path), words, rows, build_dir=tmp_path / "b")
    apart = np.abs(phi - met_phi)
    assert apart.max() == 1535
    apart = np.where(apart > 720, np.abs(1440 - apart), apart)
    away = np.where(apart < 360, met - lost[np.minimum(apart, 360)], 0)
    toward = np.where(apart > 360, met - lost[np.minimum(720 - apart, 360)], 0)
    expected = np.maximum(np.stack([away, toward], axis=1), 0)
    np.testing.assert_array_equal(found, expected)
    assert (expected.max(axis=0) == 255).all()
