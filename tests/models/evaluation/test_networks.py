import awkward as ak
import numpy as np
import pytest

from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.insertion import insert
from l1kd.models.evaluation.cost import PARTICLES_AN_EVENT, latency, operations
from l1kd.models.evaluation.importance import (
    UNTOUCHED,
    input_groups,
    permutation_importance,
)
from l1kd.models.evaluation.networks import NetworkWeight, judged, shipped_networks

STUDENTS = ("qdistillnet_paper-v1", "distillnet_paper-v1")


def test_networks_are_sorted_by_kind():
    assert [network.name for network in judged(STUDENTS)] == [
        "distillnet_paper-v1",
        "qdistillnet_paper-v1",
    ]


def test_shipped_networks_give_weights():
    assert set(STUDENTS) <= set(shipped_networks())
    assert "cicada-v1" not in shipped_networks()


@pytest.mark.parametrize(
    ("models", "error", "message"),
    [
        (("nothing",), ArtefactError, "no artefact 'nothing'"),
        (("cicada-v1",), ConfigurationError, "gives particles no weights"),
        (("distillnet_paper-v1", "distillnet_paper-v1"), ConfigurationError, "name each one once"),
    ],
)
def test_unusable_models_are_refused(models, error, message):
    with pytest.raises(error, match=message):
        judged(models)


@pytest.mark.parametrize("name", STUDENTS)
def test_rows_give_the_same_weights_as_particles(name, events):
    (network,) = judged([name])
    particles = events.particles
    rows = network.features(particles)
    assert rows.shape == (len(particles), len(network.columns))
    np.testing.assert_allclose(network.infer(rows), network.weights(particles), atol=1e-6)


def test_an_inserted_network_gives_its_own_weights(data, open_events, events):
    (network,) = judged(["distillnet_paper-v1"])
    opened = open_events(data / "ttbar2l_PU140.root", entry_stop=events.weight.size)
    inserted = insert(opened, ["puppi", NetworkWeight(network)])["L1Cand"]
    weights = ak.to_numpy(ak.flatten(inserted["distillnet_paper-v1_weight"]))
    np.testing.assert_array_equal(weights, network.weights(events.particles))


def test_charged_by_vertex_leaves_neutrals_to_the_network(data, open_events):
    (network,) = judged(["distillnet_paper-v1"])
    opened = open_events(data / "ttbar2l_PU140.root", entry_stop=2)
    own, vertex = (
        insert(opened, ["puppi", NetworkWeight(network, charged)])["L1Cand"]
        for charged in ("own", "vertex")
    )
    charged = ak.flatten(own.charge != 0)
    name = "distillnet_paper-v1_weight"
    one, other = ak.flatten(own[name]), ak.flatten(vertex[name])
    assert ak.all(other[charged] == ak.flatten(own.puppi_weight)[charged])
    assert ak.all(other[~charged] == one[~charged])
    assert not ak.all(other[charged] == one[charged])


def test_operations_of_the_shipped_students():
    quantized, floating = (operations(judged([name])[0]) for name in STUDENTS)
    # 16 x 128, 128 x 64, 64 x 1 products; batch normalisation is folded into the weights
    assert floating["flops_per_particle"] == 2 * (16 * 128 + 128 * 64 + 64)
    assert floating["parameters"] == 16 * 128 + 128 * 64 + 64 + 128 + 64 + 1
    assert floating["flops_per_event"] == floating["flops_per_particle"] * PARTICLES_AN_EVENT
    products = 16 * 64 + 64 * 32 + 32
    assert quantized["parameters"] == products + 64 + 32 + 1
    assert quantized["flops_per_particle"] == 2 * products
    assert quantized["zeros"] == pytest.approx(0.75 * products)
    assert quantized["flops_without_zeros"] == 2 * (products - quantized["zeros"])


@pytest.mark.parametrize("name", STUDENTS)
def test_time_falls_with_the_batch(name, events):
    (network,) = judged([name])
    found = latency(network, events.particles, (1, 4096), seconds=0.0)
    alone, together = found["points"]
    assert (alone["batch"], together["particles"], found["unit"]) == (1, 4096, "particles")
    assert alone["cpu_ms"] > 5.0 * together["cpu_ms"]
    assert together["low"] <= together["cpu_ms"] <= together["high"]
    assert found["best"] == together
    assert found["inputs"]["cpu_ms"] > 0.0


def test_class_and_charge_are_one_input():
    groups = input_groups(judged(["distillnet_paper-v1"])[0].columns)
    assert groups["particle class"] == [4, *range(6, 14)]
    assert groups["puppi_weight"] == [5]
    assert sorted(i for columns in groups.values() for i in columns) == list(range(16))


def test_shuffling_what_the_network_needs_hurts(events):
    (network,) = judged(["distillnet_paper-v1"])
    few = events.particles.events(0, 4)
    generated = events.generated.first(4)
    found = permutation_importance(network, few, generated, events.weight[:4], few.truth)
    assert set(found) == {UNTOUCHED, *input_groups(network.columns)}
    errors = {name: row["mean_absolute_error"]["value"] for name, row in found.items()}
    for name in ("log_pt", "puppi_weight", "particle class"):
        assert errors[name] > errors[UNTOUCHED]
    assert found["puppi_weight"]["jets"]["value"] > 1.0
    assert errors["phi"] == pytest.approx(errors[UNTOUCHED], rel=0.2)
