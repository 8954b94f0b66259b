"""Networks of logic gates: netlist, Verilog and VHDL, and their library for CMSSW."""
