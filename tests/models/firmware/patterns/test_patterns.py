"""Files of the bench: written, read back, and damaged."""

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.errors import ConfigurationError, InputError, UnreadableFileError
from l1kd.models.firmware.patterns import files, links, memories, waveforms
from l1kd.models.firmware.patterns.words import Layout, frames_of, rows_of_frames

FORMATS = [FixedPoint(7, 3), FixedPoint(64, 20), FixedPoint(13, 5, False), FixedPoint(1, 1, False)]
LAYOUTS = [
    Layout(),
    Layout(links=(4, 7, 5)),
    Layout(links=(0, 1), gap=2, lead=3),
    Layout(field=64, links=(2,)),
    Layout(field=64, links=(3, 2, 1, 0), lead=1),
]


def rows(count=50):
    rng = np.random.default_rng(1)
    columns = [rng.integers(f.minimum, f.maximum, count, endpoint=True) for f in FORMATS]
    raw = np.stack(columns, axis=1)
    raw[0] = [f.minimum for f in FORMATS]
    raw[1] = [f.maximum for f in FORMATS]
    return raw


def bits_of(row, fields):
    """Place every element by itself: the model that the code is compared with."""
    number, low = 0, 0
    for value, (width, field) in zip(row.tolist(), fields, strict=True):
        number |= (value & ((1 << field) - 1)) << low
        low += field
        assert width <= field
    return number


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", ["npy", "csv", "hex", "coe", "emp", "emp1", "apx"])
def test_what_is_written_is_read_back(kind, layout, tmp_path):
    path = tmp_path / f"rows.{files.WRITTEN[kind]}"
    assert files.write(path, rows(), FORMATS, layout, kind) == [path]
    np.testing.assert_array_equal(files.read(path, FORMATS, layout), rows())


