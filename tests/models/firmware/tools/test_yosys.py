"""Counts of cells of a design whose cells are known by hand."""

import pytest

from l1kd.models.firmware.tools import yosys
from l1kd.models.firmware.tools.netlist import longest

synthesized = pytest.mark.skipif(yosys.available() is not None, reason=str(yosys.available()))

# An adder of eight bits: a lookup table each, two carry blocks of four. A conjunction of six bits:
# one lookup table; two more make it one of sixteen, in two levels. A product in a DSP block, and 36
# kbit of memory. Registers: two of eight bits in front, and ten behind.
DESIGN = """
module hand (
    input clk, input write, input [7:0] a, input [7:0] b, input [15:0] c, input [15:0] d,
    input [9:0] address, input [35:0] word,
    output reg [7:0] sum, output reg six, output reg sixteen,
    output [31:0] product, output reg [35:0] read
);
  reg [7:0] x, y;
  reg [35:0] memory [0:1023];
  assign product = c * d;
  always @(posedge clk) begin
    x <= a;
    y <= b;
    sum <= x + y;
    six <= &x[5:0];
    sixteen <= &{x, y};
    if (write) memory[address] <= word;
    read <= memory[address];
  end
endmodule
"""


# A table of two outputs between two others: O6, of the upper half, goes on to the last one.
THREE = """.subckt LUT1 I0=x O=b
.subckt LUT6_2 I0=a I1=b I2=$false I3=$false I4=$false I5=$true O5=c O6=d
.param INIT {init}
.subckt LUT1 I0=d O=e"""


@synthesized
@pytest.mark.parametrize(
    ("part", "search_equal"),
    [
        ("xcvu13p-flga2577-2-e", True),
        ("xcvu13p-flga2577-2-e", False),
        pytest.param("xc7vx690tffg1927-2", True, marks=pytest.mark.heavy),
    ],
)
def test_cells_known_by_hand(part, search_equal, tmp_path):
    source, out = tmp_path / "hand.v", tmp_path / "out"
    source.write_text(DESIGN)
    found = yosys.synthesize([source], "hand", out, part, search_equal=search_equal)
    assert ("fraig" in (out / "yosys.log").read_text()) == search_equal
    assert (found.lut, found.ff, found.carry) == (8 + 1 + 2, 16 + 8 + 1 + 1, 2)
    assert (found.dsp, found.bram) == (1, 1.0)
    assert (found.logic_depth, found.longest_path) == (2, 1.1)


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        ("", 0),
        (".subckt LUT2 I0=a I1=b O=c\n.subckt LUT1 I0=c O=d", 2),
        (".subckt LUT1 I0=a O=b\n.names b c\n1 1\n.subckt LUT1 I0=c O=d", 2),
        (".subckt LUT1 I0=a O=b\n.subckt FDRE C=clk D=b Q=c\n.subckt LUT1 I0=c O=d", 1),
        (".subckt LUT1 I0=a O=b\n.subckt CARRY4 S[0]=b CO[0]=c\n.subckt LUT1 I0=c O=d", 2),
        (".subckt LUT1 I0=a O=b\n.subckt CARRY4 S[1]=b O[0]=c\n.subckt LUT1 I0=c O=d", 1),
        (THREE.format(init="1" * 32 + "0" * 32), 2),
        (THREE.format(init="10" * 16 + "1100" * 8), 2),
        (THREE.format(init="1100" * 8 + "10" * 16), 3),
        (".subckt LUT1 I0=a O=b\n.subckt MUXF7 I0=b \\\n  S=e O=c\n.subckt INV I=c O=d", 2),
    ],
)
def test_depth_is_the_longest_path_in_lookup_tables(cells, levels):
    assert longest(cells).tables == levels


def test_delays_count_tables_and_carry_chains():
    chain = ".subckt CARRY4 CI=$false S[0]=b O[0]=c CO[3]=d\n.subckt CARRY4 CI=d S[0]=x O[3]=e"
    cells = f".subckt LUT1 I0=a O=b\n{chain}\n.subckt LUT1 I0=e O=f"
    assert longest(cells) == (2, 0.55 + 0.45 + 0.55)
    assert longest("") == (0, 0.0)
