"""A region's whole step as Verilog, in Verilator, against its emulator."""

from dataclasses import replace

import numpy as np
import pytest

from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.weighing import NAMES, NetworkWeight
from l1kd.emulators.correlator.weighing.columns import OF_MET, OF_PLACES, OF_TRACK_MET
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.errors import FirmwareError
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.proof.checks import RTL, verify
from l1kd.models.firmware.region.design import build_region
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.tools import verilator, yosys
from l1kd.models.firmware.vectors import vectors
from tests.emulators.correlator.weighing.networks import dense_network
from tests.l1kd.algorithms.test_correlator import artefact

needs_verilator = pytest.mark.skipif(
    verilator.available() is not None, reason=str(verilator.available())
)
FEW = ("pt", "abs_eta", "em", "vertex_pt_02", "neutral_max_02", "pileup_count_04", "dz", "muon",
       "region_pileup_pt", "event_vertex_count", "alpha")  # fmt: skip


def near(stream: RegionStream, n: int, seed: int) -> np.ndarray:
    """Frames whose candidates lie near each other and near the vertex, of all magnitudes."""
    rng = np.random.default_rng(seed)
    columns = []
    for tensor in stream.inputs:
        form, shape = tensor.format, (n, tensor.size)
        values = rng.integers(form.minimum, form.maximum, shape, endpoint=True)
        if tensor.name.endswith(("_eta", "_phi")) and not tensor.name.endswith("met_phi"):
            values = values >> rng.integers(0, 6, (n, 1))
        elif tensor.name.endswith(("pv", "z0")):
            values = values >> 6
        elif tensor.name.endswith(("z_pt", "second_pt")):
            values = values >> rng.integers(0, 2, shape)
        elif tensor.name.endswith("_pt"):
            values = values >> rng.integers(0, 15, shape)
        columns.append(values)
    return stream.arranged(np.concatenate(columns, axis=1))


def compare(stream: RegionStream, rows: np.ndarray, folder) -> np.ndarray:
    design = build_region(
        stream, folder, tool="da4ml", top="region", clock_period_ns=2.8, latency_cutoff=4.0,
        part="xcvu13p-flga2577-2-e",
    )  # fmt: skip
    found = verilator.simulate(folder, design, stream, rows, build_dir=folder / "build")
    expected = vectors.emulate(stream, rows)
    np.testing.assert_array_equal(found, expected)
    return expected


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize(
    ("board", "names", "tracks"),
    [
        ("hgcalnotk", NAMES, "none"),
        ("barrel", FEW, "kept"),
        ("hgcal", ("dz", "linpuppi_weight", *OF_PLACES), "every"),
    ],
)
def test_the_module_equals_the_emulator(board, names, tracks, tmp_path):
    network, _ = dense_network(len(names), seed=21, gain=1)
    weight = NetworkWeight(network, tuple(names), tracks=tracks)
    stream = RegionStream(weight, board, LinPuppi.preset(board))
    expected = compare(stream, near(stream, 600, seed=3), tmp_path)
    assert len(np.unique(expected)) > 20


@needs_verilator
@pytest.mark.slow
@pytest.mark.parametrize(
    ("board", "names", "tracks"),
    [
        ("barrel", (*OF_MET, *OF_TRACK_MET), "every"),
        ("hf", ("met_toward", "pt", "track_met_away"), "none"),
        ("hgcal", OF_TRACK_MET, "kept"),
    ],
)
def test_the_met_comes_from_every_side(board, names, tracks, tmp_path):
    network, _ = dense_network(len(names), seed=21, gain=1)
    stream = RegionStream(
        NetworkWeight(network, names, tracks=tracks), board, LinPuppi.preset(board)
    )
    rows, generator = near(stream, 6 * 2048, seed=3), np.random.default_rng(3)
    for column, tensor in enumerate(stream.inputs):
        if tensor.name.endswith("met_phi"):
            assert (tensor.format.minimum, tensor.format.maximum) == (-1024, 1023)
            rows[::6, column] = generator.permutation(np.arange(-1024, 1024))
    expected = compare(stream, rows, tmp_path)
    assert len(np.unique(expected)) > 20


@needs_verilator
@pytest.mark.heavy
@pytest.mark.parametrize("board", ["barrel", "hgcal", "hf"])
def test_every_column_on_every_board(board, tmp_path):
    network, _ = dense_network(len(NAMES), seed=21, gain=1)
    weight = NetworkWeight(network, NAMES, tracks="every")
    stream = RegionStream(weight, board, LinPuppi.preset(board))
    expected = compare(stream, near(stream, 6000, seed=3), tmp_path)
    assert len(np.unique(expected)) > 20


@needs_verilator
@pytest.mark.heavy
@pytest.mark.parametrize(
    ("backend", "names", "hidden", "tracks"),
    [("da4ml", FEW, 8, "kept"), ("alkaid", (*FEW, *OF_PLACES), (20, 16), "every")],
)
def test_a_build_is_proved_and_verified(backend, names, hidden, tracks, tmp_path):
    model = artefact(tmp_path / "model", names=names, hidden=hidden, gain=1, tracks=tracks)
    options = BuildOptions(backend=backend, clock_mhz=360.0, synthesize=yosys.available() is None)
    built = build(str(model), tmp_path / "built", options)
    assert built.good
    assert built.proof.compared[RTL] == {"vectors": 131_076, "mismatches": 0}
    # packaged events, regions of the barrel, cycles of a region
    assert built.description["vectors"]["real"] == 10 * 54 * 6
    for tool, found in built.figures["resources"].items():
        if tool.startswith("Yosys"):  # 0.8 ns an adder, by the default cut
            assert 0.8 * found["longest_path"] <= options.period
    assert verify(tmp_path / "built", count=600).good


def test_a_region_has_a_margin_and_what_the_user_asks_for_has_none():
    usual = BuildOptions(backend="da4ml", clock_mhz=360.0)
    assert usual.of_region().cutoff == pytest.approx(0.85 * usual.cutoff)
    assert replace(usual, latency_cutoff=4.0).of_region().cutoff == 4.0
    assert replace(usual, latency_cutoff=0.0).of_region().cutoff is None


def test_networks_that_cannot_read_all_bits_are_refused(tmp_path):
    network, _ = dense_network(2, seed=1, form=FixedPoint(6, 5, False, "TRN", "SAT"))
    stream = RegionStream(NetworkWeight(network, NAMES[:2]), "hf", LinPuppi.preset("hf"))
    options = {"tool": "da4ml", "top": "r", "clock_period_ns": 3.0, "latency_cutoff": 4.0}
    with pytest.raises(FirmwareError, match="cannot hold its inputs"):
        build_region(stream, tmp_path, **options, part="xcvu13p")
    wide = LinPuppi(PRESETS["hf"].replace(dr_max=0.56))
    network, _ = dense_network(2, seed=1)
    stream = RegionStream(NetworkWeight(network, NAMES[:2]), "hf", wide)
    with pytest.raises(FirmwareError, match="squared steps"):
        build_region(stream, tmp_path, **options, part="xcvu13p")
