"""Images for trainings."""

import re

import pytest

from l1kd.datasets.overlay import Overlay
from l1kd.errors import UnreadableFileError
from l1kd.models.cicada.config import ImageData
from l1kd.models.cicada.images import ImageSource
from tests.l1kd.datasets.overlay.libraries import write_library


def _data(folder, **given):
    for name in ("minbias", "tt", "hbb"):
        write_library(folder / f"regions_{name}.npz")
    return ImageData(folder=folder, minimum_bias="regions_minbias.npz", mu=20.0, **given)


def test_every_kind_of_image_has_random_numbers_of_its_own(tmp_path, monkeypatch):
    keys = []

    class Recorded(Overlay):
        def images(self, n, first=0):
            keys.append(int(self._key))
            return super().images(n, first)

    monkeypatch.setattr("l1kd.models.cicada.images.Overlay", Recorded)
    signals = ["tt", "hbb"]
    source = ImageSource.read(_data(tmp_path, signals=signals, exposure=signals), 1)
    source.test_images(4)
    source.validation(4)
    source.exposure(4)
    for number, name in enumerate(signals):
        source.validation_signal(name)
        source.training(4, number)
    assert len(keys) == 3 + 1 + 2 + 2 + 2
    assert len(set(keys)) == len(keys)


def test_a_library_that_is_not_there_is_said_before_training(tmp_path):
    for name in ("minbias", "tt"):
        write_library(tmp_path / f"regions_{name}.npz")
    given = {"minimum_bias": "regions_minbias.npz", "signals": ["tt"], "exposure": ["tt"]}
    data = ImageData(folder=tmp_path, mu=20.0, **given)
    assert ImageSource.read(data, 1).signal("tt").shape == (30, 18, 14)
    for change in ({"signals": ["tt", "absent"]}, {"exposure": ["absent"]}):
        missing = re.escape(str(tmp_path / "regions_absent.npz"))
        with pytest.raises(UnreadableFileError, match=f"there is no {missing}$"):
            ImageSource.read(data.model_copy(update=change), 1)
