"""L1TSC4NGJet against the caller, constituent by constituent, and its tables against C++."""

import ctypes
import math
import shutil
import subprocess
from fractions import Fraction

import numpy as np
import pytest

from l1kd.emulators.deployed import JetTagger
from l1kd.emulators.deployed.constituents import hardest_constituents
from l1kd.emulators.deployed.momentum_tables import PT, logarithm, reciprocal
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.deployed.events import candidates, jets_of
from tests.emulators.deployed.stand_in import StandIn
from tests.emulators.network.firmware import HLS4ML

OLD = FixedPoint(24, 12, True, "RND", "SAT")
NEW = FixedPoint(32, 16, True, "RND", "SAT")
WIDE = FixedPoint(64, 32, True, "RND", "SAT")
SHARE = FixedPoint(17, 1, False, "RND", "SAT")
BIT = FixedPoint(1, 1, False)
SCORES = FixedPoint(24, 12, False, "RND", "SAT")
FACTOR = FixedPoint(16, 6)
VERSIONS = {
    20: [(320, OLD)],
    21: [(336, NEW), (16, SHARE), (2, NEW), (16, BIT)],
    2: [(336, NEW), (2, NEW)],
    "v0": [(320, OLD)],
}
VALUE = {20: OLD, 21: NEW, 2: WIDE, "v0": OLD}
MASS = {0: 0.5, 1: 0.0, 2: 0.13, 3: 0.13, 4: 0.005, 5: 0.005, 6: 0.105, 7: 0.105}


def tagger(version, outputs=((8, SCORES), (1, FACTOR))):
    name = f"L1TSC4NGJetModel_{version if version == 'v0' else 'v1'}"
    return JetTagger(StandIn(VERSIONS[version], outputs, name))


def exact(raw, form):
    return Fraction(int(raw)) / 2**form.fraction


def cast(value, form):
    """Round to nearest, halves up, and saturate."""
    raw = math.floor(Fraction(value) * 2**form.fraction + Fraction(1, 2))
    return Fraction(min(max(raw, form.minimum), form.maximum)) / 2**form.fraction


def top_bit(raw):
    return max(raw.bit_length() - 1, 0)


def table_number(raw, form, bits):
    """The number behind the entry that a raw number addresses, and how far it was shifted."""
    shift = form.width - 1 - top_bit(raw)
    low = form.width - 1 - bits
    index = ((raw << shift) >> low) & ((1 << bits) - 1)
    entry = (1 << (form.width - 1)) + (index << low)
    if form.signed:
        entry -= 1 << form.width
    return np.float32(entry / 2**form.fraction), shift


def wrapped(value, form):
    raw = int(value * 2**form.fraction)
    return Fraction((raw - form.minimum) % (1 << form.width) + form.minimum) / 2**form.fraction


def truncated(value, form):
    """AP_TRN, AP_SAT."""
    raw = min(max(math.floor(Fraction(value) * 2**form.fraction), form.minimum), form.maximum)
    return Fraction(raw) / 2**form.fraction


def constituent(c, jet, slot, pt, eta, phi, version):
    """The numbers of one constituent."""
    value = VALUE[version]
    to_table = cast if version != 2 else lambda x, _: truncated(x, PT)
    jet_pt = cast(exact(pt, PT), value)
    address = value if version == 20 else PT
    raw = int(truncated(jet_pt, address) * 2**address.fraction)
    number, shift = table_number(raw, address, 8 if version == 20 else 10)
    entry = to_table(float(np.float32(1) / number), value)
    inverse = wrapped(entry * 2**shift, value if version != 2 else PT)
    own = cast(exact(c.hwPt[jet, slot], PT), value)
    number, shift = table_number(int(c.hwPt[jet, slot]), PT, 8)
    log = to_table(float(np.float32(math.log(number))), value) - to_table(
        math.log(2.0**shift), value
    )
    log = to_table(log, value)
    turn = int(c.hwPhi[jet, slot] - phi)
    turn = turn - 1440 if turn > 720 else turn + 1440 if turn < -720 else turn
    code = int(c.hwId[jet, slot])
    charged = code >= 2
    kinds = [int(code == k) for k in (1, 5, 4, 7, 6, 0, 3, 2)]
    row = [own, cast(own * inverse, value), log, cast(int(eta - c.hwEta[jet, slot]), value), turn,
           cast(MASS[code], value), *kinds,
           int(c.hwZ0[jet, slot]) if charged else 0, int(c.hwDxy[jet, slot]) if charged else 0, 1,
           0 if charged else Fraction(int(c.hwPuppiW[jet, slot]), 256),
           0 if charged else int(c.hwEmID[jet, slot]),
           int(c.hwTkQuality[jet, slot]) if charged else 0]  # fmt: skip
    if version != 20:
        row.insert(3 if version == 21 else 20, abs(int(c.hwEta[jet, slot])))
    return row


