"""The recipes from end to end, on a few bundled events and a handful of made-up collisions."""

import subprocess
import sys
from types import SimpleNamespace
from unittest.mock import ANY

import numpy as np
import onnxruntime
import pytest
import yaml

from l1kd.artefacts import load
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.errors import ConfigurationError
from l1kd.models.config import read_config, shipped_configs
from l1kd.models.recipes import cicada as cicada_recipe
from l1kd.models.recipes.qdistillnet import read_qdistillnet
from l1kd.models.train import kinds, train
from l1kd.models.weights.config import QDistillNetConfig
from l1kd.models.weights.metrics import accuracy
from l1kd.models.weights.particles import read_particles
from l1kd.models.weights.weighting import network_weights


def configuration(name, path, **changes):
    content = yaml.safe_load(shipped_configs()[name].read_text())
    content.update(changes)
    path.write_text(yaml.safe_dump(content))
    return path


def particle_data(folder):
    return {
        "folder": str(folder),
        "train": ["ttbar2l_PU140.root"],
        "test": {"top pairs": "ttbar2l_PU140.root", "zero bias": "minbias_PU140.root"},
        "validation_fraction": 0.25,
        "max_events": 4,
    }


def test_an_unknown_training_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no training 'ppo'; known are cicada"):
        train("ppo", tmp_path / "none.yaml", tmp_path)
    assert set(kinds()) <= set(shipped_configs())


def test_the_configuration_of_another_training_is_refused(tf, tmp_path):
    with pytest.raises(ConfigurationError, match="kind"):
        train("distillnet", shipped_configs()["qdistillnet"], tmp_path)


def test_particles_keep_their_order_and_their_events(data):
    path = data / "ttbar2l_PU140.root"
    four, generated = read_particles([path], 4)
    twice, _ = read_particles([path, path], 2)
    assert four.n_events == twice.n_events == generated.met.shape[1] == 4
    assert generated.jets.n_events == 4
    first = four.events(0, 2)
    np.testing.assert_array_equal(twice.events(0, 2).pt, first.pt)
    np.testing.assert_array_equal(twice.events(2, 4).puppi_weight, first.puppi_weight)
    assert len(first) == four.offsets[2]
    assert four.inputs().shape == (len(four), 16)
    assert ((four.truth >= 0) & (four.truth <= 1)).all()


def test_accuracy_is_one_for_the_truth_and_falls_with_distance():
    truth = np.random.default_rng(1).random(1000).astype(np.float32)
    assert accuracy(truth, truth) == 1.0
    assert accuracy(np.zeros(1000, np.float32), truth) < 0.2


TRUTH = {"alpha": 1.0}
"""No teacher: the share of the particle's energy that comes from the hard collision."""


