"""Options with many values, as a shell gives them."""

import subprocess
import sys

import pytest
import typer

from l1kd.cli import app
from l1kd.cli.arguments import MERGE, OF_IMAGES, OF_MENU, expanded, routed, swallowed
from l1kd.study.request import MenuRequest, TableRequest

GROUP = typer.main.get_command(app)
VERBS = GROUP.commands


def test_every_value_gets_its_option():
    given = ["run", "a", "--truth", "b", "c", "--out", "e", "--minbias", "f"]
    wanted = ["run", "a", "--truth", "b", "--truth", "c", "--out", "e", "--minbias", "f"]
    assert expanded(given, GROUP) == wanted


def test_commas_separate_names_and_not_paths():
    given = ["run", "--truth", "b,c", "--algorithms", "puppi,cicada", "linpuppi"]
    wanted = ["run", "--truth", "b,c"]
    for name in ("puppi", "cicada", "linpuppi"):
        wanted += ["--algorithms", name]
    assert expanded(given, GROUP) == wanted


def test_commas_separate_names_behind_an_equals_sign_too():
    given = [
        "run",
        "a",
        "--algorithms=puppi,cicada=mine",
        "--truth=b,c",
        "--algorithms=",
        "--out=x,y",
    ]
    wanted = ["run", "a", "--algorithms=puppi", "--algorithms=cicada=mine", *given[3:]]
    assert expanded(given, GROUP) == wanted


def test_verbs_without_such_options_are_left_alone():
    for given in (["inspect", "a,b"], ["fly", "--truth", "a", "b"], ["--version"], []):
        assert expanded(given, GROUP) == given
    assert expanded(["run", "--truth", "a", "--", "--truth"], GROUP)[-2:] == ["--", "--truth"]


def test_the_option_that_took_the_files_is_named():
    assert swallowed({"truth": ["a.root", "b.root"], "algorithms": ["puppi"]}) == (
        "; --truth took a.root, b.root: put files before options"
    )
    assert swallowed({"algorithms": ["puppi"], "label": "x.root"}) == ""


def test_the_command_line_starts_without_what_only_some_verbs_need():
    heavy = "matplotlib", "fastjet", "tensorflow", "l1kd.models", "l1kd.report"
    code = f"import sys, l1kd.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _verbs(commands, before=()):
    for name, command in commands.items():
        yield (*before, name), command
        yield from _verbs(getattr(command, "commands", {}), (*before, name))


@pytest.mark.parametrize("verb", [verb for verb, _ in _verbs(VERBS)], ids=" ".join)
def test_help_shows_units_defaults_and_names_between_colons(l1kd, monkeypatch, verb):
    monkeypatch.setenv("COLUMNS", "400")
    result = l1kd(*verb, "--help")
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stdout.split())
    for model in (MenuRequest, TableRequest):
        if verb == ({MenuRequest: OF_MENU, TableRequest: MERGE}[model],):
            for name, field in model.model_fields.items():
                assert field.description is None or field.description in shown, name
            assert "[default: 750 100 30]" in shown


def test_a_type_keeps_its_comma():
    given = ["build", "x.onnx", "--precision", "default=ap_fixed<16,6>", "x.result=ap_int<4>"]
    types = ["--precision", "default=ap_fixed<16,6>", "--precision", "x.result=ap_int<4>"]
    assert expanded(given, GROUP) == ["build", "x.onnx", *types]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["--plugin", "a.py", "evaluate", "cicada", "f"], ["--plugin", "a.py", OF_IMAGES, "f"]),
        (["--plugin=a.py", "evaluate", "cicada", "f"], ["--plugin=a.py", OF_IMAGES, "f"]),
        (["evaluate", "--out", "x", "-q", "cicada", "f"], [OF_IMAGES, "--out", "x", "-q", "f"]),
        (["evaluate", "--out", "cicada", "f"], ["evaluate", "--out", "cicada", "f"]),
        (["evaluate", "--models", "a", "cicada"], ["evaluate", "--models", "a", "cicada"]),
        (["--plugin", "evaluate", "study", "f"], ["--plugin", "evaluate", "study", "f"]),
        (["--plugin", "a", "rates", "--out", "x", "merge", "r"],
         ["--plugin", "a", MERGE, "--out", "x", "r"]),
    ],
)  # fmt: skip
def test_options_may_stand_before_a_verb_of_two_words(given, wanted):
    assert routed(given, GROUP) == wanted


def test_a_plugin_named_as_a_verb_is_no_verb():
    given = ["--plugin", "inspect", "run", "--truth", "a", "b"]
    assert expanded(given, GROUP) == [*given[:-1], "--truth", "b"]


def test_many_values_and_usage_of_evaluate_cicada_behind_a_plugin(l1kd):
    for before in (["--plugin", "json"], ["--plugin=json"]):
        result = l1kd(*before, "evaluate", "cicada", "--out", "x", "--mu", "60", "140")
        assert "give either files or --fileset; these are libraries" in " ".join(
            result.output.replace("│", " ").split()
        )
        assert " evaluate cicada [OPTIONS]" in result.output
        assert "evaluate-cicada" not in result.output
