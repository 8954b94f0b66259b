"""Every score of the calorimeter image has `score(images)`, and inserts what it gives."""

import numpy as np
import pytest

import l1kd
from l1kd.algorithms import (
    ALGORITHMS,
    Cicada,
    CicadaTeacher,
    EventScore,
    QDistillNet,
    RingChi2,
    algorithm,
)
from l1kd.algorithms.image_scores import log_error
from l1kd.algorithms.residuals import Residuals, network_input
from l1kd.artefacts import READERS, load, shipped
from l1kd.datasets import RegionLibrary, calo_overlay, inspect_file
from l1kd.emulators.deployed import Cicada as Deployed
from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError, ConfigurationError, InputError
from tests.l1kd.datasets.overlay.libraries import write_library

SCORES = sorted(
    name
    for name in ALGORITHMS
    if isinstance(algorithm(name), EventScore) and algorithm(name).inputs == ("regions",)
)
NETWORKS = sorted(name for name in shipped() if load(name).kind == "cicada")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    library = write_library(tmp_path_factory.mktemp("library") / "library.npz")
    return calo_overlay(RegionLibrary.read(library), 60.0, 40, seed=1)


def test_the_simple_scores_are_there():
    simple = {"calo_sum", "calo_hottest", "calo_ht", "calo_rms"}
    assert {"ring_chi2", "ring_chi2_integer", *simple} <= set(SCORES)


@pytest.mark.parametrize("name", SCORES)
def test_scores_by_name(name, images, data):
    score = algorithm(name)
    found = score.score(images)
    assert found.shape == (len(images),)
    assert found.dtype == np.float32
    if score.step:
        assert (found / score.step == np.round(found / score.step)).all()
    events = inspect_file(str(data / "ttbar2l_PU140.root")).open(0, 3)
    inserted = l1kd.insert(events, [name])
    collection, field = score.adds.split(".")
    np.testing.assert_array_equal(inserted[collection][field], score.score(l1kd.regions(events)))


def test_the_excess_is_the_sum_of_squares(images):
    residuals = Residuals(0.35).raw(images).astype(object)  # Python's own integers
    wanted = [int((image * image).sum()) // 64 for image in residuals]
    found = algorithm("ring_excess").score(images)
    assert (found * 4096).tolist() == wanted
    full = np.zeros((1, 18, 14), np.uint16)
    full[0, :9] = 1023  # the largest sum of squares still fits a float32
    assert float(algorithm("ring_excess").score(full)[0] * 4096).is_integer()


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 18, 14)),
        np.zeros((3, 18, 7), np.uint16),
        np.zeros((2, 9, 14), np.uint16),
        np.full((2, 18, 14), 1024, np.uint16),
        5,
    ],
)
def test_residuals_of_what_is_no_image_are_refused(images):
    """The kernel looks at no shape: it wrote beyond its result."""
    with pytest.raises(InputError, match="residuals: expected"):
        Residuals(0.35).raw(images)


@pytest.mark.parametrize("power", ["a", None, True, float("nan"), [1]])
def test_a_power_that_is_no_number_is_refused(power):
    with pytest.raises(ConfigurationError, match="residuals: expected a power from 0 to 1"):
        Residuals(power)


@pytest.mark.parametrize("name", NETWORKS)
def test_scores_of_networks(name):
    rng = np.random.default_rng(5)
    images = rng.integers(0, 60, (40, 18, 14)).astype(np.uint16)
    for number, image in enumerate(images):  # jets from soft to hard, each in another place
        image[rng.integers(0, 18), rng.integers(0, 14)] += np.uint16(20 * number)
    found = Cicada(name).score(images)
    assert (found.shape, found.dtype) == ((len(images),), np.float32)
    assert len(np.unique(found)) > len(images) // 3


@pytest.mark.parametrize("name", ["cicada_logic-v3", "cicada_hgq-v4", "cicada-v4", "cicada-v1"])
def test_a_score_is_that_of_the_cast_input(images, name):
    """Whether the network reads every bit of a region or less."""
    cicada = Cicada(name)
    read, form = network_input(images, cicada.normalisation)
    (tensor,), network = cicada.network.inputs, cicada.network
    raw = tensor.format.cast(read.reshape(len(images), 252).astype(np.int64), form)
    wanted = network.predict_raw(raw)[:, 0] * network.outputs[0].format.step
    np.testing.assert_array_equal(cicada.score(images), wanted)


