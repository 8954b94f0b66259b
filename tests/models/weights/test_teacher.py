"""The teacher from end to end, small, and what a network over neighbours must not depend on."""

import numpy as np
import pytest
import yaml

from l1kd.artefacts import load
from l1kd.errors import ConfigurationError
from l1kd.models.config import read_config, shipped_configs
from l1kd.models.train import train
from l1kd.models.weights import teacher
from l1kd.models.weights.config import TeacherConfig
from l1kd.models.weights.distillnet import standardise
from l1kd.models.weights.nearest import nearest
from l1kd.models.weights.particles import read_particles
from l1kd.models.weights.trained_teacher import teacher_weights


@pytest.fixture(scope="module")
def particles(data):
    return read_particles([data / "ttbar2l_PU140.root"], 3)[0]


def test_the_nearest_are_those_that_a_search_finds(particles):
    event = particles.events(1, 2)
    found = nearest(event, 5)
    senders = np.flatnonzero(event.pt >= 1.0)
    for i in range(0, len(event), 37):
        d_phi = np.remainder(event.phi[senders] - event.phi[i] + np.pi, 2 * np.pi) - np.pi
        dr = np.hypot(event.eta[senders] - event.eta[i], d_phi)
        others = senders != i
        wanted = np.sort(dr[others])[:5]
        place = {int(j): distance for j, distance in zip(senders, dr, strict=True)}
        assert i not in found[i]
        np.testing.assert_allclose([place[int(j)] for j in found[i]], wanted, atol=1e-6)


def test_where_neighbours_are_missing_the_particle_stands_for_them(particles):
    event = particles.events(0, 1)
    event = event.select(event.pt > 1.0)
    few = event.select(np.arange(len(event)) < 3)
    found = nearest(few, 4)
    assert found.shape == (3, 4)
    for i, row in enumerate(found):
        assert set(row[:2]) == {0, 1, 2} - {i}
        assert row[2:].tolist() == [i, i]


def test_an_event_is_weighed_by_itself_and_in_any_order(tf, particles):
    weights = teacher_weights(load("teacher-v2"), particles)
    assert weights.shape == (len(particles),)
    assert weights.dtype == np.float32
    assert ((weights >= 0.0) & (weights <= 1.0)).all()
    second = slice(particles.offsets[1], particles.offsets[2])
    alone = particles.events(1, 2)
    np.testing.assert_allclose(
        teacher_weights(load("teacher-v2"), alone), weights[second], atol=1e-5
    )
    order = np.random.default_rng(1).permutation(len(alone))
    moved = teacher_weights(load("teacher-v2"), alone.take(order))
    np.testing.assert_allclose(moved, weights[second][order], atol=1e-5)


def configuration(data, path, **changes):
    content = yaml.safe_load(shipped_configs()["teacher"].read_text())
    content["data"] = {
        "folder": str(data),
        "train": ["ttbar2l_PU140.root"],
        "test": {"top pairs": "ttbar2l_PU140.root"},
        "validation_fraction": 0.25,
        "max_events": 4,
    }
    content["optimisation"] = {"epochs": 2, "batch": 1, "learning_rate": 0.003}
    content.update(neighbours=4, width=8, edge=8, heads=2, **changes)
    path.write_text(yaml.safe_dump(content))
    return path


def test_a_training_resumes_and_its_artefact_weighs_particles(tf, data, particles, tmp_path):
    config = configuration(data, tmp_path / "config.yaml")
    artefact = train("teacher", config, tmp_path / "out", quiet=True)
    assert load(tmp_path / "out", kind="teacher") == artefact
    history = artefact.json("metrics.json")["history"]["teacher"]
    again = train("teacher", config, tmp_path / "out", quiet=True)
    assert again.json("metrics.json")["history"]["teacher"] == history
    assert len(history) == 2
    assert artefact.json("metrics.json")["flops_per_particle"] > 0
    weights = teacher_weights(artefact, particles)
    assert weights.std() > 0.0
    assert "attention" in artefact.card


def test_dead_units_go_without_a_trace(tf, particles):
    artefact = load("teacher-v2")
    config = read_config(artefact.file("config.yaml"), TeacherConfig).model_copy(
        update={"width": 12, "edge": 8, "heads": 2, "neighbours": 4}
    )
    event = particles.events(0, 1)
    scale = standardise(event.inputs("local"))
    model = teacher.network(config, scale)
    active = np.arange(config.edge) % 3 > 0
    model.overview.bias.assign(np.where(active, 1.0, -1e6).astype(np.float32))
    smaller = teacher.without_dead_units(model, config, scale, active)
    columns = (event.inputs("local"), nearest(event, 4), np.zeros(len(event), np.int32))
    wanted = model(*columns).numpy()
    assert wanted.std() > 0.0
    np.testing.assert_allclose(smaller(*columns).numpy(), wanted, atol=1e-6)
    gone = (config.width + 1 + 2 * config.width) * np.count_nonzero(~active)
    assert smaller.count_params() == model.count_params() - gone
    other = teacher.without_dead_units(model, config, scale, ~active)
    assert np.abs(other(*columns).numpy() - wanted).max() > 1e-3


def test_the_transport_term_needs_the_events_without_pile_up(tf, data, tmp_path):
    config = configuration(data, tmp_path / "config.yaml", loss={"transport": 1.0})
    with pytest.raises(ConfigurationError, match="a file without pile-up for each training file"):
        train("teacher", config, tmp_path / "out", quiet=True)
    content = yaml.safe_load(config.read_text())
    content["data"]["no_pileup"] = ["ttbar2l_PU0.root"]
    content["loss"].update(particle=0.0, jet=0.0)
    content["optimisation"]["epochs"] = 1
    config.write_text(yaml.safe_dump(content))
    artefact = train("teacher", config, tmp_path / "out2", quiet=True)
    assert "sliced Wasserstein" in artefact.card
