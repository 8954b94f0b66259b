"""Networks that weigh candidates in the correlator's regions, as artefacts of kind "correlator".

The manifest says what such a network reads and weighs, `describe` writes it and `region_network`
reads it: one home for training, insertion and firmware.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from l1kd.algorithms.models import read_network
from l1kd.artefacts import Artefact, load
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.weighing import COLUMNS, FORMAT, NetworkWeight
from l1kd.emulators.correlator.weighing.columns import Tracks, mode_of
from l1kd.errors import ArtefactError

__all__ = ["KIND", "RegionNetwork", "describe", "region_network"]

KIND: Final = "correlator"
"""Kind of the artefacts."""
_WEIGHS: Final[dict[str, Tracks]] = {"neutrals": "none", "all": "kept", "every track": "every"}
"""What manifests say of the tracks that are weighed."""


@dataclass(frozen=True)
class RegionNetwork:
    """A network of the correlator, and the correlator for which it was trained.

    Attributes
    ----------
    artefact : Artefact
        Its files.
    weight : NetworkWeight
        What `correlate` takes.
    puppi : dict of LinPuppi
        LinPUPPI configurations that are not the presets, by board type: the network reads their
        weights and sums, and their dz says which tracks are kept.
    clusters : Clusterer or None
        How neutral particles become clusters first; None if they do not.
    """

    artefact: Artefact
    weight: NetworkWeight
    puppi: dict[str, LinPuppi]
    clusters: Clusterer | None


def describe(
    names: Sequence[str],
    *,
    tracks: Tracks,
    clusters: bool | Clusterer,
    pt_cut: Mapping[str, Sequence[float]] | None = None,
    linpuppi: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what a manifest says under "inputs".

    Parameters
    ----------
    names
        Inputs of the network, of `l1kd.emulators.correlator.weighing.NAMES`, in its order.
    tracks
        Which tracks it weighs beside neutrals, as for `NetworkWeight`.
    clusters
        Whether its neutrals are clusters; a `Clusterer` says how they are formed.
    pt_cut
        As for `NetworkWeight`.
    linpuppi
        Parameters that are not the preset's, by board type and name of the parameter.
    """
    meanings = {column.name: column.meaning for column in COLUMNS}
    usual = Clusterer()
    clusterer = clusters if isinstance(clusters, Clusterer) else usual
    own = {name: x for name, x in vars(clusterer).items() if x != getattr(usual, name)}
    return {
        "candidates": {
            "shape": ["n", len(names)],
            "columns": list(names),
            "meanings": {name: meanings[name] for name in names},
            "made_by": "l1kd.emulators.correlator.weighing.region_inputs",
            "weighs": list(_WEIGHS)[mode_of(tracks)],
            "clusters": bool(clusters),
            **({"clusterer": own} if own else {}),
            "pt_cut": {board: list(cuts) for board, cuts in (pt_cut or {}).items()},
            "linpuppi": {board: dict(own) for board, own in (linpuppi or {}).items()},
        },
        "format": str(FORMAT),
    }


@cache
def region_network(model: str | Path) -> RegionNetwork:
    """Read an artefact of kind "correlator": a shipped name, or a folder.

    Raises
    ------
    ArtefactError
        If it is none, or damaged, or its manifest does not fit its network.
    """
    artefact = load(model, KIND)
    try:
        given = artefact.manifest["inputs"]["candidates"]
        cuts = {board: tuple(map(float, own)) for board, own in given["pt_cut"].items()}
        puppi = {board: _puppi(board, own) for board, own in given["linpuppi"].items()}
        network = read_network(artefact.file("network.npz"))
        weight = NetworkWeight(
            network, tuple(given["columns"]), tracks=_tracks(given["weighs"]), pt_cut=cuts
        )
        return RegionNetwork(artefact, weight, puppi, _clusterer(given))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArtefactError(
            f"artefact {artefact.title}: expected under 'inputs' what "
            f"l1kd.algorithms.region_networks.describe gives; {error}"
        ) from error


def _tracks(weighs: str) -> Tracks:
    if weighs not in _WEIGHS:
        raise ValueError(f"weighs {weighs!r}: expected {', '.join(map(repr, _WEIGHS))}")
    return _WEIGHS[weighs]


def _clusterer(given: Mapping[str, Any]) -> Clusterer | None:
    """Return the formation of clusters, with the usual settings where none are named."""
    return Clusterer(**_with_tuples(given.get("clusterer", {}))) if given["clusters"] else None


def _puppi(board: str, own: Mapping[str, Any]) -> LinPuppi:
    return LinPuppi(PRESETS[board].replace(**_with_tuples(own)))


def _with_tuples(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with tuples where JSON has lists."""
    return {name: tuple(x) if isinstance(x, list) else x for name, x in own.items()}
