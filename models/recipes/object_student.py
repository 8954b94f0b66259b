"""A student of the anomaly trigger on objects: training, exact export, test."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from l1kd.models.config import read_config
from l1kd.models.firmware.record.metrics import ebops
from l1kd.models.objects.baselines import Score, baselines
from l1kd.models.objects.card import description, student_card
from l1kd.models.objects.data import ObjectData, Sample
from l1kd.models.objects.separation import areas, efficiencies
from l1kd.models.objects.students.architecture import parameters
from l1kd.models.objects.students.config import ObjectStudentConfig
from l1kd.models.objects.students.training import emulated, export, model_file, train_student
from l1kd.models.objects.teachers import open_teacher
from l1kd.models.recipe import Job, Product, Recipe

__all__ = ["RECIPE"]


def _distance(student: Score, teacher: Score, samples: Mapping[str, Sample]) -> dict[str, float]:
    """Mean squared difference of the scores, by sample."""
    return {
        name: round(float(np.mean((student(s.objects) - teacher(s.objects)) ** 2)), 4)
        for name, s in samples.items()
    }


def _run(config: ObjectStudentConfig, job: Job) -> Product:
    """Train, and write ``network.npz``, the integer network, and the model of QKeras or HGQ2.

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration.
    ArtefactError
        Keras, the compiled C++ of hls4ml and the integer network differ on any row.
    """
    data, teacher = ObjectData.read(config.data), open_teacher(config.teacher)
    model, history = train_student(config, data, teacher, job)
    network, exported = export(config, data, model, job.out)
    exported |= {
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
        "ebops": ebops(network),
        "parameters": parameters(config.student.hidden),
    }
    student = emulated(network)
    scores = {"teacher": teacher, "student": student}
    validation = areas(scores, data.background("validation"), data.signals("validation"))
    held_out, signals = data.background("test"), data.signals("test")
    simple = baselines(data.background("train").objects)
    metrics: dict[str, Any] = {
        "auc_validation": validation,
        "auc_test": areas({**scores, **simple}, held_out, signals),
        "efficiencies": efficiencies({**scores, **simple}, held_out, signals),
        "test_reads": 1,
        "mse_test": _distance(student, teacher, {"background": held_out, **signals}),
        "export": exported,
        "history": {config.name: history},
    }
    return Product(
        kind="object_anomaly",
        description="Anomaly score of an event's objects, as firmware.",
        inputs={
            **description(),
            "network": {
                "shape": ["n", 57],
                "order": "pt / 64 GeV, eta, phi of every row; pt saturates at 511.75 GeV",
                "format": exported["input"],
            },
        },
        outputs={"score": {"format": exported["output"], "target": "log(1 + 1000 x)"}},
        files=("network.npz", model_file(config)),
        data=data.files,
        metrics=metrics,
        card=student_card(config, data, metrics),
    )


RECIPE = Recipe(
    "object_student",
    "anomaly score of an event's objects, as firmware",
    partial(read_config, kind=ObjectStudentConfig),
    _run,
)
