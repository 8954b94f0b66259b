"""The module of a region: its frames are collected, held for six cycles, and weighed in lanes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l1kd.emulators.correlator.tables import WEIGHT
from l1kd.emulators.correlator.weighing.columns import HALF
from l1kd.errors import FirmwareError
from l1kd.models.firmware.region.lane import Lane, NetworkModule, write_lane
from l1kd.models.firmware.region.met import met_modules
from l1kd.models.firmware.region.modules import (
    FAR,
    distance_module,
    log_module,
    logarithm,
    rom_module,
    term_module,
)
from l1kd.models.firmware.region.pipeline import Pipeline, Wire
from l1kd.models.firmware.rtl.rtl import RtlDesign, build_rtl
from l1kd.models.firmware.stream import FRAMES, RegionStream

__all__ = ["build_region"]

MARK, LAST = 0, FRAMES - 1
OF_ANGLE = {
    f"{which}_{part}": (f"event_{which}", f"{which}_phi")
    for which in ("met", "track_met")
    for part in ("away", "toward")
}
"""Columns that are made of words of the header: the size of a MET, and its azimuth."""


@dataclass(frozen=True)
class _Slot:
    """A slot of the region: its lane, its frame, and its words while the region is weighed."""

    lane: int
    frame: int
    words: Mapping[str, Wire]


class _Shell:
    """Writes the module around the lanes."""

    def __init__(self, stream: RegionStream, name: str) -> None:
        self.stream = stream
        self.p = Pipeline(name)
        self.raw = stream.puppi.parameters.raw()
        bits = sum(t.size * t.format.width for t in stream.inputs)
        data = self.p.input("data_in", bits, 0)
        frame = self.p.reg("{0}", bits, data)
        self._frame: dict[tuple[str, int], Wire] = {}
        low = 0
        for tensor in stream.inputs:
            for k in range(tensor.size):
                width, signed = tensor.format.width, tensor.format.signed
                part = self.p.comb(f"{{0}}[{low + width - 1}:{low}]", width, frame, signed=signed)
                self._frame[tensor.name, k] = part
                low += width
        self.phase = self._phase()
        self.header = self._header()
        self.targets: dict[tuple[str, int], dict[str, Wire]] = {}
        self.slots = {kind: self._objects(kind) for kind in ("neutral", "track")}
        self.logs: set[int] = set()
        self._event_logs: dict[str, Wire] = {}

    # Stage 1 is the frame that has come, stage 2 knows how far its tracks are from the vertex; a
    # region is held, and its frames come again, six later.
    WORDS = 2
    HELD = WORDS + FRAMES

    def _phase(self) -> Wire:
        """Count the frames of a region."""
        p, start = self.p, self._frame["start", 0]
        p.raw("reg [2:0] phase_before = 3'd0;")
        p.raw(f"wire [2:0] phase = {start.name} ? 3'd0 : phase_before + 3'd1;")
        p.raw("always @(posedge clk) phase_before <= phase;")
        return Wire("phase", 3, start.stage)

    def _kept(self, name: str, current: Wire, frame: int) -> Wire:
        """Keep a word of one frame; that of the last one while the region is weighed."""
        sign = "signed " if current.signed else ""
        kind = f"{sign}[{current.width - 1}:0] " if current.width > 1 or current.signed else ""
        phase = self.p.at(self.phase, self.WORDS).name
        self.p.raw(f"reg {kind}{name};")
        self.p.raw(f"always @(posedge clk) if ({phase} == {frame}) {name} <= {current.name};")
        stage = self.HELD if frame == LAST else current.stage
        return Wire(name, current.width, stage, current.signed)

    def _header(self) -> dict[str, Wire]:
        """Words of the region, as they are while it comes in (`now_`) and is weighed."""
        found = {}
        for name in self.stream.header[1:]:
            given, p = self._frame[name, 0], self.p
            sign = "signed " if given.signed else ""
            kind = f"{sign}[{given.width - 1}:0]"
            p.raw(f"reg {kind} kept_{name};")
            start = self._frame["start", 0].name
            p.raw(f"wire {kind} now_{name} = {start} ? {given.name} : kept_{name};")
            p.raw(f"always @(posedge clk) kept_{name} <= now_{name};")
            now = Wire(f"now_{name}", given.width, given.stage, given.signed)
            found[f"now_{name}"] = now
            found[name] = self._kept(f"held_{name}", p.at(now, self.WORDS), LAST)
        return found

    def _objects(self, kind: str) -> list[_Slot]:
        """Collect the slots of a region."""
        parameters = self.stream.puppi.parameters
        lanes = self.stream.n_neutrals if kind == "neutral" else self.stream.n_tracks
        number = parameters.n_in if kind == "neutral" else parameters.n_track
        per_lane = []
        for lane in range(lanes):
            words = self._words(kind, lane, number, lanes)
            per_lane.append(words)
            self.targets[kind, lane] = words
        slots = []
        for k in range(number):
            frame, lane = divmod(k, lanes)
            words = {}
            for name, wire in per_lane[lane].items():
                collected = self._kept(f"c_{kind}{k}_{name}", wire, frame) if frame < LAST else wire
                words[name] = self._kept(f"h_{kind}{k}_{name}", collected, LAST)
            slots.append(_Slot(lane, frame, words))
        return slots

    def _words(self, kind: str, lane: int, number: int, lanes: int) -> dict[str, Wire]:
        """Words of the candidate in one lane of the frame that has come, and what follows."""
        p = self.p
        last = (number - 1 - lane) // lanes
        given = {
            t.name.removeprefix(f"{kind}_"): self._frame[t.name, lane]
            for t in self.stream.inputs
            if t.name.startswith(f"{kind}_") and t.name not in self.stream.header
        }
        inside = p.comb(f"{{0}} <= {last}", 1, p.at(self.phase, self.WORDS))
        present = p.reg("{0} != 0", 1, given["pt"])
        words = {"eta": given["eta"], "phi": given["phi"]}
        words["pt"] = p.comb("{1} ? {0} : 14'd0", 14, given["pt"], inside)
        words["there"] = p.comb("{0} & {1}", 1, present, inside)
        if kind == "neutral":
            words["em"] = given["em"]
            return {name: p.at(wire, self.WORDS) for name, wire in words.items()}
        d = p.reg("{0} - {1}", 11, given["z0"], self.header["now_pv"], signed=True)
        far = p.magnitude(d)
        near = p.comb(f"{{0}} <= {self.raw.dz}", 1, far)
        words["vertex"] = p.comb("{0} & {1}", 1, near, words["there"])
        words["pileup"] = p.comb("~{0} & {1}", 1, near, words["there"])
        words["dz"] = p.comb("({0} > 63) ? 6'd63 : {0}[5:0]", 6, far)
        label = given["id"]
        words["muon"] = p.comb("{0} >= 6", 1, label)
        words["em"] = p.comb("{0}[2:1] == 2", 1, label)
        if "z_pt" in given:
            words["z_pt"] = given["z_pt"]
        words["kept"] = p.comb("{2} & ({0} | {1})", 1, near, words["muon"], words["there"])
        return {name: p.at(wire, self.WORDS) for name, wire in words.items()}

    def region_columns(self, names: tuple[str, ...]) -> dict[str, Wire]:
        """Columns that are the same for all candidates of a region, and of what others are made."""
        found = {}
        for name in names:
            if name in ("event_second_pt", "event_met", "event_track_met"):
                found[name] = self.header[name]
            elif name in OF_ANGLE:
                found |= {word: self.header[word] for word in OF_ANGLE[name]}
            elif name.startswith("event_"):
                found[name] = self._event_log(name)
            elif name.startswith("region_"):
                found[name] = self._region(name)
        return found

    def _event_log(self, name: str) -> Wire:
        if name not in self._event_logs:
            self._event_logs[name] = self._log(self.header[name])
        return self._event_logs[name]

    def _log(self, wire: Wire) -> Wire:
        self.logs.add(wire.width)
        return logarithm(self.p, wire)

    def _region(self, name: str) -> Wire:
        p = self.p
        _, group, what = name.split("_")
        kind = "neutral" if group == "neutral" else "track"
        flag = "there" if group == "neutral" else group
        slots = [slot.words for slot in self.slots[kind]]
        if not slots:
            return p.constant(0, 8)
        if what == "count":
            return self._wide(p.count([w[flag] for w in slots], 5))
        parts = [p.comb("{1} ? {0} : 14'd0", 14, w["pt"], w[flag]) for w in slots]
        return self._log(p.total(parts, 19))

    def _wide(self, wire: Wire) -> Wire:
        return self.p.comb(f"{{{{{8 - wire.width}'d0, {{0}}}}}}", 8, wire)

    def pt2(self, slot: _Slot) -> Wire:
        """min(pt^2, ptMax^2) >> 5, 15 bits, two stages behind the pt."""
        most = min((self.raw.pt_max * self.raw.pt_max) >> 5, 32767)
        square = self.p.reg("{0} * {0}", 28, slot.words["pt"])
        return self.p.reg(f"(({{0}} >> 5) > {most}) ? 15'd{most} : {{0}}[19:5]", 15, square)

    def second(self, slot: _Slot) -> Wire:
        """Whether a track of another vertex has half the vertex's pt at its own z0."""
        vertex = self._event_log("event_vertex_pt")
        z_pt, pileup = (slot.words[name] for name in ("z_pt", "pileup"))
        hard = f"{{{{1'd0, {{0}}}}}} + 9'd{HALF} >= {{{{1'd0, {{1}}}}}}"
        return self.p.reg(f"({hard}) & {{2}}", 1, z_pt, vertex, pileup)

    def connect(
        self, lane: Lane, kind: str, number: int, base: int, columns: Mapping[str, Wire],
        made: Mapping[tuple[str | int, ...], Wire],
    ) -> Wire:  # fmt: skip
        """Place one lane; its stage 0 is `base`."""
        p = self.p
        target = self.targets[kind, number]
        inputs = []
        for port in lane.ports:
            what, stage = port.what, base + port.stage
            if what[0] == "target":
                wire = p.at(target[str(what[1])], self.HELD)
            elif what[0] == "centre":
                wire = self.header["eta_centre"]
            elif what[0] == "same":
                wire = self._same(kind, number)
            elif what[0] == "region":
                wire = columns[str(what[1])]
            elif what in made:
                wire = made[what]
            else:
                wire = self.slots[str(what[0])][int(what[1])].words[str(what[2])]
            inputs.append((port.port, p.at(wire, stage)))
        name = f"w_{kind}{number}"
        given = "".join(f", .{port}({wire.name})" for port, wire in inputs)
        p.raw(f"wire [8:0] {name};")
        p.raw(f"{lane.name} lane_{kind}{number} (.clk(clk){given}, .weight({name}));")
        return Wire(name, 9, base + lane.latency)

    def _same(self, kind: str, number: int) -> Wire:
        """Bits that tell which source the candidate in this lane is."""
        phase = self.p.at(self.phase, self.HELD - 1)
        bits = [
            f"({{0}} == {slot.frame})" if slot.lane == number else "1'b0"
            for slot in reversed(self.slots[kind])
        ]
        return self.p.reg("{{" + ", ".join(bits) + "}}", len(bits), phase)


