"""What a trigger decided, event by event, in a table whose size does not grow with the events.

Of an event only its decision pattern counts: which seeds fired. The table holds, for every pattern
that occurred, how many events had it, the sum of their weights and the sum of the weights' squares.
Everything that a rate group asks (rates, pure and shared rates, overlaps, any prescales, masks) is
computed from the table, without reading an event again; see `l1kd.trigger.rates.tables`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import AnyArray, Bytes, Integers, Mask
from l1kd.errors import InputError
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.sums import ExactSums
from l1kd.trigger.counts.tally import Tally, resampling_of

__all__ = ["MAX_PATTERNS", "Decisions", "pack"]

MAX_PATTERNS = 2_000_000
"""Distinct patterns that a table may hold: some 200 MB with the 512 bits of a Run 3 menu."""


def pack(decisions: ArrayLike) -> Bytes:
    """Pack bool[n_events, n_seeds] into uint8[n_events, ceil(n_seeds / 8)], lowest bit first."""
    return np.packbits(np.asarray(decisions, dtype=bool), axis=1, bitorder="little")


class Decisions(Tally):
    """Counts and weights of the decision patterns of a sample.

    Two tables of the same seeds and strata add up exactly: the sum does not depend on the order
    or on how the events were cut into chunks.

    Attributes
    ----------
    seeds
        Names, in the order of the bits.
    strata_names
        What the table is divided by besides the pattern, for example ("pileup", "run", "lumi").
    patterns, strata
        uint8[n, ceil(n_seeds / 8)] and int64[n, n_strata]; a row is a pattern in a stratum.
    resampling, counts, weights, squares, replicas
        What the rows count, see `l1kd.trigger.counts.tally.Tally`.
    """

    def __init__(
        self,
        seeds: Sequence[str],
        strata_names: Sequence[str] = (),
        resampling: Resampling | None = None,
    ) -> None:
        super().__init__(resampling)
        self.seeds = tuple(seeds)
        self.strata_names = tuple(strata_names)
        if len(set(self.seeds)) != len(self.seeds):
            twice = sorted({s for s in self.seeds if self.seeds.count(s) > 1})
            raise InputError(f"a menu names each seed once; twice: {', '.join(twice)}")
        self.patterns: Bytes = np.zeros((0, -(-len(self.seeds) // 8)), np.uint8)
        self.strata: Integers = np.zeros((0, len(self.strata_names)), np.int64)

    @classmethod
    def of(
        cls,
        seeds: Sequence[str],
        packed: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        strata: Mapping[str, ArrayLike] | None = None,
        resampling: Resampling | None = None,
        blocks: ArrayLike | None = None,
    ) -> "Decisions":
        """Make the table of some events.

        Parameters
        ----------
        seeds
            Names, in the order of the bits.
        packed
            uint8[n_events, ceil(n_seeds / 8)], the lowest bit first, as `pack` makes it.
        weights
            float[n_events], finite; one by default.
        strata
            int[n_events] each: what else to divide by (bin of pile-up, run, luminosity section).
        resampling, blocks
            Bootstrap, and int[n_events] with the block of each event: events that share pile-up,
            or what else they have in common. Without blocks every event must be its own, so pass
            numbers that no two events share.

        Raises
        ------
        InputError
            If shapes do not fit, a weight is not finite, or a pattern has a bit beyond the seeds.
        """
        strata = strata or {}
        table = cls(seeds, list(strata), resampling)
        bits = np.ascontiguousarray(np.asarray(packed, dtype=np.uint8))
        if bits.ndim != 2 or bits.shape[1] != table.patterns.shape[1]:
            raise InputError(
                f"decisions of shape {bits.shape}; expected (n_events, {table.patterns.shape[1]}) "
                f"for {len(table.seeds)} seeds"
            )
        n = len(bits)
        beyond = len(table.seeds) % 8
        if beyond and np.any(bits[:, -1] >> beyond):
            raise InputError(f"decisions have a bit set beyond the {len(table.seeds)} seeds")
        w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
        columns = [np.asarray(x, dtype=np.int64) for x in strata.values()]
        where = np.stack(columns, axis=1) if columns else np.zeros((n, 0), np.int64)
        if w.shape != (n,) or len(where) != n:
            raise InputError(f"weights {w.shape} and strata {where.shape} for {n} events")
        table.patterns, table.strata, inverse = _distinct(bits, where)
        table._fill(inverse, len(table.patterns), w, blocks)
        return table

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.counts)

    @property
    def unweighted(self) -> bool:
        """Whether every event has weight one."""
        counts = self.counts.astype(np.float64)
        return bool(
            np.array_equal(self.weights.values(), counts)
            and np.array_equal(self.squares.values(), counts)
        )

    def fired(self, start: int = 0, stop: int | None = None) -> Mask:
        """Return bool[rows, n_seeds], which seeds fired in the patterns of these rows."""
        bits = np.unpackbits(
            self.patterns[start:stop], axis=1, count=len(self.seeds), bitorder="little"
        )
        return bits.astype(bool)

    def __add__(self, other: "Decisions") -> "Decisions":
        """Table of the events of both.

        Raises
        ------
        InputError
            If seeds, strata or bootstraps differ, or the sum has more than `MAX_PATTERNS` rows.
        """
        self._require_same(other)
        patterns, strata, inverse = _merged(self, other)
        made = Decisions(self.seeds, self.strata_names, self.resampling)
        made.patterns, made.strata = patterns, strata
        made._sum(inverse, len(patterns), self, other)
        return made

    def __eq__(self, other: object) -> bool:
        """Whether both tables hold the same, exactly."""
        if not isinstance(other, Decisions):
            return NotImplemented
        return (
            (self.seeds, self.strata_names, self.resampling)
            == (other.seeds, other.strata_names, other.resampling)
            and np.array_equal(self.patterns, other.patterns)
            and np.array_equal(self.strata, other.strata)
            and self._same_sums(other)
        )

    __hash__ = None  # type: ignore[assignment]

    def _require_same(self, other: "Decisions") -> None:
        if self.seeds != other.seeds:
            odd = sorted(set(self.seeds) ^ set(other.seeds))
            shown = ", ".join(odd[:5]) or "only their order differs"
            raise InputError(
                f"decisions of different seeds do not add up ({shown}); use one menu and files of "
                "one content"
            )
        if self.strata_names != other.strata_names or self.resampling != other.resampling:
            raise InputError(
                f"decisions divided by {self.strata_names} with {self.resampling} and by "
                f"{other.strata_names} with {other.resampling} do not add up"
            )

    def _grouped(self, patterns: Bytes, strata: Integers, names: Sequence[str]) -> "Decisions":
        made = Decisions(self.seeds, names, self.resampling)
        made.patterns, made.strata, inverse = _distinct(patterns, strata)
        made._sum(inverse, len(made.patterns), self)
        return made

    def by(self, *names: str) -> "Decisions":
        """Sum over all strata but those that are named.

        Raises
        ------
        InputError
            If the table is not divided by one of them.
        """
        for name in names:
            if name not in self.strata_names:
                known = ", ".join(self.strata_names) or "nothing"
                raise InputError(f"decisions are divided by {known}, not by {name!r}")
        kept = [self.strata_names.index(name) for name in names]
        return self._grouped(self.patterns, self.strata[:, kept], names)

    def where(self, chosen: ArrayLike) -> "Decisions":
        """Rows for which bool[n] `chosen` is true."""
        mask = np.asarray(chosen, dtype=bool)
        made = Decisions(self.seeds, self.strata_names, self.resampling)
        made.patterns, made.strata = self.patterns[mask], self.strata[mask]
        made.counts = self.counts[mask]
        rows = np.flatnonzero(mask)
        made.weights, made.squares = _rows(self.weights, rows), _rows(self.squares, rows)
        if self.replicas is not None:
            made.replicas = _rows(self.replicas, rows)
        return made

    def masked(self, kept: Sequence[str]) -> "Decisions":
        """Clear the bits of all seeds but those that are kept."""
        unknown = set(kept) - set(self.seeds)
        if unknown:
            raise InputError(f"no seed is called {', '.join(sorted(unknown))}")
        mask = pack(np.array([[seed in set(kept) for seed in self.seeds]], dtype=bool))
        return self._grouped(self.patterns & mask, self.strata, self.strata_names)

    def stratum(self, name: str) -> Integers:
        """Values int64[n] of one stratum in every row."""
        return self.strata[:, self.strata_names.index(name)]

    def state(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Header (JSON-ready) and arrays from which `from_state` makes the same table."""
        header, arrays = self._state()
        header |= {"seeds": list(self.seeds), "strata": list(self.strata_names)}
        return header, arrays | {"patterns": self.patterns, "strata_values": self.strata}

    @classmethod
    def from_state(cls, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> "Decisions":
        """Make the table that `state` described.

        Raises
        ------
        InputError
            If header and arrays do not belong together.
        """
        try:
            made = cls(header["seeds"], header["strata"], resampling_of(header))
            n = len(arrays["counts"])
            shapes = {
                "patterns": (n, made.patterns.shape[1]),
                "strata_values": (n, len(made.strata_names)),
                "counts": (n,),
            }
            for name, shape in shapes.items():
                if arrays[name].shape != shape:
                    raise InputError(f"{name} has shape {arrays[name].shape}, expected {shape}")
            made.patterns = arrays["patterns"].astype(np.uint8)
            made.strata = arrays["strata_values"].astype(np.int64)
            made._restore(header, arrays)
            made = made._grouped(made.patterns, made.strata, made.strata_names)
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"a table of decisions lacks {error}") from error
        return made


