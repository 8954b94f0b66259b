"""The scan of prices: each family once, gone on with where it stopped, and its page."""

import importlib
import json
from dataclasses import replace

import numpy as np
import pytest

from l1kd.errors import ConfigurationError
from l1kd.models.cicada import search as scans
from l1kd.models.config import read_config, shipped_searches
from tests.l1kd.datasets.overlay.libraries import write_library

# the function of the same name hides the module
module = importlib.import_module("l1kd.models.cicada.search.scan")
PACE = {"epochs": 1, "batch": 8, "learning_rate": 0.01}


@pytest.fixture
def config(tmp_path):
    for seed, name in enumerate(("minbias", "tt")):
        write_library(tmp_path / f"regions_{name}.npz", 300, seed)
    return scans.CicadaSearchConfig.model_validate(
        {
            "kind": "cicada_search", "name": "small", "version": 1, "seed": 1, "threads": 1,
            "data": {
                "folder": tmp_path, "minimum_bias": "regions_minbias.npz", "signals": ["tt"],
                "exposure": ["tt"], "mu": 20,
            },
            "teacher_artefact": "cicada_teacher-v1", "normalised": {"power": 0.35},
            "images_per_epoch": 10, "validation_images": 40, "test_images": 1,
            "student_images": 40, "exposure_images": 8, "validation_mu": [20],
            "families": {"one": {"architecture": "dense"}, "two": {"hidden": 3}},
            "betas": [1e-6, 1e-4], "first": PACE, "next": PACE,
        }
    )  # fmt: skip


@pytest.fixture
def trained(tf, monkeypatch):
    """Stand in for HGQ2: the score is the sum of the image, bits fall with their price."""
    labels = []

    def train(model, targets, pace, price, label, bits_pace):
        labels.append((label, price.first, bits_pace))
        return [{"ebops": model / (price.first * 1e6), "seconds": 2.0}]

    def score(model):
        return lambda images: images.sum(axis=(1, 2)) / 64.0

    monkeypatch.setattr(module.hgq, "student", lambda shape, targets: 1000.0 * shape.hidden)
    monkeypatch.setattr(module.hgq, "train_student", train)
    monkeypatch.setattr(module.hgq, "score", score)
    return labels


def test_every_family_is_trained_at_every_price(config, trained, tmp_path):
    pytest.importorskip("hgq", reason="HGQ2 is not installed")
    seen = []
    found = scans.scan(config, tmp_path / "out", lambda trials: seen.append(len(trials)))
    assert [(t.student["family"], t.student["beta"], t.cost) for t in found] == [
        ("one", 1e-6, 8000), ("one", 1e-4, 80), ("two", 1e-6, 3000), ("two", 1e-4, 30),
    ]  # fmt: skip
    assert seen == [1, 2, 3, 4]
    assert [label for label, _, _ in trained] == ["one-0", "one-1", "two-0", "two-1"]
    first = found[0]
    assert set(first.mse) == {"area 20", "mae 20", "emd 20"}
    assert first.objective == pytest.approx(1.0 - first.mse["area 20"])
    assert 0.0 < first.mse["emd 20"] <= first.mse["mae 20"] + 1e-6
    page = scans.write_page(found, config, tmp_path / "out").read_text()
    assert page.count("<tr><td>") == 4
    assert page.count("data:image/png") == 1


def test_a_scan_goes_on_where_it_stopped(config, trained, tmp_path):
    pytest.importorskip("hgq", reason="HGQ2 is not installed")

    class KilledError(Exception):
        pass

    def kill(trials):
        if len(trials) == 3:
            raise KilledError

    out = tmp_path / "out"
    with pytest.raises(KilledError):
        scans.scan(config, out, kill)
    del trained[:]
    found = scans.scan(config, out)
    # the family that was begun is restored from its checkpoints, from its first price on
    assert [label for label, _, _ in trained] == ["two-0", "two-1"]
    assert [t.number for t in found] == [0, 1, 2, 3]
    stored = json.loads((out / "trials.json").read_text())["trials"]
    assert [t["cost"] for t in stored] == [8000, 80, 3000, 30]
    other = config.model_copy(update={"betas": (1e-6, 1e-3)})
    with pytest.raises(ConfigurationError, match="holds another scan"):
        scans.scan(other, out)


def test_both_panels_have_a_curve_for_each_family(config, trained, tmp_path):
    pytest.importorskip("hgq", reason="HGQ2 is not installed")
    found = scans.scan(config, tmp_path / "out")
    figure = scans.page.scan_figure([replace(t, mse={**t.mse, "emd 20": 0.5}) for t in found], "20")
    for axes in figure.axes:
        lines = axes.get_lines()
        assert [line.get_label() for line in lines] == ["one", "two"]
        np.testing.assert_allclose(lines[0].get_xdata(), [80, 8000])


def test_the_shipped_scan_has_six_prices_of_each_family():
    shipped = read_config(shipped_searches()["cicada"], scans.CicadaSearchConfig)
    assert set(shipped.families) == {"rings", "convolutional", "dense"}
    assert len(shipped.betas) >= 6


def test_tables_are_scanned_over_their_bits_at_one_price():
    shipped = read_config(shipped_searches()["cicada_tables"], scans.CicadaSearchConfig)
    assert len(shipped.betas) == 1
    bits = [shape.region_bits for shape in shipped.families.values()]
    assert bits == sorted(bits)
    assert len(bits) >= 5
    assert {shape.architecture for shape in shipped.families.values()} == {"tables"}
