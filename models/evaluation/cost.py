"""What a network costs: parameters, operations, time against batch size."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.models import read_network
from l1kd.artefacts import Artefact
from l1kd.errors import ConfigurationError
from l1kd.models.evaluation.networks import Judged
from l1kd.models.weights.particles import Particles

__all__ = [
    "PARTICLES_AN_EVENT",
    "STUDENT_BATCHES",
    "TEACHER_BATCHES",
    "latency",
    "operations",
]

PARTICLES_AN_EVENT = 9000
"""Times and operations are given for this many particles: an event of the paper."""

STUDENT_BATCHES = tuple(2**power for power in range(0, 19, 2))
"""Particles a call."""

TEACHER_BATCHES = (1, 2, 4, 8)
"""Whole events a call."""

_AT_LEAST = 5
"""Measurements of which the median is taken, at least."""


def _of_onnx(artefact: Artefact) -> dict[str, Any]:
    try:
        import onnx
    except ImportError as error:
        raise ConfigurationError(
            "counting the operations of an ONNX model needs the package onnx; it comes with "
            "pip install 'l1kd[train]'"
        ) from error
    graph = onnx.load(artefact.file("model.onnx")).graph
    constants = {constant.name: tuple(constant.dims) for constant in graph.initializer}
    products = sum(
        int(np.prod(constants[name]))
        for node in graph.node
        if node.op_type in ("Gemm", "MatMul")
        for name in node.input[:2]
        if name in constants
    )
    used = {name for node in graph.node for name in node.input}
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    parameters = sum(
        int(np.prod(dims)) for name, dims in constants.items() if name in used - shapes
    )
    return {"parameters": parameters, "zeros": 0, "multiplications": products}


def _of_firmware(artefact: Artefact) -> dict[str, Any]:
    layers = read_network(artefact.file("network.npz")).graph.layers
    return {
        name: sum(getattr(layer, name) for layer in layers)
        for name in ("parameters", "zeros", "multiplications")
    }


def operations(network: Judged) -> dict[str, Any]:
    """Count parameters and operations.

    Parameters
    ----------
    network : Judged
        Of a student the model itself is counted. A teacher states ``parameters`` and
        ``flops_per_particle`` in its ``metrics.json``.

    Returns
    -------
    dict
        ``parameters``; ``zeros``, how many of them are zero; ``flops_per_particle``, two for each
        product with a weight (a multiplication and an addition); ``flops_without_zeros``, those
        that are left when products with zeros are not computed, as in firmware; and
        ``flops_per_event`` for 9,000 particles.

    Raises
    ------
    ConfigurationError
        The package onnx is missing.
    """
    if network.kind == "teacher":
        metrics = network.artefact.json("metrics.json")
        flops = metrics.get("flops_per_particle")
        counts = {"parameters": metrics.get("parameters"), "zeros": 0}
        return {**counts, **_flops(flops, flops)}
    count = {"distillnet": _of_onnx, "qdistillnet": _of_firmware}[network.kind](network.artefact)
    products = count.pop("multiplications")
    return {**count, **_flops(2 * products, 2 * (products - count["zeros"]))}


def _flops(flops: float | None, without_zeros: float | None) -> dict[str, float | None]:
    return {
        "flops_per_particle": flops,
        "flops_without_zeros": without_zeros,
        "flops_per_event": None if flops is None else flops * PARTICLES_AN_EVENT,
    }


def _timed(call: Callable[[], Any], particles: int, seconds: float) -> dict[str, Any]:
    """Time calls: medians of wall and processor time [ms] for 9,000 particles, quartiles."""
    call()  # loads the model, compiles
    walls: list[float] = []
    processors: list[float] = []
    begun = perf_counter()
    # a processor's clock ticks coarsely: several calls are one measurement
    single = perf_counter()
    call()
    calls = max(1, round(0.002 / max(perf_counter() - single, 1e-7)))
    while len(walls) < _AT_LEAST or perf_counter() - begun < seconds:
        wall, processor = perf_counter(), process_time()
        for _ in range(calls):
            call()
        walls.append((perf_counter() - wall) / calls)
        processors.append((process_time() - processor) / calls)
    return _point(walls, processors, particles)


def _point(walls: Sequence[float], processors: Sequence[float], particles: int) -> dict[str, Any]:
    """Summarise measured times [s] of calls on so many particles."""
    scale = 1e3 * PARTICLES_AN_EVENT / particles
    low, median, high = np.quantile(processors, (0.25, 0.5, 0.75)) * scale
    return {
        "particles": particles,
        "ms": float(np.median(walls)) * scale,
        "cpu_ms": float(median),
        "low": float(low),
        "high": float(high),
        "measurements": len(walls),
    }


def _teacher_points(
    network: Judged, particles: Particles, batches: Sequence[int]
) -> list[dict[str, Any]]:
    """Time blocks of whole events, without the first, which traces the graph."""
    from l1kd.models.weights.trained_teacher import open_teacher  # imports TensorFlow

    weigh = open_teacher(network.artefact)
    points = []
    for batch in batches:
        starts = range(0, particles.n_events - batch + 1, batch)
        if len(starts) < 2:
            break
        spent = []
        for begin in starts:
            marks = [(perf_counter(), process_time())]
            block = particles.events(begin, begin + batch)
            weigh(block)
            marks.append((perf_counter(), process_time()))
            # per particle, as blocks differ in size
            spent.append(np.diff(np.array(marks), axis=0)[0] / len(block))
        size = round(
            (particles.offsets[starts[-1] + batch] - particles.offsets[batch]) / (len(starts) - 1)
        )
        walls, processors = (np.array(spent[1:]) * size).T.tolist()
        points.append({"batch": batch, **_point(walls, processors, size)})
    return points


def _repeated(rows: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return `size` rows: the first ones, or all of them repeatedly."""
    return np.ascontiguousarray(np.resize(rows, (size, rows.shape[1])))


def latency(
    network: Judged,
    particles: Particles,
    batches: Sequence[int] | None = None,
    seconds: float = 0.2,
) -> dict[str, Any]:
    """Time a network against the batch size.

    Students are timed on ready input rows, in one thread; what their inputs cost (the particle's
    own 16 numbers and, where there are any, the sums over its neighbours) is timed apart. A
    teacher reads whole events and is timed with all that it computes from them.

    Parameters
    ----------
    network : Judged
        Student or teacher.
    particles : Particles
        Events to run on.
    batches : sequence of int, optional
        Particles a call for students, events a call for a teacher.
    seconds : float
        Least time spent on a batch size.

    Returns
    -------
    dict
        JSON-ready: ``points``, for each batch size {"batch", "particles", "ms", "cpu_ms", "low",
        "high", "measurements"}: median wall time and processor time [ms] for 9,000 particles, and
        the quartiles of the latter; ``unit`` of the batch; ``best``, the point of the smallest
        processor time; ``inputs``, the time of a student's inputs, one call for all events.
    """
    if network.kind == "teacher":
        points = _teacher_points(network, particles, batches or TEACHER_BATCHES)
        return _best(points, "events", None)
    rows = network.features(particles)
    points = []
    for batch in batches or STUDENT_BATCHES:
        few = _repeated(rows, batch)
        points.append({"batch": batch, **_timed(partial(network.infer, few), batch, seconds)})
    inputs = _timed(partial(network.features, particles), len(particles), seconds)
    return _best(points, "particles", inputs)


def _best(points: list[dict[str, Any]], unit: str, inputs: Any) -> dict[str, Any]:
    best = min(points, key=lambda point: point["cpu_ms"]) if points else None
    return {"unit": unit, "points": points, "best": best, "inputs": inputs}
