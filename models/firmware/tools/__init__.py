"""Programs outside Python: the C++ compiler, Verilator, Yosys, and the vendors' synthesis."""