def build_region(
    stream: RegionStream,
    out: Path,
    *,
    tool: Any,
    top: str,
    clock_period_ns: float,
    latency_cutoff: float | None,
    part: str,
) -> RtlDesign:
    """Write a region's whole step as Verilog.

    Parameters
    ----------
    stream : RegionStream
        What it computes.
    out : Path
        Folder; receives ``verilog/`` and the network's own files in ``network/``.
    tool, top, clock_period_ns, latency_cutoff, part
        As for `build_rtl`, which makes the network in it.

    Returns
    -------
    RtlDesign
        `data_in` takes a frame every clock cycle, and `data_out` gives the weights of its
        candidates `latency_cycles` later. Its estimates are those of the network in every lane.

    Raises
    ------
    FirmwareError
        If the network's input or LinPUPPI's cone cannot be built.
    """
    _check(stream)
    inner = build_rtl(
        stream.network, out / "network", tool=tool, top=f"{top}_network",
        clock_period_ns=clock_period_ns, latency_cutoff=latency_cutoff or 6.0, part=part,
    )  # fmt: skip
    network = NetworkModule(
        inner.top, inner.latency_cycles, stream.network.inputs[0].format,
        stream.network.outputs[0].format,
    )  # fmt: skip
    shell = _Shell(stream, top)
    columns = shell.region_columns(stream.weight.names)
    base = shell.HELD
    stages = {name: max(wire.stage - base, 0) for name, wire in columns.items()}
    made: dict[tuple[str | int, ...], Wire] = {}
    results, modules = [], [distance_module(), term_module(shell.raw.dr2_min, shell.raw.dr2_max)]
    kinds = [("neutral", stream.n_neutrals)]
    kinds += [("track", stream.n_tracks)] if len(stream.outputs) > 1 else []
    lanes = [
        write_lane(
            f"{top}_{kind}", stream.puppi, stream.weight.names, network, stages,
            track=kind == "track", every=stream.weight.tracks == "every",
        )
        for kind, _ in kinds
    ]  # fmt: skip
    # what lanes share: squares of momenta are known two stages behind the momenta, as the distances
    # are, and what needs the logarithm of the event's pt two stages later
    makers = {"pt2": shell.pt2, "second": shell.second}
    for lane in lanes:
        for port in lane.ports:
            what = port.what
            if what[-1] in makers and what not in made:
                slot = shell.slots[str(what[0])][int(what[1])]
                made[what] = makers[str(what[-1])](slot)
    widths = set(shell.logs)
    for lane, (kind, number) in zip(lanes, kinds, strict=True):
        modules.append(lane.text)
        widths |= lane.log_widths
        results += [shell.connect(lane, kind, k, base, columns, made) for k in range(number)]
    last = max(wire.stage for wire in results)
    parts = [shell.p.at(wire, last) for wire in results]
    joined = shell.p.comb(
        "{{" + ", ".join(f"{{{k}}}" for k in reversed(range(len(parts)))) + "}}", 9 * len(parts),
        *parts,
    )  # fmt: skip
    shell.p.output("data_out", joined)
    modules += [log_module(width) for width in sorted(widths)]
    modules += _tables(stream)
    return _written(stream, out, top, inner, shell, modules, last)


