"""Two networks, and a network beside records: what differs is found, in its layer."""

from dataclasses import replace

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Graph
from l1kd.errors import InputError
from l1kd.models.firmware.comparison.comparison import (
    compare_events,
    compare_networks,
    compare_recorded,
)
from l1kd.models.firmware.comparison.result import markdown
from l1kd.models.firmware.vectors import vectors
from tests.models.firmware.networks import dense, make_network, relu


def altered(network, number, change):
    """Return the network with one layer's first operation changed."""
    layers = list(network.graph.layers)
    layers[number] = replace(layers[number], operations=(change(layers[number].operations[0]),))
    return Network(replace(network.graph, layers=tuple(layers)))


def raw(network, count=2000):
    return vectors.make(network, count, 3).raw.astype(np.int64)


def test_a_network_agrees_with_itself(network):
    found = compare_networks(network, make_network(), raw(network))
    assert found.agrees
    assert found.differences == []
    assert found.layers == {"first": 0, "hidden": 0, "last": 0}
    assert "0 of 2,000 rows differ" in markdown(found)


@pytest.mark.parametrize("number", [0, 2])
def test_a_weight_that_differs_is_blamed_on_its_layer(network, number):
    def change(operation):
        weight = operation.weight.copy()
        weight[0, 1, 0] += 3
        return replace(operation, weight=weight)

    other = altered(network, number, change)
    rows = raw(network)
    found = compare_networks(network, other, rows)
    expected = (vectors.emulate(network, rows) != vectors.emulate(other, rows)).any(axis=1)
    assert found.differing == expected.sum() > 0
    name = network.graph.layers[number].name
    assert found.first_layers == {name: found.differing}
    (difference,) = found.differences
    assert (difference.layer, difference.what) == (name, "weights")
    weights = network.graph.layers[number].operations[0].weight.size
    assert (difference.first, difference.second) == (f"1 of {weights} differ", "by up to 0.375")
    example = found.examples[0]
    assert example.row == np.flatnonzero(expected)[0]
    scale = 2.0 ** network.outputs[0].format.fraction
    np.testing.assert_array_equal(
        np.array(example.first) * scale, vectors.emulate(network, rows)[example.row]
    )
    assert name in markdown(found)


def test_a_wider_format_is_named_and_equal_numbers_agree(network):
    last = network.graph.layers[2]
    form = FixedPoint(20, 16, True, "RND", "WRAP")
    wider = replace(last.output, format=replace(form, width=21, integer=17))
    other = altered(network, 2, lambda operation: replace(operation, output=wider))
    found = compare_networks(network, other, raw(network))
    assert [d.what for d in found.differences] == ["result"]
    mine, theirs = (vectors.emulate(n, raw(network)) for n in (network, other))
    values = [np.ldexp(r, -n.outputs[0].format.fraction) for r, n in
              ((mine, network), (theirs, other))]  # fmt: skip
    assert found.differing == (values[0] != values[1]).any(axis=1).sum()


def test_inputs_of_another_format_are_cast_and_it_is_said(network):
    inputs = replace(network.inputs[0], format=FixedPoint(5, 3, True, "RND_CONV", "SAT"))
    first = dense("first", inputs, 6, None, seed=1)
    hidden = relu("hidden", first.output, FixedPoint(5, 3, False, "RND_CONV", "SAT"))
    last = dense("last", hidden.output, 2, FixedPoint(9, 6, True, "RND", "WRAP"), seed=2)
    other = Network(Graph("other", (inputs,), (last.output.name,), (first, hidden, last)))
    rows = raw(network)
    found = compare_networks(network, other, rows)
    exact = (inputs.format.cast(rows, network.inputs[0].format) * 4 == rows).all(axis=1)
    assert found.notes[0] == (
        f"the input formats differ: {(~exact).sum()} of 2000 rows change when they are cast"
    )
    assert found.differences[0].what == "input"
    assert "scales" not in [difference.what for difference in found.differences]
    assert found.differing <= (~exact).sum() + 2000


def test_a_relu_of_another_slope_is_named(network):
    def change(operation):
        return replace(operation, scale_above=3 * operation.scale_above)

    found = compare_networks(network, altered(network, 1, change), raw(network))
    (difference,) = found.differences
    assert (difference.layer, difference.what) == ("hidden", "scales")
    assert (difference.first, difference.second) == ("6 of 12 differ", "by up to 2")


def test_a_layer_more_is_named(network):
    layers = network.graph.layers
    cast = relu("extra", layers[2].output, FixedPoint(9, 6, False, "RND", "SAT"))
    other = Network(replace(network.graph, layers=(*layers, cast), outputs=(cast.output.name,)))
    found = compare_networks(network, other, raw(network))
    assert [(d.layer, d.what, d.first) for d in found.differences] == [("extra", "layer", "-")]
    assert any("extra" in note for note in found.notes)


def test_networks_with_other_names_are_matched_by_what_they_are(network):
    layers = [
        replace(layer, name=f"layer_{number}") for number, layer in enumerate(network.graph.layers)
    ]
    other = Network(replace(network.graph, layers=tuple(layers)))
    found = compare_networks(network, other, raw(network))
    assert list(found.layers) == ["first / layer_0", "hidden / layer_1", "last / layer_2"]
    assert not found.differences


def test_networks_of_other_sizes_are_refused(network):
    inputs = network.inputs[0]
    last = dense("last", inputs, 3, FixedPoint(9, 6), seed=2)
    other = Network(Graph("other", (inputs,), (last.output.name,), (last,)))
    with pytest.raises(InputError, match="2 and 3 outputs"):
        compare_networks(network, other, raw(network))


def test_records_are_compared_as_what_they_are(network):
    rows = raw(network)
    result = vectors.emulate(network, rows)
    values = np.ldexp(result.astype(np.float64), -network.outputs[0].format.fraction)
    for recorded in (result, result.astype(np.int16), values, values.astype(np.float32)):
        assert compare_recorded(network, rows, recorded).agrees
    wrong = result.copy()
    wrong[17, 1] += 1
    found = compare_recorded(network, rows, wrong)
    assert found.differing == 1
    assert found.examples[0].row == 17
    assert found.largest == 0.125
    with pytest.raises(InputError, match=r"recorded are \(10, 2\)"):
        compare_recorded(network, rows, result[:10])


def test_no_rows_are_no_agreement(network):
    none = raw(network)[:0]
    assert vectors.emulate(network, none).shape == (0, 2)
    for compare in (
        lambda: compare_networks(network, network, none),
        lambda: compare_recorded(network, none, np.empty((0, 2), np.int64)),
        lambda: compare_events(np.empty(0), np.empty((0, 1)), ("a", "b")),
    ):
        with pytest.raises(InputError, match="no rows to compare"):
            compare()
