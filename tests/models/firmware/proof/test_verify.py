"""A proof repeated: what was changed, added or damaged, and what is refused."""

import json
import re
import shutil

import pytest
from typer.testing import CliRunner

from l1kd.cli import app
from l1kd.errors import FirmwareError
from l1kd.models.firmware.proof import checks


@pytest.mark.heavy
def test_a_changed_weight_is_found_and_its_layer_named(built, tmp_path):
    out = tmp_path / "broken"
    shutil.copytree(built[0], out)
    header = out / "hls" / "firmware" / "weights" / "w2.h"
    header.write_text(re.sub(r"\{(-?[\d.]+),", "{1.875,", header.read_text()))
    result = CliRunner().invoke(app, ["verify", str(out), "--vectors", "300", "--json"])
    told = json.loads(result.output.splitlines()[0])
    assert result.exit_code == 1
    assert not told["good"]
    assert told["changed"] == ["hls/firmware/weights/w2.h"]
    assert told["stored"][checks.CPP]["mismatches"] > 0
    assert told["stored"][checks.RTL]["mismatches"] == 0
    assert told["stored"]["stored results"]["mismatches"] == 0
    found = json.loads((out / "mismatches.json").read_text())
    first = next(entry for entry in found if entry["implementation"] == checks.CPP)
    assert first["first_differing_layer"] == "first"
    assert len(first["input"]) == 4
    assert first["emulator"] != first["found"]


def test_a_project_that_is_damaged_is_refused(tmp_path):
    with pytest.raises(FirmwareError, match="is no built project"):
        checks.verify(tmp_path)
    for text in ("{", '{"schema": 9}', '{"schema": 1}'):
        (tmp_path / "project.json").write_text(text)
        with pytest.raises(FirmwareError, match="build"):
            checks.verify(tmp_path)
