"""Resolutions in slices of vertices and eta, and of the jets of the model cards."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l1kd.physics.response import (
    Resampling,
    ResponseSample,
    jet_bins,
    jet_table,
    met_bins,
    met_table,
)

__all__ = [
    "CARD_JETS",
    "JET_ETA_EDGES",
    "resolution_tables",
    "select_events",
    "vertex_edges",
]


CARD_JETS: dict[str, Any] = {"gen_pt_range": (20.0, np.inf), "max_abs_eta": 4.0}
"""The generated jets of the model cards' tables."""

JET_ETA_EDGES = (0.0, 0.8, 1.5, 2.4, 3.0, 4.0, 5.0)
"""Edges of the bins of abs(eta) of generated jets."""

IN_BINS = Resampling(replicas=200)
"""How the intervals in bins are made."""


def select_events(sample: ResponseSample, chosen: NDArray[np.bool_]) -> ResponseSample:
    """Return the events for which bool[n] `chosen` is true, with their jets."""
    jets = chosen[sample.gen_jet_event]
    number = np.cumsum(chosen) - 1
    return ResponseSample(
        sample.gen_met[:, chosen],
        {w: met[:, chosen] for w, met in sample.met.items()},
        sample.weight[chosen],
        sample.gen_jet_pt[jets],
        sample.gen_jet_eta[jets],
        number[sample.gen_jet_event[jets]],
        {w: pt[jets] for w, pt in sample.jet_pt.items()},
    )


def _select_jets(sample: ResponseSample, chosen: NDArray[np.bool_]) -> ResponseSample:
    return sample._replace(
        gen_jet_pt=sample.gen_jet_pt[chosen],
        gen_jet_eta=sample.gen_jet_eta[chosen],
        gen_jet_event=sample.gen_jet_event[chosen],
        jet_pt={w: pt[chosen] for w, pt in sample.jet_pt.items()},
    )


def vertex_edges(n_vertices: NDArray[np.int64], bins: int = 4) -> list[float]:
    """Whole-numbered edges of bins of vertices that hold about equally many events each."""
    if n_vertices.size == 0:
        return [0.0, 1.0]
    inner = np.quantile(n_vertices, np.arange(1, bins) / bins).round()
    ends = [float(n_vertices.min()), *inner.tolist(), float(n_vertices.max()) + 1.0]
    return sorted(set(ends))


def _by_vertices(
    sample: ResponseSample, n_vertices: NDArray[np.int64], quantity: Literal["met", "jets"]
) -> list[dict[str, Any]]:
    table = met_table if quantity == "met" else jet_table
    return [
        {
            "low": low,
            "high": high,
            "table": table(
                select_events(sample, (n_vertices >= low) & (n_vertices < high)),
                resampling=IN_BINS,
            ),
        }
        for low, high in pairwise(vertex_edges(n_vertices))
    ]


def _by_eta(sample: ResponseSample, edges: Sequence[float]) -> list[dict[str, Any]]:
    size = np.abs(sample.gen_jet_eta)
    return [
        {
            "low": low,
            "high": high,
            "table": jet_table(
                _select_jets(sample, (size >= low) & (size < high)), resampling=IN_BINS
            ),
        }
        for low, high in pairwise(edges)
    ]


def resolution_tables(
    sample: ResponseSample, n_vertices: NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Tables of resolutions with paired bootstrap intervals, PUPPI being the reference.

    Parameters
    ----------
    sample : ResponseSample
        Measured events.
    n_vertices : numpy.ndarray, shape (events,), int64, optional
        With them the tables in bins are made, too.

    Returns
    -------
    dict
        JSON-ready: ``met``, ``jets`` (generated pt > 15 GeV), ``jets_card`` (pt > 20 GeV and
        abs(eta) < 4, as in the cards) and, in bins, ``met_bins``, ``met_by_vertices``,
        ``jet_bins``, ``jets_by_eta``, ``jets_by_vertices``.
    """
    tables: dict[str, Any] = {
        "met": met_table(sample),
        "jets": jet_table(sample),
        "jets_card": jet_table(sample, **CARD_JETS),
    }
    if n_vertices is not None:
        tables |= {
            "met_bins": met_bins(sample, resampling=IN_BINS),
            "met_by_vertices": _by_vertices(sample, n_vertices, "met"),
            "jet_bins": jet_bins(sample, resampling=IN_BINS),
            "jets_by_eta": _by_eta(sample, JET_ETA_EDGES),
            "jets_by_vertices": _by_vertices(sample, n_vertices, "jets"),
        }
    return tables
