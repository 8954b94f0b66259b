"""Cards of students, with the tables that a report measured."""

from collections.abc import Mapping
from typing import Any

from l1kd.artefacts import Artefact, write_manifest
from l1kd.models.config import read_config
from l1kd.models.objects.card import student_card
from l1kd.models.objects.data import ObjectData
from l1kd.models.objects.students.config import ObjectStudentConfig
from l1kd.models.records import write_json

__all__ = ["renew_card"]


def renew_card(
    artefact: Artefact, data: ObjectData, efficiencies: Mapping[str, list[dict[str, Any]]]
) -> Artefact:
    """Write a student's card and metrics anew, one more reading of the test part counted.

    Parameters
    ----------
    efficiencies : mapping of str to list of dict
        What `separation.efficiencies` gave, by score; the student's own under its title.
    """
    config = read_config(artefact.file("config.yaml"), ObjectStudentConfig)
    metrics = artefact.json("metrics.json")
    labels = {artefact.title: "student"}
    metrics["efficiencies"] = {labels.get(k, k): rows for k, rows in efficiencies.items()}
    metrics["test_reads"] = metrics.get("test_reads", 1) + 1
    write_json(artefact.file("metrics.json"), metrics)
    artefact.file("card.md").write_text(student_card(config, data, metrics), encoding="utf-8")
    manifest = artefact.manifest
    return write_manifest(
        artefact.folder,
        name=artefact.name,
        version=artefact.version,
        kind=manifest["kind"],
        description=manifest["description"],
        inputs=manifest["inputs"],
        outputs=manifest["outputs"],
        files=tuple(manifest["files"]),
    )
