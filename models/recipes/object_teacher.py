"""The teacher of the anomaly trigger on objects: several autoencoders, of which the best stays."""

from functools import partial
from typing import Any

from l1kd.models.config import read_config
from l1kd.models.objects.baselines import Score, baselines
from l1kd.models.objects.card import description, teacher_card
from l1kd.models.objects.data import ObjectData
from l1kd.models.objects.separation import areas, efficiencies, mean_area
from l1kd.models.objects.teachers import KIND, WEIGHTS, Teacher, save_teacher, train_teacher
from l1kd.models.objects.teachers.config import Method, ObjectTeacherConfig
from l1kd.models.recipe import Job, Product, Recipe

__all__ = ["RECIPE"]


def _run(config: ObjectTeacherConfig, job: Job) -> Product:
    """Train all teachers, and write the best as ``weights.npz``.

    Best is the largest mean area over the signals of the validation part, of the scores that the
    teachers stand for and of the others that they give.
    """
    data = ObjectData.read(config.data)
    background = data.background("train"), data.background("validation")
    simple = baselines(background[0].objects)
    trained: dict[str, tuple[Teacher, Method, str]] = {}
    scores: dict[str, Score] = {}
    histories: dict[str, Any] = {}
    for method, settings in config.teachers.items():
        teacher, histories[method] = train_teacher(method, settings, config, background, job)
        for name, score in teacher.scores().items():
            trained[f"{method}, {name}"] = teacher, method, name
            scores[f"{method}, {name}"] = score
    validation = areas({**scores, **simple}, background[1], data.signals("validation"))
    label = max(scores, key=lambda name: mean_area(validation, name))
    teacher, chosen, of = trained[label]
    save_teacher(teacher, job.out / WEIGHTS)
    described = config.teachers[chosen].model_dump(mode="json")
    held_out, signals = data.background("test"), data.signals("test")
    tested = {"teacher": scores[label], **simple}
    metrics: dict[str, Any] = {
        "chosen": {"method": chosen, "of": of, "parameters": int(teacher.model.count_params())},
        "auc_validation": validation,
        "auc_test": areas(tested, held_out, signals),
        "efficiencies": efficiencies(tested, held_out, signals),
        "history": histories,
    }
    return Product(
        kind=KIND,
        description="Anomaly score of an event's objects, in floating point.",
        inputs=description(),
        outputs={"score": {"method": chosen, "of": of, "settings": described}},
        files=(WEIGHTS,),
        data=data.files,
        metrics=metrics,
        card=teacher_card(config, data, metrics),
    )


RECIPE = Recipe(
    "object_teacher",
    "anomaly score of an event's objects, by the best of several autoencoders",
    partial(read_config, kind=ObjectTeacherConfig),
    _run,
)
