"""The training frameworks, imported only when a training or an export asks for them.

QKeras and TF-MOT are written for Keras 2 and need `TF_USE_LEGACY_KERAS=1` before TensorFlow is
imported; hls4ml takes whatever module is called ``keras`` at that moment for the model's own, and
calls a function that NumPy 2 took away (`hls4ml_repairs`); TensorFlow talks while it starts. All of
that is handled here and nowhere else.
"""

import importlib
import importlib.util
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

from l1kd.errors import ConfigurationError
from l1kd.models.hls4ml_repairs import repair

__all__ = [
    "hls4ml",
    "keras",
    "keras_h5_format",
    "keras_is_legacy",
    "package_folder",
    "pruning",
    "qkeras",
    "qkeras_problem",
    "quiet",
    "seed_everything",
    "tensorflow",
]

_FLAG = "TF_USE_LEGACY_KERAS"
_REPAIR = (
    "repair: pip uninstall -y qkeras; remove the folder {folder}; "
    "pip install --no-deps qkeras==0.9.0 (hgq2 itself goes on working)"
)
_NOISE = re.compile(
    rb"WARNING: All log messages before absl"
    rb"|[IW]\d{4} \d\d:\d\d:\d+"
    rb"|\d{4}-\d\d-\d\d .*(tensorflow|xla|cuda|computation_placer)"
    rb"|To enable the following instructions"
)
"""How the lines begin that TensorFlow's libraries write while they are loaded."""


@contextmanager
def quiet(remarks: bool = False) -> Iterator[None]:
    """Silence warnings of the frameworks about each other, which a user can do nothing about.

    With `remarks`, what they print goes as well: hls4ml comments on every layer.
    """
    with warnings.catch_warnings(), ExitStack() as stack:
        warnings.simplefilter("ignore")
        if remarks:
            stack.enter_context(redirect_stdout(StringIO()))
        yield


@contextmanager
def _without_noise() -> Iterator[None]:
    """Keep start-up remarks of TensorFlow's libraries from the terminal; all else is shown after.

    They come from C++, which knows the file descriptor and nothing of Python's `sys.stderr`.
    """
    try:
        sys.stderr.flush()
        before = os.dup(2)
    except (AttributeError, OSError, ValueError):  # there is no such descriptor
        yield
        return
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            said.seek(0)
            kept = [line for line in said if not _NOISE.match(line)]
            os.write(2, b"".join(kept))


def _import(name: str) -> ModuleType:
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2") in ("1", "2"):  # 2 shows searches for a GPU
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        if name in sys.modules:
            return sys.modules[name]
        with quiet(), _without_noise():
            return importlib.import_module(name)
    except ImportError as error:
        message = f"training needs '{name}', which does not import ({error}): install l1kd[train]"
        raise ConfigurationError(message) from error


def tensorflow() -> Any:
    """Import TensorFlow with Keras 2 inside.

    Returns
    -------
    module
        `tensorflow`, with `tf.keras` being `tf_keras`.

    Raises
    ------
    ConfigurationError
        TensorFlow is not installed, or was imported before with Keras 3 inside.
    """
    if "tensorflow" not in sys.modules:
        os.environ[_FLAG] = "1"
    tf = _import("tensorflow")
    if os.environ.get(_FLAG) != "1":
        message = (
            "TensorFlow was imported with Keras 3 before l1kd could ask for Keras 2, which QKeras "
            f"needs: set {_FLAG}=1 in the environment and start again"
        )
        raise ConfigurationError(message)
    return tf


def keras() -> Any:
    """Import Keras 2 (`tf_keras`)."""
    tensorflow()
    return _import("tf_keras")


@contextmanager
def keras_h5_format() -> Iterator[None]:
    """Let Keras 2 take configurations as its `load_model` takes those of HDF5 files.

    Otherwise `model_from_config` leaves quantizers that are objects, such as
    ``QActivation(quantized_bits(8, 3))``, dictionaries in functional models.
    """
    keras()
    utils = _import("tf_keras.src.saving.legacy.saved_model.utils")
    with utils.keras_option_scope(save_traces=False, in_tf_saved_model_scope=True):
        yield


def package_folder(module: str) -> Path | None:
    """Return the folder of an installed package, without importing it; None where there is none."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def qkeras_problem(folder: Path | None = None) -> str | None:
    """Say what is wrong with the installed QKeras, if anything is.

    The wheel of hgq2 holds a top-level folder `qkeras`, a shim that redirects to HGQ2. Installed
    after QKeras it overwrites QKeras' own files; installed before, it is mixed with them.

    Parameters
    ----------
    folder : pathlib.Path, optional
        The package folder to judge; the one that Python would import by default.

    Returns
    -------
    str or None
        The problem with its repair, None where QKeras is itself.
    """
    folder = folder or package_folder("qkeras")
    if folder is None:
        return "QKeras is not installed: install l1kd[train]"
    opening = folder / "__init__.py"
    text = opening.read_text(encoding="utf-8") if opening.is_file() else ""
    if not (folder / "qlayers.py").is_file() or "qlayers" not in text:
        repair = _REPAIR.format(folder=folder)
        return f"the folder {folder} is not QKeras but the shim of hgq2's wheel; {repair}"
    return None


def qkeras() -> Any:
    """Import QKeras, and refuse the shim that hgq2's wheel writes over it.

    Raises
    ------
    ConfigurationError
        QKeras is missing or overwritten; the message says how to repair it.
    """
    tensorflow()
    problem = qkeras_problem()
    if problem is not None:
        raise ConfigurationError(problem)
    return _import("qkeras")


def hls4ml() -> Any:
    """Import hls4ml, put right for NumPy 2, Keras 3 and QKeras; see `hls4ml_repairs`.

    With it plain calls of `hls4ml.utils.config_from_keras_model` and
    `hls4ml.converters.convert_from_keras_model` take models of Keras, QKeras and HGQ2.

    Raises
    ------
    ConfigurationError
        It is not installed.
    """
    module = _import("hls4ml")
    repair(module, keras_is_legacy)
    return module


def pruning() -> Any:
    """Import the pruning part of TensorFlow Model Optimization."""
    tensorflow()
    return _import("tensorflow_model_optimization").sparsity.keras


def seed_everything(seed: int, threads: int) -> None:
    """Seed Python, NumPy and TensorFlow and ask for deterministic kernels.

    Parameters
    ----------
    seed : int
        Seed of all generators that Keras draws initial weights from.
    threads : int
        Threads that one operation may use; 0 leaves the choice to TensorFlow.
    """
    tf = tensorflow()
    keras().utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    if threads:
        try:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        except RuntimeError:
            # TensorFlow has already started its threads in this process: the result is the same
            return


@contextmanager
def keras_is_legacy() -> Iterator[None]:
    """Make `sys.modules["keras"]` Keras 2, so that hls4ml picks the parser of Keras 2 models."""
    before = sys.modules.get("keras")
    sys.modules["keras"] = keras()
    try:
        yield
    finally:
        if before is None:
            del sys.modules["keras"]
        else:
            sys.modules["keras"] = before
