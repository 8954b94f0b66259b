"""What a user may name as NETWORK, and what can be had from it.

The integer graph is the common ground: an artefact of the zoo and a network file hold it already,
and hls4ml's project is made from it; a firmware folder or a model of a training framework is
turned into a project first, and the graph is read back from that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from l1kd import artefacts
from l1kd.algorithms.region_networks import KIND, region_network
from l1kd.algorithms.residuals import Residuals, normalisation_of
from l1kd.emulators.correlator.linpuppi import LinPuppi
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.errors import FirmwareError, ToolError, UnreadableFileError
from l1kd.models.firmware.hls import hls
from l1kd.models.firmware.sources import conifer_models, keras_models, onnx_models
from l1kd.models.firmware.sources.da4ml_trace import traced_network
from l1kd.models.firmware.sources.frameworks import Precisions, Reference
from l1kd.models.firmware.sources.names import identifier
from l1kd.models.firmware.stream import RegionStream

__all__ = ["Source", "find"]

_MODEL_SUFFIXES = (".keras", ".h5")
_TORCH = (".pt", ".pth", ".ckpt", ".pt2")
_FLOAT = "the model computes in floating point: its bits are those that were declared"
Write = Callable[[hls.HlsOptions, Path], None]


@dataclass(frozen=True)
class Source:
    """A network that can be built.

    Attributes
    ----------
    name : str
        A C++ and Verilog identifier.
    kind : str or None
        Kind of the artefact, which says what its inputs are.
    network : Network, LogicNetwork, RegionStream or None
        The emulator, where the source holds one; else it is read from the project.
    write : callable
        Writes the firmware folder of HLS C++: options and folder.
    framework : callable or None
        Reads the model in its training framework.
    why_no_framework : str
        Why there is nothing to compare with.
    origin : dict
        For the provenance: names and hashes.
    metrics : dict
        What the artefact tells of its quality.
    normalisation : Residuals or None
        What is done to calorimeter images before the network reads them.
    traced : callable or None
        Gives the emulator another way where `write` fails, of the reason; RTL can be built of it.
    """

    name: str
    kind: str | None
    network: Network | LogicNetwork | RegionStream | None
    write: Write
    framework: Callable[[], Reference] | None
    why_no_framework: str
    origin: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    normalisation: Residuals | None = None
    traced: Callable[[str], Network] | None = None


def find(name: str, precisions: Precisions | None = None, board: str = "barrel") -> Source:
    """Find a network by the name of an artefact or by its path.

    Parameters
    ----------
    name : str
        A shipped artefact (``qdistillnet_paper-v1``), the folder of one, a network file (``.npz``),
        a firmware folder, a model of Keras, QKeras or HGQ2 (``.keras``, ``.h5``), ONNX
        (``.onnx``) or decision trees of conifer (``.json``).
    precisions : mapping, optional
        Types that a model leaves open; see `keras_models.convert_keras`.
    board : str
        Board type of the correlator for whose regions a network of kind "correlator" is built.

    Raises
    ------
    UnreadableFileError
        There is no such thing, or it cannot be read.
    FirmwareError
        It is not a network for firmware.
    ArtefactError
        An artefact differs from its hashes.
    """
    path, chosen = Path(name), precisions or {}
    if name in artefacts.shipped() or (path / "manifest.json").is_file():
        return _from_artefact(name, chosen, board)
    if path.is_dir():
        return _from_folder(path)
    if not path.is_file():
        raise UnreadableFileError(
            f"'{name}' is neither a shipped network nor a file or folder; expected a network file "
            "(.npz), a firmware folder, a Keras model (.keras, .h5), .onnx or .json"
            f"{artefacts.nearest_shipped(name)}"
        )
    origin = {"file": path.name, "sha256": artefacts.sha256(path)}
    if path.suffix == ".npz":
        return _from_emulator(identifier(path.stem), None, path, origin)
    if path.suffix in _MODEL_SUFFIXES:
        return _from_keras(path, chosen, origin)
    if path.suffix == ".onnx":
        return _from_onnx(path, chosen, origin)
    if path.suffix == ".json":
        return _from_conifer(path, chosen, origin)
    if path.suffix in _TORCH:
        raise UnreadableFileError(
            f"{path}: a PyTorch file holds weights and code, which l1kd does not run; export the "
            "model with torch.onnx.export (dense layers) or brevitas' export_qonnx (quantized), or "
            "let hls4ml.converters.convert_from_pytorch_model write a firmware folder; build that"
        )
    raise UnreadableFileError(
        f"{path}: expected .npz, .keras, .h5, .onnx, .json of conifer or a folder, found "
        f"'{path.suffix}'"
    )


def _read_network(path: Path) -> Network | LogicNetwork:
    errors = []
    for kind in (Network, LogicNetwork):
        try:
            return kind.load(path)
        except ValueError as error:
            errors.append(str(error))
    raise UnreadableFileError(f"{path} holds no network: {errors[0]}")


def _write_graph(network: Network | LogicNetwork) -> Write:
    def write(options: hls.HlsOptions, folder: Path) -> None:
        if isinstance(network, LogicNetwork):
            raise FirmwareError(
                "a network of logic gates has no HLS C++: build Verilog and VHDL of its gates with "
                "--backend da4ml or alkaid"
            )
        hls.write_project(hls.model_graph(network, options), folder)

    return write


def _from_emulator(
    name: str, kind: str | None, path: Path, origin: dict[str, Any], **facts: Any
) -> Source:
    network = _read_network(path)
    facts = {"framework": None, "why_no_framework": "the source is the integer network"} | facts
    return Source(name, kind, network, _write_graph(network), origin=origin, **facts)


def _from_artefact(name: str, precisions: Precisions, board: str) -> Source:
    artefact = artefacts.load(name)
    files = artefact.manifest["files"]
    origin = {"artefact": artefact.title, "sha256": {n: e["sha256"] for n, e in files.items()}}
    metrics = artefact.json("metrics.json") if "metrics.json" in files else {}
    networks = [file for file in ("network.npz", "logic.npz") if file in files]
    models = sorted(file for file in files if Path(file).suffix in _MODEL_SUFFIXES)
    identity = identifier(artefact.title)
    if artefact.kind == KIND:
        return _of_region(name, board, f"{identity}_{board}", origin, metrics)
    normalisation = normalisation_of(artefact.manifest["inputs"], artefact.title)
    if networks:
        facts: dict[str, Any] = {"metrics": metrics, "normalisation": normalisation}
        if models:
            path = artefact.file(models[0])
            facts["framework"] = lambda: keras_models.read_keras(path)
        else:
            facts["why_no_framework"] = "the artefact holds no model of its training framework"
        path_of_network = artefact.file(networks[0])
        found = _from_emulator(identity, artefact.kind, path_of_network, origin, **facts)
        if not models:
            return found
        model = artefact.file(models[0])
        return replace(found, write=_first_of(found.write, _write_keras(model, precisions)))
    if models:
        return _from_keras(artefact.file(models[0]), precisions, origin, identity, artefact.kind)
    onnx = sorted(file for file in files if file.endswith(".onnx"))
    if onnx:
        return _from_onnx(artefact.file(onnx[0]), precisions, origin, identity, artefact.kind)
    raise FirmwareError(
        f"artefact {artefact.title} has no network for firmware: expected network.npz, a Keras or "
        f"an ONNX model, found {', '.join(sorted(files))}"
    )


def _of_region(
    name: str, board: str, identity: str, origin: dict[str, Any], metrics: dict[str, Any]
) -> Source:
    """Return the whole step of a region: input sums, LinPUPPI's and the network."""
    found = region_network(name)
    puppi = found.puppi.get(board) or LinPuppi.preset(board)
    stream = RegionStream(found.weight, board, puppi, clusters=found.clusters, others=found.puppi)

    def refuse(options: hls.HlsOptions, folder: Path) -> None:
        raise FirmwareError(
            "a region of the correlator has no HLS C++: build Verilog of its sums and network with "
            "--backend da4ml or alkaid"
        )

    why = "the sums around the network have no model in a training framework"
    return Source(identity, KIND, stream, refuse, None, why, {**origin, "board": board}, metrics)


