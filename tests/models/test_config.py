import pytest

from l1kd.errors import ConfigurationError
from l1kd.models.cicada.config import CicadaHgqConfig, CicadaLogicConfig
from l1kd.models.config import (
    CicadaConfig,
    DistillNetConfig,
    HgqDistillNetConfig,
    QDistillNetConfig,
    TeacherConfig,
    read_config,
    shipped_configs,
)

KINDS = {
    "cicada": CicadaConfig,
    "cicada_hgq": CicadaHgqConfig,
    "cicada_logic": CicadaLogicConfig,
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
    assert set(shipped_configs()) == set(KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_shipped_configurations_are_valid(name):
    kind = name if name.startswith("cicada") else name.split("_")[0]
    assert read_config(shipped_configs()[name], KINDS[name]).kind == kind


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
        ("kind: distillnet", "kind: cicada", "kind: Input should be 'distillnet', found 'cicada'"),
        (
            "  train: [",
            "  trainn: [",
            "trainn: unknown key; the nearest known key is 'train'",
        ),
        (
            "distillation: {teacher: teacher-v2, alpha: 0.5, beta: 0.5",
            "distillation: {gamma: 0.5",
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


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_config(tmp_path / "none.yaml", CicadaConfig)
