"""Floating-point twins of the network's inputs and of the network: the same steps, not rounded."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Mask
from l1kd.emulators.correlator.floating import linpuppi_float
from l1kd.emulators.correlator.linpuppi.parameters import LinPuppiParameters
from l1kd.emulators.correlator.types import ETA_PHI_LSB
from l1kd.emulators.correlator.weighing.columns import CONES, NAMES, numbers_of
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine, Gather, Lookup, Operation, Piecewise

__all__ = ["network_float", "region_inputs_float"]

Objects = tuple[Floats, Floats, Floats, Mask]
"""pt [0.25 GeV], local eta and phi [pi/720], and which of the slots are meant, (n, slots)."""
_SIZES: Final = ("01", "02", "04")


def network_float(network: Network, values: Floats) -> Floats:
    """Compute a network without rounding and without overflow.

    Parameters
    ----------
    network : Network
        With one input; dense layers, straight lines and tables.
    values : ndarray of float64, shape (n, inputs)
        Real inputs.

    Returns
    -------
    ndarray of float64, shape (n, outputs)
        Tables are read between their entries, by a straight line.

    Raises
    ------
    ValueError
        If the network has other operations.
    """
    graph = network.graph
    known: dict[str, Floats] = {graph.inputs[0].name: np.asarray(values, np.float64)}
    for operation in graph.operations:
        known[operation.output.name] = _operation(operation, known, network)
    return known[graph.outputs[0]]


def _operation(operation: Operation, known: Mapping[str, Floats], network: Network) -> Floats:
    """Compute one operation in double precision."""
    tensors = network.graph.tensors
    if isinstance(operation, Affine) and len(operation.index) == 1:
        x = _read(known[operation.source], operation.index[0])
        weight = operation.weight[operation.group[0]] * 2.0**-operation.weight_fraction
        bias = operation.bias[operation.group[0]] * 2.0**-operation.accumulator.fraction
        return x @ weight + bias
    if isinstance(operation, Piecewise):
        source = tensors[operation.source].format.fraction
        x = _read(known[operation.source], operation.index) * 2.0**source
        above = x * operation.scale_above + operation.offset_above
        below = x * operation.scale_below + operation.offset_below
        result = np.where(x > operation.threshold, above, below)
        if operation.limits is not None:
            result = np.clip(result, *operation.limits)
        return result * 2.0**-operation.fraction
    if isinstance(operation, Lookup):
        source = tensors[operation.source].format.fraction
        x = _read(known[operation.source], operation.index) * 2.0**source
        place = x * operation.multiplier / 2.0**operation.shift + operation.offset
        entries = np.arange(len(operation.table))
        columns = [
            np.interp(place[:, e], entries, operation.table[:, c])
            for e, c in enumerate(operation.column)
        ]
        return np.stack(columns, axis=1) * 2.0**-operation.output.format.fraction
    if isinstance(operation, Gather) and len(operation.sources) == 1:
        return _read(known[operation.sources[0]], operation.index)
    raise ValueError(f"{operation.output.name}: {type(operation).__name__} has no floating twin")


def _read(x: Floats, index: AnyArray) -> Floats:
    """Return elements of a tensor; -1 reads a zero."""
    return np.where(index >= 0, x[:, np.maximum(index, 0)], 0.0)


def region_inputs_float(
    inputs: Mapping[str, AnyArray],
    parameters: LinPuppiParameters,
    events: AnyArray,
    names: Sequence[str] = NAMES,
    places: AnyArray | None = None,
) -> Floats:
    """Compute the inputs of the neutrals of regions without rounding or saturation.

    Parameters
    ----------
    inputs : mapping of ndarray of int
        As for `LinPuppi.run`.
    parameters : LinPuppiParameters
        Configuration.
    events : ndarray of float or int, shape (n, 8)
        Sum of pt [0.25 GeV] and number of tracks near the vertex, number of the others, the
        largest of `places` among the latter, log2(1 + size) of the sum of LinPUPPI's candidates
        [0.25 GeV] and its azimuth [pi/720], and the same of the vertex's tracks, of the event of
        each region.
    names : sequence of str
        Inputs, of `columns.NAMES`.
    places : ndarray of float, shape (n, slots), optional
        log2(1 + pt) of the event's tracks within 0.2 cm of every track's z0, pt in 0.25 GeV; 0
        where it is not given.

    Returns
    -------
    ndarray of float64, shape (n, slots, inputs)
        Values as the integers mean them: raw values divided by 16. Slots that are not used count.
    """
    numbers_of(names)
    p, forward = parameters, parameters.forward
    prefix = "calo_" if forward else "pfne_"
    neutrals = _objects(inputs, prefix, inputs["n_neu"], p.n_in)
    nothing = np.zeros((len(neutrals[0]), 0))
    vertex = pileup = (nothing, nothing, nothing, nothing > 0)
    of_tracks = nothing
    if not forward:
        of_tracks = np.zeros(np.shape(inputs["trk_hwPt"])) if places is None else places
        of_tracks = np.asarray(of_tracks, np.float64)[:, : p.n_track]
        tracks = _objects(inputs, "trk_", inputs["n_trk"], p.n_track)
        z0 = np.asarray(inputs["trk_hwZ0"])[:, : p.n_track].astype(np.int64)
        far = np.abs(z0 - np.asarray(inputs["pv_hwZ0"]).astype(np.int64)[:, None])
        vertex = (*tracks[:3], tracks[3] & (far <= p.raw().dz))
        pileup = (*tracks[:3], tracks[3] & (far > p.raw().dz))
    em = np.asarray(inputs[prefix + ("hwEmID" if forward else "hwId")])[:, : p.n_in] != 0
    centre = np.asarray(inputs["region_hwEtaCenter"]).astype(np.float64)[:, None]
    columns: dict[str, Floats] = {
        "pt": _log(neutrals[0]),
        "abs_eta": np.abs(centre + neutrals[1]) / 128,
        "em": em.astype(np.float64),
        "tracker": np.full(em.shape, float(not forward)),
        "hf": np.full(em.shape, float(p.name == "hf")),
    }
    for name in ("track", "muon", "dz", "own_z_pt"):
        columns[name] = np.zeros(em.shape)
    if "linpuppi_weight" in names:
        columns["linpuppi_weight"] = 16 * linpuppi_float(inputs, p)["weight"]
    groups = (("vertex", vertex), ("pileup", pileup), ("neutral", neutrals))
    for group, objects in groups:
        columns |= _sums(group, neutrals, objects, p)
    columns["em_pt_02"] = _sums("em", neutrals, (*neutrals[:3], neutrals[3] & em), p)["em_pt_02"]
    columns["alpha"] = columns["neutral_alpha" if forward else "vertex_alpha"]
    numbers = np.asarray(events, np.float64)
    logs = np.column_stack([_log(numbers[:, :3]), numbers[:, [3, 4, 6]]])
    columns |= _around_places(neutrals, pileup, of_tracks, logs[:, 0])
    names_of_event = (
        "vertex_pt", "vertex_count", "pileup_count", "second_pt", "met", "track_met",
    )  # fmt: skip
    for value, name in zip(logs.T, names_of_event, strict=True):
        columns[f"event_{name}"] = np.repeat(value[:, None], em.shape[1], axis=1)
    for met, azimuth in (("met", numbers[:, 5]), ("track_met", numbers[:, 7])):
        of_sum = np.asarray(inputs["region_hwPhiCenter"]) - azimuth
        cosine = np.cos((of_sum[:, None] + neutrals[2]) * ETA_PHI_LSB)
        with np.errstate(divide="ignore"):
            seen = np.maximum(columns[f"event_{met}"] + np.log2(np.abs(cosine)), 0.0)
        columns[f"{met}_away"] = np.where(cosine > 0, seen, 0.0)
        columns[f"{met}_toward"] = np.where(cosine < 0, seen, 0.0)
    return np.stack([columns[name] for name in names], axis=2)


def _objects(inputs: Mapping[str, AnyArray], prefix: str, counts: AnyArray, slots: int) -> Objects:
    names = ("hwPt", "hwEta", "hwPhi")
    pt, eta, phi = (np.asarray(inputs[prefix + f])[:, :slots].astype(np.float64) for f in names)
    return pt, eta, phi, (np.arange(pt.shape[1]) < np.asarray(counts)[:, None]) & (pt > 0)


def _log(value: Floats) -> Floats:
    return np.log2(1 + value)


def _around_places(
    targets: Objects, pileup: Objects, places: Floats, vertex: Floats
) -> dict[str, Floats]:
    """Look at the places in z of the tracks of other vertices around every neutral."""
    pt, eta, phi, there = pileup
    d_eta = targets[1][:, :, None] - eta[:, None, :]
    dr2 = d_eta**2 + (targets[2][:, :, None] - phi[:, None, :]) ** 2
    largest = np.where(there, places, 0.0)[:, None, :]
    hard = np.where(there & (places + 1 >= vertex[:, None]), pt, 0.0)[:, None, :]
    found: dict[str, Floats] = {}
    for size, cone in zip(_SIZES[1:], CONES[1:], strict=True):
        found[f"other_z_max_{size}"] = np.where(dr2 < cone, largest, 0.0).max(axis=2, initial=0.0)
        found[f"second_pt_{size}"] = _log(np.where(dr2 < cone, hard, 0.0).sum(axis=2))
    return found


def _sums(
    group: str, targets: Objects, sources: Objects, p: LinPuppiParameters
) -> dict[str, Floats]:
    """Form the sums of one group around every neutral, itself left out, and those of the region."""
    raw = p.raw()
    pt, eta, phi, there = sources
    used = np.where(there, pt, 0.0)
    d_eta = targets[1][:, :, None] - eta[:, None, :]
    dr2 = d_eta**2 + (targets[2][:, :, None] - phi[:, None, :]) ** 2
    own = np.eye(targets[0].shape[1], pt.shape[1], dtype=bool) & (sources[1] is targets[1])
    dr2 = np.where(own[None], np.inf, dr2)
    around = used[:, None, :]
    found: dict[str, Floats] = {}
    for size, cone in zip(_SIZES, CONES, strict=True):
        found[f"{group}_pt_{size}"] = _log(np.where(dr2 < cone, around, 0.0).sum(axis=2))
    middle = np.where(dr2 < CONES[1], around, 0.0)
    found[f"{group}_max_02"] = _log(middle.max(axis=2, initial=0.0))
    found[f"{group}_count_04"] = ((dr2 < CONES[2]) & there[:, None, :]).sum(axis=2) / 16
    pt2 = np.minimum(used, raw.pt_max)[:, None, :] ** 2
    terms = np.where(dr2 <= raw.dr2_max, pt2 / np.maximum(dr2, raw.dr2_min), 0.0)
    found[f"{group}_alpha"] = _log(64 * terms.sum(axis=2))
    shape = targets[0].shape
    found[f"region_{group}_pt"] = np.broadcast_to(_log(used.sum(axis=1))[:, None], shape)
    found[f"region_{group}_count"] = np.broadcast_to(there.sum(axis=1)[:, None] / 16, shape)
    return found