@pytest.mark.parametrize("kind", ["csv", "hex", "coe", "emp", "emp1", "apx"])
def test_a_mark_of_bytes_in_front_changes_nothing(kind, tmp_path):
    (path,) = files.write(tmp_path / f"a.{files.WRITTEN[kind]}", rows(), FORMATS, Layout(), kind)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    np.testing.assert_array_equal(files.read(path, FORMATS, Layout(), kind), rows())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_bits_lie_where_the_layout_says(layout):
    fields = [(form.width, layout.field or form.width) for form in FORMATS]
    frames = frames_of(rows(), FORMATS, layout, "x")
    length = -(-sum(field for _, field in fields) // (64 * len(layout.links)))
    for number, row in enumerate(rows()):
        first = layout.lead + number * (length + layout.gap)
        words = frames.data[first : first + length].reshape(-1)
        expected = bits_of(row, fields)
        found = sum(int(word) << (64 * place) for place, word in enumerate(words))
        assert found == expected
        assert frames.valid[first : first + length].all()
        assert frames.start[first].all()
        assert frames.end[first + length - 1].all()
        assert not frames.valid[first + length : first + length + layout.gap].any()
    assert not frames.valid[: layout.lead].any()
    assert frames.start.sum() == frames.end.sum() == len(rows()) * len(layout.links)


def test_text_is_that_of_the_boards():
    frames = frames_of(np.array([[5], [-1]]), [FixedPoint(8, 8)], Layout((3,), lead=1), "x")
    assert links.write_emp2(frames).splitlines()[4:] == [
        "Frame 0000    0000 0000000000000000",
        "Frame 0001    1111 0000000000000005",
        "Frame 0002    0111 00000000000000ff",
    ]
    assert links.write_emp1(frames).splitlines()[3:] == [
        "Frame 0000 :   0v0000000000000000",
        "Frame 0001 :   1v0000000000000005",
        "Frame 0002 :   1v00000000000000ff",
    ]
    assert links.write_apx(frames).splitlines() == [
        "#Sideband ON",
        "#LinkLabel                LINK_03    ",
        "#BeginData",
        "0x0000    0x00 0x0000000000000000",
        "0x0001    0x0f 0x0000000000000005",
        "0x0002    0x0b 0x00000000000000ff",
    ]


def test_a_strobed_file_of_emp_is_read():
    text = (
        "# captured\nID: x0\nMetadata: (strobe,) start of orbit, start of packet, end of packet, "
        "valid\n\n      Link              000                     004        \n"
        "Frame 0000    10001 0000000000000007  0101 000000000000000f\n"
        "Frame 0001    00000 0000000000000000  0000 0000000000000000\n"
    )
    found = links.read_emp(text, "x")
    assert found.numbers == (0, 4)
    np.testing.assert_array_equal(found.data, [[7, 15], [0, 0]])
    np.testing.assert_array_equal(found.valid, [[True, True], [False, False]])
    np.testing.assert_array_equal(found.start, [[False, True], [False, False]])


def test_buffers_of_the_boards_hold_whole_events(tmp_path):
    layout = Layout(links=(0, 1), lead=4)
    written = files.write(tmp_path / "in.txt", rows(), FORMATS, layout, "emp", depth=10)
    assert [path.name for path in written][:2] == ["in_0.txt", "in_1.txt"]
    parts = [files.read(path, FORMATS, layout) for path in written]
    assert {len(part) for part in parts} <= {3, 6, 2}
    np.testing.assert_array_equal(np.concatenate(parts), rows())
    with pytest.raises(ConfigurationError, match="hold none"):
        files.write(tmp_path / "in.txt", rows(), FORMATS, layout, "emp", depth=4)


def test_hex_and_coe_as_others_write_them():
    text = "// made elsewhere\n@0 00_1f /* two */ 2A\n@2\n0003\n"
    assert memories.read_hex(text, "x") == [31, 42, 3]
    coe = "; remark\nmemory_initialization_radix = 2;\nMEMORY_INITIALIZATION_VECTOR =\n01, 10,\n11;"
    assert memories.read_coe(coe, "x") == [1, 2, 3]
    assert memories.write_hex([5], 9) == "005\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.hex", "00zz\n", "'00zz' is no number of radix 16"),
        ("a.hex", "@4 00\n", "no row left out"),
        ("a.hex", "1" + "0" * 40 + "\n", "row 0 has 161 bits"),
        ("a.coe", "01,02;", "expected memory_initialization_radix"),
        ("a.csv", "1,2,3\n4,5,6\n", r"expected numbers of shape \(n, 4\)"),
        ("a.csv", "1,2,3,4\n4,5,6\n", "differ in their number of columns"),
        ("a.csv", "a,b,c,d\n1,2,x,4\n", "expected numbers"),
        ("a.txt", "hello\n", "expected 'Board'"),
        ("a.txt", "ID: x\nFrame 0000  0001 0000000000000000\n", "expected a line of links"),
        ("a.txt", "ID: x\n  Link   000\nFrame 0001  0001 " + "0" * 16, "expected frame 0"),
        ("a.txt", "ID: x\n  Link   000\nFrame 0000  1v" + "0" * 16, "EMP version 2"),
        ("a.txt", "Board x\n  Link : 000\nFrame 0000 : 0001 " + "0" * 16, "EMP version 1"),
        ("a.txt", "Board x\n  Link : 001\nFrame 0000 : 1v" + "0" * 16, "expected link 0"),
        ("a.txt", "#Sideband ON\n0x0000 0x1 0x0", "expected #LinkLabel"),
        ("a.txt", "#LinkLabel LINK_00\n#BeginData\n0x0001 0x1 0x0", "expected row 0x0000"),
        ("a.txt", "Board x\n  Link : 000\nFrame 0000 : 1v" + "0" * 16, "expected a multiple"),
        ("a.vcd", "$enddefinitions $end\n#0\n", "expected the signal 'data_in'"),
    ],
)
def test_files_that_are_damaged_are_refused(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        files.read(tmp_path / name, FORMATS, Layout())


def test_links_that_disagree_are_refused():
    layout = Layout(links=(0, 1))
    frames = frames_of(rows(), FORMATS, layout, "x")
    frames.valid[3, 1] = False
    with pytest.raises(InputError, match="in frame 3 some of the links"):
        rows_of_frames(frames, FORMATS, layout, "x")


def test_a_field_of_another_width_is_noticed():
    frames = frames_of(np.full((1, 2), 99), [FixedPoint(32, 32)] * 2, Layout(), "x")
    with pytest.raises(InputError, match=r"99, which is none of ap_int<4>.*another width"):
        rows_of_frames(frames, [FixedPoint(4, 4)] * 2, Layout(field=32), "x")


def test_layouts_that_cannot_be_are_refused():
    for wrong in ({"links": ()}, {"links": (1, 1)}, {"field": 0}, {"gap": -1}):
        with pytest.raises(ConfigurationError):
            Layout(**wrong)
    with pytest.raises(ConfigurationError, match="up to 64 bits, fields of 8"):
        Layout(field=8).fields(FORMATS, "x")


def test_files_that_are_not_there_are_named(tmp_path):
    with pytest.raises(UnreadableFileError, match="found none"):
        files.read(tmp_path / "none.hex", FORMATS, Layout())
    with pytest.raises(ConfigurationError, match=r"\.bin: expected a file of vectors"):
        files.read(tmp_path / "none.bin", FORMATS, Layout())


VCD = """$timescale 1ns $end
$scope module top $end
$var wire 1 ! clk $end
$var wire 8 " data_in [7:0] $end
$var wire 4 # data_out [3:0] $end
$upscope $end
$enddefinitions $end
#0
0!
b1010 "
bxxxx #
#5
1!
#10
0!
b11 "
b1111 #
#15
1!
b1 #
#20
0!
#25
1!
"""


def test_a_vcd_is_read_before_every_edge():
    assert waveforms.read_vcd(VCD, "data_in", "clk", "x") == [10, 3, 3]
    with pytest.raises(InputError, match="cycle 0 has undefined bits"):
        waveforms.read_vcd(VCD, "data_out", "clk", "x")
    assert waveforms.read_vcd(VCD, "data_out", "clk", "x", skip=1) == [15, 1]


def test_a_vcd_without_a_clock_has_a_row_for_every_step():
    text = VCD.replace("$var wire 1 ! clk $end\n", "")
    steps = text[: text.index("#0")] + '#0\nb1 "\n#2\nb10 "\n#8\nb11 "\n'
    assert waveforms.read_vcd(steps, "data_in", "clk", "x") == [1, 2, 2, 2, 3]
