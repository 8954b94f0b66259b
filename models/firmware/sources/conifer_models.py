"""Boosted decision trees of conifer: its JSON as an integer graph, and its own C++ as reference.

Every split is one bit; a leaf is reached where all splits on its way say so; a class's score is the
sum of its trees' leaves, added tree by tree in the type of the score. Facts of the arithmetic:
conifer 1.11, ``backends/cpp/include/conifer.h``.
"""

import math
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd._documents import read_document
from l1kd.emulators.array_types import Floats, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine, Graph, Layer, Piecewise, Tensor
from l1kd.errors import ConfigurationError, FirmwareError
from l1kd.models.firmware.hls.hls import library
from l1kd.models.firmware.sources.frameworks import Precisions, Reference
from l1kd.models.firmware.sources.names import identifier
from l1kd.models.firmware.tools.cpp import COMPILE_FLAGS, Compiled, driver_source, run_tool

__all__ = ["ConiferCpp", "is_conifer", "read_conifer"]

LEAF = -2
_BIT = FixedPoint(1, 1, False)
_FIELDS = ("feature", "threshold", "value", "children_left", "children_right")
_MAX_NODES = 1 << 20

_PORTS = """#include "conifer.h"
#include "ap_fixed.h"
#include <cstdint>
#include <vector>

constexpr long INPUTS = {inputs}, OUTPUTS = {outputs};

struct Types : conifer::ConiferConfiguration {{
    typedef {threshold} threshold_t;
    typedef {threshold} input_t;
    typedef {weight} weight_t;
    typedef {score} score_t;
    static constexpr bool useAddTree = false;
}};

inline void event(const int64_t *in, std::vector<int64_t> &out) {{
    static const conifer::BDT<Types> trees("{path}");
    std::vector<Types::threshold_t> x(INPUTS);
    for (int i = 0; i < INPUTS; i++)
        x[i].range() = in[i];
    for (const auto &score : trees.decision_function(x)) {{
        uint64_t bits = Types::score_t(score).range().to_uint64();
        const int width = Types::score_t::width;
        out.push_back(width < 64 && score < 0 ? (int64_t)(bits | ~0ULL << (width % 64))
                                              : (int64_t)bits);
    }}
}}

inline void finish(std::vector<int64_t> &) {{}}
"""


@dataclass(frozen=True)
class _Types:
    """Formats of thresholds and inputs, of weights, and of scores, with their C++ names."""

    threshold: FixedPoint
    score: FixedPoint
    names: tuple[str, str, str]


@dataclass(frozen=True)
class _Leaf:
    """A way from the root: splits that must say yes and no, and the value at its end."""

    yes: tuple[int, ...]
    no: tuple[int, ...]
    value: float


def is_conifer(content: Any) -> bool:
    """Tell whether a JSON document is a model of conifer."""
    return isinstance(content, Mapping) and {"trees", "n_features", "n_classes"} <= set(content)


def read_conifer(path: Path, precisions: Precisions | None = None) -> Network:
    """Read a model that conifer saved.

    Parameters
    ----------
    precisions : mapping, optional
        ``default`` for all types, where the model says ``float``.

    Raises
    ------
    FirmwareError
        It is damaged, oblique, in floating point without declared types, or sums in a tree of
        saturating additions.
    """
    content = read_document(path)
    if not is_conifer(content):
        raise FirmwareError(f"{path} is no model of conifer: expected trees, n_features, n_classes")
    types = _types(path, content, precisions or {})
    try:
        return Network(_Trees(path, content, types).graph())
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, FirmwareError):
            raise
        raise FirmwareError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _types(path: Path, content: Mapping[str, Any], precisions: Precisions) -> _Types:
    config = content.get("config") or {}
    declared = precisions.get("default", {}).get("result")
    names = []
    for role in ("threshold", "weight", "score"):
        found = declared or config.get(f"{role}_precision") or config.get("precision")
        names.append(str(found or config.get("Precision") or "none"))
    inputs = declared or config.get("input_precision") or names[0]
    try:
        threshold, weight, score = (FixedPoint.parse(name) for name in names)
    except ValueError as error:
        raise FirmwareError(
            f"{path}: the types are {', '.join(sorted(set(names)))}; nothing says which bits the "
            "firmware should have: give conifer a Precision, or declare it, for example "
            "--precision default=ap_fixed<18,8>"
        ) from error
    if inputs != names[0]:
        raise FirmwareError(
            f"{path}: inputs are {inputs} and thresholds {names[0]}; conifer's C++ has one "
            "type for both"
        )
    if weight.maximum >> max(weight.fraction, 0) < 1:
        raise FirmwareError(f"{path}: the type of weights, {names[1]}, does not hold 1")
    return _Types(threshold, score, (names[0], names[1], names[2]))