def constituent_in_counts(c, jet, slot, pt, eta, phi):
    """The numbers of one constituent as the first caller computes them: floats, then a cast."""
    row = constituent(c, jet, slot, pt, eta, phi, 20)
    hw = int(c.hwPt[jet, slot])
    turn = int(c.hwPhi[jet, slot] - phi)
    turn = 1440 - turn if turn > 720 else turn + 1440 if turn < -720 else turn
    share = np.float32(hw) / np.float32(float(pt) * 0.25)
    row[:3] = [cast(float(x), OLD) for x in (hw, share, np.float32(math.log(max(hw, 1))))]
    row[4] = turn
    row[17] = math.floor(row[17])
    return row


def drawn(seed):
    c = candidates(seed, 16)
    jets, jet_of = jets_of(c)
    event, slots = hardest_constituents(c, jet_of, jets["n_jets"], 16)
    kept = np.arange(16) < jets["n_jets"][:, None]
    return c.taken(event, slots), *(jets[n][kept].astype(int) for n in ("hwPt", "hwEta", "hwPhi"))


@pytest.mark.parametrize("version", [20, 21, 2, "v0"])
def test_constituents_are_arranged_as_the_caller_does(version):
    parts, pt, eta, phi = drawn(20 if version == "v0" else version)
    found = tagger(version).inputs(parts, pt, eta, phi)
    width = 20 if version in (20, "v0") else 21
    assert len(pt) > 50
    for jet in range(len(pt)):
        rows = []
        for slot in range(16):
            there = slot < parts.count[jet]
            given = (parts, jet, slot, pt[jet], eta[jet], phi[jet])
            if not there:
                rows.append([0] * width)
            elif version == "v0":
                rows.append(constituent_in_counts(*given))
            else:
                rows.append(constituent(*given, version))
        expected = [[x for row in rows for x in row]]
        log = cast(exact(pt[jet], PT), VALUE[version])
        if version == 21:
            number, shift = table_number(int(pt[jet]), PT, 8)
            log = cast(float(np.float32(math.log(number))), NEW) - cast(math.log(2.0**shift), NEW)
            expected += [[row[1] for row in rows], [log, abs(int(eta[jet]))],
                         [int(s < parts.count[jet]) for s in range(16)]]  # fmt: skip
        elif version == 2:
            expected.append([log, int(eta[jet])])
        for (_, form), block, wanted in zip(VERSIONS[version], found, expected, strict=True):
            values = [Fraction(int(x)) / 2**form.fraction for x in block[jet]]
            if form.rounding == "TRN":
                assert values == [wrapped(Fraction(x), form) for x in wanted]
            else:
                assert values == [cast(x, form) for x in wanted]


def test_the_unit_of_momenta_goes_with_the_version_or_is_given():
    parts, pt, eta, phi = drawn(5)
    first, later = tagger("v0"), tagger(20)
    assert (first.counts, later.counts) == (True, False)
    given = JetTagger(later.network, counts=True).inputs(parts, pt, eta, phi)[0]
    np.testing.assert_array_equal(given, first.inputs(parts, pt, eta, phi)[0])
    pads = [later.inputs(parts, pt, eta, phi)[0][:, 20 * k] for k in range(16)]
    for k, gev in enumerate(pads):
        np.testing.assert_array_equal(given[:, 20 * k], np.minimum(4 * gev, OLD.maximum))
    with pytest.raises(ValueError, match="choice for networks of 320 inputs"):
        JetTagger(tagger(21).network, "abcdefgh", counts=True)


def test_the_hardest_constituents_come_first_and_ties_keep_their_order():
    c = candidates(3, 30)
    jets, jet_of = jets_of(c)
    event, slots = hardest_constituents(c, jet_of, jets["n_jets"], 16)
    position = 0
    for e in range(c.n_events):
        for jet in range(jets["n_jets"][e]):
            members = [i for i in range(c.count[e]) if jet_of[e, i] == jet]
            assert len(members) == jets["nConstituents"][e, jet]
            expected = sorted(members, key=lambda i: -c.hwPt[e, i])[:16]
            assert event[position] == e
            assert slots[position].tolist() == expected + [-1] * (16 - len(expected))
            position += 1
    assert position == len(slots)
    assert max(np.sum(jet_of == k, axis=1).max() for k in range(16)) > 16, "some are cut"


