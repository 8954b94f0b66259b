"""A MET of the whole event as a candidate sees it: the parts along its own azimuth."""

from l1kd.emulators.correlator.weighing.columns import LOST_BY_ANGLE
from l1kd.models.firmware.region.modules import rom_module
from l1kd.models.firmware.region.pipeline import Pipeline

__all__ = ["LATENCY", "MET", "met_modules"]

MET, LATENCY = "l1kd_met", 5
TABLE = "l1kd_met_lost"


def _lost() -> list[int]:
    """Return rows by how far a difference in azimuth is beyond half a turn, -720 to 815, 11 bits.

    The highest bit says that the sum, which MET opposes, lies on the candidate's side, so that MET
    points away; the others what the angle takes off the logarithm. At a right angle that is all of
    it, whatever the highest bit.
    """
    found = []
    for address in range(2048):
        beyond = address - 2048 if address >= 1024 else address
        angle = abs(720 - abs(beyond))
        found.append((angle < 360) << 8 | int(LOST_BY_ANGLE[min(angle, 720 - angle)]))
    return found


def met_modules() -> list[str]:
    """Return the module of the parts away (low 8 bits) and towards, 5 cycles, and its table.

    Azimuths of the sum and of the candidate are from the centre of the region. For its size a
    number's sign flips its bits, and is the lowest bit of what is added next, which is even.
    """
    p = Pipeline(MET)
    met, met_phi = p.input("met", 8), p.input("met_phi", 11, signed=True)
    phi = p.input("phi", 10, signed=True)
    d = p.reg("{0} - {1}", 12, phi, met_phi, signed=True)
    less = f"{(-720 >> 1) & 0x7FF:011b}"
    beyond = p.reg(f"({{0}} ^ {{{{12{{{{{{0}}[11]}}}}}}}}) + {{{{11'b{less}, {{0}}[11]}}}}", 11, d)
    row = p.instance(TABLE, [("address", beyond)], ("value", 9), 1)
    part = p.reg("{{1'd0, {0}}} - {{1'd0, {1}[7:0]}}", 9, met, row)
    away = p.comb("{0}[8]", 1, row)
    both = "{{({0}[8] | {1}) ? 8'd0 : {0}[7:0], ({0}[8] | ~{1}) ? 8'd0 : {0}[7:0]}}"
    p.output("parts", p.reg(both, 16, part, away))
    return [p.text(), rom_module(TABLE, 9, _lost())]
