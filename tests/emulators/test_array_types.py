"""The names of array types say what they hold, and nobody defines the same again."""

import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from l1kd.emulators import array_types

PACKAGE = Path(array_types.__file__).parents[1]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Floats", np.float64),
        ("Singles", np.float32),
        ("Integers", np.int64),
        ("Offsets", np.int64),
        ("Indices", np.int32),
        ("Shorts", np.int16),
        ("Codes", np.int8),
        ("Bytes", np.uint8),
        ("Words", np.uint64),
        ("Images", np.uint16),
        ("Mask", np.bool_),
        ("Weights", np.float32),
        ("AnyFloats", np.floating),
        ("AnyIntegers", np.integer),
    ],
)
def test_a_name_holds_its_kind_of_number(name, kind):
    assert get_args(get_args(getattr(array_types, name))[1]) == (kind,)


def test_nobody_defines_them_again():
    """A file may name an array of its own; a name that many would use belongs into the module."""
    own = re.compile(r"^([A-Z]\w*) *(?:: *TypeAlias)? *= *(?:npt\.)?NDArray\[", re.MULTILINE)
    rooms = [PACKAGE, *(PACKAGE / name for name in ("emulators", "processors", "models"))]
    paths = {path.resolve() for room in rooms for path in room.rglob("*.py")}
    assert len(paths) > 200
    paths.remove(Path(array_types.__file__).resolve())
    names = [name for path in paths for name in own.findall(path.read_text())]
    assert set(names) & set(array_types.__all__) == set()
    assert len(names) == len(set(names))
