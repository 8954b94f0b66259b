"""Which files belong to which sample, from what a user typed."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from l1kd.datasets import Dataset, load_fileset, named_after
from l1kd.errors import ConfigurationError
from l1kd.study.request import Request

__all__ = ["datasets_of", "named_files"]

_NAMED = re.compile(r"([^=/\\]+)=(.+)")
"""A name, which holds no slash as a path may, and a file."""


def named_files(paths: Sequence[str]) -> dict[str, list[str]]:
    """Sort files into samples.

    `name=FILE` belongs to the sample of that name, a name that comes again gets one more file.
    Files without a name are one sample, called after its file, or by what its files' names have
    in common.
    """
    samples: dict[str, list[str]] = {}
    bare: list[str] = []
    for path in paths:
        found = _NAMED.fullmatch(path)
        if found and not Path(path).exists():
            samples.setdefault(found[1].strip(), []).append(found[2])
        else:
            bare.append(path)
    return ({named_after(bare): bare} if bare else {}) | samples


def datasets_of(request: Request) -> dict[str, Dataset]:
    """Bring the files of a request into datasets, the zero-bias one last.

    Raises
    ------
    ConfigurationError
        If there are no files, or truth files do not fit.
    """
    fileset = request.fileset
    if isinstance(fileset, Sequence) and not isinstance(fileset, str):
        fileset = named_files([str(path) for path in fileset])
    datasets = load_fileset(fileset) if fileset else {}
    if request.truth:
        datasets = _paired(datasets, named_files(request.truth))
    if request.minbias:
        if request.zero_bias in datasets:
            raise ConfigurationError(
                f"dataset {request.zero_bias!r} is in the fileset, and zero-bias files are given: "
                "name them in one place"
            )
        datasets |= load_fileset({request.zero_bias: list(request.minbias)})
    if not datasets:
        raise ConfigurationError("no files: give files, a fileset, or zero-bias files for rates")
    return datasets


def _paired(
    datasets: Mapping[str, Dataset], truth: Mapping[str, Sequence[str]]
) -> dict[str, Dataset]:
    """Give datasets their files without pile-up: by name, or to the only one there is."""
    if len(datasets) == 1 and len(truth) == 1:
        truth = dict.fromkeys(datasets, next(iter(truth.values())))
    unknown = [name for name in truth if name not in datasets]
    if unknown:
        raise ConfigurationError(
            f"truth files of {unknown[0]!r}: name the dataset they pair with (name=FILE); there "
            f"are: {', '.join(datasets) or 'none'}"
        )
    made = dict(datasets)
    for name, files in truth.items():
        dataset = datasets[name]
        if len(files) != len(dataset.files):
            raise ConfigurationError(
                f"dataset {name!r}: expected one truth file a file, found {len(files)} for "
                f"{len(dataset.files)} files; files go before options, since an option takes all "
                "values that follow it"
            )
        made[name] = dataset.model_copy(update={"truth": list(files)})
    return made
