"""Sums as trees of adders of three operands.

``dialects`` reads and writes operations of da4ml and alkaid; ``graph`` writes out all sums of an
operation list, ``sharing`` finds what they have in common, ``trees`` adds up; ``text`` joins the
adders in the Verilog and VHDL of a stage, with the modules ``sum_of_three``.
"""
