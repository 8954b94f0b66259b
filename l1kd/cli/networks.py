"""Verbs of the command line that run and show firmware networks."""

import json
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Column, Table

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.network import Network
from l1kd.errors import ConfigurationError, InputError, UnreadableFileError

if TYPE_CHECKING:
    from l1kd.algorithms.residuals import Residuals
    from l1kd.models.firmware.patterns.words import Layout
    from l1kd.models.firmware.vectors.vectors import Emulator

__all__ = [
    "Columns",
    "Field",
    "LinkNumbers",
    "input_rows",
    "layout_of",
    "network_named",
    "normalisation_named",
]

LinkNumbers = Annotated[
    str, typer.Option("--links", help="Links of pattern files, in order: 0,1,2 or 4-7.")
]
Field = Annotated[
    int | None, typer.Option(min=1, max=64, help="Bits of every element; else its own width.")
]
Columns = Annotated[
    str | None, typer.Option(help="Columns of the candidates, for ROOT files: pt,eta,phi")
]
_NAME = "Shipped network, .npz, firmware folder, built project, .keras, .h5 or .onnx."


def network_named(name: str) -> "Emulator":
    """Read a network; a firmware folder and a network file need nothing of the extras."""
    path = Path(name)
    try:
        if path.suffix == ".npz" and path.is_file():
            return Network.load(path)
        if path.is_dir() and not any(
            (path / n).is_file() for n in ("project.json", "manifest.json")
        ):
            return Network.from_hls_project(path)
    except ValueError as error:
        if path.suffix != ".npz":
            raise UnreadableFileError(f"{name}: {error}") from error
    from l1kd.models.firmware.sources.emulators import emulator_of

    return emulator_of(name)


def layout_of(links: str, field: int | None, gap: int = 0, lead: int = 0) -> "Layout":
    """Read the numbers of links and say how events lie on them."""
    from l1kd.models.firmware.patterns.words import Layout

    numbers: list[int] = []
    for part in filter(None, links.split(",")):
        first, dash, last = part.partition("-")
        try:
            numbers += range(int(first), int(last if dash else first) + 1)
        except ValueError:
            raise ConfigurationError(
                f"--links '{links}': expected numbers, for example 0,1,2 or 4-7"
            ) from None
    return Layout(tuple(numbers), field, gap, lead)


def normalisation_named(name: str) -> "Residuals | None":
    """Tell what is done to calorimeter images before a network, of an artefact or a project."""
    from l1kd.algorithms.residuals import normalisation_from, normalisation_of
    from l1kd.artefacts import load, shipped

    path = Path(name)
    if (path / "project.json").is_file():
        from l1kd.models.firmware.project import read_description

        return normalisation_from(read_description(path).get("normalisation"), name)
    if name in shipped() or (path / "manifest.json").is_file():
        artefact = load(name)
        return normalisation_of(artefact.manifest["inputs"], artefact.title)
    return None


def input_rows(
    network: "Emulator", path: Path, columns: str | None, layout: "Layout",
    normalisation: "Residuals | None" = None,
) -> Integers:  # fmt: skip
    """Return raw inputs of a network, shape (n, elements), of any file that holds them.

    A ROOT file holds counts of regions, which the normalisation turns into what the network reads.
    """
    from l1kd.models.firmware.patterns import files
    from l1kd.models.firmware.vectors import vectors
    from l1kd.models.firmware.vectors.events import read_rows

    formats = vectors.element_formats(network)
    if path.suffix != ".root":
        return files.as_raw(files.read(path, formats, layout), formats, str(path))
    import awkward as ak

    from l1kd.algorithms import columns_of
    from l1kd.candidates import candidates
    from l1kd.datasets import inspect_file
    from l1kd.regions import regions

    events = inspect_file(str(path)).open()
    if columns is not None:
        table = columns_of(candidates(events), *columns.split(","))
        rows = np.asarray(ak.to_numpy(ak.flatten(table)), np.float64)
    else:
        image = regions(events)
        if len(formats) != image[0].size:
            raise InputError(
                f"{path}: the network reads {len(formats)} values and the calorimeter image has "
                f"{image[0].size}; name the candidates' columns with --columns"
            )
        # numbers, not raw values: a network may read less than every bit of a region
        rows = read_rows(vectors.rows_of(image), normalisation).astype(np.float64)
    if rows.shape[1] != len(formats):
        raise InputError(
            f"{path}: the network reads {len(formats)} values, {rows.shape[1]} columns are named"
        )
    return files.as_raw(rows, formats, str(path))


def _side_by_side(parts: Mapping[str, AnyArray]) -> AnyArray:
    """Put tensors side by side, shape (n, elements)."""
    from l1kd.models.firmware.vectors.vectors import rows_of

    return np.concatenate([rows_of(part) for part in parts.values()], axis=1)


