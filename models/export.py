"""From a quantized Keras network to firmware C++ and to l1kd's integer network.

The integer network is accepted only if it equals the compiled C++ in every bit of every vector.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError
from l1kd.models import backend

__all__ = ["compile_firmware", "export_network"]

Precisions = Mapping[str, Mapping[str, str]]
_SHOWN = 5


def _configuration(model: Any, precisions: Precisions) -> dict[str, Any]:
    hls4ml = backend.hls4ml()

    config: dict[str, Any] = hls4ml.utils.config_from_keras_model(
        model, granularity="name", backend="Vitis", default_precision="fixed<18,8>"
    )
    layers = config["LayerName"]
    for name, types in precisions.items():
        layers[name]["Precision"].update(types)
    return config


def compile_firmware(model: Any, precisions: Precisions, folder: Path) -> Any:
    """Convert a QKeras network with hls4ml (Vitis backend, latency strategy) and compile its C++.

    Parameters
    ----------
    model : tf_keras.Model
        The network, without pruning wrappers.
    precisions : mapping
        Types by layer name and use, for what the quantizers do not decide:
        ``{"inputs": {"result": "ap_ufixed<10,10>"}}``. Accumulators are as wide as they need.
    folder : pathlib.Path
        Where the project is written; deleting it afterwards breaks the compiled model.

    Returns
    -------
    hls4ml.model.ModelGraph
        Compiled, with `predict`.
    """
    with backend.keras_is_legacy(), backend.quiet():
        hls4ml = backend.hls4ml()

        hls_model = hls4ml.converters.convert_from_keras_model(
            model,
            hls_config=_configuration(model, precisions),
            output_dir=str(folder),
            project_name=model.name,
            backend="Vitis",
            io_type="io_parallel",
        )
        hls_model.compile()
    return hls_model


def _mismatches(
    first: NDArray[np.floating], second: NDArray[np.floating]
) -> tuple[int, list[tuple[int, float, float]]]:
    rows = np.flatnonzero((first != second).any(axis=1))
    shown = [(int(row), float(first[row, 0]), float(second[row, 0])) for row in rows[:_SHOWN]]
    return len(rows), shown


def export_network(
    compiled: Callable[[Path], Any],
    vectors: NDArray[np.number],
    path: Path,
    keras_output: NDArray[np.floating] | None = None,
) -> tuple[Network, dict[str, Any]]:
    """Write the integer network of a quantized model, after comparing it with the compiled C++.

    Parameters
    ----------
    compiled : callable
        ``compiled(folder)`` converts the model into a project in that folder and compiles it, as
        `compile_firmware` does: an `hls4ml.model.ModelGraph`.
    vectors : numpy.ndarray, shape (n, inputs)
        Real inputs to compare on.
    path : pathlib.Path
        File of the integer network.
    keras_output : numpy.ndarray, shape (n, outputs), optional
        What Keras gives for the same inputs; how often it differs is recorded.

    Returns
    -------
    network : Network
        The integer network.
    metrics : dict
        Number of vectors and of mismatches.

    Raises
    ------
    ArtefactError
        The integer network differs from the C++ on any vector; the first ones are shown.
    """
    values = np.ascontiguousarray(vectors, dtype=np.float32)
    with backend.quiet(), tempfile.TemporaryDirectory() as folder:
        hls_model = compiled(Path(folder))
        network = Network.from_hls_model(hls_model)
        firmware = np.asarray(hls_model.predict(values), np.float64).reshape(len(values), -1)
    emulated = np.asarray(network.predict(values), np.float64).reshape(len(values), -1)
    number, shown = _mismatches(firmware, emulated)
    if number:
        message = (
            f"the integer network differs from the compiled C++ on {number} of {len(values)} "
            f"vectors; first (row, C++, integer network): {shown}"
        )
        raise ArtefactError(message)
    network.save(path)
    metrics: dict[str, Any] = {"vectors": len(values), "mismatches_firmware_emulator": 0}
    if keras_output is not None:
        wanted = np.asarray(keras_output, np.float64).reshape(len(values), -1)
        metrics["mismatches_keras_emulator"] = _mismatches(wanted, emulated)[0]
        metrics["largest_difference_keras_emulator"] = float(np.abs(wanted - emulated).max())
    return network, metrics
