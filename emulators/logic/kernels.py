"""Bits of 64 events at a time: a machine word holds one bit of each, a gate is a few operations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyArray, Bytes, Indices, Integers, Words
from l1kd.emulators.compilation import njit
from l1kd.emulators.logic.stages import LogicStage

__all__ = ["LANES", "evaluate"]


LANES = 64
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)
_NONE = np.uint64(0)


def evaluate(stages: Sequence[LogicStage], flat: AnyArray) -> Integers:
    """Send events, shape (n, inputs), through stages one after the other."""
    values = np.ascontiguousarray(flat, dtype=np.int32)
    for stage in stages:
        result = np.empty((len(values), stage.outputs), np.int32)
        _run_stage(values, *_packed(stage), result)
        values = result
    return values.astype(np.int64)


def _packed(stage: LogicStage) -> tuple[Any, ...]:
    """Layers as flat arrays, as the kernel takes them."""
    empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint8))
    columns = [(layer.a, layer.b, layer.table) for layer in stage.layers] or [empty]
    a, b, table = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    ends = np.cumsum([0, *map(len, stage.layers)])
    return (
        stage.width,
        stage.source,
        stage.threshold,
        a,
        b,
        table,
        ends,
        stage.group,
        stage.weight,
        stage.offset,
        stage.output_width,
    )


@njit(nogil=True)
def _slice(values: Any, width: int, slices: Words) -> None:
    """Turn up to 64 rows of numbers into words: bit k of number i of all events in slices[i, k]."""
    slices[:] = 0
    for lane in range(len(values)):
        for i in range(values.shape[1]):
            rest = values[lane, i]
            for k in range(width):
                slices[i, k] |= np.uint64((rest >> k) & 1) << np.uint64(lane)


@njit(nogil=True)
def _encode(slices: Words, width: int, source: Indices, threshold: Integers, bits: Words) -> None:
    """Compare, from the lowest bit up: at least the threshold's bits so far, or not."""
    for j in range(len(source)):
        passed = _ALL
        for k in range(width):
            here = slices[source[j], k]
            passed = (passed & here) if (threshold[j] >> k) & 1 else (passed | here)
        bits[j] = passed


@njit(nogil=True)
def _gate(a: Any, b: Any, table: int) -> Any:
    out = _NONE
    if table & 1:
        out |= ~a & ~b
    if table & 2:
        out |= ~a & b
    if table & 4:
        out |= a & ~b
    if table & 8:
        out |= a & b
    return out


@njit(nogil=True)
def _count(bits: Words, group: Indices, counters: Words) -> None:
    """Add every bit to the counter of its group, 64 counters at a time."""
    counters[:] = 0
    for j in range(len(group)):
        carry = bits[j]
        k = 0
        while carry != _NONE:
            held = counters[group[j], k]
            counters[group[j], k] = held ^ carry
            carry &= held
            k += 1


@njit(nogil=True)
def _add(counters: Words, weight: Integers, offset: Integers, limit: int, result: Any) -> None:
    for lane in range(len(result)):
        for o in range(len(offset)):
            total = offset[o]
            for g in range(counters.shape[0]):
                count = np.int64(0)
                for k in range(counters.shape[1]):
                    bit = np.int64((counters[g, k] >> np.uint64(lane)) & _ONE)
                    count |= bit << k
                total += weight[o, g] * count
            result[lane, o] = min(max(total, 0), limit)


@njit(nogil=True)
def _run_stage(
    values: Any,
    width: int,
    source: Indices,
    threshold: Integers,
    a: Indices,
    b: Indices,
    table: Bytes,
    ends: Integers,
    group: Indices,
    weight: Integers,
    offset: Integers,
    output_width: int,
    result: Any,
) -> None:
    slices = np.empty((values.shape[1], width), np.uint64)
    largest = max(len(source), len(a), 1)
    bits, after = np.empty(largest, np.uint64), np.empty(largest, np.uint64)
    depth = 1
    while len(group) >> depth:
        depth += 1
    counters = np.empty((weight.shape[1], depth), np.uint64)
    limit = (1 << output_width) - 1
    for start in range(0, len(values), LANES):
        rows = values[start : start + LANES]
        _slice(rows, width, slices)
        _encode(slices, width, source, threshold, bits)
        for layer in range(len(ends) - 1):
            for j in range(ends[layer], ends[layer + 1]):
                after[j - ends[layer]] = _gate(bits[a[j]], bits[b[j]], table[j])
            bits, after = after, bits
        _count(bits, group, counters)
        _add(counters, weight, offset, limit, result[start : start + LANES])