class _Trees:
    """All trees of a model, and the graph that computes them."""

    def __init__(self, path: Path, content: Mapping[str, Any], types: _Types) -> None:
        self.path, self.types = path, types
        self.features = int(content["n_features"])
        count = int(content["n_classes"])
        self.classes = 1 if count == 2 else count
        self.inclusive = content.get("splitting_convention", "<=") == "<="
        self.norm = float(content.get("norm", 1.0))
        start = content.get("init_predict", [0.0] * self.classes)
        self.start = [float(value) for value in start][: self.classes]
        self.splits: list[tuple[int, float]] = []
        self.leaves: list[list[_Leaf]] = [[] for _ in range(self.classes)]
        for trees in content["trees"]:
            for number in range(self.classes):
                self.leaves[number] += self._tree(trees[number])
        if not self.splits or len(self.start) != self.classes:
            raise FirmwareError(f"{path} holds no split, or not one start value for each class")

    def _tree(self, tree: Mapping[str, Any]) -> Iterator[_Leaf]:
        columns = [list(tree[name]) for name in _FIELDS]
        feature, threshold, value, left, right = columns
        size = len(feature)
        if {len(column) for column in columns} != {size} or not 0 < size <= _MAX_NODES:
            raise FirmwareError(f"{self.path}: a tree has fields of different lengths")
        for node, weights in enumerate(tree.get("weight") or ()):
            if feature[node] != LEAF and [i for i, w in enumerate(weights) if w] != [feature[node]]:
                raise FirmwareError(
                    f"{self.path}: node {node} weighs several features (an oblique tree), which is "
                    "not supported"
                )
        waiting: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = [(0, (), ())]
        seen = 0
        while waiting:
            node, yes, no = waiting.pop()
            seen += 1
            if seen > size or node < 0:
                raise FirmwareError(f"{self.path}: the nodes of a tree are no tree")
            if feature[node] == LEAF:
                yield _Leaf(yes, no, float(value[node]))
                continue
            if not 0 <= feature[node] < self.features or not math.isfinite(threshold[node]):
                raise FirmwareError(f"{self.path}: node {node} splits at no number of a feature")
            split = len(self.splits)
            self.splits.append((int(feature[node]), float(threshold[node])))
            waiting.append((int(right[node]), yes, (*no, split)))
            waiting.append((int(left[node]), (*yes, split), no))

    def graph(self) -> Graph:
        """Return the graph: splits, leaves that are reached, sums, and the norm."""
        inputs = Tensor("x", (self.features,), self.types.threshold)
        splits = self._splits(inputs)
        reached, ways = self._leaves(splits)
        layers = [Layer("splits", "split", (splits,), {"threshold": self.types.threshold})]
        layers.append(Layer("leaves", "leaf", (ways, reached)))
        scores = self._scores(reached.output)
        score, count = self.types.score, sum(map(len, self.leaves))
        layers.append(Layer("scores", "sum", (scores,), {"accumulator": score}, parameters=count))
        norm = int(score.from_float(self.norm))
        if norm != 1 << max(score.fraction, 0):
            layers.append(Layer("norm", "scale", (self._norm(scores.output, norm),)))
        name = identifier(self.path.stem)
        return Graph(name, (inputs,), (layers[-1].output.name,), tuple(layers))

    def _splits(self, inputs: Tensor) -> Piecewise:
        """One bit for each split: whether its left side is taken."""
        raw = self.types.threshold.from_float(np.array([t for _, t in self.splits], np.float64))
        # x < t is x <= t - one step
        limits = np.asarray(raw, np.int64) - (0 if self.inclusive else 1)
        return _steps("split_bits", inputs.name, limits, np.array([f for f, _ in self.splits]), 0)

    def _leaves(self, splits: Piecewise) -> tuple[Piecewise, Affine]:
        """Count the splits that say otherwise on the way to each leaf; none does where reached."""
        every = [leaf for leaves in self.leaves for leaf in leaves]
        depth = max(len(leaf.yes) + len(leaf.no) for leaf in every)
        index = np.full((len(every), max(depth, 1)), -1, np.int32)
        weight = np.zeros((len(every), max(depth, 1), 1), np.int64)
        for row, leaf in enumerate(every):
            way = [*((s, 1) for s in leaf.yes), *((s, -1) for s in leaf.no)]
            for column, (split, sign) in enumerate(way):
                index[row, column], weight[row, column, 0] = split, sign
        bias = np.array([[-len(leaf.yes)] for leaf in every], np.int64)
        bits = depth.bit_length() + 1
        form = FixedPoint(bits, bits)
        group = np.arange(len(every), dtype=np.int32)
        ways = Affine(
            Tensor("ways", (len(every),), form), splits.output.name, index, group, weight, 0, bias,
            form,
        )  # fmt: skip
        limits = np.full(len(every), -1, np.int64)
        return _steps("leaf_bits", "ways", limits, np.arange(len(every)), 1), ways

    def _scores(self, reached: Tensor) -> Affine:
        """Add the values of the leaves that are reached, tree after tree."""
        score = self.types.score
        most = max(map(len, self.leaves))
        index = np.full((self.classes, most), -1, np.int32)
        weight = np.zeros((self.classes, most, 1), np.int64)
        begin = 0
        for number, leaves in enumerate(self.leaves):
            index[number, : len(leaves)] = np.arange(begin, begin + len(leaves))
            values = score.from_float(np.array([leaf.value for leaf in leaves]))
            weight[number, : len(leaves), 0] = values
            begin += len(leaves)
        bias = np.asarray(score.from_float(np.array(self.start)), np.int64)[:, None]
        return Affine(
            Tensor("sums", (self.classes,), score), reached.name, index,
            np.arange(self.classes, dtype=np.int32), weight, score.fraction, bias, score,
        )  # fmt: skip

    def _norm(self, sums: Tensor, norm: int) -> Piecewise:
        size, score = sums.size, self.types.score
        zero, scale = np.zeros(size, np.int64), np.full(size, norm, np.int64)
        return Piecewise(
            Tensor("score", sums.shape, score), sums.name, np.arange(size, dtype=np.int32),
            zero, scale, zero, scale, zero, 2 * score.fraction,
        )  # fmt: skip


