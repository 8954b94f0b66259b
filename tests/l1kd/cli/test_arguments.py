"""Options with many values, as a shell gives them."""

import subprocess
import sys

import typer

from l1kd.cli import app
from l1kd.cli.arguments import expanded, swallowed

VERBS = typer.main.get_command(app).commands


def test_every_value_gets_its_option():
    given = ["run", "a", "--truth", "b", "c", "--out", "e", "--minbias", "f"]
    wanted = ["run", "a", "--truth", "b", "--truth", "c", "--out", "e", "--minbias", "f"]
    assert expanded(given, VERBS) == wanted


def test_commas_separate_names_and_not_paths():
    given = ["run", "--truth", "b,c", "--algorithms", "puppi,cicada", "linpuppi"]
    wanted = ["run", "--truth", "b,c"]
    for name in ("puppi", "cicada", "linpuppi"):
        wanted += ["--algorithms", name]
    assert expanded(given, VERBS) == wanted


def test_verbs_without_such_options_are_left_alone():
    for given in (["inspect", "a,b"], ["fly", "--truth", "a", "b"], ["--version"], []):
        assert expanded(given, VERBS) == given
    assert expanded(["run", "--truth", "a", "--", "--truth"], VERBS)[-2:] == ["--", "--truth"]


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
