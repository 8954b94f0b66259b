"""Texts of the top-level modules and tables, in Verilog and VHDL."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from l1kd.errors import ToolError

__all__ = ["Slice", "Stage", "top_module", "with_tables"]


class Stage(NamedTuple):
    """One combinational module with packed ports, element 0 in the lowest bits."""

    module: str
    input_bits: int
    output_bits: int


class Slice(NamedTuple):
    """Bits ``high`` to ``low`` of a vector; both -1 stand for zeros, ``wide`` bits wide.

    ``wide`` beyond the slice's own width repeats the highest bit, as sign extension does.
    """

    high: int
    low: int
    wide: int


def with_tables(code: str, memories: Mapping[str, str], language: str) -> str:
    """Replace da4ml's instances of a ROM that reads a file by modules that hold the table.

    Parameters
    ----------
    code : str
        One module.
    memories : mapping of str to str
        Lines of hexadecimal numbers, by file name; ``X`` where an address cannot occur.

    Raises
    ------
    ToolError
        The module reads other tables than these.
    """
    pattern = (
        r"lookup_table #\((\d+), (\d+), \"(table_[^\"]*)\"\)"
        if language == "verilog"
        else r"entity work\.lookup_table generic map\(BW_IN=>(\d+),BW_OUT=>(\d+),"
        r"MEM_FILE=>\"(table_[^\"]*)\"\)"
    )
    tables: dict[str, str] = {}

    def instance(match: re.Match[str]) -> str:
        width_in, width_out, file = int(match[1]), int(match[2]), match[3]
        name = file.removesuffix(".mem").replace("-", "_")
        rows = memories[file].split("\n")
        values = [None if "X" in row else int(row, 16) for row in rows]
        write = _verilog_table if language == "verilog" else _vhdl_table
        tables[name] = write(name, width_in, width_out, values)
        return name if language == "verilog" else f"entity work.{name}"

    code = re.sub(pattern, instance, code)
    unread = memories.keys() - {f"{name}.mem" for name in tables}
    if "lookup_table" in code or len(tables) != len(memories):
        raise ToolError(
            "da4ml wrote its tables in a form that l1kd does not know: expected "
            f"{len(memories)} of them, found {len(tables)} ({', '.join(sorted(unread)[:3])})"
        )
    # VHDL knows only what was analysed before.
    return "\n".join([*tables.values(), code])


def _verilog_table(name: str, width_in: int, width_out: int, values: Sequence[int | None]) -> str:
    rows = [
        f"      {width_in}'d{address}: out = {width_out}'d{value};"
        for address, value in enumerate(values)
        if value is not None
    ]
    return "\n".join(
        [
            f"module {name} (input [{width_in - 1}:0] in, output reg [{width_out - 1}:0] out);",
            "  always @(*)",
            "    case (in)",
            *rows,
            f"      default: out = {width_out}'d0;",
            "    endcase",
            "endmodule",
            "",
        ]
    )


def _vhdl_table(name: str, width_in: int, width_out: int, values: Sequence[int | None]) -> str:
    rows = [
        f'      when {address} => outp <= "{value:0{width_out}b}";'
        for address, value in enumerate(values)
        if value is not None
    ]
    return f"""library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity {name} is port (
  inp : in std_logic_vector({width_in - 1} downto 0);
  outp : out std_logic_vector({width_out - 1} downto 0)
);
end entity {name};

architecture rtl of {name} is
begin
  process (inp)
  begin
    case to_integer(unsigned(inp)) is
{chr(10).join(rows)}
      when others => outp <= (others => '0');
    end case;
  end process;
