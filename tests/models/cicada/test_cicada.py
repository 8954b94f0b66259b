import numpy as np
import pytest

from l1kd.models.cicada import students as cicada
from l1kd.models.cicada import teacher
from l1kd.models.cicada.config import Autoencoder, QKerasShape
from l1kd.statistics import roc_auc


def test_the_teacher_gives_an_image_for_an_image(tf):
    model = teacher.network(Autoencoder(latent=8))
    assert model.output_shape == (None, 18, 14, 1)
    images = np.random.default_rng(1).integers(0, 60, (5, 18, 14)).astype(np.uint16)
    error = teacher.reconstruction_error(model)(images)
    x = images[..., None].astype(np.float32)
    wanted = np.square(model(x).numpy() - x).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(error, wanted, rtol=1e-5)


SHAPES = {
    "deployed": (QKerasShape(), 16 + 252 * 16 + 16 + 16),
    "with a bias": (QKerasShape(filters=8, filter_bias=True, hidden=4), 40 + 504 * 4 + 4 + 4),
    "dense": (QKerasShape(architecture="dense", hidden=15), 252 * 15 + 15 + 15),
}


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


def began(shape, images):
    """A student with its first weights, of a score that is a logarithm of a sum."""
    model = cicada.student(shape)
    wanted = 20.0 * np.log(1.0 + np.maximum(images - 64.0, 0.0).sum(axis=(1, 2)))
    cicada.begin(model, images, wanted.astype(np.float32), 3)
    return model, wanted


def hot_images(count):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 60, (count, 18, 14)).astype(np.uint16)
    for image in images:
        image[rng.integers(0, 18, 3), rng.integers(0, 14, 3)] += rng.integers(1, 300, 3).astype(
            np.uint16
        )
    return images


def test_both_students_have_the_size_of_their_line_and_share_their_weights(tf, shape):
    shape, parameters = shape
    images = hot_images(200)
    floating, _ = began(shape, images)
    quantized = cicada.quantized_student(shape)
    assert quantized.count_params() == floating.count_params() == parameters
    quantized.set_weights(floating.get_weights())
    exact, rounded = cicada.score(floating)(images), cicada.score(quantized)(images)
    assert np.median(exact) > 50
    assert np.abs(exact - rounded).max() < 20


def test_a_bias_of_the_filters_lets_first_weights_follow_what_stands_out(tf):
    images = hot_images(2000)
    follows = {}
    for name in ("deployed", "with a bias"):
        model, wanted = began(SHAPES[name][0], images)
        follows[name] = np.corrcoef(cicada.score(model)(images), wanted)[0, 1]
    assert follows["with a bias"] > 0.9 > follows["deployed"]


def test_bit_operations_are_products_of_declared_widths():
    # 252 products of 11 x 11 bits, 252 x 16 of 10 x 7, 16 of 10 x 11
    assert cicada.bit_operations(QKerasShape(), 11) == 4 * 252 * 121 + 4032 * 70 + 1760
    dense = QKerasShape(architecture="dense", hidden=15)
    assert cicada.bit_operations(dense, 10) == 252 * 15 * 70 + 15 * 110


def test_quantized_scores_lie_on_the_grid_of_the_firmware(tf):
    model = cicada.quantized_student(QKerasShape())
    model.set_weights(began(QKerasShape(), hot_images(200))[0].get_weights())
    images = np.random.default_rng(1).integers(0, 1024, (200, 18, 14)).astype(np.uint16)
    scores = cicada.score(model)(images)
    np.testing.assert_array_equal(scores * 256, np.round(scores * 256))
    assert ((scores >= 0) & (scores < 256)).all()


def test_the_error_of_an_identity_separates_nothing(tf):
    rng = np.random.default_rng(2)
    images = rng.integers(0, 60, (40, 18, 14)).astype(np.uint16)
    error = teacher.reconstruction_error(lambda x, training: x)(images)
    assert roc_auc(error[:20], error[20:]).value == pytest.approx(0.5)