def _rows(sums: ExactSums, rows: Integers) -> ExactSums:
    """Rows of the first axis."""
    width = int(np.prod(sums.shape[1:]))
    at = (rows[:, None] * width + np.arange(width)).ravel()
    return ExactSums.from_state(sums.limbs[at], sums.lowest, (len(rows), *sums.shape[1:]))


def _keys(patterns: Bytes, strata: Integers) -> Bytes:
    """Rows of bytes, uint8[n, width], that are ordered as the rows of a table are."""
    ordered = np.ascontiguousarray((strata ^ np.int64(np.iinfo(np.int64).min)).astype(">i8"))
    divided = ordered.view(np.uint8).reshape(len(strata), 8 * strata.shape[1])
    return np.ascontiguousarray(np.concatenate([divided, patterns], axis=1))


def _words(keys: Bytes) -> AnyArray:
    """Each row of bytes as one value that can be compared."""
    return keys.view(np.dtype((np.void, keys.shape[1]))).ravel()


def _require_few(n: int) -> None:
    if n > MAX_PATTERNS:
        raise InputError(
            f"{n:,} distinct decision patterns, more than the {MAX_PATTERNS:,} that a "
            "table holds; keep the seeds of a prescale column only (active), or divide by less"
        )


def _distinct(patterns: Bytes, strata: Integers) -> tuple[Bytes, Integers, Integers]:
    """Distinct rows in ascending order, and for each row given its place among them."""
    keys = _keys(patterns, strata)
    if keys.shape[1] == 0:
        n = min(len(keys), 1)
        return patterns[:n], strata[:n], np.zeros(len(keys), np.int64)
    _, first, inverse = np.unique(_words(keys), return_index=True, return_inverse=True)
    _require_few(len(first))
    return patterns[first], strata[first], inverse.astype(np.int64).ravel()