def test_a_network_file_is_a_model_as_well(images, tmp_path):
    network = Cicada("cicada-v1").network
    network.save(tmp_path / "mine.npz")
    mine = Cicada(tmp_path / "mine.npz")
    assert mine.version == "mine.npz"
    np.testing.assert_array_equal(mine.score(images), Cicada("cicada-v1").score(images))
    np.testing.assert_array_equal(Deployed(network).score(images), mine.score(images))
    assert Deployed(network).score(images).dtype == np.float32


def test_a_network_of_other_inputs_is_refused(images, tmp_path):
    folder = "tests/emulators/network/cpp/folders/single"
    Network.from_hls_project(folder).save(tmp_path / "other.npz")
    with pytest.raises(ArtefactError, match=r"other\.npz: expected a network of 252 regions"):
        Cicada(tmp_path / "other.npz").score(images)
    with pytest.raises(ArtefactError, match="single: expected a network of 252 regions"):
        Cicada(folder).score(images)


@pytest.mark.parametrize("name", SCORES)
def test_no_images_have_no_scores(name, images):
    found = algorithm(name).score(images[:0])
    assert (found.shape, found.dtype) == ((0,), np.float32)


def test_the_order_of_bytes_does_not_matter(images):
    for name in SCORES:
        score = algorithm(name)
        np.testing.assert_array_equal(score.score(images.astype(">u2")), score.score(images))


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((3, 252), np.uint16), np.zeros((3, 18, 14)), np.zeros((3, 14, 18), "u2"),
        np.uint16(3), None, np.zeros((3, 18, 14), int).tolist(),
    ],
)  # fmt: skip
def test_other_arrays_are_refused(wrong):
    with pytest.raises(InputError, match="18, 14"):
        RingChi2().score(wrong)


def test_another_type_is_refused_with_the_cast():
    remedy = r"uint16 regions .* found float64 .*: regions\.astype\(np\.uint16\)"
    with pytest.raises(InputError, match=remedy):
        RingChi2().score(np.zeros((3, 18, 14)))


@pytest.mark.parametrize(
    ("of", "model", "remedy"),
    [
        (Cicada, "cicada_teacher-v2", "CicadaTeacher"),
        (CicadaTeacher, "cicada-v4", "Cicada"),
        (QDistillNet, "distillnet_small-v1", "DistillNet"),
    ],
)
def test_an_artefact_of_another_kind_is_named_with_its_class(of, model, remedy):
    wanted = rf"{model} is of kind .*: read it by l1kd\.algorithms\.{remedy}\('{model}'\)"
    for place in (model, "l1kd/models/zoo/" + model):
        with pytest.raises(ArtefactError, match=wanted):
            of(place)
    with pytest.raises(ArtefactError, match=wanted):
        load(model, of.name)


def test_every_reader_of_artefacts_is_an_algorithm():
    assert set(READERS.values()) <= set(l1kd.algorithms.__all__)
    kinds = {load(name).kind for name in shipped()}
    assert kinds - set(READERS) == {"teacher", "object_teacher"}
    assert isinstance(algorithm("cicada_teacher"), CicadaTeacher)
    assert algorithm("cicada_teacher=cicada_teacher-v1").version == "cicada_teacher-v1"


def test_counts_that_no_region_holds_are_refused():
    full = np.full((1, 18, 14), 1023, np.uint16)
    for score in (RingChi2(), Cicada("cicada-v1")):
        assert np.isfinite(score.score(full)).all()
        with pytest.raises(InputError, match="regions clipped at 1023, as the trigger does, found"):
            score.score(full + np.uint16(1))


def test_targets_are_the_named_formulas_on_the_grid():
    error = np.array([0.0, 1.0, np.e, 100.0, 1e9])
    deployed = log_error(error)
    np.testing.assert_allclose(deployed[1:4], [0.0, 32.0, 32 * np.log(100.0)], atol=1 / 512)
    assert deployed[0] == 0.0
    assert deployed[4] == 256 - 1 / 256
    paper = log_error(error, "log_32_mse")
    np.testing.assert_allclose(paper[1:4], np.log(32 * error[1:4]), atol=1 / 512)
    for scores in (deployed, paper):
        np.testing.assert_array_equal(scores * 256, np.round(scores * 256))
