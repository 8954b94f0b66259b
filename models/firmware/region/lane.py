"""One lane of a region: every cycle the sums around one candidate, the network, and its weight."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from l1kd.emulators.correlator.linpuppi import LinPuppi
from l1kd.emulators.correlator.weighing.columns import ONE
from l1kd.emulators.correlator.weighing.network_weight import FRACTION
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.models.firmware.region.met import LATENCY, MET
from l1kd.models.firmware.region.modules import DISTANCE, TERM, logarithm
from l1kd.models.firmware.region.pipeline import Pipeline, Wire

__all__ = ["Lane", "LanePort", "NetworkModule", "write_lane"]

CONE: Final = {"01": "[14:9]", "02": "[14:11]", "04": "[14:13]"}
"""Bits of the squared distance that are zero inside a cone."""
FAR: Final = 2
"""Stage of the squared distances."""
SECOND: Final = 4
"""Stage at which it is known which tracks are hard at their own z0."""
KINDS: Final = ("vertex", "pileup")


@dataclass(frozen=True)
class NetworkModule:
    """The network's RTL: a module with `clk`, `data_in`, `data_out`, a new event every cycle."""

    name: str
    latency: int
    input: FixedPoint
    output: FixedPoint


@dataclass(frozen=True)
class LanePort:
    """What a port of a lane is connected to.

    Attributes
    ----------
    port : str
        Name in the lane.
    what : tuple
        ("target", field), ("same",), ("track" or "neutral", slot, field), ("region", column) or
        ("centre",).
    stage : int
        When it must be there.
    """

    port: str
    what: tuple[str | int, ...]
    stage: int


@dataclass
class Lane:
    """A lane's module and how it is connected."""

    name: str
    text: str
    ports: list[LanePort]
    latency: int
    log_widths: set[int] = field(default_factory=set)


