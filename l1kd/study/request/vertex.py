"""The vertex that dz is relative to, as an option."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

__all__ = ["VertexChoice"]


def _not_renamed(vertex: Any) -> Any:
    if vertex == "tracks":
        raise ValueError("'tracks' is called 'found' now")
    return vertex


VertexChoice = Annotated[Literal["found", "simulated"] | None, BeforeValidator(_not_renamed)]
"""As `l1kd.vertices.Vertex`, which takes longer to import; None for the default of a study."""
