"""coffea's `numpy_call_wrapper` without the machine-learning frameworks of its package.

`import coffea.ml_tools` imports TensorFlow, PyTorch, Triton and XGBoost where they are installed:
ten seconds and hundreds of megabytes in every worker. The one module needed here imports neither.
It is registered under its own name, so that a later import of `coffea.ml_tools` finds this very
class.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import coffea

__all__ = ["numpy_call_wrapper"]

_NAME = "coffea.ml_tools.helper"


def _helper() -> Any:
    if _NAME not in sys.modules:
        path = Path(coffea.__file__).parent / "ml_tools" / "helper.py"
        spec = importlib.util.spec_from_file_location(_NAME, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"expected coffea's {_NAME} at {path}, found no module")
        module = importlib.util.module_from_spec(spec)
        sys.modules[_NAME] = module
        spec.loader.exec_module(module)
    return sys.modules[_NAME]


numpy_call_wrapper: Any = _helper().numpy_call_wrapper
