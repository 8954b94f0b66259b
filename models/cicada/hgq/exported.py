"""From a mixed-precision student to the integer network: ranges, comparison, file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Floats
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError
from l1kd.models import backend
from l1kd.models.cicada.hgq.tables import settle_tables
from l1kd.models.firmware.sources.da4ml_trace import traced_network
from l1kd.models.training import run_in_chunks

__all__ = ["edge_images", "export", "export_tables", "score", "trace"]

_ETA = np.arange(14)
_WILD = 20_000


def score(model: Any) -> Callable[[NDArray[np.uint16]], NDArray[np.float32]]:
    """Return a function that gives the score of a student for images uint16[n, 18, 14]."""
    predict = run_in_chunks(lambda x: model(x, training=False)[:, 0], (252,))
    return lambda images: predict(images.reshape(-1, 252))


def edge_images(width: int = 10) -> NDArray[np.uint16]:
    """Return images at the ends of the input: empty, full, single rings and single regions."""
    largest, half = (1 << width) - 1, 1 << (width - 1)
    rings = np.zeros((14, 18, 14), np.uint16)
    rings[_ETA, :, _ETA] = largest
    regions = np.zeros((252, 252), np.uint16)
    np.fill_diagonal(regions, largest)
    levels = (0, 1, half - 1, half, largest)
    flat = np.stack([np.full((18, 14), level, np.uint16) for level in levels])
    return np.concatenate([flat, rings, regions.reshape(-1, 18, 14)])


def trace(model: Any, images: NDArray[np.uint16], width: int = 10) -> int:
    """Fix the integer bits of what may not overflow, from images and `edge_images`.

    Knots and sums grow with every count: once the full image fits, no image overflows.

    Returns
    -------
    int
        Effective bit operations with the traced widths.
    """
    from hgq.utils import trace_minmax

    seen = np.concatenate([images, edge_images(width)]).reshape(-1, 252).astype(np.float32)
    trace_minmax(model, seen, verbose=0)
    for name in ("hidden", "score"):
        _trim(model, name, seen)
    return round(float(trace_minmax(model, seen, verbose=0)))


def _trim(model: Any, name: str, seen: NDArray[np.float32]) -> None:
    """Take away fraction bits that the inputs of a layer never have.

    hls4ml drops them too, and would saturate one of its coarser steps earlier than HGQ2.
    """
    values = seen
    for layer in model.layers:
        if layer.name == name:
            break
        values = np.asarray(layer(values, training=False))
    quantizer = model.get_layer(name).iq.quantizer
    fraction = np.floor(np.asarray(quantizer.f) + 0.5)
    for _ in range(32):
        finest = np.abs(values * 2.0 ** (fraction - 1))
        idle = (finest == np.floor(finest)).all(axis=0, keepdims=True) & (fraction > -8)
        if not idle.any():
            break
        fraction = fraction - idle
    quantizer._f.assign(np.minimum(np.asarray(quantizer._f), fraction))


def _require_equal(scores: dict[str, Floats]) -> None:
    """Refuse scores that differ on any image."""
    table = np.stack(list(scores.values()))
    wrong = np.flatnonzero((table != table[0]).any(axis=0))
    if len(wrong):
        shown = [(int(k), *table[:, k].tolist()) for k in wrong[:5]]
        names = ", ".join(scores)
        raise ArtefactError(
            f"{names} differ on {len(wrong)} of {table.shape[1]} images; first (row, {names}): "
            f"{shown}"
        )


def export_tables(
    model: Any, images: NDArray[np.uint16], path: Path, width: int = 10
) -> tuple[Network, dict[str, Any]]:
    """Write the integer network of tables, for which hls4ml finds no types, if it and HGQ2 agree.

    Parameters
    ----------
    model : keras.Model
        Of `l1kd.models.cicada.hgq.tables`; its tables are settled here.
    images : numpy.ndarray, shape (n, 18, 14), uint16
        Images to compare on; `edge_images` are added, one of every number that a region can have,
        and random ones, whose sums reach all of the second table.
    path : pathlib.Path
        File of the integer network.
    width : int
        Bits of a region.

    Raises
    ------
    ArtefactError
        Any score of any image differs.
    FirmwareError
        da4ml cannot trace the model.
    """
    settle_tables(model)
    network = traced_network(model, "hls4ml finds no types for lookup tables")
    single = np.zeros((1 << width, 18, 14), np.uint16)
    single[:, 7, 3] = np.arange(1 << width)
    wild = np.random.default_rng(1).integers(0, 1 << width, (_WILD, 18, 14)).astype(np.uint16)
    seen = np.concatenate([edge_images(width), single, wild, images])
    form, whole = network.inputs[0].format, FixedPoint(width, width, False)
    raw = form.cast(seen.reshape(-1, 252).astype(np.int64), whole)
    emulated = network.outputs[0].format.to_float(network.predict_raw(raw)).reshape(-1)
    trained = score(model)(seen).astype(np.float64)
    _require_equal({"HGQ2": trained, "the integer network": emulated})
    network.save(path)
    return network, {"vectors": len(seen), "mismatches_keras_emulator": 0}


def export(
    model: Any, images: NDArray[np.uint16], folder: Path, path: Path, width: int = 10
) -> tuple[Network, dict[str, Any]]:
    """Write the integer network, if HGQ2, the compiled C++ of hls4ml and it agree on all images.

    Parameters
    ----------
    model : keras.Model
        After `trace`.
    images : numpy.ndarray, shape (n, 18, 14), uint16
        Images to compare on; `edge_images` are added.
    folder : pathlib.Path
        Where the firmware project is written.
    path : pathlib.Path
        File of the integer network.
    width : int
        Bits of a region.

    Raises
    ------
    ArtefactError
        Any score of any image differs.
    """
    hls4ml = backend.hls4ml()

    with backend.quiet():
        firmware = hls4ml.converters.convert_from_keras_model(
            model,
            output_dir=str(folder),
            project_name="cicada",
            backend="Vitis",
            hls_config={"Model": {"Precision": "ap_fixed<1,0>", "ReuseFactor": 1}},
            io_type="io_parallel",
        )
        firmware.compile()
        network = Network.from_hls_model(firmware)
    seen = np.concatenate([edge_images(width), images])
    values = np.ascontiguousarray(seen.reshape(-1, 252), np.float32)
    trained = score(model)(seen).astype(np.float64)
    compiled = np.asarray(firmware.predict(values), np.float64).reshape(-1)
    emulated = network.predict(values).reshape(-1)
    _require_equal({"HGQ2": trained, "the compiled C++": compiled, "the integer network": emulated})
    network.save(path)
    return network, {
        "vectors": len(seen),
        "mismatches_firmware_emulator": 0,
        "mismatches_keras_emulator": 0,
    }
