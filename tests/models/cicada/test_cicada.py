import numpy as np
import pytest

from l1kd.models.cicada import students as cicada
from l1kd.models.cicada import teacher
from l1kd.models.cicada.config import Autoencoder
from l1kd.statistics import roc_auc


def test_the_teacher_gives_an_image_for_an_image(tf):
    model = teacher.network(Autoencoder(latent=8))
    assert model.output_shape == (None, 18, 14, 1)
    images = np.random.default_rng(1).integers(0, 60, (5, 18, 14)).astype(np.uint16)
    error = teacher.reconstruction_error(model)(images)
    x = images[..., None].astype(np.float32)
    wanted = np.square(model(x).numpy() - x).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(error, wanted, rtol=1e-5)


def test_both_students_have_the_deployed_size_and_share_their_weights(tf):
    floating, quantized = cicada.student(), cicada.quantized_student()
    assert quantized.count_params() == floating.count_params() == 16 + 252 * 16 + 16 + 16
    quantized.set_weights(floating.get_weights())
    images = np.random.default_rng(1).integers(0, 60, (50, 18, 14)).astype(np.uint16)
    exact, rounded = cicada.score(floating)(images), cicada.score(quantized)(images)
    assert exact.min() > 50
    assert np.abs(exact - rounded).max() < 20


def test_quantized_scores_lie_on_the_grid_of_the_firmware(tf):
    model = cicada.quantized_student()
    model.set_weights(cicada.student().get_weights())
    images = np.random.default_rng(1).integers(0, 1024, (200, 18, 14)).astype(np.uint16)
    scores = cicada.score(model)(images)
    np.testing.assert_array_equal(scores * 256, np.round(scores * 256))
    assert ((scores >= 0) & (scores < 256)).all()


def test_the_error_of_an_identity_separates_nothing(tf):
    rng = np.random.default_rng(2)
    images = rng.integers(0, 60, (40, 18, 14)).astype(np.uint16)
    error = teacher.reconstruction_error(lambda x, training: x)(images)
    assert roc_auc(error[:20], error[20:]).value == pytest.approx(0.5)
