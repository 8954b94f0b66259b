"""The whole step of a correlator region as firmware: sums over neighbours, LinPUPPI and network.

`l1kd.models.firmware.stream` is its emulator. `pipeline` writes pipelined Verilog, `modules` has
the small parts, `lane` and `design` say what is computed, `synthesis` counts what it costs.
"""