def _results(network: "Emulator", raw: Integers, layers: bool, threads: int) -> dict[str, Integers]:
    """Return the raw results by tensor, or by layer."""
    from l1kd.models.firmware.vectors import vectors

    rows = vectors.split(network, raw)
    if not isinstance(network, Network):
        if layers:
            raise InputError("a network of logic gates has no layers to show")
        return {network.outputs[0].name: network.predict_raw(rows[0])}
    if layers:
        return network.trace(*rows)
    found = network.predict_raw(*rows, threads=threads)
    parts = found if isinstance(found, tuple) else (found,)
    return dict(zip((t.name for t in network.outputs), parts, strict=True))


def _save(
    out: Path, found: dict[str, Integers], network: "Emulator", layers: bool, raw: bool,
    layout: "Layout",
) -> None:  # fmt: skip
    """Write results as the suffix asks for."""
    from l1kd.models.firmware.patterns import files

    if layers and isinstance(network, Network):
        formats = {layer.name: layer.output.format for layer in network.graph.layers}
    else:
        formats = {tensor.name: tensor.format for tensor in network.outputs}
    shown: dict[str, AnyArray] = {
        name: values if raw else formats[name].to_float(values) for name, values in found.items()
    }
    if out.suffix == ".npz":
        out.parent.mkdir(parents=True, exist_ok=True)
        np.savez(out, allow_pickle=False, **shown)
        return
    if layers or (out.suffix == ".npy" and len(found) > 1):
        named = ", ".join(found)
        what = "the results of layers" if layers else "several outputs"
        raise ConfigurationError(f"--out {out}: {what} ({named}) need a file of suffix .npz")
    if out.suffix == ".npy":
        out.parent.mkdir(parents=True, exist_ok=True)
        np.save(out, next(iter(shown.values())))
        return
    kinds = {f".{suffix}": kind for kind, suffix in files.WRITTEN.items() if kind[:3] != "emp"}
    kinds[".txt"] = "emp"
    if out.suffix not in kinds:
        known = dict.fromkeys([".npy", ".npz", *kinds])
        raise ConfigurationError(f"--out {out}: expected one of {', '.join(known)}")
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".csv" and not raw:
        files.write_values(out, _side_by_side(shown))
        return
    elements = [formats[name] for name, part in found.items() for _ in range(prod(part.shape[1:]))]
    files.write(out, _side_by_side(found), elements, layout, kinds[out.suffix])


def _insert_scores(name: str, data: Path, out: Path) -> int:
    """Write what an algorithm on events gives, "NAME=FOLDER"; return the number of events."""
    import awkward as ak

    from l1kd.algorithms import algorithm
    from l1kd.datasets import inspect_file

    if data.suffix != ".root" or out.suffix not in (".npy", ".npz"):
        raise ConfigurationError(
            f"{name} reads events and gives fields: expected a ROOT file and --out with .npy or "
            f".npz, found {data} and {out}"
        )
    used = algorithm(name)
    fields = used.fields(inspect_file(str(data)).open())
    found = ak.to_numpy(fields[used.adds])
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".npz":
        # one number an event: what belongs to jets or tracks goes with `insert`
        home = used.adds.partition(".")[0] + "."
        arrays = {
            place.removeprefix(home): ak.to_numpy(values)
            for place, values in fields.items()
            if place.startswith(home) and values.ndim == 1 and not values.fields
        }
        np.savez(out, allow_pickle=False, **arrays)
    else:
        np.save(out, found)
    return len(found)


@app.command()
@explained
def emulate(
    network: Annotated[
        str, typer.Argument(help=f"{_NAME} NAME=FOLDER: axol1tl=FOLDER and its like, on events.")
    ],
    data: Annotated[
        Path, typer.Argument(help="Rows: .npy, .csv, .hex, .coe, EMP or APx .txt, or a ROOT file.")
    ],
    out: Annotated[
        Path, typer.Option(help="Result: .npy, .npz (several outputs), .csv, .hex, .coe or .txt.")
    ],
    raw: Annotated[bool, typer.Option(help="Write raw integers instead of values.")] = False,
    layers: Annotated[bool, typer.Option("--layers", help="Results of every layer, .npz.")] = False,
    columns: Columns = None,
    links: LinkNumbers = "0",
    field: Field = None,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    quiet: Quiet = False,
) -> None:
    """Run firmware on data, bit for bit. Arrays of integers are raw values of the input format."""
    from l1kd.algorithms import known_algorithm

    if "=" in network and known_algorithm(network):
        events = _insert_scores(network, data, out)
        if not quiet:
            out_console.print(f"{events} events: {escape(str(out))}")
        return
    emulator, layout = network_named(network), layout_of(links, field)
    rows = input_rows(emulator, data, columns, layout, normalisation_named(network))
    try:
        found = _results(emulator, rows, layers, threads)
    except ValueError as error:
        raise InputError(f"{data}: {error}") from error
    _save(out, found, emulator, layers, raw, layout)
    if not quiet:
        count = f"{len(found)} layers" if layers else ", ".join(
            f"{tensor.name} {tensor.format}" for tensor in emulator.outputs
        )  # fmt: skip
        out_console.print(f"{len(rows)} rows of {escape(count)}: {escape(str(out))}")


