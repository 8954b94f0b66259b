"""One engine for every study: processors over datasets, and the books that are kept of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from l1kd.datasets import Dataset, InputFile, read_fileset
from l1kd.errors import UnreadableFileError
from l1kd.execution import RunResult, run
from l1kd.report.summary import FileRecord, Timing
from l1kd.study.request import Execution
from l1kd.study.weights import require_weights

__all__ = ["Passed", "ProcessorOf", "pass_over"]

ProcessorOf = Callable[[str, Dataset, InputFile], Any]
"""From a dataset's name, the dataset and its first readable file to its processor."""


@dataclass(frozen=True)
class Passed:
    """What one pass over some datasets gave.

    Attributes
    ----------
    files
        Every file that could be opened.
    results
        For each dataset what `l1kd.execution.run` gave.
    """

    files: list[InputFile]
    results: Mapping[str, RunResult]

    def output(self, dataset: str, *parts: str) -> Any:
        """Return what one part of the processor of a dataset accumulated."""
        found = self.results[dataset].output
        for part in parts:
            found = found[part]
        return found[dataset]

    def events(self, dataset: str) -> int:
        """Return how many events of a dataset were processed."""
        return sum(self.results[dataset].events.values())

    def file_records(self) -> list[FileRecord]:
        """Say of every file how many of its events were processed, or why none."""
        return [
            record
            for name, result in self.results.items()
            for record in _file_records(name, self.files, result)
        ]

    def timings(self) -> list[Timing]:
        """Say how long each dataset took."""
        return [
            Timing(step=f"run {name}", seconds=result.seconds, events=self.events(name))
            for name, result in self.results.items()
        ]


def pass_over(
    datasets: Mapping[str, Dataset],
    processor_of: ProcessorOf,
    execution: Execution,
    status: bool = False,
) -> Passed:
    """Run each dataset's processor over its files.

    Raises
    ------
    UnreadableFileError
        If a file, or with `skip_bad_files` every file of a dataset, cannot be read.
    L1KDError
        As `l1kd.execution.run`.
    """
    files, bad = read_fileset(datasets)
    if bad and not execution.skip_bad_files:
        raise next(iter(bad.values()))
    require_weights(files, skip_bad_files=execution.skip_bad_files)
    results: dict[str, RunResult] = {}
    for name, dataset in datasets.items():
        first = next((file for file in files if file.dataset == name), None)
        if first is None:
            raise UnreadableFileError(f"dataset {name!r}: no file of it can be read")
        results[name] = run(
            processor_of(name, dataset, first),
            {name: dataset},
            status=status,
            **execution.execution(),
        )
    return Passed(files, results)


def _file_records(name: str, files: list[InputFile], result: RunResult) -> list[FileRecord]:
    records = [
        FileRecord(
            path=file.path,
            dataset=name,
            entries=file.entries,
            processed=result.events.get(file.path, 0),
            truth=file.truth,
            skipped=result.skipped.get(file.path),
        )
        for file in files
        if file.dataset == name
    ]
    known = {record.path for record in records}
    unopened = [
        FileRecord(path=path, dataset=name, skipped=reason)
        for path, reason in result.skipped.items()
        if path not in known
    ]
    return records + unopened
