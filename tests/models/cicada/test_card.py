"""Cards: what the code writes is what is shipped, and nothing unresolved stands in it."""

import json

import pytest

from l1kd.artefacts import load, write_manifest
from l1kd.models.cicada.card import area_cell, missing_errors, readings, readings_text
from l1kd.models.cicada.config import (
    CicadaConfig,
    CicadaHgqConfig,
    CicadaLogicConfig,
    CicadaTeacherConfig,
)
from l1kd.models.cicada.students_card import hgq_card, logic_card, qkeras_card
from l1kd.models.cicada.teacher_card import teacher_card
from l1kd.models.config import read_config

SHIPPED = {
    "cicada-v4": (CicadaConfig, qkeras_card),
    "cicada_hgq-v4": (CicadaHgqConfig, hgq_card),
    "cicada_hgq_tables-v1": (CicadaHgqConfig, hgq_card),
    "cicada_logic-v3": (CicadaLogicConfig, logic_card),
    "cicada_teacher-v2": (CicadaTeacherConfig, teacher_card),
}


@pytest.fixture(params=SHIPPED)
def shipped(request):
    kind, write = SHIPPED[request.param]
    artefact = load(request.param)
    metrics = json.loads(artefact.file("metrics.json").read_text(encoding="utf-8"))
    config = read_config(artefact.file("config.yaml"), kind)
    return write(config, metrics), artefact.file("card.md").read_text(encoding="utf-8"), metrics


def test_shipped_cards_are_what_the_code_writes(shipped):
    written, text, _ = shipped
    assert written.splitlines() == text.splitlines()


def test_no_row_below_the_resolution_of_the_library_has_a_threshold(shipped):
    _, text, metrics = shipped
    if "rates" not in metrics:
        pytest.skip("this card has no rates")
    rows = [row for rows in metrics["rates"]["table"].values() for row in rows]
    for row in rows:
        enough = row["target_hz"] >= metrics["rates"]["limit_hz"] and row["causes"] >= 3.0
        # causes may be too few at the upper end of the threshold's interval, too
        assert enough or not row["resolved"]
        assert row["resolved"] == ("efficiency" in row)
    assert f"rates below {metrics['rates']['limit_hz'] / 1e3:.0f} kHz are not resolved" in text
    assert ", 100 kHz |" not in text
    assert "student at 100 kHz (" in text


def test_an_area_without_an_error_says_why():
    table = {"top": {"teacher": {"auc": 0.9, "error": None}, "own": {"auc": 0.8, "error": 0.01}}}
    assert [area_cell(x) for x in table["top"].values()] == ["0.900", "0.800 ± 0.010"]
    assert missing_errors(table)[0].startswith("Without an error: teacher (")
    table["top"]["teacher"]["error"] = 0.02
    assert missing_errors(table) == []


def test_a_card_says_how_often_the_test_was_read(tmp_path):
    def train(content):
        (tmp_path / "network.npz").write_bytes(content)
        metrics = {"test_readings": readings(tmp_path, "network.npz")}
        (tmp_path / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
        about = {"name": "x", "version": 1, "kind": "cicada", "description": ""}
        files = ("network.npz", "metrics.json")
        write_manifest(tmp_path, **about, inputs={}, outputs={}, files=files)
        return readings_text(metrics)

    assert train(b"1") == "this training read them once, after every choice"
    again = "this training read them {}, after every choice: the same network, measured again"
    assert train(b"1") == again.format("twice")
    assert train(b"1") == again.format("3 times")
    other = "trainings in one folder read them {} times, not always for the same network"
    assert train(b"2") == other.format(4)
    assert train(b"2") == other.format(5)
    assert readings_text({}) == "this training read them once, after every choice"