def _tensor(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "shape": list(tensor.shape), "format": str(tensor.format)}


def _described(network: "Emulator") -> dict[str, Any]:
    """Return everything that is known of a network as plain data."""
    from l1kd.models.firmware.vectors.vectors import name_of

    content: dict[str, Any] = {
        "name": name_of(network),
        "inputs": [_tensor(tensor) for tensor in network.inputs],
        "outputs": [_tensor(tensor) for tensor in network.outputs],
    }
    if not isinstance(network, Network):
        return content | {"kind": "logic gates"}
    content["layers"] = [
        {
            "name": layer.name,
            "kind": layer.kind,
            **{key: value for key, value in _tensor(layer.output).items() if key != "name"},
            "formats": {role: str(form) for role, form in layer.formats.items()},
            "parameters": layer.parameters,
            "zeros": layer.zeros,
            "multiplications": layer.multiplications,
        }
        for layer in network.graph.layers
    ]
    return content | {"kind": "network"}


def _listed(folder: Path | None) -> list[dict[str, Any]]:
    """Describe the shipped networks, or all networks below a folder, in one line each."""
    found: list[dict[str, Any]] = []
    if folder is None:
        from l1kd.artefacts import load, shipped

        for name in shipped():
            files = load(name).manifest["files"]
            if {"network.npz", "logic.npz"} & set(files):
                found.append(_summary(name, network_named(name)))
        return found
    from l1kd.models.firmware.sources.emulators import networks_below

    for place, network in networks_below(folder):
        if isinstance(network, str):
            found.append({"network": str(place), "error": network[:300]})
        else:
            found.append(_summary(str(place), network))
    return found


def _summary(name: str, network: "Emulator") -> dict[str, Any]:
    def side(tensors: Any) -> list[str]:
        return [f"{'x'.join(map(str, t.shape))} {t.format}" for t in tensors]

    layers = network.graph.layers if isinstance(network, Network) else ()
    return {
        "network": name,
        "inputs": side(network.inputs),
        "outputs": side(network.outputs),
        "layers": len(layers),
        "parameters": sum(layer.parameters for layer in layers),
    }


def _show_list(rows: list[dict[str, Any]]) -> None:
    # paths and formats go on in the next line: versions differ in their last letters
    texts = (Column(name, overflow="fold") for name in ("network", "inputs", "outputs"))
    table = Table(*texts, "layers", "parameters")
    for row in rows:
        if "error" in row:
            table.add_row(escape(row["network"]), f"[red]not read[/]: {escape(row['error'])}")
            continue
        cells: list[Callable[[], str] | str] = [escape(row["network"])]
        cells += [escape("\n".join(row[key])) for key in ("inputs", "outputs")]
        table.add_row(*map(str, cells), str(row["layers"]), f"{row['parameters']:,}")
    out_console.print(table)


@app.command("inspect-network")
@explained
def inspect_network(
    network: Annotated[
        str | None,
        typer.Argument(help=f"{_NAME} A folder of several networks, or nothing: a list."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a network: inputs, outputs, layers, formats, parameters, multiplications.

    Without a network, the shipped ones are listed; of a folder with several networks, all of them.
    """
    path = Path(network) if network is not None else None
    if path is None or (path.is_dir() and _holds_several(path)):
        rows = _listed(path)
        if as_json:
            typer.echo(json.dumps(rows))
        else:
            _show_list(rows)
        return
    found = network_named(str(network))
    if as_json:
        typer.echo(json.dumps(_described(found)))
        return
    if isinstance(found, Network):
        typer.echo(str(found))
    for what in ("inputs", "outputs"):
        for tensor in getattr(found, what):
            shape = " x ".join(map(str, tensor.shape))
            typer.echo(f"{what[:-1]} {tensor.name}: {shape}, {tensor.format}")


def _holds_several(folder: Path) -> bool:
    """Tell whether the folders below are networks, and more than one."""
    return len({header.parent for header in folder.rglob("parameters.h")}) > 1
