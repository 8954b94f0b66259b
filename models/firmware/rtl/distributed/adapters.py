"""da4ml and alkaid behind the interface of `l1kd.models.firmware.rtl.distributed.tool`."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from l1kd.models.firmware.adders.dialects import AlkaidOperations, Da4mlOperations
from l1kd.models.firmware.adders.text import Bits
from l1kd.models.firmware.rtl.distributed.internals import (
    factor_of,
    require_version,
    variables_of,
    wraps_unsigned,
)
from l1kd.models.firmware.rtl.distributed.tool import Port, Tool, Wire
from l1kd.models.firmware.rtl.text import with_tables

__all__ = ["Alkaid", "Da4ml", "load_tool"]

# Products as shallow as can be: sums are written out again, and share what suits three operands.
SHALLOW = {"hard_dc": 0}


class Da4ml(Tool):
    """da4ml."""

    name = "da4ml"
    dialect = Da4mlOperations()
    _hardware = (1, -1, -1)

    def variable(self, low: float, high: float, step: float) -> Wire:
        """Do what `Tool` says."""
        from da4ml.trace import FixedVariable

        return FixedVariable(low, high, step, hwconf=self._hardware)

    def _solve(self, wires: Sequence[Wire], matrix: npt.NDArray[np.float64]) -> list[Wire]:
        from da4ml.trace import FixedVariableArray

        array = FixedVariableArray(np.array(wires, object), SHALLOW, self._hardware)
        return variables_of(array @ matrix)

    def _unscaled(self, wire: Wire) -> Wire:
        return wire * (1 / abs(factor_of(wire)))

    def _wrapped(self, wire: Wire, width: int, signed: bool) -> Wire:
        own = self._extent(wire)[1] + 1
        if signed or wire.low >= 0 or width <= own:
            return super()._wrapped(wire, width, signed)
        # da4ml extends no sign into an unsigned number of more bits: write those bits ourselves.
        upper = self.choose(self.sign(wire), (1 << width) - (1 << own), 0)
        if isinstance(upper, int):
            return self.add(super()._wrapped(wire, own, False), upper)
        return super()._wrapped(wire, own, False).binary_bit_op(upper, "or")

    def _choose(self, condition: Wire, yes: Any, no: Any) -> Wire:
        # da4ml reads the highest bit of the whole word instead, which its own interpreter of
        # operation lists gets wrong for unsigned words; a negation in between prevents that.
        if wraps_unsigned(condition):
            return condition.unary_bit_op("not").msb_mux(no, yes)
        return condition.msb_mux(yes, no)

    def trace(self, inputs: Sequence[Wire], outputs: Sequence[Wire]) -> Any:
        """Do what `Tool` says."""
        from da4ml.trace import comb_trace

        return comb_trace(inputs, list(outputs), keep_dead_inputs=True)

    def _split(self, timed: Any, count: int, cutoff: float) -> list[Any]:
        from da4ml.trace.pipeline import to_pipeline

        return list(to_pipeline(timed, cutoff, retiming=False, verbose=False).solutions)

    def ports(self, logic: Any) -> tuple[list[int], list[Port]]:
        """Do what `Tool` says."""
        from da4ml.types import minimal_kif

        widths = [sum(minimal_kif(interval)) for interval in logic.inp_qint]
        return widths, [_port(minimal_kif(interval)) for interval in logic.out_qint]

    def _source(self, logic: Any, module: str, language: str) -> str:
        if language == "vhdl":
            from da4ml.codegen.rtl.vhdl.comb import comb_logic_gen
        else:
            from da4ml.codegen.rtl.verilog.comb import comb_logic_gen
        from da4ml.codegen.rtl.verilog.comb import table_mem_gen

        return with_tables(comb_logic_gen(logic, module), table_mem_gen(logic), language)

    def _bits(self, logic: Any) -> list[Bits]:
        from da4ml.types import minimal_kif

        return [_bits(minimal_kif(op.qint)) for op in logic.ops]

    def library(self, language: str) -> list[Path]:
        """Do what `Tool` says."""
        from da4ml.codegen import rtl

        folder = Path(rtl.__file__).parent / language / "source"
        return sorted(p for p in folder.iterdir() if not p.name.startswith("lookup_table"))


class Alkaid(Tool):
    """alkaid."""

    name = "alkaid"
    dialect = AlkaidOperations()
    _hardware = (1, 1, -1)

    def variable(self, low: float, high: float, step: float) -> Wire:
        """Do what `Tool` says."""
        from alkaid.trace import FVariable

        return FVariable(low, high, step, hwconf=self._hardware)

    def _solve(self, wires: Sequence[Wire], matrix: npt.NDArray[np.float64]) -> list[Wire]:
        from alkaid.trace import FVArray

        # A matrix loses the negation of a wire that is a constant less another.
        plain = [self.unsigned_factor(w) if w.opr == "cadd" else w for w in wires]
        array = FVArray(np.array(plain, object), SHALLOW, self._hardware)
        return list(np.asarray(array @ matrix))

    def _unscaled(self, wire: Wire) -> Wire:
        return wire * (1 / abs(factor_of(wire)))

    def trace(self, inputs: Sequence[Wire], outputs: Sequence[Wire]) -> Any:
        """Do what `Tool` says."""
        from alkaid.trace import trace

        return trace(inputs, list(outputs), keep_dead_inputs=True)

    def _split(self, timed: Any, count: int, cutoff: float) -> list[Any]:
        from alkaid.trace import to_pipeline

        # The tool cuts the time of the last operation into equal pieces.
        last, end = max(op.latency for op in timed.ops), count * cutoff
        ops = [op._replace(latency=end) if op.latency == last else op for op in timed.ops]
        with redirect_stdout(StringIO()):
            machine = to_pipeline(timed._replace(ops=ops), n_stages=count, verbose=False)
        return list(machine.logic.values())

    def ports(self, logic: Any) -> tuple[list[int], list[Port]]:
        """Do what `Tool` says."""
        widths = [sum(interval.kif) for interval in logic.inp_qint]
        return widths, [_port(interval.kif) for interval in logic.out_qint]

    def _source(self, logic: Any, module: str, language: str) -> str:
        if language == "vhdl":
            from alkaid.codegen.rtl.vhdl.comb import comb_logic_gen
            from alkaid.codegen.rtl.vhdl.lookup import lookup_source
        else:
            from alkaid.codegen.rtl.verilog.comb import comb_logic_gen
            from alkaid.codegen.rtl.verilog.lookup import lookup_source

        # VHDL knows only what was analysed before.
        return lookup_source([logic]) + "\n" + comb_logic_gen(logic, module)

    def _bits(self, logic: Any) -> list[Bits]:
        return [_bits(op.qint.kif) for op in logic.ops]

    def library(self, language: str) -> list[Path]:
        """Do what `Tool` says."""
        from alkaid.codegen import rtl

        folder = Path(rtl.__file__).parent / language / "source"
        return sorted(folder.iterdir())


def _bits(kif: tuple[bool, int, int]) -> Bits:
    signed, integer, fraction = kif
    return Bits(int(signed + integer + fraction), bool(signed), int(fraction))


def _port(kif: tuple[bool, int, int]) -> Port:
    signed, integer, fraction = kif
    return Port(int(signed + integer + fraction), bool(signed), int(fraction))


def load_tool(name: Literal["da4ml", "alkaid"]) -> Tool:
    """Return the adapter of a tool by its name.

    Raises
    ------
    ToolError
        The tool is missing, or of another version than the one that was tested.
    """
    require_version(name)
    return Da4ml() if name == "da4ml" else Alkaid()
