import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from l1kd.artefacts import shipped
from l1kd.cli import application as cli
from l1kd.errors import ConfigurationError
from l1kd.models.evaluation import run
from l1kd.models.evaluation.evaluate import Request, measure
from l1kd.models.evaluation.figures import drawings
from l1kd.models.evaluation.page import write_page
from l1kd.models.evaluation.schema import Evaluation, gain
from l1kd.models.evaluation.style import looks
from l1kd.report.summary import Number

WEIGHTINGS = [
    "none",
    "puppi",
    "linpuppi",
    "distillnet_paper-v1",
    "qdistillnet_paper-v1",
    "soft_truth",
    "no_pileup",
]


def test_both_associations_are_measured_in_full(measured):
    evaluation, drawn = measured
    assert [r.association for r in evaluation.associations] == ["dz", "truth"] == list(drawn)
    for record in evaluation.associations:
        assert list(record.samples) == ["test", "more"]
        assert list(record.samples["test"].met) == WEIGHTINGS
        assert list(record.samples["more"].met) == WEIGHTINGS[:-1]
        assert list(record.accuracy) == ["soft_truth"]
        assert "resolution_ratio" in record.samples["test"].met["distillnet_paper-v1"]
        assert list(record.backgrounds) == ["minbias"]
        assert set(record.importance) == {"distillnet_paper-v1", "qdistillnet_paper-v1"}
        assert record.distance["soft_truth"]["distance"].value is not None


def test_puppi_is_compared_with_itself_under_the_same_association(measured):
    for record in measured[0].associations:
        ratio = record.samples["test"].met["puppi"]["corrected_ratio"]
        assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)


def test_json_is_read_back_as_it_was(measured, tmp_path: Path):
    evaluation, _ = measured
    assert Evaluation.read(evaluation.write(tmp_path / "evaluation.json")) == evaluation
    assert evaluation.as_dict()["schema_version"] == 1


def test_every_weighting_looks_different(measured):
    found = looks(measured[0])
    assert list(found) == WEIGHTINGS
    assert len({look.colour for look in found.values()}) == len(WEIGHTINGS)
    assert len({look.marker for look in found.values()}) == len(WEIGHTINGS)


def test_all_shipped_networks_and_twice_as_many_look_different():
    students = [name for name in shipped() if "distillnet" in name]
    more = [*students, *(f"{name}, mine" for name in students)]
    table = dict.fromkeys([*WEIGHTINGS[:3], *more])
    models = [SimpleNamespace(name=name, kind="distillnet") for name in more]
    sample = SimpleNamespace(met=table)
    association = SimpleNamespace(samples={"test": sample})
    found = looks(SimpleNamespace(associations=[association], models=models))
    assert len({(look.colour, look.line) for look in found.values()}) == len(table)
    assert len({found[name].colour for name in [*WEIGHTINGS[:3], *students]}) == len(students) + 3
    assert len({found[name].marker for name in students}) == len(students)


def test_figures_and_page(measured, tmp_path: Path):
    evaluation, drawn = measured
    evaluation = evaluation.model_copy(update={"associations": evaluation.associations[:1]})
    made = list(drawings(evaluation, drawn))
    names = [drawing.file for drawing in made]
    assert len(set(names)) == len(names)
    kinds = {name.removesuffix("_dz") for name in names if name.endswith("_dz")}
    assert {"weights", "map_weight", "recoil", "jets_by_eta", "tails_minbias"} <= kinds
    few = [drawing for drawing in made if drawing.file in ("gains", "tails_minbias_dz")]
    text = write_page(evaluation, few, tmp_path).read_text(encoding="utf-8")
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == [
        "gains.pdf",
        "gains.png",
        "tails_minbias_dz.pdf",
        "tails_minbias_dz.png",
    ]
    assert text.count("data:image/png;base64,") == 2
    assert not re.search(r'(src|href)="https?:', text)
    for word in ("LinPUPPI", "distillnet_paper-v1", "Realistic association", "Clopper-Pearson"):
        assert word in text


def test_gain_turns_the_interval_round():
    found = gain(Number(value=0.8, low=0.7, high=1.1, n=5))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, -0.1, 0.3))
    assert gain(None) is None
    assert gain(Number(value=None, low=None, high=None, n=0)) is None


def test_names_of_samples_are_unique(data: Path):
    file = [data / "minbias_PU140.root"]
    with pytest.raises(ConfigurationError, match="every name once"):
        Request(files=file, models=(), backgrounds={"test": file})


def test_without_models_and_truth(data: Path):
    request = Request(
        files=[data / "ttbar2l_PU140.root"],
        models=(),
        associations=("dz",),
        max_events=2,
        importance_events=0,
    )
    evaluation, drawn = measure(request)
    (record,) = evaluation.associations
    assert list(record.samples["test"].met) == ["none", "puppi", "linpuppi", "soft_truth"]
    assert (record.distance, record.importance, drawn["dz"].event) == ({}, {}, None)


def test_command_line(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run, "drawings", lambda evaluation, drawn: iter(()))
    arguments = ["evaluate", str(data / "ttbar2l_PU140.root"), "--out", str(tmp_path), "--json"]
    arguments += ["--models", "qdistillnet_paper-v1", "--association", "truth", "--max-events", "2"]
    arguments += ["--background", f"minbias={data / 'minbias_PU140.root'}", "--no-timing"]
    result = CliRunner().invoke(cli.app, [*arguments, "--importance-events", "0"])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert [r["association"] for r in content["associations"]] == ["truth"]
    assert content == json.loads((tmp_path / "evaluation.json").read_text(encoding="utf-8"))
    assert (tmp_path / "index.html").is_file()


def test_documented_options_are_those_of_the_command():
    page = Path(__file__).resolve().parents[3] / "docs" / "evaluation.md"
    command = typer.main.get_command(cli.app).commands["evaluate"]
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o[:2] == "--"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8")))
    assert named <= options
    assert options - named <= {"--out", "--quiet", "--json", "--timing"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.root"], "nothing.root: expected a ROOT file"),
        (["{tt}", "--background", "minbias"], "expected name=FILE"),
        (["{tt}", "--signal", "x=nothing.root"], "nothing.root"),
        (["{tt}", "--models", "cicada-v1"], "gives particles no weights"),
    ],
)
def test_mistakes_are_explained(arguments, message, data: Path, tmp_path: Path):
    filled = [a.format(tt=data / "ttbar2l_PU140.root") for a in arguments]
    result = CliRunner().invoke(cli.app, ["evaluate", *filled, "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())
