"""Test vectors written out of columns: the inverse of `read_vector`, for the tests."""

import numpy as np

from l1kd.emulators.global_trigger.words import OBJECT_WORDS, SHOWER_BITS, SUM_WORDS


def vector_of(events, decisions):
    """Return the text of a test vector.

    `decisions` are boolean arrays by the index of their algorithm bit.
    """
    words = {name: _words(events.lists[name], OBJECT_WORDS[name]) for name in OBJECT_WORDS}
    for name, muon in SHOWER_BITS.items():
        words["MU"][:, muon] |= events.lists[name]["flag"][:, 0].astype(np.uint64) << np.uint64(61)
    sums = np.zeros((len(events), 12), np.uint64)
    for k, fields in enumerate(SUM_WORDS):
        for (name, field), bits in fields.items():
            sums[:, k] |= _placed(events.lists[name][field][:, 0], bits)
    lines = []
    for n in range(len(events)):
        line = [f"{n:04d}"]
        line += [f"{int(word):016x}" for word in words["MU"][n]]
        for name in ("EG", "TAU", "JET"):
            line += [f"{int(word):08x}" for word in words[name][n]]
        line += [f"{int(word):08x}" for word in sums[n]]
        external = sum(int(word) << 64 * i for i, word in enumerate(events.externals[n]))
        algorithms = sum(int(bits[n]) << index for index, bits in decisions.items())
        lines.append(" ".join([*line, f"{external:064x}", f"{algorithms:0128x}", "1"]))
    return "\n".join(lines) + "\n"


def _words(fields, layout):
    shape = next(iter(fields.values())).shape
    words = np.zeros(shape, np.uint64)
    for field, bits in layout.items():
        words |= _placed(fields[field], bits)
    return words


def _placed(values, bits):
    masked = values.astype(np.int64) & ((1 << bits.width) - 1)
    return masked.astype(np.uint64) << np.uint64(bits.low)
