"""Metrics that need no tool."""

import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Graph
from l1kd.errors import ConfigurationError
from l1kd.models.firmware.record import metrics
from tests.models.firmware.networks import dense


@pytest.mark.parametrize(
    ("text", "period"), [("240MHz", 1000 / 240), ("160 mhz", 6.25), ("0.2GHz", 5.0), ("250", 4.0)]
)
def test_clock(text, period):
    assert metrics.period_ns(text) == pytest.approx(period)


@pytest.mark.parametrize("text", ["fast", "0MHz", "-5", "9GHz", "nan"])
def test_impossible_clocks(text):
    with pytest.raises(ConfigurationError, match="expected a frequency"):
        metrics.period_ns(text)


def test_effective_bit_operations_by_hand():
    source = Tensor("x", (2,), FixedPoint(5, 3))
    layer = dense("layer", source, 2, None)
    # 12 = 0b1100 has two significant bits, -7 three, 1 one, 0 none; the data have four and a sign
    layer.operations[0].weight[:] = [[[12, -7], [1, 0]]]
    network = Network(Graph("n", (source,), (layer.output.name,), (layer,)))
    assert metrics.ebops(network) == (2 + 3 + 1) * 4


def test_parts():
    part = metrics.part_of("xcvu13p-flga2577-2-e")
    assert part is not None
    assert part.share("lut", 17_280) == pytest.approx(1.0)
    assert metrics.part_of("unknown") is None


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        ({}, {}),
        ({"tests": {"a": {"accuracy": {"network": 0.5}}}}, {"accuracy": 0.5}),
        (
            {"tests": {"a": {"accuracy": {"network": 0.5}, "accuracy_teacher": {"network": 0.7}}}},
            {"accuracy": 0.7},
        ),
        (
            {
                "tests": {
                    "a": {
                        "accuracy_teacher": {"network": 0.7},
                        "agreement_teacher": {"mean_ratio": {"value": 0.98}},
                    }
                }
            },
            {"accuracy": 0.98},
        ),
        (
            {"auc_overlay": {"a": {"student": {"auc": 0.6}}, "b": {"student": {"auc": 0.8}}}},
            {"auc": 0.7},
        ),
        (
            {"auc_overlay": {"a": {"student": {"auc": 0.6}, "student, quantized": {"auc": 0.5}}}},
            {"auc": 0.5},
        ),
    ],
)
def test_quality_of_an_artefact(stored, found):
    assert metrics.quality(stored) == pytest.approx(found)
