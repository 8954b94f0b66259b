"""The recipes of CICADA's cheaper students: teacher, student, exact export, test."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, load, write_manifest
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError
from l1kd.models import backend, cicada, cicada_hgq, cicada_logic, mixed_precision
from l1kd.models.cicada_card import separation
from l1kd.models.cicada_students_card import agreement, hgq_card, logic_card, rates
from l1kd.models.config import read_config
from l1kd.models.config_cicada import CicadaHgqConfig, CicadaLogicConfig, StudentConfig
from l1kd.models.images import ImageSource
from l1kd.models.records import COMMON_FILES, fingerprint, write_records
from l1kd.models.train_cicada import train_cicada_teacher
from l1kd.models.training import Fit, adam, fit, history_seconds, in_batches
from l1kd.statistics import roc_auc

__all__ = ["train_cicada_hgq", "train_cicada_logic"]

Images = NDArray[np.uint16]
Floats = NDArray[np.float32]
Scores = Callable[[Images], NDArray[np.floating]]
_SIGNAL_SHARE = 20


@dataclass(frozen=True)
class _Lesson:
    """What a student learns from, and where its records go."""

    config: StudentConfig
    config_path: Path
    out: Path
    quiet: bool
    source: ImageSource
    teach: Scores
    teacher_history: list[dict[str, float]]
    images: Images
    wanted: Floats
    check: Images
    checked: Floats

    @property
    def signal_like(self) -> Images:
        """Some of the signal-like images of the training, to follow the separation."""
        return self.images[self.config.student_images :: _SIGNAL_SHARE]

    def figures(self, score: Scores) -> dict[str, float]:
        """Mean absolute difference to the teacher on zero bias, and the separation so far."""
        values = score(self.check)
        found = {"validation_mae": float(np.abs(values - self.checked).mean())}
        if len(self.signal_like):
            found["exposure_auc"] = roc_auc(score(self.signal_like), values).value
        return found


def _remembered(teach: Scores, teacher: Any, folder: Path) -> Scores:
    """Keep the teacher's scores on disk: students that are tried on it need not wait for them."""
    weights = hashlib.sha256()
    for array in teacher.get_weights():
        weights.update(array.tobytes())
    folder.mkdir(parents=True, exist_ok=True)

    def scores(images: Images) -> NDArray[np.floating]:
        key = hashlib.sha256(weights.digest() + np.ascontiguousarray(images).tobytes()).hexdigest()
        path = folder / f"{key}.npy"
        if not path.is_file():
            draft = path.with_suffix(".tmp.npy")
            np.save(draft, teach(images), allow_pickle=False)
            draft.replace(path)
        values: NDArray[np.floating] = np.load(path, allow_pickle=False)
        return values

    return scores


def _lesson(config: StudentConfig, config_path: Path, out: Path, quiet: bool) -> _Lesson:
    backend.seed_everything(config.seed, config.threads)
    source = ImageSource.read(config.data, config.seed)
    teacher, history = train_cicada_teacher(
        config.cicada(), source, out / "checkpoints" / "teacher", quiet
    )
    error = cicada.reconstruction_error(teacher)

    def target(images: Images) -> Floats:
        return cicada.target(error(images), config.target)

    folder = out / "checkpoints" / "targets" / config.target
    teach = _remembered(target, teacher, folder)
    # the student's zero-bias images are none of the epochs that the teacher saw
    zero_bias = source.training(config.student_images, config.teacher.epochs)
    images = np.concatenate([zero_bias, source.exposure(config.exposure_images)])
    check = source.validation(config.validation_images)
    return _Lesson(
        config,
        config_path,
        out,
        quiet,
        source,
        teach,
        history,
        images,
        teach(images).astype(np.float32),
        check,
        teach(check).astype(np.float32),
    )


def moved(images: Images, rng: np.random.Generator) -> Images:
    """Turn and mirror every image at random: the teacher's score should not depend on it."""
    turns = rng.integers(0, 18, len(images))
    rows = (np.arange(18) - turns[:, None]) % 18
    result = images[np.arange(len(images))[:, None], rows]
    mirrored = rng.integers(0, 2, len(images)).astype(bool)
    result[mirrored] = result[mirrored][:, :, ::-1]
    return result


