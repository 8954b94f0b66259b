"""Thresholds for a budget and one more seed, from files."""

import json

import pytest
from typer.testing import CliRunner

from l1kd.cli import app
from l1kd.errors import ConfigurationError
from l1kd.study.menu_rates import MenuRequest, TableRequest, accumulate, make_tables
from l1kd.study.optimise import OptimiseRequest, optimise_menu
from tests.l1kd.trigger.object_menus import MENU, write_menu

runner = CliRunner()

SCANS = ("L1_MET20:met:5:80:1", "L1_Jet30:jet:15:150:1")


@pytest.fixture(scope="module")
def menu(tmp_path_factory):
    return write_menu(tmp_path_factory.mktemp("menu"))


@pytest.fixture(scope="module")
def zero_bias(data):
    return [f"zb={data / 'minbias_PU140.root'}"]


def test_thresholds_reproduce_the_total(menu, zero_bias, tmp_path):
    options = {"budget": 12_000.0, "scan": SCANS, "weights": "none", "seeds": ("L1_DoubleJet20",)}
    found = optimise_menu(menu, zero_bias, OptimiseRequest.of(options)).optimised
    assert found.total.value <= 12e6
    # the menu with these thresholds has this total
    met, jet = (found.thresholds[f"{seed}"] for seed in ("L1_MET20[met]", "L1_Jet30[jet]"))
    text = MENU.replace("MET, online: 20", f"MET, online: {met}")
    text = text.replace("L1_Jet30: {legs: {jet: {object: Jet, online: 30", "L1_Jet30: {legs: {jet: "
                        f"{{object: Jet, online: {jet}")  # fmt: skip
    changed = tmp_path / "changed.yaml"
    changed.write_text(text)
    record = accumulate(changed, zero_bias, MenuRequest.of({"weights": "none"}))
    assert make_tables(record, TableRequest()).rates.total.value == pytest.approx(found.total.value)
    assert sum(found.group_hz.values()) <= found.total.value * (1 + 1e-12)


def test_shares_move_the_thresholds(menu, zero_bias):
    def thresholds(*shares):
        options = {"budget": 6_000.0, "scan": SCANS, "weights": "none", "seeds": ("L1_MET20",)}
        request = OptimiseRequest.of(options | {"shares": shares})
        return optimise_menu(menu, zero_bias, request).optimised.thresholds

    sums, jets = thresholds("sums=5"), thresholds("jets=5")
    assert sums["L1_MET20[met]"] <= jets["L1_MET20[met]"]
    assert sums["L1_Jet30[jet]"] >= jets["L1_Jet30[jet]"]
    with pytest.raises(ConfigurationError, match="no group 'taus'"):
        thresholds("taus=1")
    with pytest.raises(ConfigurationError, match="GROUP=NUMBER"):
        thresholds("jets=many")


def test_one_more_seed(menu, zero_bias, data):
    options = {
        "anomaly": "PuppiMissingET.MET:0.25",
        "extra": 2_000.0,
        "weights": "none",
        "seeds": ("L1_DoubleJet20",),
        "signal": (f"tt={data / 'ttbar2l_PU140.root'}",),
    }
    found = optimise_menu(menu, zero_bias, OptimiseRequest.of(options)).unique
    assert found.extra.value <= 2e6
    assert found.rate.value >= found.extra.value
    assert found.threshold % 0.25 == 0.0
    assert found.unique["tt"].value + found.menu["tt"].value <= 1.0


def test_verb(menu, zero_bias, tmp_path):
    arguments = ["menu", "optimise", str(menu), *zero_bias, "--out", str(tmp_path), "--weights"]
    arguments += ["none", "--seeds", "L1_MET20", "--budget", "8000", "--scan", *SCANS]
    found = runner.invoke(app, arguments)
    assert found.exit_code == 0, found.output
    assert "TOTAL of the menu" in found.output
    numbers = json.loads((tmp_path / "optimised.json").read_text())
    assert numbers["optimised"]["total"]["value"] <= 8e6
    wrong = runner.invoke(app, [*arguments[:6], "--budget", "8000"])
    assert wrong.exit_code == 1
    assert "scans of the seeds" in " ".join(wrong.output.split())
