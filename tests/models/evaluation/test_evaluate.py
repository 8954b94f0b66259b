"""`l1kd evaluate`: samples, records, plots, page, the command line."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from l1kd.artefacts import shipped
from l1kd.cli import app
from l1kd.errors import ConfigurationError, PairingError, UnreadableFileError
from l1kd.models.evaluation import plots
from l1kd.models.evaluation.evaluate import measure, samples_of
from l1kd.models.evaluation.plots import drawings
from l1kd.models.evaluation.plots.style import looks
from l1kd.report.numbers import Number, gain
from l1kd.report.page import write_page
from l1kd.report.summary import Summary
from l1kd.study.request import EvaluateRequest, WeightRequest

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
    summary, drawn = measured
    assert [s.association for s in summary.weights] == ["dz", "truth"] == list(drawn)
    for association in drawn:
        studies = [s for s in summary.resolution if s.association == association]
        assert [s.dataset for s in studies] == ["test", "more"]
        assert list(studies[0].met) == WEIGHTINGS
        assert list(studies[1].met) == WEIGHTINGS[:-1]
        assert studies[0].met_by_vertices
        assert not studies[1].met_by_vertices
        assert "resolution_ratio" in studies[0].met["distillnet_paper-v1"]
    for weights in summary.weights:
        assert list(weights.agreement) == ["soft_truth"]
        assert weights.distance["soft_truth"]["distance"].value is not None
    assert [b.dataset for b in summary.backgrounds] == ["minbias"] * 2
    for importance in summary.importance:
        assert set(importance.networks) == {"distillnet_paper-v1", "qdistillnet_paper-v1"}
    assert {d.name: d.role for d in summary.datasets} == {
        "test": "test", "minbias": "background", "more": "signal"
    }  # fmt: skip
    assert all(d.seen == 4 and 100 < d.vertices < 180 for d in summary.datasets)
    assert [f.processed for f in summary.files] == [4, 4, 4]


def test_puppi_is_compared_with_itself_under_the_same_association(measured):
    for study in measured[0].resolution:
        ratio = study.met["puppi"]["corrected_ratio"]
        assert (ratio.value, ratio.low, ratio.high) == (1.0, 1.0, 1.0)


def test_networks_read_the_puppi_weight_of_the_association(measured):
    one, other = (s.met["distillnet_paper-v1"] for s in measured[0].resolution[::2])
    assert one["response"].value != other["response"].value


def test_json_is_read_back_as_it_was(measured, tmp_path: Path):
    summary, _ = measured
    assert Summary.read(summary.write(tmp_path / "summary.json")) == summary


def test_every_weighting_looks_different(measured):
    found = looks(measured[0])
    assert list(found) == WEIGHTINGS
    assert len({look.colour for look in found.values()}) == len(WEIGHTINGS)
    assert len({look.marker for look in found.values()}) == len(WEIGHTINGS)


def test_all_shipped_networks_and_twice_as_many_look_different():
    students = [name for name in shipped() if "distillnet" in name]
    more = [*students, *(f"{name}, mine" for name in students)]
    table = dict.fromkeys([*WEIGHTINGS[:3], *more])
    networks = [SimpleNamespace(name=name, kind="distillnet") for name in more]
    study = SimpleNamespace(met=table, dataset="test")
    weights = SimpleNamespace(dataset="test")
    found = looks(SimpleNamespace(resolution=[study], weights=[weights], networks=networks))
    assert len({(look.colour, look.line) for look in found.values()}) == len(table)
    assert len({found[name].colour for name in [*WEIGHTINGS[:3], *students]}) == len(students) + 3
    assert len({found[name].marker for name in students}) == len(students)


def test_plots_and_page(measured, tmp_path: Path):
    summary, drawn = measured
    one = summary.model_copy(
        update={
            name: [s for s in getattr(summary, name) if s.association == "dz"]
            for name in ("resolution", "weights", "backgrounds", "importance")
        }
    )
    made = list(drawings(one, drawn))
    names = [drawing.file for drawing in made]
    assert len(set(names)) == len(names)
    kinds = {name.removesuffix("-dz") for name in names if name.endswith("-dz")}
    assert {"weights", "map_weight", "recoil", "jets_by_eta", "tails_minbias"} <= kinds
    few = [drawing for drawing in made if drawing.file in ("gains", "tails_minbias-dz")]
    text = write_page(one, few, tmp_path).read_text(encoding="utf-8")
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == [
        "gains.png",
        "gains.svg",
        "tails_minbias-dz.png",
        "tails_minbias-dz.svg",
    ]
    assert text.count("data:image/svg+xml;base64,") == 2
    assert not re.search(r'(src|href)="https?:', text)
    for word in ("LinPUPPI", "distillnet_paper-v1", "Realistic association", "Clopper-Pearson"):
        assert word in text


def test_gain_turns_the_interval_round():
    found = gain(Number(value=0.8, low=0.7, high=1.1, n=5))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, -0.1, 0.3))
    assert gain(None) is None
    assert gain(Number(value=None, low=None, high=None, n=0)) is None


def test_samples_are_cut_to_their_events(data: Path):
    file = str(data / "minbias_PU140.root")
    samples = samples_of(WeightRequest(fileset=[file], signal=(f"x={file}",), max_events=3))
    assert list(samples.datasets) == ["test", "x"]
    assert samples.datasets["x"].steps == {file: ((0, 3),)}
    whole = samples_of(WeightRequest(fileset=[file], max_events=1000))
    assert whole.datasets["test"].steps == {}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"background": ("test={file}",)}, "every name once"),
        ({"background": ("x={file}",), "signal": ("x={file}",)}, "every name once"),
        ({"signal": ("minbias",)}, "expected NAME=FILE"),
        ({"truth": ("{file}", "{file}")}, "1 files with pile-up and 2 without"),
    ],
)
def test_samples_that_make_no_sense(data: Path, more, message):
    file = str(data / "minbias_PU140.root")
    filled = {key: tuple(x.format(file=file) for x in value) for key, value in more.items()}
    with pytest.raises(ConfigurationError, match=message):
        samples_of(WeightRequest(fileset=[file], **filled))


def test_without_networks_importance_and_truth(data: Path):
    request = WeightRequest(
        fileset=[str(data / "ttbar2l_PU140.root")],
        models=("qdistillnet_paper-v1",),
        association="dz",
        charged="vertex",
        max_events=2,
        importance_events=0,
        timing=False,
    )
    summary, drawn = measure(request)
    (study,) = summary.resolution
    expected = ["none", "puppi", "linpuppi", "qdistillnet_paper-v1", "soft_truth"]
    assert list(study.met) == expected
    assert (summary.weights[0].distance, summary.importance, drawn["dz"].event) == ({}, [], {})


def test_bad_files_are_skipped_and_listed(data: Path, tmp_path: Path):
    good, bad = data / "ttbar2l_PU140.root", tmp_path / "bad.root"
    bad.write_bytes(good.read_bytes()[:20_000])
    request = WeightRequest(
        fileset=[str(good)],
        models=("qdistillnet_paper-v1",),
        signal=(f"more={good}", f"more={bad}"),
        association="dz",
        max_events=2,
        importance_events=0,
        timing=False,
        skip_bad_files=True,
        checkpoint=str(tmp_path / "kept"),
    )
    summary, _ = measure(request)
    assert [f.path for f in summary.files if f.skipped] == [str(bad)]
    assert {d.name: d.seen for d in summary.datasets} == {"test": 2, "more": 2}
    again, _ = measure(request)  # from the checkpoint
    assert again.resolution == summary.resolution
    with pytest.raises(UnreadableFileError, match=r"bad\.root"):
        measure(request.model_copy(update={"skip_bad_files": False}))


def test_events_without_pileup_must_be_the_same(data: Path):
    request = WeightRequest(
        fileset=[str(data / "minbias_PU140.root")],
        truth=(str(data / "ttbar2l_PU0.root"),),
        models=("qdistillnet_paper-v1",),
        max_events=2,
    )
    with pytest.raises(PairingError, match="entry 0"):
        measure(request)


def test_command_line(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plots, "drawings", lambda summary, drawn: iter(()))
    arguments = ["evaluate", str(data / "ttbar2l_PU140.root"), "--out", str(tmp_path), "--json"]
    arguments += ["--models", "qdistillnet_paper-v1", "--association", "truth", "--max-events", "2"]
    arguments += ["--background", f"minbias={data / 'minbias_PU140.root'}", "--no-timing"]
    result = CliRunner().invoke(app, [*arguments, "--importance-events", "0"])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert [r["association"] for r in content["weights"]] == ["truth"]
    assert content == json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert (tmp_path / "index.html").is_file()


def test_documented_options_are_those_of_the_command():
    page = Path(__file__).resolve().parents[3] / "docs" / "evaluation.md"
    command = typer.main.get_command(app).commands["evaluate"]
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o[:2] == "--"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text(encoding="utf-8")))
    assert named <= options
    fields = EvaluateRequest.model_fields
    own = {name for name in fields if fields[name].description}
    execution = {"executor", "workers", "scheduler", "checkpoint", "skip_bad_files", "chunksize"}
    for name in own - execution - {"timing", "label"}:
        assert f"--{name.replace('_', '-')}" in named, name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.root"], "nothing.root"),
        (["{tt}", "--background", "minbias"], "expected NAME=FILE"),
        (["{tt}", "--signal", "x=nothing.root"], "nothing.root"),
        (["{tt}", "--models", "cicada-v1"], "gives particles no weights"),
        (["{nano}", "--models", "qdistillnet_paper-v1"], "no candidates"),
        (["{pf}", "--models", "qdistillnet_paper-v1"], "pfnano.root"),
    ],
)
def test_mistakes_are_explained(arguments, message, data: Path, tmp_path: Path):
    names = {"tt": "ttbar2l_PU140.root", "nano": "ttbar2l_PU140_l1nano.root", "pf": "pfnano.root"}
    filled = [a.format(**{key: data / name for key, name in names.items()}) for a in arguments]
    result = CliRunner().invoke(app, ["evaluate", *filled, "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "unexpected" not in result.stderr
    assert message in " ".join(result.stderr.split())
