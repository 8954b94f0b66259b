"""The teacher as an artefact: what it reads, what it cannot copy, and the graph that scores."""

import numpy as np
import onnxruntime
import pytest

from l1kd.algorithms import CicadaTeacher
from l1kd.algorithms.image_scores import log_error
from l1kd.algorithms.residuals import RESIDUALS, Residuals, normalisation_of
from l1kd.errors import ArtefactError, ConfigurationError
from l1kd.models.cicada import teacher
from l1kd.models.cicada.autoencoder_onnx import write_error_model
from l1kd.models.cicada.config import Autoencoder, Normalised
from l1kd.models.train import train
from tests.l1kd.datasets.overlay.libraries import write_library


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(1)
    busy = rng.poisson(9.0, (30, 18, 14)) + 120 * (rng.random((30, 18, 14)) > 0.99)
    return busy.astype(np.uint16)


@pytest.mark.parametrize("decoder", ["upsampling", "transposed"])
@pytest.mark.parametrize("normalised", [None, Normalised(power=0.35)])
@pytest.mark.parametrize("smear", [(0.0, 0.0), (0.25, 0.125), (0.0, 0.5)])
def test_the_graph_gives_the_error_of_the_model(tf, images, tmp_path, decoder, normalised, smear):
    settings = Autoencoder(latent=6, decoder=decoder, normalised=normalised, smear=smear)
    model = teacher.network(settings)
    write_error_model(model, tmp_path / "model.onnx", smear)
    read = images.astype(np.float32)
    if normalised is not None:
        read = RESIDUALS.to_float(normalised.residuals().raw(images)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    found = session.run(None, {"images": read})[0]
    wanted = teacher.reconstruction_error(model, settings)(images)
    assert found.shape == (len(images),)
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    missed = model(read[..., None]).numpy()[..., 0] - read
    shared = missed.copy()
    for phi in range(18):  # phi goes round, eta ends
        shared[:, (phi + 1) % 18] += smear[0] * missed[:, phi]
        shared[:, phi - 1] += smear[0] * missed[:, phi]
    for eta in range(13):
        shared[:, :, eta + 1] += smear[1] * missed[:, :, eta]
        shared[:, :, eta] += smear[1] * missed[:, :, eta + 1]
    np.testing.assert_allclose(wanted, np.square(shared).mean(axis=(1, 2)), rtol=1e-4)


def test_both_decoders_have_the_paper_s_size(tf):
    sizes = {d: teacher.network(Autoencoder(decoder=d)).count_params() for d in
             ("upsampling", "transposed")}  # fmt: skip
    assert sizes["upsampling"] == sizes["transposed"] == 323_731


def test_hidden_regions_cannot_be_copied(tf):
    """An identity misses what is hidden, and that is what the loss counts."""

    class Identity:
        layers = (type("Scale", (), {"scale": 1.0}),)

        def __call__(self, x, training):
            return x

    x = tf.constant(np.full((4, 18, 14, 1), 3.0, np.float32))
    chance = tf.constant(np.random.default_rng(1).random((4, 18, 14, 1), np.float32))
    assert float(teacher._loss(Identity(), 0.0)(x, chance)) == 0.0
    assert float(teacher._loss(Identity(), 0.3)(x, chance)) == pytest.approx(9.0)


def test_a_training_leaves_an_artefact_that_scores(tf, images, tmp_path):
    for seed, name in enumerate(("minbias", "tt", "hbb")):
        write_library(tmp_path / f"regions_{name}.npz", 300, seed)
    (tmp_path / "config.yaml").write_text(
        f"""
kind: cicada_teacher
name: small
version: 3
seed: 1
data: {{folder: {tmp_path}, minimum_bias: regions_minbias.npz, signals: [tt, hbb], exposure: [],
       mu: 20, split: [0.4, 0.7]}}
training_mu: [10, 30]
test_mu: [20]
rate_mu: [20, 140]
images_per_epoch: 60
validation_images: 50
test_images: 80
autoencoder: {{latent: 3, decoder: transposed, hidden: 0.3, normalised: {{power: 0.5, by: ring}}}}
teacher: {{epochs: 1, batch: 20, learning_rate: 0.001}}
""",
        encoding="utf-8",
    )
    artefact = train("cicada-teacher", tmp_path / "config.yaml", tmp_path / "small-v3", quiet=True)
    assert artefact.kind == "cicada_teacher"
    metrics = artefact.json("metrics.json")
    assert set(metrics["test"]) == {"20"}
    assert set(metrics["growth"]["teacher"]["rate_hz"]) == {"20", "140"}
    assert "mean" in artefact.file("card.md").read_text()
    score = CicadaTeacher(tmp_path / "small-v3")
    found = score.score(images)
    assert score.version == "small-v3"
    assert (found * 256 == np.round(found * 256)).all()
    read = Residuals(0.5, "ring").raw(images) / np.float32(32)
    session = onnxruntime.InferenceSession(str(artefact.file("model.onnx")))
    np.testing.assert_array_equal(
        found, log_error(session.run(None, {"images": read.astype(np.float32)})[0], "log_32_mse")
    )


def test_the_shipped_teacher_knows_its_signals(images):
    score = CicadaTeacher()
    plain = score.score(images)
    signal = images.copy()
    signal[:, 4, 5] += 100
    signal[:, 5, 9] += 80
    assert (score.score(signal) > plain).mean() > 0.95
    assert score.score(images[:0]).shape == (0,)


@pytest.mark.parametrize("wrong", [{"power": 2.0}, {"power": 0.5, "by": "moon"}, {"power": -1.0}])
def test_impossible_normalisations_are_refused(wrong):
    with pytest.raises(ConfigurationError, match="residuals: expected a power"):
        Residuals(**wrong)


def test_a_normalisation_that_is_not_known_is_refused():
    with pytest.raises(ArtefactError, match=r"mine: normalisation .* is not known"):
        normalisation_of({"regions": {"normalisation": {"kind": "other"}}}, "mine")
    assert normalisation_of({"regions": {}}, "mine") is None
