"""Verilog and VHDL by distributed arithmetic.

``distributed`` replays a network on da4ml or alkaid; ``rtl`` cuts the operations into pipeline
stages and writes the design, with ``text`` for the modules around them and ``bench`` for the
simulation of a project.
"""