def _parts(lesson: _Lesson, epoch: int, batch: int) -> Iterator[NDArray[np.int64]]:
    """Rows of the batches of an epoch."""
    rng = np.random.default_rng([lesson.config.seed, epoch])
    order = rng.permutation(len(lesson.images))
    steps = len(order) // batch
    yield from np.split(order[: steps * batch], steps)


def _emulated(network: Network | LogicNetwork) -> Scores:
    counts = FixedPoint(10, 10, False)
    scale = 2.0 ** -network.outputs[0].format.fraction

    def score(images: Images) -> NDArray[np.floating]:
        flat = images.reshape(len(images), -1).astype(np.int64)
        raw = network.predict_raw(network.inputs[0].format.cast(flat, counts))
        return np.asarray(raw[:, 0] * scale, np.float32)

    return score


def _compared(lesson: _Lesson, label: str, score: Scores) -> dict[str, Scores]:
    scores: dict[str, Scores] = {"teacher": lesson.teach, label: score}
    for name in lesson.config.compare:
        scores[name] = _emulated(Network.load(load(name, "cicada").file("network.npz")))
    return scores


def _finish(
    lesson: _Lesson,
    score: Scores,
    histories: dict[str, list[dict[str, float]]],
    export: dict[str, Any],
    card: Callable[[Any, dict[str, Any]], str],
    *files: str,
) -> Artefact:
    """Test the exported network and write everything that belongs to the artefact."""
    config, source, out = lesson.config, lesson.source, lesson.out
    scores = _compared(lesson, "student", score)
    metrics: dict[str, Any] = separation(config.cicada(), source, scores)
    test = source.test(config.test_images)
    signals = {name: source.signal(name) for name in config.data.signals}
    metrics["agreement"] = agreement(scores, test, signals)
    metrics["rates"] = rates(scores, test, signals)
    metrics["history"] = {"teacher": lesson.teacher_history, **histories}
    metrics["calibration"] = {
        "gain": source.calibration.gain.tolist(),
        "pedestal": source.calibration.pedestal.tolist(),
    }
    metrics["export"] = export
    seconds = {name: history_seconds(entries) for name, entries in metrics["history"].items()}
    text = card(config, metrics)
    write_records(out, config, lesson.config_path, source.files(), seconds, metrics, text)
    return write_manifest(
        out,
        name=config.name,
        version=config.version,
        kind="cicada",
        description=f"Anomaly score of a calorimeter image, {export['kind']}.",
        inputs={
            "regions": {
                "shape": ["n", 252],
                "order": "14 * gctPhi + (gctEta - 4)",
                "unit": "counts of 0.5 GeV, clipped at 1023",
                "format": export["input"],
                "mu": config.data.mu,
            }
        },
        outputs={"score": {"format": export["output"], "target": config.target}},
        files=(*files, *COMMON_FILES),
    )


def _vectors(lesson: _Lesson) -> Images:
    """Images for the proof of equality: zero bias that no training saw, and signals."""
    config, source = lesson.config, lesson.source
    zero_bias = source.training(config.check_vectors, config.teacher.epochs + 1)
    return np.concatenate([zero_bias, lesson.signal_like])


