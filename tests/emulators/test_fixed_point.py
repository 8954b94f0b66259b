"""Casts against compiled ``ap_fixed``, exhaustively for small formats and by hypothesis."""

import ctypes
import subprocess
from fractions import Fraction
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import OVERFLOWS, ROUNDINGS, FixedPoint

MODES = list(product(ROUNDINGS, OVERFLOWS))
SOURCES = [FixedPoint(7, 3), FixedPoint(6, 2, False)]
TARGETS = [(5, 3), (3, 4), (1, 1), (9, 2), (2, -3)]
# Formats of one and two bits, whose point lies inside, before and behind them.
POINTS = (-2, -1, 0, 1, 2, 4)
TINY_SOURCES = [
    FixedPoint(11, 5),
    FixedPoint(1, 0, False),
    FixedPoint(1, 1),
    FixedPoint(2, 0, True, "TRN", "SAT_SYM"),
    FixedPoint(2, 3, False, "RND_ZERO", "SAT"),
]


def spelled(form):
    """Return the C++ type with all its modes; ``ap_int`` converts by other rules."""
    sign = "" if form.signed else "u"
    modes = f"AP_{form.rounding},AP_{form.overflow}"
    return f"ap_{sign}fixed<{form.width},{form.integer},{modes}>"


def targets_of(shapes, modes=MODES):
    return [
        FixedPoint(width, integer, signed, *mode)
        for (width, integer), signed, mode in product(shapes, (True, False), modes)
    ]


def defined(source, target):
    """Tell whether C++ defines a cast: to round, it reads the bit below the last one it keeps.

    Where that lies beyond the source's highest bit, its types stop with an assertion.
    """
    drop = source.fraction - target.fraction
    return target.rounding == "TRN" or drop <= source.width


def compiled_casts(folder, sources, targets):
    """Cast all values of all sources in C++; return floats, and two arrays of patterns.

    The arrays have one row for each value, one column for each target: casts from the source
    itself, and from floating-point numbers, an eighth of which are values of the source.
    """
    if not find_spec("hls4ml"):
        pytest.skip("needs the ap_types of hls4ml")
    library = Path(find_spec("hls4ml").origin).parent / "templates" / "vivado" / "ap_types"
    lines = [
        "#include <ap_fixed.h>",
        "template <class T> long long raw(T v) {",
        "    ap_uint<T::width> bits = v.range();",
        "    return bits.to_int64();",
        "}",
        'extern "C" void run(long long *y, double *d, long long *z) {',
    ]
    for source in sources:
        count = 1 << source.width
        lines.append(f"for (long i = 0; i < {count}; i++) {{ {spelled(source)} a; a.range() = i;")
        for target in targets:
            start = "= a" if defined(source, target) else "= 0"
            lines.append(
                f"{{ {spelled(target)} b {start}; *y++ = raw(b); "
                f"{spelled(target)} c = a.to_double() + d[i % 64]; *z++ = raw(c); }}"
            )
        lines.append("}")
    lines.append("}")
    code = folder / "casts.cpp"
    code.write_text("\n".join(lines))
    shared = folder / "casts.so"
    command = ["g++", "-O0", "-w", "-std=c++14", "-shared", "-fPIC", f"-I{library}", str(code)]
    subprocess.run([*command, "-o", str(shared)], check=True)
    extra = np.concatenate([np.zeros(8), np.random.default_rng(1).normal(0, 4, 56)])
    total = sum(1 << source.width for source in sources)
    y, z = (np.empty(total * len(targets), np.int64) for _ in range(2))
    ctypes.CDLL(str(shared)).run(*(a.ctypes.data_as(ctypes.c_void_p) for a in (y, extra, z)))
    return extra, y.reshape(total, -1), z.reshape(total, -1)


def check_casts(folder, sources, targets):
    extra, y, z = compiled_casts(folder, sources, targets)
    start = 0
    for source in sources:
        count = 1 << source.width
        patterns = np.arange(count)
        raw = np.where(patterns > source.maximum, patterns - count, patterns)
        floats = source.to_float(raw) + extra[patterns % 64]
        for column, target in enumerate(targets):
            one_by_one = [target.cast_int(int(value), source.fraction) for value in raw]
            equal = raw if source == target else np.array(one_by_one)
            pairs = [(target.from_float(floats), z[start : start + count, column])]
            if defined(source, target):
                pairs.append((target.cast(raw, source), y[start : start + count, column]))
                pairs.append((equal, y[start : start + count, column]))
            for got, expected in pairs:
                bits = got & ((1 << target.width) - 1)
                np.testing.assert_array_equal(bits, expected, err_msg=f"{source} -> {target}")
        start += count