def _merged(one: "Decisions", other: "Decisions") -> tuple[Bytes, Integers, Integers]:
    """Distinct rows of two tables, and for the rows of both their places among them.

    Rows of a table are distinct and in order, so that the smaller one is sought in the larger one
    instead of sorting both again: a job adds many small tables to one that grows.
    """
    large, small = (one, other) if len(one) >= len(other) else (other, one)
    keys, sought = _keys(large.patterns, large.strata), _keys(small.patterns, small.strata)
    if keys.shape[1] == 0 or not len(sought):
        return _distinct(
            np.concatenate([one.patterns, other.patterns]),
            np.concatenate([one.strata, other.strata]),
        )
    at = np.searchsorted(_words(keys), _words(sought))
    there = np.minimum(at, len(keys) - 1)
    found = (at < len(keys)) & (keys[there] == sought).all(axis=1)
    before = at[~found]
    _require_few(len(keys) + len(before))
    place = np.arange(len(keys)) + np.searchsorted(before, np.arange(len(keys)), side="right")
    of_small = np.empty(len(sought), np.int64)
    of_small[~found] = before + np.arange(len(before))
    of_small[found] = place[at[found]]
    ends = (place, of_small) if large is one else (of_small, place)
    return (
        np.insert(large.patterns, before, small.patterns[~found], axis=0),
        np.insert(large.strata, before, small.strata[~found], axis=0),
        np.concatenate(ends).astype(np.int64),
    )