def _fit_hgq(lesson: _Lesson, config: CicadaHgqConfig, model: Any) -> list[dict[str, float]]:
    tf = backend.tensorflow()
    settings, pressure = config.student, config.pressure
    steps = len(lesson.images) // settings.batch
    rising = max(settings.epochs - pressure.free_epochs - 1, 1)
    score = cicada_hgq.score(model)

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        rng = np.random.default_rng([config.seed, 1, epoch])
        for rows in _parts(lesson, epoch, settings.batch):
            x = moved(lesson.images[rows], rng).reshape(-1, 252).astype(np.float32)
            yield tf.constant(x), tf.constant(lesson.wanted[rows])

    def loss(x: Any, y: Any) -> Any:
        distance = tf.reduce_mean(tf.abs(model(x, training=True)[:, 0] - y))
        return distance + tf.add_n(model.losses)

    def press(step: int) -> None:
        if step % steps == 0:
            done = min(max(step // steps - pressure.free_epochs, 0) / rising, 1.0)
            factor = (pressure.last / pressure.first) ** done
            mixed_precision.set_pressure(model, pressure.first * factor)

    def validate() -> dict[str, float]:
        return {**lesson.figures(score), "ebops": mixed_precision.ebops(model)}

    optimiser = mixed_precision.adam(settings.learning_rate, settings.epochs * steps)
    task = Fit("student", model, optimiser, settings.epochs, steps, batches, loss, validate, press)
    return fit(task, lesson.out / "checkpoints" / "student", fingerprint(config), lesson.quiet)


def train_cicada_hgq(config_path: Path, out: Path, quiet: bool = False) -> Artefact:
    """Train the mixed-precision student as a configuration says, and write the artefact.

    Parameters
    ----------
    config_path : pathlib.Path
        YAML file, see `l1kd.models.config_cicada.CicadaHgqConfig`.
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bars.

    Returns
    -------
    Artefact
        With ``network.npz``, the integer network, and the model of the training framework.

    Raises
    ------
    ConfigurationError
        The configuration is wrong, HGQ2 is missing, or the folder holds checkpoints of another
        configuration.
    ArtefactError
        HGQ2, the compiled C++ of hls4ml and the integer network differ on any image.
    """
    config = read_config(config_path, CicadaHgqConfig)
    lesson = _lesson(config, config_path, out, quiet)
    zero_bias = lesson.images[: min(20_000, config.student_images)]
    model = cicada_hgq.student(zero_bias, config.knots, config.hidden, config.seed)
    histories = {"student": _fit_hgq(lesson, config, model)}
    operations = cicada_hgq.trace(model, np.concatenate([zero_bias, lesson.signal_like]))
    with tempfile.TemporaryDirectory() as folder:
        network, export = cicada_hgq.export(
            model, _vectors(lesson), Path(folder), out / "network.npz"
        )
    with backend.quiet():
        model.save(out / "model.keras")
    export |= {
        "kind": "in mixed precision",
        "ebops": operations,
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
    }
    return _finish(
        lesson, _emulated(network), histories, export, hgq_card, "network.npz", "model.keras"
    )


def _linear_start(
    lesson: _Lesson, config: CicadaLogicConfig, model: cicada_logic.GateModel, seen: Any
) -> list[dict[str, float]]:
    """Find linear features of the counts by a small dense network behind them."""
    tf, keras = backend.tensorflow(), backend.keras()
    layers, settings = keras.layers, config.linear
    counts = in_batches(model.counts, seen.shape[1:])(seen)
    mean, spread = counts.mean(axis=0), counts.std(axis=0) + 0.05
    dense = keras.Sequential(
        [
            layers.Input((counts.shape[1],)),
            layers.Dense(config.sizes.features, name="features"),
            layers.Dense(16, activation="relu"),
            layers.Dense(8, activation="relu"),
            layers.Dense(1, bias_initializer=keras.initializers.Constant(145.0)),
        ]
    )
    steps = len(counts) // settings.batch

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        for rows in _parts(lesson, epoch, settings.batch):
            yield tf.constant((counts[rows] - mean) / spread), tf.constant(lesson.wanted[rows])

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.abs(dense(x, training=True)[:, 0] - y))

    task = Fit("linear", dense, adam(settings, steps), settings.epochs, steps, batches, loss)
    folder = lesson.out / "checkpoints" / "linear"
    history = fit(task, folder, fingerprint(config), lesson.quiet)
    weight, bias = dense.get_layer("features").get_weights()
    weight = weight / spread[:, None]
    offset = bias - mean @ weight
    model.start_features(weight, offset, counts @ weight + offset)
    return history


def _fit_gates(
    lesson: _Lesson, config: CicadaLogicConfig, model: cicada_logic.GateModel, seen: Any
) -> list[dict[str, float]]:
    tf, settings = backend.tensorflow(), config.student
    steps = len(seen) // settings.batch
    score = _patterned(model)

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        for rows in _parts(lesson, epoch, settings.batch):
            yield tf.constant(seen[rows]), tf.constant(lesson.wanted[rows])

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.abs(model.score(x) - y))

    optimiser = adam(settings, steps)
    task = Fit(
        "gates",
        model.module(),
        optimiser,
        settings.epochs,
        steps,
        batches,
        loss,
        lambda: lesson.figures(score),
    )
    return fit(task, lesson.out / "checkpoints" / "gates", fingerprint(config), lesson.quiet)