def _first_of(first: Write, second: Write) -> Write:
    """Write from the graph, or from the model where hls4ml has no layers for the graph."""

    def write(options: hls.HlsOptions, folder: Path) -> None:
        try:
            first(options, folder)
        except (FirmwareError, ToolError):
            second(options, folder)

    return write


def _write_keras(path: Path, precisions: Precisions) -> Write:
    def write(options: hls.HlsOptions, folder: Path) -> None:
        framework = keras_models.read_keras(path)
        hls.write_project(keras_models.convert_keras(framework, options, precisions), folder)

    return write


def _from_folder(path: Path) -> Source:
    # A folder is understood completely before anything is built.
    try:
        network = Network.from_hls_project(path)
    except ValueError as error:
        raise FirmwareError(f"{path}: {error}") from error

    def write(_: hls.HlsOptions, folder: Path) -> None:
        hls.copy_project(path, folder)

    return Source(
        identifier(network.graph.name),
        None,
        network,
        write,
        None,
        "the source is a firmware folder",
        {"folder": path.resolve().name},
    )


def _from_conifer(path: Path, precisions: Precisions, origin: dict[str, Any]) -> Source:
    network = conifer_models.read_conifer(path, precisions)

    def write(_: hls.HlsOptions, folder: Path) -> None:
        raise FirmwareError(
            f"HLS C++ of decision trees is conifer's own ({folder.name} would be a copy): build "
            "Verilog and VHDL with --backend da4ml or alkaid"
        )

    return Source(
        network.graph.name,
        None,
        network,
        write,
        lambda: conifer_models.ConiferCpp(path, precisions),
        "",
        origin,
    )


def _from_keras(
    path: Path,
    precisions: Precisions,
    origin: dict[str, Any],
    name: str | None = None,
    kind: str | None = None,
) -> Source:
    model = keras_models.read_keras(path)

    def write(options: hls.HlsOptions, folder: Path) -> None:
        hls.write_project(keras_models.convert_keras(model, options, precisions), folder)

    why = "" if model.quantized else _FLOAT
    if model.quantized and model.inexact:
        why = f"{model.name} computes {model.inexact}"
    framework = None if why else lambda: model
    found = Source(name or identifier(path.stem), kind, None, write, framework, why, origin)
    if model.name != "HGQ2":
        return found
    return replace(found, traced=lambda reason: traced_network(model.firmware_model, reason))


def _from_onnx(
    path: Path,
    precisions: Precisions,
    origin: dict[str, Any],
    name: str | None = None,
    kind: str | None = None,
) -> Source:
    model = onnx_models.read_onnx(path)
    network = onnx_models.integer_network(model, precisions)

    def write(options: hls.HlsOptions, folder: Path) -> None:
        hls.write_project(onnx_models.convert_onnx(model, options, precisions), folder)

    framework = (lambda: model) if model.quantized else None
    why = "" if model.quantized else _FLOAT
    title = name or identifier(path.stem)
    if network is not None:
        return Source(title, kind, network, _write_graph(network), framework, why, origin)
    return Source(title, kind, None, write, framework, why, origin)