def test_casts_equal_ap_fixed(tmp_path):
    """Every mode once, in formats that differ."""
    shapes = [(5, 3), (2, -3), (1, 0), (9, 2)]
    targets = [FixedPoint(*shapes[i % 4], i % 3 > 0, *mode) for i, mode in enumerate(MODES)]
    check_casts(tmp_path, [SOURCES[0], TINY_SOURCES[3]], targets)


@pytest.mark.heavy
def test_exhaustive_casts_equal_ap_fixed(tmp_path):
    check_casts(tmp_path, SOURCES, targets_of(TARGETS))


@pytest.mark.heavy
@pytest.mark.parametrize("width", [1, 2])
def test_casts_to_tiny_formats_equal_ap_fixed(tmp_path, width):
    check_casts(tmp_path, TINY_SOURCES, targets_of([(width, point) for point in POINTS]))


def formats(width):
    return st.builds(
        FixedPoint,
        width,
        st.integers(-70, 130),
        st.booleans(),
        st.sampled_from(ROUNDINGS),
        st.sampled_from(OVERFLOWS),
    )


def exact(value: Fraction, form: FixedPoint) -> int:
    """Return the cast of a number by the definition of the modes, with fractions."""
    scaled = value * Fraction(2) ** form.fraction
    floor = scaled.numerator // scaled.denominator
    lost = scaled - floor
    half = Fraction(1, 2)
    up = {
        "TRN": False,
        "TRN_ZERO": scaled < 0 and lost > 0,
        "RND": lost >= half,
        "RND_ZERO": lost > half or (lost == half and scaled < 0),
        "RND_MIN_INF": lost > half,
        "RND_INF": lost > half or (lost == half and scaled > 0),
        "RND_CONV": lost > half or (lost == half and floor % 2 == 1),
    }[form.rounding]
    raw = floor + up
    low, high = form.minimum, form.maximum
    if form.overflow == "SAT_SYM" and form.signed and form.width > 1:
        low = -high
    if form.overflow == "WRAP":
        span = 1 << form.width
        return (raw - low) % span + low
    if form.overflow == "SAT_ZERO":
        return raw if low <= raw <= high else 0
    return min(max(raw, low), high)


@settings(max_examples=400, deadline=None)
@given(st.data(), formats(st.integers(1, 63)), formats(st.integers(1, 63)))
def test_integer_casts_follow_the_definition(data, source, target):
    raw = data.draw(st.integers(source.minimum, source.maximum))
    value = raw / Fraction(2) ** source.fraction
    cast = raw if source == target else exact(value, target)
    assert int(target.cast(np.array(raw), source)) == cast
    assert target.cast_int(raw, source.fraction) == exact(value, target)


@pytest.mark.parametrize("mode", MODES, ids="-".join)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("width", [1, 2, 3, 6])
def test_between_equal_formats_nothing_is_cast(width, signed, mode):
    """C++ copies there, and keeps the lowest value that symmetric saturation never gives.

    `FixedPoint.cast` knows the source and does the same. `FixedPoint.cast_int` does not: to it
    every integer comes from another format.
    """
    form = FixedPoint(width, 1, signed, *mode)
    raw = np.arange(form.minimum, form.maximum + 1)
    assert form.cast(raw, form).tolist() == raw.tolist()
    assert form.cast(raw.astype(object), form).tolist() == raw.tolist()
    values = [Fraction(int(r)) / Fraction(2) ** form.fraction for r in raw]
    defined = [exact(value, form) for value in values]
    assert [form.cast_int(int(r), form.fraction) for r in raw] == defined
    symmetric = form.overflow == "SAT_SYM" and signed and width > 1
    assert defined == [max(int(r), -form.maximum) if symmetric else int(r) for r in raw]
    # A format that differs in its rounding alone is another type, and its values are cast.
    other = "RND" if form.rounding == "TRN" else "TRN"
    source = FixedPoint(width, 1, signed, other, form.overflow)
    assert form.cast(raw, source).tolist() == defined


