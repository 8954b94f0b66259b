"""The command line, called as from a shell."""

import pytest
from typer.testing import CliRunner

from l1kd.cli import app


@pytest.fixture
def l1kd():
    """Return a function that runs a verb and gives its exit code and output."""

    def called(*arguments):
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return called
