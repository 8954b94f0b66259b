"""Read the C++ of an hls4ml firmware folder into a `Project`.

The sources are read as the synthesis tool reads them: from the ``.cpp`` file of the top function
and the headers it includes, with ``__SYNTHESIS__`` defined. The weights are therefore the literals
of the headers. hls4ml's C++ simulation fills the same arrays from ``weights/*.txt`` instead; those
files are never used here, because the firmware is not built from them and folders in circulation
carry copies of other versions. A copy that differs is mentioned in `Project.notes`.

Weights that the top function takes as arguments (BRAM storage) have no header in the firmware
proper; hls4ml's own test bench passes ``weights/<name>.h``, and so does this reader.

Nothing in a folder is executed. Files outside the folder are not opened, sizes are limited, and
whatever is not understood is refused with file, line and construct.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from l1kd.emulators.network.cpp.body import EXPRESSION, is_expression, read_body
from l1kd.emulators.network.cpp.constants import of_python
from l1kd.emulators.network.cpp.declarations import read_declarations
from l1kd.emulators.network.cpp.library import Body, Library, read_bodies
from l1kd.emulators.network.cpp.model import (
    Call,
    CppType,
    Function,
    Project,
    Struct,
    Tensor,
    WeightArray,
    frozen_mapping,
)
from l1kd.emulators.network.cpp.preprocessor import MAX_FILE_BYTES, Preprocessor
from l1kd.emulators.network.cpp.scope import Scope
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Location, Token

__all__ = [
    "Call",
    "CppType",
    "FirmwareSourceError",
    "Function",
    "Location",
    "Project",
    "Struct",
    "Tensor",
    "WeightArray",
    "read_project",
]

MAX_ENTRIES = 50_000
MAX_DEPTH = 8

_INCLUDES_LIBRARY = re.compile(r"^[ \t]*#[ \t]*include[ \t]*\"(nnet_(?!code_gen)\w+\.h)\"", re.M)
_INCLUDES_PARAMETERS = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*"([^"\n]*/)?parameters\.h"', re.M)


_INTEL_OR_SIEMENS = re.compile(
    r"^[ \t]*#[ \t]*include[ \t]*[<\"][^>\"\n]*\bac_(?:fixed|int)\.", re.M
)
_TOOLS = (
    ("Intel oneAPI", r"sycl"),
    ("Siemens Catapult", r"mc_scverify|ac_channel|CCS_BLOCK"),
    ("Intel Quartus HLS", r""),
)


def read_project(path: str | Path) -> Project:
    """Read a firmware folder.

    Parameters
    ----------
    path : str or Path
        The folder, or any folder above it that holds only one ``parameters.h`` at the least depth.

    Raises
    ------
    FirmwareSourceError
        When there is no such folder or more than one, and for every construct that is not
        understood, with file and line.
    """
    root = Path(path).resolve()
    if root.is_file() and root.name == "parameters.h":
        root = root.parent
    if not root.is_dir():
        raise FirmwareSourceError(f"{path} is not a folder")
    parameters = _find_parameters(root)
    _refuse_other_tools(parameters.parent, str(path))
    sources = [source for source in _sources(parameters.parent) if _is_network(source)]
    if len(sources) != 1:
        names = ", ".join(sorted(source.name for source in sources)) or "none"
        where = parameters.relative_to(root).as_posix()
        raise FirmwareSourceError(f"one .cpp file beside {where} must include it, found: {names}")
    return _read(root, parameters.parent, sources[0])


def _find_parameters(root: Path) -> Path:
    """Return the only ``parameters.h`` at the least depth below `root`."""
    level, entries = [root], 0
    for _ in range(MAX_DEPTH):
        found: list[Path] = []
        below: list[Path] = []
        for folder in level:
            for entry in _entries(folder):
                entries += 1
                if entries > MAX_ENTRIES:
                    raise FirmwareSourceError(f"{root} holds too many files")
                if entry.name == "parameters.h" and entry.is_file():
                    found.append(Path(entry.path))
                elif entry.is_dir(follow_symlinks=False):
                    below.append(Path(entry.path))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(sorted(str(file.relative_to(root)) for file in found)[:8])
            raise FirmwareSourceError(f"several networks in one folder, choose one: {names}")
        level = below
    raise FirmwareSourceError(f"no parameters.h below {root}")


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return


def _refuse_other_tools(folder: Path, given: str) -> None:
    """Refuse what hls4ml writes for other tools than Vivado and Vitis, by the tool's name."""
    texts = []
    for path in (folder / "defines.h", *_sources(folder)):
        if path.is_file() and path.stat().st_size <= MAX_FILE_BYTES:
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
    text = "\n".join(texts)
    if re.search(r"#\s*include\s*<(ap_fixed|ap_int)", text) or not _INTEL_OR_SIEMENS.search(text):
        return
    tool = next(name for name, mark in _TOOLS if re.search(mark, text))
    raise FirmwareSourceError(
        f"{given} holds firmware for {tool}, whose number types (ac_fixed) have rules of their "
        "own; only that of Vivado and Vitis is read: convert the model with backend='Vitis'"
    )


def _sources(folder: Path) -> list[Path]:
    return [
        Path(entry.path)
        for entry in _entries(folder)
        if entry.name.endswith((".cpp", ".cc", ".cxx")) and entry.is_file()
    ]


