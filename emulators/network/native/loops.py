"""Functions of LLVM from the pieces of a step, long repetitions of which become loops.

A layer that does the same at many positions gives pieces whose instructions are equal and whose
rows move on by equal steps. Such a run is written once, in a loop over the positions; short code
stays without loops, which is faster. Around all of it lies a loop over the events of the tile.

Events that come later are fetched into the second-level cache among the instructions, evenly, so
that memory works while the processor computes.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from l1kd.emulators.network.native.ir import Address, Code, Line, Piece, Tile

__all__ = ["Text", "functions"]

# Lines of a function: the events of a block pass all of it before the next block comes, so that
# their rows stay in the nearest cache, as does the code.
MOST_LINES = 1500
# Lines from which on a run becomes a loop, and how many pieces one turn may have.
LEAST_LINES, LONGEST_TURN = 600, 128


class Run(NamedTuple):
    """Pieces from ``first`` on that are repeated: so many of them, so many times."""

    first: int
    length: int
    times: int


class Text(NamedTuple):
    """A function with its number of lines, and how often it fetches for every tile."""

    name: str
    text: str
    lines: int
    fetches: int


def functions(name: str, code: Code, tile: Tile, every: int = 0) -> Iterator[Text]:
    """Write the functions ``name_0``, ... that run all pieces for a whole tile.

    Their arguments are the tile, the weights, and where to fetch events and how far apart: after
    ``every`` so many instructions, or never.
    """
    bodies, function, number = list(code.bodies), _Function(code, tile, every), 0
    for run in runs(code.pieces, [len(body) for body in bodies]):
        if len(function.lines) > MOST_LINES:
            yield function.text(f"{name}_{number}")
            function, number = _Function(code, tile, every), number + 1
        function.add([(bodies[piece.number], piece.rows) for piece in
                      code.pieces[run.first : run.first + run.length]],
                     _steps(code.pieces, run), run.times)  # fmt: skip
    yield function.text(f"{name}_{number}")


def runs(pieces: Sequence[Piece], sizes: Sequence[int]) -> Iterator[Run]:
    """Cut a sequence of pieces into runs; ``sizes`` are their lines by number."""
    first = 0
    while first < len(pieces):
        best, reaches = Run(first, 1, 1), dict[int, int]()
        for length in range(1, LONGEST_TURN + 1):
            if any(length % n == 0 and 2 * length <= reach for n, reach in reaches.items()):
                # The same pieces as in more of the shorter turns.
                continue
            times = _times(pieces, first, length)
            if times > 1:
                reaches[length] = length * times
                if length * times > best.length * best.times:
                    best = Run(first, length, times)
        lines = sum(sizes[piece.number] for piece in pieces[first : first + best.length])
        if lines * best.times < LEAST_LINES:
            best = Run(first, 1, 1)
        yield best
        first += best.length * best.times


def _times(pieces: Sequence[Piece], first: int, length: int) -> int:
    """Return how often ``length`` pieces follow each other with rows at equal steps."""
    times, here = 1, first
    steps: list[list[int]] = []
    while here + 2 * length <= len(pieces):
        found = []
        for one, two in zip(pieces[here : here + length],
                            pieces[here + length : here + 2 * length], strict=True):  # fmt: skip
            if one.number != two.number:
                return times
            found.append([after - before for before, after in zip(one.rows, two.rows, strict=True)])
        if times > 1 and found != steps:
            return times
        steps, times, here = found, times + 1, here + length
    return times


def _steps(pieces: Sequence[Piece], run: Run) -> list[list[int]]:
    """Return by how many bytes every row of a turn moves on."""
    second = run.first + run.length * (run.times > 1)
    pairs = zip(pieces[run.first : run.first + run.length],
                pieces[second : second + run.length], strict=True)  # fmt: skip
    return [[b - a for a, b in zip(one.rows, two.rows, strict=True)] for one, two in pairs]


class _Function:
    """A function while it is written."""

    def __init__(self, code: Code, tile: Tile, every: int) -> None:
        self.lines: list[str] = []
        self._advance, self._tile, self._every = code.blocks * code.lanes, tile, every
        self._pieces = self._loops = self._since = self._fetches = self._executed = 0
        self._turns, self._ahead = 1, "%ahead"

    def add(
        self,
        turn: Sequence[tuple[tuple[Line, ...], tuple[int, ...]]],
        steps: Sequence[Sequence[int]],
        times: int,
    ) -> None:
        """Add pieces, as (instructions, rows), in a loop where they run several times."""
        if times == 1:
            for (body, rows), _ in zip(turn, steps, strict=True):
                self._piece(body, [("", row) for row in rows])
            return
        self._loops += 1
        loop = f"l{self._loops}"
        kinds = {(line.kind, step) for (body, _), mine in zip(turn, steps, strict=True)
                 for line, step in zip(_addresses(body), mine, strict=True)}  # fmt: skip
        self.lines += [f"  br label %{loop}.before", f"{loop}.before:", f"  br label %{loop}",
                       f"{loop}:", f"  %{loop}.turn = phi i64 [ 0, %{loop}.before ], "
                       f"[ %{loop}.next, %{loop} ]"]  # fmt: skip
        moving = [(kind, step, f"{loop}.{number}")
                  for number, (kind, step) in enumerate(sorted(kinds)) if step]  # fmt: skip
        for kind, _, name in moving:
            self.lines.append(f"  %{name} = phi ptr [ %{kind}, %{loop}.before ], "
                              f"[ %{name}.next, %{loop} ]")  # fmt: skip
        names = {(kind, step): name for kind, step, name in moving}
        place, before = len(self.lines), self._ahead
        self._ahead, self._turns, self._since = f"%{loop}.ahead", times, 0
        for (body, rows), mine in zip(turn, steps, strict=True):
            pointers = [names.get((line.kind, step), "")
                        for line, step in zip(_addresses(body), mine, strict=True)]  # fmt: skip
            self._piece(body, list(zip(pointers, rows, strict=True)))
        self.lines.insert(place, f"  %{loop}.ahead = phi ptr [ {before}, %{loop}.before ], "
                                 f"[ {self._ahead}, %{loop} ]")  # fmt: skip
        self._turns, self._since = 1, 0
        for _, step, name in moving:
            self.lines.append(f"  %{name}.next = getelementptr i8, ptr %{name}, i64 {step}")
        self.lines += [f"  %{loop}.next = add i64 %{loop}.turn, 1",
                       f"  %{loop}.more = icmp ult i64 %{loop}.next, {times}",
                       f"  br i1 %{loop}.more, label %{loop}, label %{loop}.after",
                       f"{loop}.after:"]  # fmt: skip

    def _piece(self, body: Sequence[Line], places: Sequence[tuple[str, int]]) -> None:
        """Write a piece whose rows lie behind the named pointers, or that of their kind."""
        self._pieces += 1
        mark, following = f"%p{self._pieces}v", iter(places)
        for line in body:
            self._since += 1
            if self._since == self._every:
                self._fetch()
            if isinstance(line, str):
                self.lines.append(line.replace("%v", mark))
                continue
            pointer, row = next(following)
            result = line.result.replace("%v", mark)
            self.lines.append(f"  {result} = getelementptr i8, ptr %{pointer or line.kind}, "
                              f"i64 {row + line.shift}")  # fmt: skip

    def _fetch(self) -> None:
        """Fetch the next line of later events."""
        self._fetches += 1
        self._executed += self._turns
        following = f"%ahead{self._fetches}"
        self.lines += [
            f"  call void @llvm.prefetch.p0(ptr {self._ahead}, i32 0, i32 2, i32 1)",
            f"  {following} = getelementptr i8, ptr {self._ahead}, i64 %share",
        ]
        self._ahead, self._since = following, 0

    def text(self, name: str) -> Text:
        """Return the whole function."""
        lines = [
            f"define internal void @{name}(ptr %tile, ptr %weights, ptr %soon, i64 %share) "
            "noinline nounwind {",
            "entry:",
            "  br label %loop",
            "loop:",
            "  %event = phi i64 [ 0, %entry ], [ %next, %last ]",
            f"  %ahead = phi ptr [ %soon, %entry ], [ {self._ahead}, %last ]",
            *self._tile.bases(),
            *self.lines,
            "  br label %last",
            "last:",
            f"  %next = add i64 %event, {self._advance}",
            f"  %more = icmp ult i64 %next, {self._tile.events}",
            "  br i1 %more, label %loop, label %done",
            "done:",
            "  ret void",
            "}",
        ]
        fetches = self._executed * (self._tile.events // self._advance)
        return Text(name, "\n".join(lines), len(lines), fetches)


def _addresses(body: Sequence[Line]) -> list[Address]:
    return [line for line in body if isinstance(line, Address)]
