"""A short training of a network in the correlator, from files to an artefact that weighs."""

import json

import numpy as np
import pytest
import yaml

from l1kd.algorithms import Correlator
from l1kd.algorithms.region_networks import region_network
from l1kd.datasets import inspect_file
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import TUNED
from l1kd.models.train import train

CONFIG = {
    "kind": "correlator",
    "name": "short",
    "version": 1,
    "seed": 1,
    "threads": 1,
    "data": {
        "soft": "train_mb140.root",
        "hard": ["train_qcd170.root"],
        "signals": {"train_zinv.root": 1.0},
        "invisible": {"train_qcd170.root": 0.5},
        "forward_pairs": 20,
        "forward_share": 0.5,
        "ht": {"train_zinv.root": 1.0},
        "overlays": 2,
        "reuse_pileup": True,
        "mixed": 2,
    },
    "inputs": [
        "pt",
        "abs_eta",
        "track",
        "dz",
        "linpuppi_weight",
        "vertex_pt_04",
        "own_z_pt",
        "event_second_pt",
        "event_met",
        "met_away",
        "track_met_toward",
    ],
    "windows": ["3x3", "3x3", "2x2"],
    "tracks": "every",
    "linpuppi": "tuned",
    "dz": {"barrel": 0.25, "hgcal": 0.5},
    "loss": {"target": "both", "ht": 0.5, "response": 0.1, "regions": 0.1, "crowding": 0.5},
    "hidden": [4],
    "teacher": {"members": 1, "hidden": [6], "inputs": ["pt", "abs_eta", "track", "dz", "alpha"]},
    "check_vectors": 500,
    "optimisation": {"epochs": 2, "batch": 2, "learning_rate": 0.01},
    "quantized": {"epochs": 1, "batch": 2, "learning_rate": 0.002},
}


@pytest.mark.heavy
def test_training_gives_a_network_that_the_correlator_takes(tf, shared, tmp_path):
    folder = shared / "samples" / "pu200"
    content = {**CONFIG, "data": {**CONFIG["data"], "folder": str(folder)}}
    path = tmp_path / "short.yaml"
    path.write_text(yaml.safe_dump(content))
    artefact = train("correlator", path, tmp_path / "out", quiet=True)
    metrics = json.loads(artefact.file("metrics.json").read_text())
    assert metrics["export"]["mismatches_firmware_emulator"] == 0
    assert set(metrics["validation"]["all"]) >= {"train_zinv.root", "mean", "made"}
    assert "pairs of forward jets" in metrics["validation"]["all"]["made"]
    assert set(metrics["validation"]["teacher"]) >= {"train_zinv.root", "mean", "made"}
    assert metrics["target"] == "both"
    assert set(metrics["training"]) == {"float", "integers", "teacher"}
    card = artefact.file("card.md").read_text()
    assert "3x3 but for 2x2 in HF. Tracks that LinPUPPI drops are weighed as well." in card
    network = region_network(tmp_path / "out")
    assert network.clusters == Clusterer(windows=("3x3", "3x3", "2x2"))
    assert network.weight.tracks == "every"
    assert network.puppi["barrel"].parameters == TUNED["clusters"]["barrel"].replace(dz=0.25)
    assert network.puppi["hf"].parameters == TUNED["clusters"]["hf"]
    events = inspect_file(str(folder / "train_zinv.root")).open(0, 5)
    result = Correlator(tmp_path / "out").correlator(events)
    assert np.all((result.weights >= 0) & (result.weights <= 1))
    assert result.weights.max() > 0