def test_distillnet_with_a_teacher(tf, data, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = configuration(
        "distillnet",
        tmp_path / "config.yaml",
        data=particle_data(data),
        without=["neutral_density", "log_d0"],
        hidden=[8, 4],
        optimisation={"epochs": 1, "batch": 1, "learning_rate": 0.001},
    )
    artefact = train("distillnet", config, tmp_path / "out", quiet=True)
    assert load(tmp_path / "out", kind="distillnet") == artefact
    session = onnxruntime.InferenceSession(str(artefact.file("model.onnx")))
    weights = session.run(None, {"particles": np.zeros((5, 31), np.float32)})[0]
    assert weights.shape == (5, 1)
    moved = np.zeros((5, 31), np.float32)
    for name in ("neutral_density", "log_d0"):
        moved[:, INPUT_SETS["local"].index(name)] = np.arange(5)
    np.testing.assert_array_equal(session.run(None, {"particles": moved})[0], weights)
    assert artefact.json("metrics.json")["tests"]["top pairs"]["accuracy_teacher"]["network"] > 0.0
    particles, _ = read_particles([data / "ttbar2l_PU140.root"], 4)
    reference = network_weights("teacher-v2", particles)
    stored = sorted((tmp_path / "cache" / "l1kd" / "teacher").iterdir())
    assert any(np.array_equal(np.load(path), reference) for path in stored)
    again = train(
        "distillnet", config, tmp_path / "again", quiet=True
    )  # its weights are stored now
    histories = [a.json("metrics.json")["history"]["distillnet_local"] for a in (artefact, again)]
    assert [{**entry, "seconds": ANY} for entry in histories[0]] == histories[1]
    assert "/" not in artefact.json("provenance.json")["command"]
    assert set(artefact.json("metrics.json")["tests"]) == {"top pairs", "zero bias"}
    assert "### zero bias: 4 events" in artefact.card


def test_qdistillnet_is_exact_and_resumes(tf, data, tmp_path):
    config = configuration(
        "qdistillnet_paper",
        tmp_path / "config.yaml",
        data=particle_data(data),
        distillation=TRUTH,
        hidden=[8, 4],
        check_vectors=3000,
        optimisation={"epochs": 2, "batch": 1, "learning_rate": 0.001},
    )
    out = tmp_path / "out"
    artefact = train("qdistillnet", config, out, quiet=True)
    export = artefact.json("metrics.json")["export"]
    assert export["vectors"] == 3000
    assert export["mismatches_firmware_emulator"] == 0
    assert export["largest_difference_keras_emulator"] < 0.02
    assert artefact.file("model.h5").stat().st_size > 1000
    provenance = artefact.json("provenance.json")
    assert set(provenance["data"]) == {"ttbar2l_PU140.root", "minbias_PU140.root"}
    assert provenance["configuration"]["loss"]["charged"] == "network"
    network = Network.load(artefact.file("network.npz"))
    assert str(network.inputs[0].format).startswith("ap_fixed<12,5")
    weights = network.predict(np.random.default_rng(1).normal(size=(500, 16)))
    np.testing.assert_array_equal(weights * 256, np.round(weights * 256))
    assert ((weights >= 0) & (weights <= 1)).all()
    assert read_config(out / "config.yaml", QDistillNetConfig).hidden == (8, 4)


@pytest.mark.heavy
def test_mixed_precision_is_exact_and_counts_its_bits(tf, data, tmp_path):
    config = configuration(
        "qdistillnet_hgq",
        tmp_path / "config.yaml",
        data=particle_data(data),
        distillation=TRUTH,
        hidden=[6, 4],
        ebops_regularisation=[1e-7, 1e-4],
        bit_operations=None,
        calibrated=False,
        check_vectors=5000,
        optimisation={"epochs": 2, "batch": 1, "learning_rate": 0.003},
    )
    artefact = train("qdistillnet", config, tmp_path / "out", quiet=True)
    metrics = artefact.json("metrics.json")
    assert metrics["export"] == {
        "vectors": 5000,
        "mismatches_firmware_emulator": 0,
        "mismatches_keras_emulator": 0,
        "largest_difference_keras_emulator": 0.0,
    }
    history = metrics["history"]["qdistillnet_hgq"]
    assert 0 < history[1]["ebops"] <= history[0]["ebops"]
    settings = read_qdistillnet(config)
    assert settings.ebops_regularisation == (1e-7, 1e-4)
    particles, _ = read_particles([data / "ttbar2l_PU140.root"], 4)
    weights = network_weights(artefact.folder, particles)
    np.testing.assert_array_equal(weights * 256, np.round(weights * 256))


@pytest.mark.heavy
def test_mixed_precision_ends_alike_in_every_process(tf, data, tmp_path):
    """With a teacher, several threads on offer, and one training stopped after its first epoch."""
    config = configuration(
        "qdistillnet_hgq",
        tmp_path / "config.yaml",
        data=particle_data(data),
        distillation={"teacher": "teacher-v2", "alpha": 0.5, "beta": 0.5, "gamma": 0.1},
        hidden=[6, 4],
        ebops_regularisation=[1e-6, 1e-4],
        bit_operations=[6e3, 1e3],
        check_vectors=500,
        optimisation={"epochs": 3, "batch": 1, "learning_rate": 0.01},
    )
    cut = (
        "from l1kd.models.weights import batches as e; whole = e.Batches.__call__\n"
        "def once(self, epoch):\n"
        "    if epoch == 1 and self.steps > 1: raise KeyboardInterrupt\n"
        "    return whole(self, epoch)\n"
        "e.Batches.__call__ = once\n"
    )

    def run(out, before=""):
        call = f"train('qdistillnet', {str(config)!r}, {str(tmp_path / out)!r}, quiet=True)"
        code = f"{before}from l1kd.models.train import train; {call}"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        return found.returncode, found.stderr

    assert run("first") == (0, ANY)
    code, said = run("second", cut)
    assert code != 0
    assert "KeyboardInterrupt" in said
    assert run("second") == (0, ANY)
    first, second = (load(tmp_path / out) for out in ("first", "second"))
    networks = [Network.load(artefact.file("network.npz")) for artefact in (first, second)]
    inputs = read_particles([data / "ttbar2l_PU140.root"], 4)[0].inputs("local")
    np.testing.assert_array_equal(*(network.predict(inputs) for network in networks))
    histories = [a.json("metrics.json")["history"]["qdistillnet_hgq"] for a in (first, second)]
    for one, other in zip(*histories, strict=True):
        assert {**one, "seconds": ANY} == other


def write_collisions(path, n, hardest, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, n)
    offset = np.concatenate(([0], np.cumsum(sizes)))
    np.savez(
        path,
        region_offset=offset,
        region_index=np.concatenate([rng.choice(252, k, replace=False) for k in sizes]).astype(
            np.uint8
        ),
        region_et16=rng.integers(1, hardest, offset[-1]).astype(np.uint16),
        lsb_gev=1 / 16,
    )


def without_compiler(compiled, vectors, path, keras_output):
    """Stand in for the export, which compiles C++ for half a minute; QDistillNet tests it."""
    assert compiled.args[1] == {"inputs": {"result": "ap_ufixed<10,10>"}}
    # 300 of zero bias, and some of the signal-like images
    assert vectors.shape == (302, 252)
    assert keras_output.shape == (302, 1)
    path.write_bytes(b"")
    counts, score = FixedPoint(10, 10, False), FixedPoint(16, 8, False)
    export = dict.fromkeys(("mismatches_firmware_emulator", "mismatches_keras_emulator"), 0)
    network = SimpleNamespace(
        inputs=[SimpleNamespace(format=counts)],
        outputs=[SimpleNamespace(format=score)],
        predict_raw=lambda raw: raw.sum(axis=1, keepdims=True) % 65536,
    )
    return network, {"vectors": len(vectors), **export}


IMAGE_TRAINING = {
    "images_per_epoch": 64,
    "validation_images": 32,
    "test_images": 200,
    "student_images": 64,
    "exposure_images": 32,
    "latent": 4,
    "teacher": {"epochs": 1, "batch": 32, "learning_rate": 0.001},
    # a teacher that is trained here, on counts
    **dict.fromkeys(("teacher_artefact", "training_mu", "normalised")),
    "also_mu": [],
}


def image_training(folder):
    """Write two small libraries of collisions, and return what the trainings on images share."""
    write_collisions(folder / "regions_minbias.npz", 2000, 60, 1)
    write_collisions(folder / "regions_hot.npz", 100, 4000, 2)
    data = {
        "folder": str(folder),
        "minimum_bias": "regions_minbias.npz",
        "signals": ["hot"],
        "exposure": ["hot"],
        "mu": 40,
    }
    return {"data": data, **IMAGE_TRAINING}


def test_cicada(tf, tmp_path, monkeypatch):
    monkeypatch.setattr(cicada_recipe, "export_network", without_compiler)
    pace = IMAGE_TRAINING["teacher"]
    more = {"student": pace, "quantized": pace, "check_vectors": 300}
    config = configuration("cicada", tmp_path / "config.yaml", **image_training(tmp_path), **more)
    artefact = train("cicada", config, tmp_path / "out", quiet=True)
    metrics = artefact.json("metrics.json")
    assert metrics["auc_overlay"]["hot"]["hottest region"]["auc"] > 0.99
    assert set(metrics["history"]) == {"teacher", "student", "quantized"}
    assert set(artefact.json("provenance.json")["data"]) == {
        "regions_minbias.npz",
        "regions_hot.npz",
    }
    assert "## Domain" in artefact.card


def test_logic_student(tf, tmp_path):
    pace = {"epochs": 2, "batch": 32, "learning_rate": 0.01}
    config = configuration(
        "cicada_logic",
        tmp_path / "config.yaml",
        **image_training(tmp_path),
        encoding={"representation": "lt2", "exponents": [1, 4, 7]},
        sizes={"kernels": 4, "depth": 2, "levels": 8},
        temperature={"hard_epochs": 1},
        student=pace,
        check_vectors=300,
    )
    artefact = train("cicada_logic", config, tmp_path / "out", quiet=True)
    export = artefact.json("metrics.json")["export"]
    assert export["vectors"] > 300
    assert export["mismatches_keras_emulator"] == 0
    network = LogicNetwork.load(artefact.file("logic.npz"))
    assert network.gates == export["gates"] > 0
    images = np.repeat([[0], [5], [300]], 252, axis=1)
    scores = network.predict_raw(network.inputs[0].format.cast(images, FixedPoint(10, 10, False)))
    assert scores.shape == (3, 1)
    assert "cicada-v4" in artefact.card


@pytest.mark.heavy
@pytest.mark.parametrize("architecture", ["rings", "convolutional", "dense"])
def test_mixed_precision_student_of_cicada(tf, tmp_path, architecture):
    config = configuration(
        "cicada_hgq",
        tmp_path / "config.yaml",
        **image_training(tmp_path),
        architecture=architecture,
        hidden=2,
        student={"epochs": 2, "batch": 32, "learning_rate": 0.01},
        ebops_regularisation={"first": 1e-6, "last": 1e-5, "free_epochs": 1},
        check_vectors=300,
    )
    artefact = train("cicada_hgq", config, tmp_path / "out", quiet=True)
    metrics = artefact.json("metrics.json")
    assert metrics["export"]["ebops"] > 0
    found = {name: n for name, n in metrics["export"].items() if name.startswith("mismatches")}
    assert set(found.values()) == {0}
    assert artefact.file("model.keras").stat().st_size > 1000
    assert Network.load(artefact.file("network.npz")).inputs[0].size == 252
