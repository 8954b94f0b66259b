"""An independent model of regions with given weights: cuts, sorts and the list of layer 2."""

from collections.abc import Callable

from l1kd.emulators.correlator.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer.geometry import BOARDS, layer2_order
from l1kd.emulators.correlator.sorting import sort_network


def sorted_slots(pts: dict[int, int], puppi: LinPuppi) -> list[int]:
    """Return the slots that leave a region, by descending momentum."""
    p = puppi.parameters
    present = {slot: pt for slot, pt in pts.items() if pt > 0}
    if p.final_sort == "Insertion" or p.forward:
        # of equal momenta the later slot comes first
        order = sorted(present, key=lambda slot: (present[slot], slot), reverse=True)
        return order[: p.n_out if p.forward else p.n_final]
    network = sort_network(p.final_sort, p.n_track + p.n_out, p.n_final)
    wires = [(present.get(slot, 0), slot) for slot in range(network.n_wires)]
    for a, b in network.pairs.tolist():
        if wires[a][0] < wires[b][0]:
            wires[a], wires[b] = wires[b], wires[a]
    return [wires[w][1] for w in network.outputs.tolist() if wires[w][0] > 0]


def turn(phi: int) -> int:
    return phi - 1440 if phi > 720 else phi + 1440 if phi <= -720 else phi


def region_list(
    inputs: dict, r: int, puppi: LinPuppi, candidates: dict, cuts: list[int]
) -> list[tuple]:
    """Return (pt, eta, phi, weight, id, source) of what leaves a region.

    `candidates` has the weight of every candidate by (slot, is track).
    """
    p = puppi.parameters
    prefix = "calo_" if p.forward else "pfne_"
    centre = int(inputs["region_hwEtaCenter"][r]), int(inputs["region_hwPhiCenter"][r])
    pts, rows = {}, {}
    for (slot, is_track), weight in candidates.items():
        if is_track:
            pt = (int(inputs["pfch_hwPt"][r, slot]) * weight + 128) >> 8
            label = int(inputs["pfch_hwId"][r, slot])
            bend = int(inputs["pfch_hwDPhi"][r, slot])
            eta = centre[0] + int(inputs["pfch_hwEta"][r, slot])
            phi = centre[1] + int(inputs["pfch_hwPhi"][r, slot]) + (bend if label & 1 else -bend)
            place, source = slot, int(inputs["trk_source"][r, slot])
        else:
            raw = int(inputs[prefix + "hwPt"][r, slot])
            pt = min((raw * weight + 128) >> 8, 8191)
            eta = centre[0] + int(inputs[prefix + "hwEta"][r, slot])
            phi = centre[1] + int(inputs[prefix + "hwPhi"][r, slot])
            pt = 0 if pt < cuts[sum(abs(eta) > e for e in p.raw().edges.tolist())] else pt
            label = int(inputs[prefix + ("hwEmID" if p.forward else "hwId")][r, slot] != 0)
            place, source = p.n_track + slot, int(inputs["neu_source"][r, slot])
        pts[place] = pt
        rows[place] = (pt, eta, turn(phi), weight, label, source)
    return [rows[place] for place in sorted_slots(pts, puppi)]


def layer2(
    regions: dict, n_events: int, weights: Callable[[tuple], dict], cuts: dict[str, list[int]]
) -> tuple[list[list[tuple]], list[int]]:
    """Return the lists of up to 128 candidates, and how many were lost, of every event.

    `weights((event, kind, region))` gives the weights of the candidates of one region.
    """
    order = layer2_order().tolist()
    lists, lost = [], []
    for event in range(n_events):
        leaving = {}
        for kind, board in enumerate(BOARDS):
            puppi = LinPuppi.preset(board.name)
            for region in range(board.n_regions):
                leaving[kind, region] = region_list(
                    regions[board.name], event * board.n_regions + region, puppi,
                    weights((event, kind, region)), cuts[board.name],
                )  # fmt: skip
        arrived = [
            leaving[kind, region][slot]
            for kind, region, slot in order
            if slot < len(leaving[kind, region])
        ]
        lists.append(arrived[:128])
        lost.append(max(len(arrived) - 128, 0))
    return lists, lost