@pytest.mark.parametrize("mode", MODES, ids="-".join)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("kind", [np.int64, object])
def test_what_is_outside_its_own_format_is_cast_all_the_same(signed, mode, kind):
    """Such integers are sums of values of the format; all of C++'s own are inside."""
    form = FixedPoint(4, 2, signed, *mode)
    raw = np.array([*range(-40, form.minimum), *range(form.maximum + 1, 41)])
    expected = [exact(Fraction(int(r)) / Fraction(2) ** form.fraction, form) for r in raw]
    assert form.cast(raw.astype(kind), form).tolist() == expected


@settings(max_examples=400, deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False, width=64),
    formats(st.integers(1, 63)),
    st.integers(-3, 3),
)
def test_float_casts_follow_the_definition(number, target, near):
    for value in (number, float(near) / 4):
        assert int(target.from_float(value)) == exact(Fraction(value), target)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-(2.0**70), 2.0**70), min_size=1, max_size=40),
    st.integers(1, 63),
    st.integers(-3, 66),
    st.booleans(),
    st.sampled_from([np.float32, np.float64]),
)
def test_arrays_are_rounded_down_and_wrapped(numbers, width, fraction, signed, kind):
    target = FixedPoint(width, width - fraction, signed)
    values = np.array(numbers, kind)
    expected = [exact(Fraction(float(value)), target) for value in values]
    assert target.from_float(values).tolist() == expected


@given(formats(st.integers(1, 200)))
def test_text_round_trip(form):
    assert FixedPoint.parse(str(form)) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("ap_fixed<16,6>", FixedPoint(16, 6)),
        (" ap_ufixed< 10, 4, AP_RND, AP_SAT, AP_SAT > ", FixedPoint(10, 4, False, "RND", "SAT")),
        ("ap_fixed<18,8,AP_RND_CONV>", FixedPoint(18, 8, True, "RND_CONV")),
        ("ap_uint<10>", FixedPoint(10, 10, False)),
        ("ap_int<3>", FixedPoint(3, 3)),
    ],
)
def test_types_are_parsed(text, form):
    assert FixedPoint.parse(text) == form


@pytest.mark.parametrize(
    "text",
    ["float", "ap_fixed<16>", "ap_int<8,8>", "ap_fixed<8,4,AP_RND,AP_WRAP,2>", "ap_fixed<a,b>",
     "ap_fixed<0,0>", "ap_fixed<8,4,AP_UP>", "ap_fixed<8,4,AP_RND,AP_CLIP>", "ap_fixed<99999,1>"],
)  # fmt: skip
def test_other_types_are_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        FixedPoint.parse(text)


def test_numbers_without_fixed_point_value_are_refused():
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="NaN and infinity"):
            FixedPoint(8, 4).from_float([0.0, value])
    with pytest.raises(ValueError, match="64-bit"):
        FixedPoint(65, 4).from_float(1.0)


@pytest.mark.parametrize("overflow", OVERFLOWS)
@pytest.mark.parametrize("fraction", [0, 1, 5, 62, 70])
def test_casts_to_64_bits_follow_the_definition(overflow, fraction):
    edges = [0, 1, -1, 5, -5, 2**31, -(2**31), 2**62, -(2**62), 2**63 - 1, -(2**63), -(2**63) + 1]
    form = FixedPoint(64, 64 - fraction, True, "RND", overflow)
    source = FixedPoint(64, 62)
    raw = np.array(edges, np.int64)
    assert form.cast(raw, source).tolist() == [form.cast_int(r, source.fraction) for r in edges]


def test_wide_formats_use_python_integers():
    wide, narrow = FixedPoint(100, 50), FixedPoint(8, 4, True, "RND", "SAT")
    raw = wide.cast(np.array([3, -3]), FixedPoint(8, 4))
    assert raw.dtype == object
    assert raw.tolist() == [3 << 46, -3 << 46]
    assert narrow.cast(raw, wide).tolist() == [3, -3]


def test_shapes_and_values_survive():
    form = FixedPoint(12, 5)
    raw = np.arange(-8, 8).reshape(2, 4, 2)
    np.testing.assert_array_equal(form.from_float(form.to_float(raw)), raw)
    assert form.cast(raw, form).shape == raw.shape
    assert form.step == 2.0**-7
    assert form.contains(FixedPoint(8, 4))
    assert not form.contains(FixedPoint(12, 6))
