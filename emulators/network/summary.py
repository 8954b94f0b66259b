"""A network as a table for people."""

from l1kd.emulators.network.graph import Graph, Layer

__all__ = ["describe"]

_HEAD = ("layer", "kind", "shape", "result", "weights", "accumulator", "params", "zeros", "mults")


def describe(graph: Graph) -> str:
    """Return one line for each input and layer, with formats, parameters and multiplications."""
    rows: list[tuple[str, ...]] = [_HEAD]
    for tensor in graph.inputs:
        rows.append((tensor.name, "input", _shape(tensor.shape), str(tensor.format), *[""] * 5))
    rows += [_row(layer) for layer in graph.layers]
    totals = [
        str(sum(getattr(layer, fact) for layer in graph.layers))
        for fact in ("parameters", "zeros", "multiplications")
    ]
    rows.append(("total", *[""] * 5, *totals))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = []
    for row in rows:
        left = [cell.ljust(width) for cell, width in zip(row[:6], widths[:6], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(row[6:], widths[6:], strict=True)]
        lines.append("  ".join([*left, *right]).rstrip())
    rule = "-" * max(map(len, lines))
    return "\n".join([graph.name, lines[0], rule, *lines[1:-1], rule, lines[-1]])


def _row(layer: Layer) -> tuple[str, ...]:
    output = layer.output
    formats = [str(layer.formats.get(role, "")) for role in ("weight", "accumulator")]
    counts = [str(n or "") for n in (layer.parameters, layer.zeros, layer.multiplications)]
    return (layer.name, layer.kind, _shape(output.shape), str(output.format), *formats, *counts)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
