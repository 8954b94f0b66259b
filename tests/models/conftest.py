"""Where TensorFlow is missing, the tests that train are skipped, with the reason."""

import pytest

from l1kd.errors import ConfigurationError
from l1kd.models import backend


@pytest.fixture(scope="session")
def tf():
    try:
        backend.qkeras()
        backend.pruning()
    except ConfigurationError as error:
        pytest.skip(str(error))
    return backend.tensorflow()
