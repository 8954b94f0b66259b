import pytest
import yaml

from l1kd.artefacts import load, shipped
from l1kd.errors import ConfigurationError
from l1kd.models.cicada.config import (
    CicadaConfig,
    CicadaHgqConfig,
    CicadaLogicConfig,
    CicadaTeacherConfig,
)
from l1kd.models.config import read_config, shipped_configs
from l1kd.models.train import recipe_of
from l1kd.models.weights.config import (
    DistillNetConfig,
    HgqDistillNetConfig,
    QDistillNetConfig,
    TeacherConfig,
)

KINDS = {
    "cicada": CicadaConfig,
    "cicada_hgq": CicadaHgqConfig,
    "cicada_logic": CicadaLogicConfig,
    "cicada_teacher": CicadaTeacherConfig,
    "distillnet": DistillNetConfig,
    "distillnet_paper": DistillNetConfig,
    "distillnet_small": DistillNetConfig,
    "distillnet_tiny": DistillNetConfig,
    "qdistillnet": QDistillNetConfig,
    "qdistillnet_hgq": HgqDistillNetConfig,
    "qdistillnet_paper": QDistillNetConfig,
    "qdistillnet_paper_hgq": HgqDistillNetConfig,
    "qdistillnet_small": HgqDistillNetConfig,
    "teacher": TeacherConfig,
}


def variant(tmp_path, name, old, new):
    text = shipped_configs()[name].read_text()
    assert old in text
    path = tmp_path / "config.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_every_training_has_a_shipped_configuration():
    assert set(shipped_configs()) >= set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_shipped_configurations_are_valid(name):
    kind = name if name.startswith("cicada") else name.split("_")[0]
    assert read_config(shipped_configs()[name], KINDS[name]).kind == kind


@pytest.mark.parametrize("name", shipped())
def test_configurations_of_shipped_networks_train_again(name):
    """They are kept beside the networks, and a renamed key must be renamed there, too."""
    path = load(name).file("config.yaml")
    kind = yaml.safe_load(path.read_text())["kind"]
    assert recipe_of(kind).read(path).kind == kind


def test_calibration_needs_a_teacher(tmp_path):
    path = tmp_path / "config.yaml"
    text = shipped_configs()["qdistillnet_hgq"].read_text()
    assert "calibrated: true" in text
    start = text.index("distillation:")
    path.write_text(text.replace(text[start : text.index("\n", start)], "distillation: {}"))
    with pytest.raises(ConfigurationError, match="calibrated needs a teacher"):
        read_config(path, HgqDistillNetConfig)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed:", "sead:", "sead: unknown key; the nearest known key is 'seed'"),
        ("epochs:", "epoch:", "epoch: unknown key; the nearest known key is 'epochs'"),
        ("batch: 8", "batch: 0", "optimisation.batch: Input should be greater than 0, found 0"),
        ("kind: distillnet", "kind: cicada", "kind: expected 'distillnet', found 'cicada'"),
        (
            "  train: [",
            "  trainn: [",
            "trainn: unknown key; the nearest known key is 'train'",
        ),
        (
            "distillation: {teacher: teacher-v2, alpha: 0.5, beta: 0.5",
            "distillation: {alpha: 0.5, beta: 0.5",
            "distillation: Value error, beta and gamma need a teacher",
        ),
    ],
)
def test_mistakes_are_explained(tmp_path, old, new, message):
    path = variant(tmp_path, "distillnet", old, new)
    with pytest.raises(ConfigurationError) as error:
        read_config(path, DistillNetConfig)
    assert message in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["- a list", "a: [", "!!python/object/apply:os.getcwd []"])
def test_what_is_no_mapping_of_plain_values_is_refused(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"config\.yaml"):
        read_config(path, DistillNetConfig)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"kind: \xff\xfe", "expected text in UTF-8, found byte 0xff"),
        (b"[" * 5000 + b"]" * 5000, "nested too deeply"),
        (b"", "holds no mapping"),
    ],
)
def test_odd_files_are_refused(tmp_path, content, message):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read_config(path, DistillNetConfig)


@pytest.mark.parametrize("key", ["train", "data", "first_events", "hidden", "optimisation"])
def test_nulls_are_refused_by_their_place(tmp_path, key):
    path, text = tmp_path / "config.yaml", shipped_configs()["distillnet"].read_text()
    content = yaml.safe_load(text)
    part = content if key in content else content["data"]
    part[key] = None
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigurationError, match=f"{key}: Input should be .* found None"):
        read_config(path, DistillNetConfig)


@pytest.mark.parametrize(
    ("name", "kind", "former", "now"),
    [
        ("qdistillnet_hgq", HgqDistillNetConfig, "pressure", "ebops_regularisation"),
        ("qdistillnet_hgq", HgqDistillNetConfig, "pressure_until", "regularise_until"),
        ("qdistillnet_hgq", HgqDistillNetConfig, "logit_pressure", "logit_regularisation"),
        ("cicada_hgq", CicadaHgqConfig, "pressure", "ebops_regularisation"),
        ("distillnet", DistillNetConfig, "data.twin", "no_pileup"),
    ],
)
def test_former_keys_are_told_their_new_names(tmp_path, name, kind, former, now):
    content = yaml.safe_load(shipped_configs()[name].read_text())
    part = content["data"] if former.startswith("data.") else content
    part[former.removeprefix("data.")] = part.pop(now, [1.0, 2.0])
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigurationError) as error:
        read_config(path, kind)
    assert f"{former}: this key is now called '{now}'" in str(error.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(tmp_path / "none.yaml", CicadaConfig)
