"""A VCD of a built project's RTL, read back and compared."""

import json

import numpy as np
from typer.testing import CliRunner

from l1kd.cli import app
from l1kd.models.firmware import project
from l1kd.models.firmware.patterns import files
from l1kd.models.firmware.patterns.words import Layout
from l1kd.models.firmware.vectors import vectors


def test_a_run_of_the_rtl_is_recorded_and_compared(built, network, tmp_path):
    folder = built[0]
    run = CliRunner().invoke
    done = run(app, ["vectors", str(folder), "--kind", "vcd", "--count", "100",
                     "--out", str(tmp_path)])  # fmt: skip
    assert done.exit_code == 0, done.output
    (path,) = tmp_path.glob("*.vcd")
    stored, expected = project.read_vectors(folder, project.read_description(folder))
    found = files.read(path, vectors.element_formats(network), Layout())
    np.testing.assert_array_equal(found[:100], stored.raw[:100])
    latency = project.read_description(folder)["rtl"]["latency_cycles"]
    forms = vectors.element_formats(network, "outputs")
    found = files.read(path, forms, Layout(), signal="data_out", skip=latency)
    np.testing.assert_array_equal(found[:100], expected[:100])
    done = run(app, ["compare", str(folder), str(path), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 100
    wrong = run(app, ["compare", str(folder), str(path), "--latency", str(latency - 1)])
    assert wrong.exit_code == 1


def test_a_project_without_rtl_has_no_waveform(network_file, tmp_path):
    arguments = ["vectors", str(network_file), "--kind", "vcd", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "is no built project" in " ".join(done.stderr.split())