def test_only_jets_in_range_are_corrected():
    constituents, pt, eta, phi = drawn(5)
    eta[:4] = 549, 550, -549, -550
    pt[:4] = 400
    pt[4:6], eta[4:6] = (40, 41), 0
    network = tagger(20)
    tagged = network.predict(constituents, pt, eta, phi)
    raw = network.network.predict_raw(*network.network.seen)
    for jet in range(len(pt)):
        inside = abs(eta[jet]) < 550 and pt[jet] > 40
        factor = max(int(raw[1][jet, 0]), 0)
        corrected = min((int(pt[jet]) * factor) >> 10, 16383)
        scores = [min(_even(int(x), 5), 255) for x in raw[0][jet]]
        assert tagged.factor[jet] == factor
        assert tagged.pt[jet] == (corrected if inside else pt[jet])
        assert tagged.scores[jet].tolist() == (scores if inside else [0] * 8)
    assert 0 < tagged.corrected.sum() < len(pt)
    assert tagged.corrected[:6].tolist() == [True, False, True, False, False, True]


def _even(raw, bits):
    """Drop bits, ties to even."""
    low, half = raw & ((1 << bits) - 1), 1 << (bits - 1)
    return (raw >> bits) + (low > half or (low == half and (raw >> bits) & 1))


def test_classes_are_named_in_the_order_of_the_network():
    assert tagger(20).classes == ("b", "c", "uds", "g", "tau_p", "tau_n", "mu", "e")
    outputs = ((9, SCORES), (1, FACTOR))
    with pytest.raises(ValueError, match="9 classes; give their names"):
        tagger(21, outputs)
    assert JetTagger(StandIn(VERSIONS[21], outputs), "abcdefghi").classes == tuple("abcdefghi")
    with pytest.raises(ValueError, match="expected 8 names"):
        JetTagger(StandIn(VERSIONS[20], ((8, SCORES), (1, FACTOR))), ["b", "c"])
    with pytest.raises(ValueError, match=r"inputs of \[320\], \[336, 16, 2, 16\], \[336, 2\]"):
        JetTagger(StandIn([(300, OLD)], ((8, SCORES), (1, FACTOR))))


SOURCE = """#include <cmath>
#include "ap_fixed.h"
typedef ap_ufixed<14,12,AP_TRN,AP_SAT> pt_t;
template <class T> long long raw(T v) {
    long long bits = ap_uint<64>(v.range()).to_int64();
    return v < 0 && T::width < 64 ? bits - (1LL << T::width) : bits;
}
template <class D> int top(D x) { int t = 0; for (int b = 0; b < D::width; b++) if (x[b]) t = b;
    return t; }
template <class D, int B> float number(D x) {
    D shifted = x << (D::width - 1 - top(x)); D entry = 0;
    entry[D::width - 1] = 1;
    entry(D::width - 2, D::width - 1 - B) = shifted(D::width - 2, D::width - 1 - B);
    return (float)entry; }
template <class D, class T, int B> T inverse(D x) {
    T entry = 1 / number<D, B>(x); T out = entry << (D::width - 1 - top(x)); return out; }
template <class D, class T, int B> T logarithm(D x) {
    T a = std::log(number<D, B>(x)); T b = std::log(std::pow(2, D::width - 1 - top(x)));
    T out = a - b; return out; }
template <class T> void all(long long *to) {
    for (int i = 0; i < 16384; i++, to += 3) {
        pt_t p; p.range() = i; T x = p;
        to[0] = raw(inverse<T, T, 8>(x)); to[1] = raw(inverse<pt_t, T, 10>(p));
        to[2] = raw(logarithm<pt_t, T, 8>(p));
    } }
extern "C" void old_(long long *to) { all<ap_fixed<24,12,AP_RND,AP_SAT,0>>(to); }
extern "C" void new_(long long *to) { all<ap_fixed<32,16,AP_RND,AP_SAT,0>>(to); }
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None or HLS4ML is None, reason="needs g++ and hls4ml")
def test_tables_equal_compiled_c_plus_plus(tmp_path):
    (tmp_path / "tables.cpp").write_text(SOURCE)
    types = HLS4ML / "templates" / "vivado" / "ap_types"
    command = ["g++", "-O1", "-w", "-std=c++17", "-fPIC", "-shared", f"-I{types}",
               "tables.cpp", "-o", "tables.so"]  # fmt: skip
    subprocess.run(command, cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "tables.so"))
    raw = np.arange(16384)
    for name, form in (("old_", OLD), ("new_", NEW)):
        out = np.zeros((16384, 3), np.int64)
        getattr(library, name)(ctypes.c_void_p(out.ctypes.data))
        np.testing.assert_array_equal(reciprocal(form.cast(raw, PT), form, form, 8), out[:, 0])
        np.testing.assert_array_equal(reciprocal(raw, PT, form, 10), out[:, 1])
        np.testing.assert_array_equal(logarithm(raw, PT, form, 8), out[:, 2])