def _steps(
    name: str, source: str, limits: Integers, index: npt.NDArray[np.signedinteger], above: int
) -> Piecewise:
    """Return bits that are ``above`` where the source exceeds its limit, the opposite elsewhere."""
    size = len(limits)
    zero, one = np.zeros(size, np.int64), np.ones(size, np.int64)
    high, low = (one, zero) if above else (zero, one)
    output = Tensor(name, (size,), _BIT)
    return Piecewise(output, source, index.astype(np.int32), limits, zero, high, zero, low, 0)


class ConiferCpp(Reference):
    """conifer's own C++, compiled with the model's types."""

    name = "conifer"

    def __init__(self, path: Path, precisions: Precisions | None = None) -> None:
        content = read_document(path)
        self.path, self.types = path, _types(path, content, precisions or {})

    def predict_raw(self, network: Network, raw: npt.NDArray[np.signedinteger]) -> Integers:
        """Compute raw scores.

        Raises
        ------
        ConfigurationError
            conifer, or the JSON library that its C++ needs, is not installed.
        """
        with TemporaryDirectory() as folder:
            return self._compiled(network, Path(folder)).run(raw)

    def trace(
        self, network: Network, raw: npt.NDArray[np.signedinteger], names: list[str]
    ) -> dict[str, Floats]:
        """Return nothing: conifer's C++ gives scores alone."""
        return {}

    def _compiled(self, network: Network, build: Path) -> Compiled:
        include = [f"-I{folder}" for folder in includes()]
        threshold, weight, score = self.types.names
        text = _PORTS.format(
            inputs=network.inputs[0].size, outputs=network.outputs[0].size, threshold=threshold,
            weight=weight, score=score, path=self.path.resolve(),
        )  # fmt: skip
        (build / "ports.h").write_text(text, encoding="utf-8")
        (build / "driver.cpp").write_text(driver_source(), encoding="utf-8")
        program = build / "driver"
        compiler = shutil.which("g++") or shutil.which("c++") or "g++"
        command = [compiler, *COMPILE_FLAGS, f"-I{build}", *include, str(build / "driver.cpp")]
        run_tool([*command, "-o", str(program)], "the C++ compiler")
        return Compiled(program)


def includes() -> list[Path]:
    """Return the folders of conifer's header, of nlohmann's JSON, and of the fixed-point types.

    Raises
    ------
    ConfigurationError
        One is not installed.
    """
    spec = find_spec("conifer")
    if spec is None or spec.origin is None:
        raise ConfigurationError("conifer is not installed: pip install conifer")
    header = Path(spec.origin).parent / "backends" / "cpp" / "include"
    return [header, _json_folder(), library() / "vivado" / "ap_types"]


def _json_folder() -> Path:
    """Find nlohmann's JSON: where conifer looks for it, of the system, or TensorFlow's copy."""
    root = os.environ.get("JSON_ROOT")
    places = [Path(root), Path(root, "include")] if root else []
    places += [Path("/usr/include"), Path("/usr/local/include")]
    spec = find_spec("tensorflow")
    if spec is not None and spec.origin is not None:
        below = Path(spec.origin).parent / "include" / "external" / "cudnn_frontend_archive"
        places.append(below / "include" / "cudnn_frontend" / "thirdparty")
    for place in places:
        if (place / "nlohmann" / "json.hpp").is_file():
            return place
    raise ConfigurationError(
        "conifer's C++ needs nlohmann's json.hpp: apt-get install nlohmann-json3-dev, or set "
        "JSON_ROOT"
    )
