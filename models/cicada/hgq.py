"""CICADA in mixed precision: every weight and every activation learns how many bits it needs.

The teacher's error is a sum over regions, the same under rotations in phi and mirroring in eta.
The student has that form: every region's count is compared with a few knots of its ring in eta,
``relu(x - knot)``; the 36 regions of a ring are summed knot by knot; a small dense network turns
the sums into the score. HGQ2 (Keras 3) learns the bit widths: their cost, in bit operations
(EBOPs), is part of the loss.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError
from l1kd.models import backend
from l1kd.models.mixed_precision import frameworks
from l1kd.models.training import run_in_chunks

__all__ = ["edge_images", "export", "score", "student", "trace"]

_UNIT = 32.0
_ETA = np.arange(14)
_RING = np.minimum(_ETA, 13 - _ETA)
_RINGS = 7


def _initializer(values: NDArray[np.floating]) -> Any:
    """Return an initializer with given values; broadcasts to the shape that is asked for."""
    keras, _, _ = frameworks()
    # an initializer of Keras' own, so that a saved model can be read without this module
    return keras.initializers.Constant(np.asarray(values, np.float32))


def _fixed(mask: NDArray[np.floating], fraction: int) -> Any:
    """Quantizer of weights that are one bit of value ``2**-fraction`` where the mask is set."""
    _, _, config = frameworks()
    return config.QuantizerConfig(
        "kif",
        "weight",
        k0=0,
        i0=_initializer(np.where(mask > 0, 1 - fraction, -20)),
        f0=_initializer(np.where(mask > 0, fraction, -20)),
        trainable=False,
        overflow_mode="SAT",
        ic=None,
        fc=None,
        ir=None,
        fr=None,
    )


def _lane(**settings: Any) -> Any:
    """Quantizer of unsigned activations that truncates: dropping bits costs nothing."""
    _, _, config = frameworks()
    return config.QuantizerConfig("kif", "datalane", **{"k0": 0, "round_mode": "TRN", **settings})


def _per_channel(integer: int, fraction: int, limits: tuple[int, int]) -> Any:
    """Quantizer whose widths differ by channel and are common along phi; it never overflows."""
    from hgq.constraints import MinMax

    return _lane(
        i0=integer,
        f0=fraction,
        overflow_mode="WRAP",
        heterogeneous_axis=(2,),
        homogeneous_axis=None,
        fc=MinMax(*limits),
    )


def _knots(count: int, bias: NDArray[np.floating], width: int) -> tuple[Any, NDArray[np.floating]]:
    """Build ``relu(x / 32 - knot)`` of every region; the rings in eta are channels."""
    _, layers, config = frameworks()
    from hgq.constraints import MinMax

    mask = np.repeat(np.eye(14), count, axis=1)[None]
    layer = layers.QConv1D(
        14 * count,
        1,
        activation="relu",
        iq_conf=_per_channel(width, 0, (2 - width, 0)),
        kq_conf=_fixed(mask, 5),
        bq_conf=config.QuantizerConfig("kif", "weight", i0=3, f0=5, fc=MinMax(-3, 5)),
        bias_initializer=_initializer(bias),
        name="knots",
    )
    return layer, mask / _UNIT


def _sums(count: int) -> tuple[Any, NDArray[np.floating]]:
    """Build the sums over phi and both signs of eta."""
    _, layers, _ = frameworks()
    mask = np.zeros((18, 14, count, _RINGS, count))
    for knot in range(count):
        mask[:, _ETA, knot, _RING, knot] = 1.0
    flat = mask.reshape(18, 14 * count, _RINGS * count)
    layer = layers.QConv1D(
        _RINGS * count,
        18,
        use_bias=False,
        iq_conf=_per_channel(6, 5, (-3, 5)),
        kq_conf=_fixed(flat, 0),
        name="sums",
    )
    return layer, flat


def student(
    images: NDArray[np.uint16],
    knots: tuple[float, ...],
    hidden: int,
    seed: int,
    width: int = 10,
    start: float = 135.0,
) -> Any:
    """Build the student.

    Parameters
    ----------
    images : numpy.ndarray, shape (n, 18, 14), uint16
        Zero-bias images, to place the knots.
    knots : tuple of float
        First places of the knots of a ring, in spreads above its mean. They are learned.
    hidden : int
        Neurons of the hidden layer.
    seed : int
        Seed of the first weights.
    width : int
        Bits of a region: 10 of a count, 11 of a residual.
    start : float
        First bias of the score: a usual score of zero bias.

    Returns
    -------
    keras.Model
        float32[n, 252] counts to float32[n, 1] scores, multiples of 1/256 in [0, 256).
    """
    keras, layers, config = frameworks()
    folded = np.concatenate([images, images[:, :, ::-1]])
    mean, spread = folded.mean(axis=(0, 1)), folded.std(axis=(0, 1))
    # rings differ in their mean more than in what a signal adds: a common part in the spread
    spread = np.sqrt(spread * spread[_RING == _RINGS - 1].mean())
    bias = -(mean[:, None] + np.array(knots) * spread[:, None]) / _UNIT
    weights = config.QuantizerConfig("kbi", "weight", b0=6, i0=1)
    last = config.QuantizerConfig("kbi", "weight", b0=6, i0=2)
    uniform = keras.initializers.RandomUniform
    with config.LayerConfigScope(enable_ebops=True):
        first, first_kernel = _knots(len(knots), bias.reshape(-1), width)
        second, second_kernel = _sums(len(knots))
        model = keras.Sequential(
            [
                keras.layers.Input((252,), name="regions"),
                keras.layers.Reshape((18, 14), name="rings"),
                first,
                second,
                keras.layers.Reshape((_RINGS * len(knots),), name="features"),
                layers.QDense(
                    hidden,
                    activation="relu",
                    iq_conf=_lane(i0=7, f0=3, overflow_mode="SAT"),
                    kq_conf=weights,
                    kernel_initializer=uniform(-0.15, 0.15, seed=seed),
                    bias_initializer=uniform(0.0, 4.0, seed=seed + 1),
                    name="hidden",
                ),
                layers.QDense(
                    1,
                    iq_conf=_lane(i0=6, f0=3, overflow_mode="SAT"),
                    kq_conf=last,
                    bias_initializer=keras.initializers.Constant(start),
                    enable_oq=True,
                    oq_conf=_lane(
                        i0=8, f0=8, trainable=False, round_mode="RND", overflow_mode="SAT"
                    ),
                    name="score",
                ),
            ],
            name="cicada",
        )
    for layer, kernel in ((first, first_kernel), (second, second_kernel)):
        layer._kernel.assign(kernel)
        layer._kernel.trainable = False
    return model


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
    wrong = np.flatnonzero((trained != compiled) | (compiled != emulated))
    if len(wrong):
        shown = [(int(k), trained[k], compiled[k], emulated[k]) for k in wrong[:5]]
        message = (
            f"HGQ2, the compiled C++ and the integer network differ on {len(wrong)} of "
            f"{len(seen)} images; first (row, HGQ2, C++, integer network): {shown}"
        )
        raise ArtefactError(message)
    network.save(path)
    return network, {
        "vectors": len(seen),
        "mismatches_firmware_emulator": 0,
        "mismatches_keras_emulator": 0,
    }