class _Writer:
    """Writes one lane."""

    def __init__(
        self, name: str, puppi: LinPuppi, names: tuple[str, ...], network: NetworkModule,
        region: Mapping[str, int], track: bool, every: bool,
    ) -> None:  # fmt: skip
        self.p = Pipeline(name)
        self.puppi, self.names, self.network = puppi, names, network
        self.region = region
        self.is_track, self.every = track, every
        self.ports: list[LanePort] = []
        self.parameters = puppi.parameters
        self.tracker = not puppi.parameters.forward
        self.logs: set[int] = set()
        self._same = self._port("same", ("same",), 0, self._slots()) if self._slots() else None
        self._squares: dict[tuple[str, int], Wire] = {}
        self._terms: dict[tuple[str, int], Wire] = {}
        self._near: dict[tuple[str, int, str], Wire] = {}
        self._densities: dict[str, Wire] = {}
        self._mets: dict[str, Wire] = {}

    def _slots(self) -> int:
        return self.parameters.n_track if self.is_track else self.parameters.n_in

    def _port(
        self, name: str, what: tuple[str | int, ...], stage: int, width: int, *,
        signed: bool = False,
    ) -> Wire:  # fmt: skip
        known = next((p for p in self.ports if p.port == name), None)
        if known is None:
            self.ports.append(LanePort(name, what, stage))
            return self.p.input(name, width, stage, signed=signed)
        return Wire(name, width, known.stage, signed)

    def _source(self, kind: str, k: int, what: str, stage: int, width: int) -> Wire:
        signed = what in ("eta", "phi")
        name = f"{kind}{k}_{what}_{stage}"
        return self._port(name, (kind, k, what), stage, width, signed=signed)

    def _target(self, what: str, width: int, *, signed: bool = False) -> Wire:
        return self._port(f"t_{what}", ("target", what), 0, width, signed=signed)

    def _of_region(self, name: str, width: int, *, signed: bool = False) -> Wire:
        what = ("region", name)
        return self._port(f"r_{name}", what, self.region[name], width, signed=signed)

    def square(self, kind: str, k: int) -> Wire:
        """Squared distance of the target from one source."""
        if (kind, k) not in self._squares:
            own_kind = (kind == "track") == self.is_track
            assert self._same is not None or not own_kind
            same = (
                self.p.comb(f"{{0}}[{k}]", 1, self._same)
                if own_kind and self._same is not None and self._slots() > 1
                else self.p.constant(0, 1)
            )
            inputs = [
                ("te", self._target("eta", 10, signed=True)),
                ("tp", self._target("phi", 10, signed=True)),
                ("se", self._source(kind, k, "eta", 0, 10)),
                ("sp", self._source(kind, k, "phi", 0, 10)),
                ("same", same),
            ]
            self._squares[kind, k] = self.p.instance(DISTANCE, inputs, ("dr2", 15), FAR)
        return self._squares[kind, k]

    def near(self, kind: str, k: int, size: str) -> Wire:
        """Whether one source lies in a cone."""
        key = kind, k, size
        if key not in self._near:
            self._near[key] = self.p.reg(f"{{0}}{CONE[size]} == 0", 1, self.square(kind, k))
        return self._near[key]

    def pts(self, group: str, size: str) -> list[Wire]:
        """Momenta of the sources of a group in a cone, zero outside."""
        found = []
        for kind, k in self.sources(group):
            stage = FAR + 1
            pt = self._source(kind, k, "pt", stage, 14)
            near = self.near(kind, k, size)
            flag = self._flag(group, kind, k, stage)
            found.append(self.p.comb("({1} & {2}) ? {0} : 14'd0", 14, pt, near, flag))
        return found

    def sources(self, group: str) -> list[tuple[str, int]]:
        """Slots from which the sources of a group come."""
        kind = "track" if group in KINDS else "neutral"
        number = self.parameters.n_track if kind == "track" else self.parameters.n_in
        return [(kind, k) for k in range(number)]

    def _flag(self, group: str, kind: str, k: int, stage: int) -> Wire:
        if group == "neutral":
            return self.p.constant(1, 1)
        return self._source(kind, k, group, stage, 1)

    def term(self, kind: str, k: int) -> Wire:
        """LinPUPPI's term of one source."""
        if (kind, k) not in self._terms:
            pt2 = self._source(kind, k, "pt2", FAR, 15)
            inputs = [("dr2", self.square(kind, k)), ("pt2", pt2)]
            self._terms[kind, k] = self.p.instance(TERM, inputs, ("term", 12), 3)
        return self._terms[kind, k]

    def density(self, group: str) -> Wire:
        """Sum of LinPUPPI's terms of a group."""
        if group not in self._densities:
            terms = []
            for kind, k in self.sources(group):
                flag = self._flag(group, kind, k, FAR + 3)
                terms.append(self.p.comb("{1} ? {0} : 12'd0", 12, self.term(kind, k), flag))
            total = self.p.total(terms, 17) if terms else self.p.constant(0, 12)
            self._densities[group] = total
        return self._densities[group]

    def log(self, wire: Wire) -> Wire:
        """Logarithm of a sum."""
        self.logs.add(wire.width)
        return logarithm(self.p, wire)

    def alpha(self) -> Wire:
        """LinPUPPI's own sum."""
        return self.density("vertex" if self.tracker else "neutral")

    def eta(self) -> Wire:
        """Global pseudorapidity."""
        centre = self._port("centre", ("centre",), 0, 12, signed=True)
        return self.p.reg(
            "{0} + {1}", 12, centre, self._target("eta", 10, signed=True), signed=True
        )

    @cached_property
    def abs_eta(self) -> Wire:
        """Size of the global pseudorapidity."""
        return self.p.reg("{0}", 12, self.p.magnitude(self.eta()))

    def linpuppi(self) -> Wire:
        """LinPUPPI's weight, 9 bits."""
        if self.is_track and self.every:
            return self.p.comb("{{{0}, 8'd0}}", 9, self._target("kept", 1))
        if self.is_track:
            return self.p.constant(256, 9)
        p, raw = self.p, self.puppi.parameters.raw()
        total = p.comb("({0} > 4095) ? 12'd4095 : {0}[11:0]", 12, self.widened(self.alpha(), 17))
        size, pt = self.abs_eta, self._target("pt", 14)
        bins = [p.reg(f"{{0}} > {int(edge)}", 2, size) for edge in raw.edges]
        index = p.total(bins, 2) if bins else p.constant(0, 2)
        em = self._target("em", 1)
        address = p.comb("{{{1}, {0}}}", 14, total, index) if bins else total
        near = p.instance("l1kd_alpha", [("address", address)], ("value", 12), 1, signed=True)
        choose = [self._by_bin(index, em, raw.bins[:, c], raw.bins[:, c + 3]) for c in (1, 2, 3)]
        slope, zero, prior = choose
        signed_pt = p.reg("$signed({{2'd0, {0}}}) - {1}", 16, pt, zero, signed=True)
        product = p.reg("{0} * {1}", 28, signed_pt, slope, signed=True)
        own = self._saturated(p.comb("{0} >>> 3", 28, product, signed=True))
        x2 = self._saturated(p.reg("{0} + {1} - {2}", 28, near, own, prior, signed=True))
        place = p.comb("{0}[11:0] ^ 12'd2048", 12, x2)
        weight = p.instance("l1kd_logistic", [("address", place)], ("value", 9), 1)
        return p.reg("({1} != 0) ? {0} : 9'd0", 9, weight, pt)

    def widened(self, wire: Wire, width: int) -> Wire:
        """Give a signal more bits."""
        if wire.width >= width:
            return wire
        return self.p.comb(f"{{{{{width - wire.width}'d0, {{0}}}}}}", width, wire)

    def _by_bin(self, index: Wire, em: Wire, hadron: object, photon: object) -> Wire:
        """Choose a parameter by the bin of eta and the identification."""
        values = [[int(x) for x in given] for given in (hadron, photon)]  # type: ignore[attr-defined]
        rows = " : ".join(
            f"({{0}} == {b}) ? ({{1}} ? {_signed(values[1][b])} : {_signed(values[0][b])})"
            for b in range(len(values[0]) - 1)
        )
        last = f"({{1}} ? {_signed(values[1][-1])} : {_signed(values[0][-1])})"
        return self.p.reg(f"{rows} : {last}" if rows else last, 16, index, em, signed=True)

    def _saturated(self, wire: Wire) -> Wire:
        """Clip to 12 bits, signed."""
        text = "({0} > 2047) ? 13'sd2047 : ({0} < -2048) ? -13'sd2048 : {0}[12:0]"
        return self.p.reg(text, 13, wire, signed=True)

    def met(self, which: str) -> Wire:
        """Return the parts of a MET of the event away from the target and towards it."""
        if which not in self._mets:
            inputs = [
                ("met", self._of_region(f"event_{which}", 8)),
                ("met_phi", self._of_region(f"{which}_phi", 11, signed=True)),
                ("phi", self._target("phi", 10, signed=True)),
            ]
            self._mets[which] = self.p.instance(MET, inputs, ("parts", 16), LATENCY)
        return self._mets[which]

    def column(self, name: str) -> Wire:
        """One input of the network."""
        p = self.p
        makers: dict[str, Callable[[], Wire]] = {
            "pt": lambda: self.log(self._target("pt", 14)),
            "abs_eta": lambda: p.reg("({0}[11]) ? 8'd255 : {0}[10:3]", 8, self.abs_eta),
            "em": lambda: self._scaled(self._target("em", 1)),
            "track": lambda: p.constant(ONE * self.is_track, 5),
            "muon": lambda: (
                self._scaled(self._target("muon", 1)) if self.is_track else p.constant(0, 5)
            ),
            "tracker": lambda: p.constant(ONE * self.tracker, 5),
            "hf": lambda: p.constant(ONE * (self.parameters.name == "hf"), 5),
            "dz": lambda: self._target("dz", 6) if self.is_track else p.constant(0, 6),
            "linpuppi_weight": self.linpuppi,
            "alpha": lambda: self.log(self.alpha()),
            "pileup_alpha": lambda: self.log(self.density("pileup")),
            "neutral_alpha": lambda: self.log(self.density("neutral")),
            "em_pt_02": self._em_pt,
            "own_z_pt": lambda: self._target("z_pt", 8) if self.is_track else p.constant(0, 8),
            "other_z_max_02": lambda: self._hardest_place("02"),
            "other_z_max_04": lambda: self._hardest_place("04"),
            "second_pt_02": lambda: self._second_pt("02"),
            "second_pt_04": lambda: self._second_pt("04"),
            "met_away": lambda: p.comb("{0}[7:0]", 8, self.met("met")),
            "met_toward": lambda: p.comb("{0}[15:8]", 8, self.met("met")),
            "track_met_away": lambda: p.comb("{0}[7:0]", 8, self.met("track_met")),
            "track_met_toward": lambda: p.comb("{0}[15:8]", 8, self.met("track_met")),
        }
        if name in makers:
            return makers[name]()
        if name in self.region:
            return self._of_region(name, 8)
        group, what, size = name.split("_")
        if not self.sources(group):
            return p.constant(0, 8)
        if what == "pt":
            return self.log(p.total(self.pts(group, size), 19))
        if what == "max":
            return self.log(p.largest(self.pts(group, size), 14))
        return p.count(self._present(group, size), 5)

    def _present(self, group: str, size: str) -> list[Wire]:
        """Bits of the sources of a group that are there and in a cone."""
        bits = []
        for kind, k in self.sources(group):
            stage = FAR + 1
            there = self._source(kind, k, "there", stage, 1)
            flag = self._flag(group, kind, k, stage)
            parts = (self.near(kind, k, size), there, flag)
            bits.append(self.p.comb("{0} & {1} & {2}", 1, *parts))
        return bits

    def _em_pt(self) -> Wire:
        found = []
        for kind, k in self.sources("neutral"):
            stage = FAR + 1
            pt = self._source(kind, k, "pt", stage, 14)
            em = self._source(kind, k, "em", stage, 1)
            near = self.near(kind, k, "02")
            found.append(self.p.comb("({1} & {2}) ? {0} : 14'd0", 14, pt, near, em))
        return self.log(self.p.total(found, 19))

    def _hardest_place(self, size: str) -> Wire:
        """Largest logarithm of the pt at the z0 of tracks of other vertices in a cone."""
        found = []
        for kind, k in self.sources("pileup"):
            z_pt = self._source(kind, k, "z_pt", FAR + 1, 8)
            flag = self._flag("pileup", kind, k, FAR + 1)
            near = self.near(kind, k, size)
            found.append(self.p.comb("({1} & {2}) ? {0} : 8'd0", 8, z_pt, near, flag))
        return self.p.largest(found, 8) if found else self.p.constant(0, 8)

    def _second_pt(self, size: str) -> Wire:
        """Logarithm of the pt of the hard ones among the same tracks."""
        found = []
        for kind, k in self.sources("pileup"):
            pt = self._source(kind, k, "pt", SECOND, 14)
            hard = self._source(kind, k, "second", SECOND, 1)
            near = self.near(kind, k, size)
            found.append(self.p.comb("({1} & {2}) ? {0} : 14'd0", 14, pt, near, hard))
        return self.log(self.p.total(found, 19)) if found else self.p.constant(0, 8)

    def _scaled(self, bit: Wire) -> Wire:
        return self.p.comb("{{{0}, 4'd0}}", 5, bit)

    def write(self) -> Lane:
        """Put everything together."""
        p, form = self.p, self.network.input
        columns = [self.column(name) for name in self.names]
        below, width = form.fraction - 4, form.width
        elements = []
        for wire in columns:
            above = width - below - wire.width
            text = ", ".join(
                [*([f"{above}'d0"] if above else []), "{0}", *([f"{below}'d0"] if below else [])]
            )
            elements.append(p.comb(f"{{{{{text}}}}}", width, wire))
        joined = ", ".join(f"{{{k}}}" for k in reversed(range(len(elements))))
        data = p.reg(f"{{{{{joined}}}}}", width * len(elements), *elements)
        output = self.network.output
        result = p.instance(
            self.network.name, [("data_in", data)], ("data_out", output.width),
            self.network.latency, signed=output.signed,
        )  # fmt: skip
        only_kept = self.is_track and not self.every
        wanted = self._target("kept" if only_kept else "there", 1)
        weight = p.reg("{1} ? {0} : 9'd0", 9, self._weight(result), wanted)
        p.output("weight", weight)
        return Lane(p.name, p.text(), self.ports, weight.stage, self.logs)

    def _weight(self, raw: Wire) -> Wire:
        """Round the network's output to 1/256, and clip it to 0 and 1."""
        p, form = self.p, self.network.output
        extra = form.fraction - FRACTION
        width = form.width + max(-extra, 0) + 2
        wide = p.comb("{0}", width, raw, signed=form.signed)
        if extra > 0:
            shift = ">>>" if form.signed else ">>"
            half = 1 << (extra - 1)
            text = f"({{0}} + {width}'{'s' if form.signed else ''}d{half}) {shift} {extra}"
        else:
            text = f"{{0}} <<< {-extra}"
        wide = p.comb(text, width, wide, signed=form.signed)
        low = "({0} < 0) ? 9'd0 : " if form.signed else ""
        high = f"({{0}} > 256) ? 9'd256 : {{0}}[{min(width, 9) - 1}:0]"
        return p.reg(low + high, 9, wide)


def _signed(value: int) -> str:
    return f"-16'sd{-value}" if value < 0 else f"16'sd{value}"


def write_lane(
    name: str, puppi: LinPuppi, names: tuple[str, ...], network: NetworkModule,
    region: Mapping[str, int], *, track: bool, every: bool,
) -> Lane:  # fmt: skip
    """Write a lane.

    Parameters
    ----------
    name : str
        Of its module.
    puppi : LinPuppi
        Configuration of the board type.
    names : tuple of str
        Inputs of the network.
    network : NetworkModule
        The network's RTL.
    region : mapping of int
        Stage at which what is the same for all candidates of a region is known.
    track : bool
        Whether its candidates are tracks.
    every : bool
        Whether these are weighed also where LinPUPPI drops them.
    """
    return _Writer(name, puppi, names, network, region, track, every).write()
