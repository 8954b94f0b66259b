"""The table of trainings: what is in it, and how a kind is added from outside."""

import json
from functools import partial
from typing import Literal

import pytest

from l1kd.artefacts import load
from l1kd.errors import ConfigurationError
from l1kd.models import backend, records
from l1kd.models import train as training
from l1kd.models.config import Training, read_config, read_mapping, shipped_configs
from l1kd.models.recipe import Product, Recipe

SHIPPED = (
    "cicada", "cicada_hgq", "cicada_logic", "correlator", "distillnet", "qdistillnet", "teacher",
)  # fmt: skip


class OwnConfig(Training):
    kind: Literal["constant"]
    value: float


def own_run(config, job):
    (job.out / "constant.txt").write_text(f"{config.value}\n")
    assert job.checkpoints("only").parts[-2:] == ("checkpoints", "only")
    history = [{"loss": 2.0, "seconds": 1.5}, {"loss": 1.0, "seconds": 2.5}]
    return Product(
        kind="constant",
        description="A number.",
        inputs={},
        outputs={"value": {"type": "float"}},
        files=("constant.txt",),
        data=(),
        metrics={"history": {"only": history}},
        card="# a number\n",
    )


OWN = Recipe("constant", "a number", partial(read_config, kind=OwnConfig), own_run)
"""A kind of training of a user."""


@pytest.fixture
def own(monkeypatch):
    monkeypatch.setattr(training, "_REGISTERED", {})
    seeds = []
    monkeypatch.setattr(backend, "seed_everything", lambda *given: seeds.append(given))
    training.register(OWN)
    return seeds


def write(tmp_path, **changes):
    content = {"kind": "constant", "name": "mine", "version": 3, "seed": 7, "value": 0.5}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({**content, **changes}))  # JSON is YAML
    return path


def test_every_module_of_recipes_is_a_kind_with_a_shipped_configuration():
    assert set(SHIPPED) <= set(training.kinds())
    for kind in training.kinds():
        recipe = training.recipe_of(kind)
        assert recipe.kind == kind
        assert recipe.summary
        assert recipe.read(shipped_configs()[kind]).kind == kind


def test_shipped_configurations_are_of_a_kind_that_there_is():
    for path in shipped_configs().values():
        kind = read_mapping(path)["kind"]
        assert training.recipe_of(kind).read(path).kind == kind


def test_a_kind_from_outside_is_trained_and_recorded_like_the_others(own, tmp_path):
    assert "constant" in training.kinds()
    artefact = training.train("constant", write(tmp_path), tmp_path / "out", quiet=True)
    assert artefact == load(tmp_path / "out", "constant")
    assert artefact.title == "mine-v3"
    assert own == [(7, 0)]
    assert artefact.file("constant.txt").read_text() == "0.5\n"
    provenance = artefact.json("provenance.json")
    assert provenance["seconds"] == {"only": 4.0}
    assert provenance["command"] == "l1kd train constant --config config.yaml --out out"
    assert artefact.card == "# a number\n"


def test_a_network_that_is_tested_again_keeps_the_commit_of_its_training(
    own, tmp_path, monkeypatch
):
    for name, value, trained in (("a", 0.5, "a"), ("b", 0.5, "a"), ("c", 0.75, "c")):
        monkeypatch.setattr(records, "commit", lambda name=name: name)
        config = write(tmp_path, value=value)
        artefact = training.train("constant", config, tmp_path / "out", quiet=True)
        provenance = artefact.json("provenance.json")
        assert (provenance["commit"], provenance["trained"]["commit"]) == (name, trained)


def test_a_kind_is_registered_once(own):
    with pytest.raises(ConfigurationError, match="a training 'constant' already"):
        training.register(OWN)
    with pytest.raises(ConfigurationError, match="a training 'cicada' already"):
        training.register(Recipe("cicada", "another", OWN.read, own_run))


def test_dashes_stand_for_underscores(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("kind: cicada_hgq\n")
    with pytest.raises(ConfigurationError, match="name: Field required"):
        training.train("cicada-hgq", path, tmp_path / "out")


def test_an_unknown_kind_is_refused_with_the_nearest(tmp_path):
    with pytest.raises(ConfigurationError) as error:
        training.train("qdistilnet", tmp_path / "none.yaml", tmp_path)
    assert "did you mean 'qdistillnet'?" in str(error.value)
    for kind in training.kinds():
        assert f"{kind} ({training.recipe_of(kind).summary})" in str(error.value)


def test_a_wrong_configuration_leaves_no_folder(own, tmp_path):
    with pytest.raises(ConfigurationError, match="value: Input should be a valid number"):
        training.train("constant", write(tmp_path, value=None), tmp_path / "out")
    assert not (tmp_path / "out").exists()
