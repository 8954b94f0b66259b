"""Configurations of networks in the correlator: what does not fit is refused by name."""

import pytest
from pydantic import ValidationError

from l1kd.emulators.correlator.linpuppi import PRESETS, TUNED
from l1kd.models.correlator.config import CorrelatorConfig, CorrelatorData
from tests.models.correlator.test_training import CONFIG


def test_sides_of_forward_pairs_come_from_hard_classes():
    given = {**CONFIG["data"], "folder": "."}
    with pytest.raises(ValidationError, match=r"forward_hard names \['train_zinv.root'\]"):
        CorrelatorData(**given, forward_hard=["train_zinv.root"])
    assert CorrelatorData(**given, forward_hard=given["hard"]).forward_hard == (
        "train_qcd170.root",
    )


@pytest.mark.parametrize(
    ("name", "parameters"), [("presets", PRESETS), ("tuned", TUNED["clusters"])]
)
def test_linpuppi_has_the_window_of_the_configuration(name, parameters):
    content = {**CONFIG, "linpuppi": name, "data": {**CONFIG["data"], "folder": "."}}
    found = CorrelatorConfig(**content).puppi()
    assert found["barrel"] == parameters["barrel"].replace(dz=0.25)
    assert found["hgcal"] == parameters["hgcal"].replace(dz=0.5)
    assert found["hf"] == parameters["hf"]


def test_linpuppi_is_tuned_for_what_enters():
    content = {**CONFIG, "data": {**CONFIG["data"], "folder": "."}}
    found = CorrelatorConfig(**content | {"windows": ["3x3", "cross", "towers"]}).puppi()
    assert found["hf"] == TUNED["towers"]["hf"]
    assert found["hgcalnotk"] == TUNED["clusters"]["hgcalnotk"]
    with pytest.raises(ValidationError, match="windows"):
        CorrelatorConfig(**content | {"windows": ["3x3", "5x5", "3x3"]})