end architecture rtl;
"""


def top_module(
    name: str,
    stages: Sequence[Stage],
    inputs: Sequence[Slice],
    outputs: Sequence[Slice],
    widths: tuple[int, int],
    language: str,
    clocked: bool,
) -> str:
    """Return the top-level module: full-width ports around the stages, a register after each.

    Parameters
    ----------
    inputs, outputs : sequence of Slice
        From high to low bits: what of ``data_in`` the first stage reads, and how ``data_out`` is
        made of the last stage's result.
    widths : (int, int)
        Bits of ``data_in`` and ``data_out``.
    """
    write = _verilog_top if language == "verilog" else _vhdl_top
    return write(name, stages, inputs, outputs, widths, clocked)


def _verilog_top(
    name: str,
    stages: Sequence[Stage],
    inputs: Sequence[Slice],
    outputs: Sequence[Slice],
    widths: tuple[int, int],
    clocked: bool,
) -> str:
    def joined(slices: Sequence[Slice], source: str) -> str:
        parts = []
        for high, low, count in slices:
            own = high - low + 1
            if high < 0:
                parts.append(f"{count}'d0")
                continue
            if count > own:
                parts.append(f"{{{count - own}{{{source}[{high}]}}}}")
            parts.append(f"{source}[{high}:{low}]")
        return "{" + ", ".join(parts) + "}"

    lines = ["`timescale 1ns / 1ps", "", f"module {name} ("]
    lines += ["    input wire clk,"] if clocked else []
    lines += [
        f"    input wire [{widths[0] - 1}:0] data_in,",
        f"    output wire [{widths[1] - 1}:0] data_out",
        ");",
    ]
    previous = joined(inputs, "data_in")
    kind = "reg" if clocked else "wire"
    for number, (module, bits_in, bits_out) in enumerate(stages):
        lines += [f"    wire [{bits_in - 1}:0] in{number} = {previous};"]
        lines += [f"    wire [{bits_out - 1}:0] out{number};"]
        lines += [f"    {module} stage{number} (.model_inp(in{number}), .model_out(out{number}));"]
        if clocked:
            lines += [f"    {kind} [{bits_out - 1}:0] held{number};"]
            lines += [f"    always @(posedge clk) held{number} <= out{number};"]
        previous = f"{'held' if clocked else 'out'}{number}"
    lines += [f"    assign data_out = {joined(outputs, previous)};", "endmodule", ""]
    return "\n".join(lines)


def _vhdl_top(
    name: str,
    stages: Sequence[Stage],
    inputs: Sequence[Slice],
    outputs: Sequence[Slice],
    widths: tuple[int, int],
    clocked: bool,
) -> str:
    def assigned(target: str, slices: Sequence[Slice], source: str) -> list[str]:
        lines, position = [], sum(part.wide for part in slices)
        for high, low, count in slices:
            own = high - low + 1 if high >= 0 else 0
            if count > own:
                value = "'0'" if high < 0 else f"{source}({high})"
                span = f"{position - 1} downto {position - count + own}"
                lines.append(f"  {target}({span}) <= (others => {value});")
            position -= count
            if own:
                span = f"{position + own - 1} downto {position}"
                lines.append(f"  {target}({span}) <= {source}({high} downto {low});")
        return lines

    signals, body = [], assigned("in0", inputs, "data_in")
    for number, (module, bits_in, bits_out) in enumerate(stages):
        signals.append(f"  signal in{number} : std_logic_vector({bits_in - 1} downto 0);")
        names = [f"out{number}"] + ([f"held{number}"] if clocked else [])
        kind = f"std_logic_vector({bits_out - 1} downto 0)"
        signals.append(f"  signal {', '.join(names)} : {kind};")
        if number:
            body.append(f"  in{number} <= {'held' if clocked else 'out'}{number - 1};")
        ports = f"model_inp => in{number}, model_out => out{number}"
        body.append(f"  stage{number} : entity work.{module} port map ({ports});")
        if clocked:
            body.append(f"  held{number} <= out{number} when rising_edge(clk);")
    body += assigned("data_out", outputs, f"{'held' if clocked else 'out'}{len(stages) - 1}")
    clock = "    clk : in std_logic;\n" if clocked else ""
    return f"""library ieee;
use ieee.std_logic_1164.all;

entity {name} is
  port (
{clock}    data_in : in std_logic_vector({widths[0] - 1} downto 0);
    data_out : out std_logic_vector({widths[1] - 1} downto 0)
  );
end entity {name};

architecture rtl of {name} is
{chr(10).join(signals)}
begin
{chr(10).join(body)}
end architecture rtl;
"""