def _is_network(source: Path) -> bool:
    """Whether a source includes ``parameters.h``: the top function's file does."""
    try:
        if source.stat().st_size > MAX_FILE_BYTES:
            return False
        return _INCLUDES_PARAMETERS.search(source.read_bytes()) is not None
    except OSError:
        return False


def _read(root: Path, folder: Path, source: Path) -> Project:
    preprocessor = Preprocessor(root, folder)
    tokens = preprocessor.run(source)
    scope = Scope()
    scope.constants.update(preprocessor.number_macros())
    read_declarations(tokens, scope)
    name = source.relative_to(root).as_posix()
    top = _top_function(name, scope)
    ports = _read_ports(top, folder, preprocessor, scope)
    body = read_body(top, scope, preprocessor.comments)
    weights = _weights(scope, ports, body.calls)
    streams = {tensor.is_stream for tensor in body.tensors.values()}
    if len(streams) > 1:
        raise FirmwareSourceError("arrays and streams in one network", top.location, top.name)
    return Project(
        name=top.name,
        namespace=top.scope,
        io_type="io_stream" if streams == {True} else "io_parallel",
        inputs=tuple(body.inputs),
        outputs=tuple(body.outputs),
        tensors=frozen_mapping(body.tensors),
        calls=tuple(body.calls),
        structs=frozen_mapping({key: value.freeze() for key, value in scope.structs.items()}),
        types=frozen_mapping(scope.types),
        constants=frozen_mapping({key: of_python(v) for key, v in scope.constants.items()}),
        weights=frozen_mapping(weights),
        functions=frozen_mapping(
            {key: value for key, value in scope.functions.items() if value is not top}
            | ({EXPRESSION: top} if is_expression(top) else {})
        ),
        files=tuple(preprocessor.files),
        notes=tuple(_notes(weights, folder)),
        location=top.location,
        library=_library(preprocessor),
    )


def _library(preprocessor: Preprocessor) -> Library:
    """Read the headers of the library that the sources include, and those that they include."""
    bodies: list[Body] = []
    left, seen = list(preprocessor.library), set(preprocessor.library)
    while left:
        path = left.pop()
        text = preprocessor.text(path)
        bodies += read_bodies(text, path.resolve().relative_to(preprocessor.root).as_posix())
        for name in _INCLUDES_LIBRARY.findall(text):
            header = path.parent / name
            if header not in seen and header.is_file():
                seen.add(header)
                left.append(header)
    return Library.of(bodies)


def _top_function(source: str, scope: Scope) -> Function:
    """Return the one plain function of the source whose body calls layers."""
    layers = {"nnet", *scope.functions}
    found = [
        function
        for function in scope.functions.values()
        if function.location.path == source
        and not function.template_parameters
        and any(token.kind == "name" and token.text in layers for token in function.tokens)
    ]
    if not found:
        functions = scope.functions.values()
        found = [f for f in functions if f.location.path == source and is_expression(f)]
    if len(found) != 1:
        names = ", ".join(function.name for function in found) or "none"
        raise FirmwareSourceError(f"one function of {source} must call layers, found: {names}")
    return found[0]


def _read_ports(
    top: Function, folder: Path, preprocessor: Preprocessor, scope: Scope
) -> frozenset[str]:
    """Read the headers of weights that are arguments of the top function."""
    ports: set[str] = set()
    for parameter in top.parameters:
        names = [token.text for token in parameter if token.kind == "name"]
        bracket = next((i for i, token in enumerate(parameter) if token.text == "["), 0)
        name = parameter[bracket - 1].text if bracket else ""
        header = folder / "weights" / f"{name}.h"
        if name in names and name not in scope.arrays and header.is_file():
            read_declarations(preprocessor.run(header), scope)
            if name in scope.arrays:
                ports.add(name)
    return frozenset(ports)


def _weights(scope: Scope, ports: frozenset[str], calls: list[Call]) -> dict[str, WeightArray]:
    weights: dict[str, WeightArray] = {}
    for name, array in scope.arrays.items():
        if array.values is not None and not scope.built_in(_words(array.type)):
            weights[name] = WeightArray(
                name, array.type, array.values, array.location, name in ports
            )
    for call in calls:
        for name in call.weights:
            if name not in weights:
                message = "the array has no values in the headers that are included"
                raise FirmwareSourceError(message, call.location, name)
    return weights


def _words(kind: CppType) -> list[Token]:
    return [Token("name", word, 0, "") for word in kind.base.split()]


def _notes(weights: dict[str, WeightArray], folder: Path) -> Iterator[str]:
    """Compare the text copies of the weights with the headers; they are not used otherwise."""
    for weight in weights.values():
        copy = folder / "weights" / f"{weight.name}.txt"
        if not copy.is_file() or copy.is_symlink() or weight.values.ndim > 1:
            continue
        if copy.stat().st_size > MAX_FILE_BYTES:
            continue
        try:
            values = np.array([float(part) for part in copy.read_text("ascii").split(",")])
        except ValueError:
            values = np.empty(0)
        if not np.array_equal(values, weight.values):
            yield (
                f"weights/{weight.name}.txt differs from {weight.location.path}; the firmware is "
                f"built from the header, and the text is not used"
            )
