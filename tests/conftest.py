"""Fixtures that several test modules share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import pytest
from coffea.nanoevents import NanoEventsFactory
from hypothesis import settings

from l1kd.datasets import inspect_file

# An example may compile a kernel, and the machine may be busy: no example fails for its time.
settings.register_profile("l1kd", deadline=None)
settings.load_profile("l1kd")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of large samples and golden vectors, where a checkout has one beside it."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the shared samples and golden vectors are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of bundled real events."""
    return REPOSITORY / "tests" / "data"


@pytest.fixture(scope="session")
def open_events() -> Callable[..., ak.Array]:
    """Return a function that opens a file as NanoEvents, with the schema that fits it."""

    def opened(path: Path, **options: Any) -> ak.Array:
        file = inspect_file(str(path))
        return NanoEventsFactory.from_root(
            {str(path): file.tree}, schemaclass=file.schema, **options
        ).events()

    return opened
