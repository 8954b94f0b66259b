"""Real inputs of a network: the events of the package, and those that a user gives."""

import subprocess
import sys

import awkward as ak
import numpy as np
import pytest

from l1kd.algorithms.networks import Cicada, QDistillNet
from l1kd.artefacts import load, sha256
from l1kd.datasets import inspect_file
from l1kd.emulators.network import Network
from l1kd.errors import ConfigurationError, InputError
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.vectors import events, real_events, vectors


def zoo_network(name):
    return Network.load(load(name).file("network.npz"))


def test_packaged_images_are_counts():
    raw, origin = events.packaged_inputs(zoo_network("cicada-v1"), "cicada", 40)
    assert raw.shape == (40, 252)
    assert 0 < raw.max() <= 1023
    assert origin == {"real_events.npz": sha256(events.PACKAGED)}


def test_a_network_of_residual_images_is_given_residuals(data):
    """Raw inputs of the proof give the score that insertion gives the same images."""
    name = "cicada_hgq-v4"
    network, score = zoo_network(name), Cicada(name)
    raw, _ = events.packaged_inputs(network, "cicada", 40, score.normalisation)
    images = [
        events.PackagedEvents.read(sample, "images").columns["regions"][:20]
        for sample in ("minbias", "ttbar2l")
    ]
    wanted = score.score(np.concatenate(images).reshape(-1, 18, 14))
    np.testing.assert_array_equal(
        network.outputs[0].format.to_float(network.predict_raw(raw))[:, 0], wanted
    )
    file = data / "minbias_PU140_l1nano.root"
    given = events.real_inputs(network, "cicada", (file,), 20, score.normalisation)
    np.testing.assert_array_equal(given, raw[:20])
    assert sources.find(name).normalisation.as_dict() == score.normalisation.as_dict()
    assert sources.find("cicada-v1").normalisation is None


@pytest.mark.parametrize("name", ["qdistillnet_local-v1", "qdistillnet_paper-v1"])
def test_packaged_particles_give_the_weights_of_the_inserted_network(data, name):
    """What the network is given in an event is what it is proved with."""
    network = zoo_network(name)
    raw, _ = events.packaged_inputs(network, "qdistillnet", 2000)
    event = inspect_file(str(data / "ttbar2l_PU140.root")).open()[:1]
    weights = ak.to_numpy(ak.flatten(QDistillNet(name)(event)))[:1000]
    found = network.outputs[0].format.to_float(network.predict_raw(raw[:1000]))[:, 0]
    assert np.array_equal(found, weights)
    assert len(np.unique(found)) > 10


def test_half_of_a_default_proof_is_real():
    half = vectors.DEFAULT_VECTORS // 2
    raw, _ = events.packaged_inputs(zoo_network("qdistillnet_local-v1"), "qdistillnet", half)
    assert raw.shape == (half, 31)


def test_packaged_events_are_those_of_the_test_samples(data):
    """As the checkout's files give them, so that `--events` with these gives the same."""
    network = zoo_network("qdistillnet_local-v1")
    files = tuple(data / name for name in ("ttbar2l_PU140.root", "minbias_PU140.root"))
    given = events.real_inputs(network, "qdistillnet", files, 30_000)
    packaged, _ = events.packaged_inputs(network, "qdistillnet", 30_000)
    np.testing.assert_array_equal(given, packaged)
    images = tuple(
        data / name for name in ("minbias_PU140_l1nano.root", "ttbar2l_PU140_l1nano.root")
    )
    network = zoo_network("cicada-v1")
    given = events.real_inputs(network, "cicada", images, 100)
    packaged, _ = events.packaged_inputs(network, "cicada", 100)
    np.testing.assert_array_equal(given, packaged)


def test_the_file_of_the_package_can_be_written_again(data, tmp_path):
    real_events.write(data, tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as again, np.load(events.PACKAGED) as packaged:
        assert sorted(again.files) == sorted(packaged.files)
        for name in packaged.files:
            np.testing.assert_array_equal(again[name], packaged[name])


def test_a_network_of_another_kind_has_no_packaged_events(network):
    assert events.packaged_inputs(network, None, 10) == (None, {})
    assert events.packaged_inputs(network, "topology", 10) == (None, {})


def test_a_network_with_other_inputs_is_refused(network):
    with pytest.raises(InputError, match="particles give 16 or 31 inputs, the network reads 4"):
        events.packaged_inputs(network, "qdistillnet", 10)
    with pytest.raises(InputError, match="events give 252 inputs, the network reads 4"):
        events.packaged_inputs(network, "cicada", 10)


def test_packaged_events_need_no_checkout(tmp_path):
    """No file of ``tests`` is opened, wherever the command starts."""
    code = (
        "import builtins, io, os, sys\n"
        "opened = []\n"
        "see = lambda name, args: opened.append(str(args[0])) if name == 'open' else None\n"
        "sys.addaudithook(see)\n"
        "from l1kd.artefacts import load\n"
        "from l1kd.emulators.network import Network\n"
        "from l1kd.models.firmware.vectors import events\n"
        "network = Network.load(load('qdistillnet_local-v1').file('network.npz'))\n"
        "raw, _ = events.packaged_inputs(network, 'qdistillnet', 100)\n"
        "assert len(raw) == 100\n"
        "assert not [path for path in opened if 'tests' in path and path.endswith('.root')]\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=tmp_path,
                          capture_output=True, text=True, env=None)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_events_need_a_kind(network, tmp_path):
    with pytest.raises(ConfigurationError, match="what a network of kind 'None' reads"):
        events.real_inputs(network, None, (tmp_path / "events.root",), 10)
