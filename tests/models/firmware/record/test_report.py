"""The tables of the papers, and the Pareto front."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from l1kd.artefacts import load
from l1kd.cli import app
from l1kd.errors import FirmwareError
from l1kd.models.firmware.record import metrics, pareto, report, tables
from tests.models.firmware.networks import VECTORS


def test_report(built, tmp_path):
    rows = report.collect([built[0]])
    (row,) = rows
    assert row.mismatches == 0
    assert row.vectors == VECTORS
    better = tables.Row(**{**vars(row), "family": "distillnet", "quality": 0.98, "lut": 900.0})
    report.write([row, better], tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "2,379 (0.14%)" in text
    assert "0 of 1,500" in text
    assert "441 (0.01%)" in text
    assert (tmp_path / "front.png").stat().st_size > 5000
    assert "<table>" in (tmp_path / "index.html").read_text()
    result = CliRunner().invoke(app, ["report-firmware", str(built[0])])
    assert result.exit_code == 0
    assert "network_small" in result.output


def test_quality_of_a_shipped_network_is_the_newest(tmp_path):
    artefact = load("qdistillnet_hgq-v1")
    wanted = metrics.quality(artefact.json("metrics.json"))
    hashes = {name: entry["sha256"] for name, entry in artefact.manifest["files"].items()}
    source = {"artefact": "qdistillnet_hgq-v1", "sha256": hashes}
    for known in (True, False):
        hashes["network.npz"] += "" if known else "0"
        (tmp_path / "provenance.json").write_text(json.dumps({"source": source}))
        assert report._shipped(tmp_path) == (wanted if known else {})
    assert report._shipped(tmp_path / "nothing") == {}


def test_names_at_the_pareto_front_keep_apart(tmp_path):
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from l1kd import plot_style

    def row(name, lut, quality):
        return tables.Row(name, "distillnet", "Yosys", quality, *[None] * 4, lut, None, None,
                          mismatches=0, vectors=1)  # fmt: skip

    names = [f"qdistillnet_{size}_v1, {tool}" for size in ("a", "b", "c") for tool in ("x", "y")]
    rows = [row(name, 2000.0 + 40 * k, 0.9 + 0.001 * k) for k, name in enumerate(names)]
    figure = pareto._figure(tables.tables(rows))
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axis,) = figure.axes
    with rc_context(plot_style._STYLE):
        boxes = [text.get_window_extent(renderer) for text in axis.texts]
    assert len(boxes) == len(rows) + 1  # the paper's too
    for position, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:position])


def test_the_pareto_front_has_no_design_that_another_beats():
    def row(lut, quality):
        return tables.Row("n", "f", "b", quality, *[None] * 4, lut, None, None)

    rows = [row(100.0, 0.5), row(200.0, 0.4), row(300.0, 0.9), row(300.0, 0.8), row(None, 1.0)]
    assert [r.quality for r in pareto.pareto_front(rows)] == [0.5, 0.9]


def test_the_report_needs_projects(tmp_path):
    with pytest.raises(FirmwareError, match="no built project"):
        report.collect([tmp_path])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("figures", "null", "reports of the build are damaged"),
        ("figures", '{"resources": 3}', "reports of the build are damaged"),
        ("figures", "{", r"figures\.json is not JSON"),
        ("proof", "{}", "reports of the build are damaged"),
        (
            "proof",
            '{"compared": {"C++": {"mismatches": null}}}',
            "reports of the build are damaged",
        ),
        ("proof", None, "expected a report of the build"),
    ],
)
def test_damaged_reports_are_named(built, tmp_path, name, content, message):
    shutil.copytree(built[0], tmp_path / "project")
    file = tmp_path / "project" / "reports" / f"{name}.json"
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(FirmwareError, match=message):
        report.collect([tmp_path / "project"])