def _patterned(model: cicada_logic.GateModel) -> Scores:
    """Score of images by the model as it is trained."""
    shape = (*model.limits.shape, 3)
    predict = in_batches(model.score, shape)
    return lambda images: predict(cicada_logic.patterns(images, model.limits))


def _settle(
    lesson: _Lesson, model: cicada_logic.GateModel, bits: NDArray[np.uint8]
) -> dict[str, dict[str, float]]:
    """Give the last gates whole weights: the trained ones rounded, or fitted once more.

    Those stay that separate training's own signals better from the validation's zero bias.
    """
    choices = {
        "rounded": model.rounded_score(),
        "fitted": cicada_logic.refit(bits, lesson.wanted),
    }
    score = _patterned(model)
    figures = {}
    for name, choice in choices.items():
        model.set_score(*choice)
        figures[name] = lesson.figures(score)
    best = max(figures, key=lambda name: figures[name].get("exposure_auc", 0.0))
    model.set_score(*choices[best])
    return figures


def train_cicada_logic(config_path: Path, out: Path, quiet: bool = False) -> Artefact:
    """Train the logic-gate student as a configuration says, and write the artefact.

    Parameters
    ----------
    config_path : pathlib.Path
        YAML file, see `l1kd.models.config_cicada.CicadaLogicConfig`.
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bars.

    Returns
    -------
    Artefact
        With ``logic.npz``, the network of gates.

    Raises
    ------
    ConfigurationError
        The configuration is wrong, or the folder holds checkpoints of another one.
    ArtefactError
        The network of gates differs from the trained model on any image.
    """
    config = read_config(config_path, CicadaLogicConfig)
    lesson = _lesson(config, config_path, out, quiet)
    zero_bias = lesson.images[: min(20_000, config.student_images)]
    limits = cicada_logic.thresholds(zero_bias, config.sizes.quantiles)
    model = cicada_logic.GateModel(limits, config.sizes, config.seed)
    seen = cicada_logic.patterns(lesson.images, limits)
    bits = in_batches(model.bits, seen.shape[1:])
    histories = {"linear": _linear_start(lesson, config, model, seen)}
    before = model.state()
    model.set_score(*cicada_logic.refit(bits(seen).astype(np.uint8), lesson.wanted))
    histories["gates"] = _fit_gates(lesson, config, model, seen)
    last = _settle(lesson, model, bits(seen).astype(np.uint8))
    network = cicada_logic.to_network(model)
    vectors = _vectors(lesson)
    trained, emulated = _patterned(model)(vectors), _emulated(network)(vectors)
    wrong = np.flatnonzero(trained != emulated)
    if len(wrong):
        shown = [(int(k), float(trained[k]), float(emulated[k])) for k in wrong[:5]]
        raise ArtefactError(
            f"the gates differ from the trained model on {len(wrong)} of {len(vectors)} images; "
            f"first (row, trained, gates): {shown}"
        )
    network.save(out / "logic.npz")
    after = model.state()
    export = {
        "kind": "as logic gates",
        "vectors": len(vectors),
        "mismatches_keras_emulator": 0,
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
        "last_weights": last,
        "gates": network.gates,
        "comparisons": sum(len(stage.source) for stage in network.stages),
        "counted_bits": sum(len(stage.group) for stage in network.stages),
        "functions_changed": {
            name: int((before[name] != after[name]).sum()) for name in ("first", "second", "third")
        },
    }
    return _finish(lesson, _emulated(network), histories, export, logic_card, "logic.npz")
