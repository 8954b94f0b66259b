"""Fixtures that several test modules share."""

from pathlib import Path

import pytest

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
