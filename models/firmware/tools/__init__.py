"""Outside tools: compilers, Verilator, Yosys, vendors' synthesis."""
