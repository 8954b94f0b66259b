"""Registers and wires: Verilog and VHDL of da4ml and alkaid."""
