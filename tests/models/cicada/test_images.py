"""Images for trainings."""

import re

import pytest

from l1kd.errors import UnreadableFileError
from l1kd.models.cicada.config import ImageData
from l1kd.models.cicada.images import ImageSource
from tests.l1kd.datasets.overlay.libraries import write_library


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
