"""An evaluation from its request to its page."""

import os
from collections.abc import Callable
from pathlib import Path

from l1kd.models.evaluation.evaluate import Request, measure
from l1kd.models.evaluation.figures import drawings
from l1kd.models.evaluation.page import write_page
from l1kd.models.evaluation.schema import Evaluation

__all__ = ["evaluate"]


def evaluate(
    request: Request, out: str | os.PathLike[str], say: Callable[[str], None] = lambda step: None
) -> Evaluation:
    """Evaluate weightings and write the result.

    Parameters
    ----------
    request : Request
        What to evaluate.
    out : path
        Folder of ``evaluation.json``, ``index.html`` and ``figures/``; made if it is not there.
    say : callable
        Told every step before it begins.

    Returns
    -------
    Evaluation
        All numbers.

    Raises
    ------
    ArtefactError, ConfigurationError, MissingBranchError, PairingError
        A model or a sample cannot be used; the message says why.
    """
    evaluation, drawn = measure(request, say)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    evaluation.write(folder / "evaluation.json")
    say("figures and page")
    write_page(evaluation, drawings(evaluation, drawn), folder)
    return evaluation
