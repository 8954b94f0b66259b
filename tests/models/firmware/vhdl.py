"""Simulation of generated VHDL with GHDL."""

import shutil
import subprocess

import numpy as np
import pytest

from l1kd.models.firmware.rtl.rtl import pack, unpack

ghdl = pytest.mark.skipif(
    shutil.which("ghdl") is None, reason="GHDL is not installed: apt-get install ghdl"
)

BENCH = """library ieee;
use ieee.std_logic_1164.all;
use std.textio.all;

entity bench is end entity bench;

architecture simulation of bench is
  signal clk : std_logic := '0';
  signal data_in : std_logic_vector({high_in} downto 0) := (others => '0');
  signal data_out : std_logic_vector({high_out} downto 0);
begin
  design : entity work.network port map ({clock}data_in => data_in, data_out => data_out);

  process
    file stimulus : text open read_mode is "stimulus.txt";
    file response : text open write_mode is "response.txt";
    variable row : line;
    variable word : std_logic_vector({high_in} downto 0);
  begin
    while not endfile(stimulus) loop
      readline(stimulus, row);
      read(row, word);
      data_in <= word;
      wait for 1 ns;
      clk <= '1';
      wait for 1 ns;
      write(row, data_out);
      writeline(response, row);
      clk <= '0';
    end loop;
    wait;
  end process;
end architecture simulation;
"""


def _run(folder, *arguments):
    done = subprocess.run(["ghdl", *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def simulate(folder, design, network, raw):
    """Run a design on vectors, a new one every clock cycle where it is pipelined."""
    inputs, outputs = (
        [tensor.format for tensor in tensors for _ in range(tensor.size)]
        for tensors in (network.inputs, network.outputs)
    )
    waiting = max(design.latency_cycles - 1, 0)
    given = np.concatenate([raw, np.zeros((waiting, raw.shape[1]), np.int64)])
    octets = np.ascontiguousarray(pack(given, inputs)).view(np.uint8)
    bits = np.unpackbits(octets, axis=1, bitorder="little")[:, : design.input_bits]
    lines = ["".join(map(str, row)) for row in bits[:, ::-1]]
    (folder / "stimulus.txt").write_text("\n".join(lines) + "\n")
    bench = BENCH.format(
        high_in=design.input_bits - 1,
        high_out=design.output_bits - 1,
        clock="clk => clk, " if design.latency_cycles else "",
    )
    (folder / "bench.vhd").write_text(bench)
    # The top-level module comes first, what it is made of later; VHDL wants it the other way round.
    parts = [folder / "vhdl" / f"{path.stem}.vhd" for path in reversed(design.sources)]
    sources = [str(path) for path in [*parts, folder / "bench.vhd"]]
    for action in (["-a", "--std=08", "-Wno-hide", *sources], ["-e", "--std=08", "bench"]):
        _run(folder, *action)
    _run(folder, "-r", "--std=08", "bench", "--ieee-asserts=disable-at-0")
    rows = (folder / "response.txt").read_text().split()[waiting:]
    bits = np.array([[int(bit) for bit in row[::-1]] for row in rows], np.uint8)
    octets = np.packbits(bits, axis=1, bitorder="little")
    words = np.zeros((len(rows), -(-octets.shape[1] // 4) * 4), np.uint8)
    words[:, : octets.shape[1]] = octets
    return unpack(words.view(np.uint32), outputs)
