"""How a processor is run over files."""

from typing import Any, Literal

from pydantic import Field

from l1kd.study.request.settings import Settings

__all__ = ["Execution"]


class Execution(Settings):
    """How a processor is run over files, see `l1kd.execution.run`."""

    executor: Literal["iterative", "futures", "dask"] = Field(
        "iterative", description="Where chunks are processed."
    )
    workers: int = Field(2, ge=1, description="Processes of futures or of a local dask.")
    scheduler: str | None = Field(None, description="Address of a dask scheduler.")
    checkpoint: str | None = Field(None, description="Folder from which a run goes on.")
    skip_bad_files: bool = Field(
        False, description="Skip files that cannot be read, and list them."
    )
    chunksize: int | None = Field(
        None, ge=1, description="Events a chunk; by default as many as have 10 MB in the file."
    )

    def execution(self) -> dict[str, Any]:
        """Return the arguments of `l1kd.execution.run`."""
        return {name: getattr(self, name) for name in Execution.model_fields}
