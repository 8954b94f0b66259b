"""What a study is asked for: ranges, names, YAML."""

import pytest

from l1kd.errors import ConfigurationError, UnreadableFileError
from l1kd.physics.response import GEN_MET_EDGES, JET_PT_EDGES
from l1kd.report.studies import TARGETS_HZ
from l1kd.study.request import Request, WeightRequest, nearest, read_settings


def test_defaults_are_those_of_the_studies():
    request = Request()
    assert request.met_edges == GEN_MET_EDGES
    assert request.jet_edges == JET_PT_EDGES
    assert tuple(1e3 * t for t in request.targets) == TARGETS_HZ


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bunches": 4000}, "bunches"),
        ({"workers": 0}, "workers"),
        ({"executor": "slurm"}, "executor"),
        ({"jet_edges": (3.0,)}, "jet_edges: .*rising edges"),
        ({"met_edges": (0.0, 5.0, 5.0)}, "met_edges"),
        ({"targets": (-1.0,)}, "targets"),
        ({"min_pts": 1.0}, "unknown key 'min_pts'; did you mean 'min_pt'?"),
        ({"zzz": "blue"}, "unknown key 'zzz'; known: "),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ConfigurationError, match=message):
        Request.of(options)


def test_none_stands_for_the_default():
    assert Request.of({"min_pt": None, "label": "x"}) == Request(label="x")


def test_only_the_arguments_of_a_run_are_passed_on():
    from inspect import signature

    from l1kd.execution import run

    assert set(Request().execution()) <= set(signature(run).parameters)


def test_yaml_with_either_spelling(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("min-pt: 2\njet_min_pt: 20\nmet-edges: [0, 50, .inf]\n")
    assert read_settings(path) == {
        "min_pt": 2, "jet_min_pt": 20, "met_edges": [0, 50, float("inf")]
    }  # fmt: skip


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "a: [", "1: 2\n"])
def test_yaml_that_is_no_mapping_of_names(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"study\.yaml"):
        read_settings(path)


def test_yaml_that_cannot_be_read(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"label: \xe9t\xe9\n")
    for name, error in (("none.yaml", UnreadableFileError), ("latin.yaml", ConfigurationError)):
        with pytest.raises(error, match=name):
            read_settings(tmp_path / name)


def test_nearest_names_only_what_is_alike():
    assert nearest("qdistilnet", ["puppi", "qdistillnet"]) == "; did you mean 'qdistillnet'?"
    assert nearest("zzz", ["puppi"]) == ""


def test_options_are_recorded_in_plain_types():
    from json import dumps, loads

    recorded = Request(jet_edges=(20.0, 50.0, float("inf")), truth=("t.root",)).options()
    assert loads(dumps(recorded)) == recorded
    assert recorded["jet_edges"] == [20.0, 50.0, None]
    assert "truth" not in recorded


def test_vertex_is_found_with_a_background_and_old_words_are_explained():
    assert WeightRequest().vertex_of("dz") == "simulated"
    assert WeightRequest(background=("zb=a.root",)).vertex_of("dz") == "found"
    assert WeightRequest(background=("zb=a.root",)).vertex_of("truth") == "simulated"
    with pytest.raises(ConfigurationError, match="'tracks' is called 'found' now"):
        Request.of({"vertex": "tracks"})