def _tables(stream: RegionStream) -> list[str]:
    """Return the tables of what the network reads, and what reads that of angles to the MET."""
    names, found = stream.weight.names, []
    if "linpuppi_weight" in names:
        rows = stream.puppi.parameters.raw().alpha_table().reshape(-1)
        found.append(rom_module("l1kd_alpha", 12, [int(x) for x in rows]))
        found.append(rom_module("l1kd_logistic", 9, [int(x) for x in WEIGHT]))
    if not OF_ANGLE.keys().isdisjoint(names):
        found += met_modules()
    return found


def _check(stream: RegionStream) -> None:
    raw, form = stream.puppi.parameters.raw(), stream.network.inputs[0].format
    if raw.dr2_max >= FAR * FAR:
        raise FirmwareError(f"LinPUPPI's cone of {raw.dr2_max} squared steps: expected < {FAR**2}")
    if form.fraction < 4 or form.maximum < 511 << (form.fraction - 4):
        raise FirmwareError(
            f"the network reads {form}, which cannot hold its inputs, ap_ufixed<9,5>; train it "
            "with inputs of at least these bits"
        )


def _written(
    stream: RegionStream, out: Path, top: str, inner: RtlDesign, shell: _Shell,
    modules: list[str], latency: int,
) -> RtlDesign:  # fmt: skip
    folder = out / "verilog"
    folder.mkdir(parents=True, exist_ok=True)
    main = folder / f"{top}.v"
    main.write_text(shell.p.text())
    copied = []
    for text in modules:
        copied.append(folder / f"{text.split(maxsplit=2)[1]}.v")
        copied[-1].write_text(text)
    for path in inner.sources:
        copied.append(folder / path.name)
        copied[-1].write_bytes(path.read_bytes())
    bits: Callable[[Any], int] = lambda tensors: sum(t.size * t.format.width for t in tensors)  # noqa: E731
    lanes = sum(t.size for t in stream.outputs)
    return RtlDesign(
        top=top,
        language="verilog",
        input_bits=bits(stream.inputs),
        output_bits=bits(stream.outputs),
        pipeline_stages=latency,
        latency_cycles=latency,
        initiation_interval=1,
        ebops_or_cost=inner.ebops_or_cost * lanes,
        estimated_luts=inner.estimated_luts * lanes,
        estimated_ffs=inner.estimated_ffs * lanes,
        sources=(main, *copied),
    )
