"""An independent model of the inputs, in Python's integers, from the lists of one region."""

from math import log2

from l1kd.emulators.correlator.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer.geometry import BOARDS


def logarithm(value: int) -> int:
    x = min(value, 65534) + 1
    high = x.bit_length() - 1
    below = x - 2**high
    six = below >> (high - 6) if high >= 6 else below << (6 - high)
    return min(16 * high + int(16 * log2(1 + six / 64) + 0.5), 255)


def inside(eta: int, phi: int, region: dict) -> bool:
    return -region["eta_half"] < eta <= region["eta_half"] and -80 < phi <= 80


def density(own: dict, others: list[dict], raw) -> int:
    total = 0
    for o in others:
        if o is own:
            continue
        dr2 = (own["eta"] - o["eta"]) ** 2 + (own["phi"] - o["phi"]) ** 2
        if dr2 > raw.dr2_max:
            continue
        short = max(dr2, raw.dr2_min) >> 5
        inverse = 0 if short == 0 else min((65536 * 2 // short + 1) // 2, 65535)
        pt2 = min(o["pt"] ** 2 >> 5, min(raw.pt_max**2 >> 5, 32767))
        total += min((pt2 * inverse) >> 10, 4095)
    return total


def around(own: dict, others: list[dict]) -> tuple[list[int], int, int]:
    """Return pt in the three cones, largest pt in the middle one, number in the large one."""
    sums, largest, number = [0, 0, 0], 0, 0
    for o in others:
        if o is own:
            continue
        dr2 = (own["eta"] - o["eta"]) ** 2 + (own["phi"] - o["phi"]) ** 2
        for cone, radius2 in enumerate((2**9, 2**11, 2**13)):
            if dr2 < radius2:
                sums[cone] += o["pt"]
        if dr2 < 2**11:
            largest = max(largest, o["pt"])
        number += dr2 < 2**13
    return sums, largest, number


def region_rows(board: str, inputs: dict, r: int, weights, event: tuple, puppi: LinPuppi) -> list:
    """List (slot, is track, row of inputs) of the candidates of one region: neutrals, tracks."""
    raw, tracker = puppi.parameters.raw(), puppi.parameters.n_track > 0
    region = {"eta_half": int(inputs["region_hwEtaHalfWidth"][r])}
    prefix = "pfne_" if tracker else "calo_"
    neutrals, tracks = [], []
    for i in range(int(inputs["n_neu"][r])):
        names = {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi"}
        one = {k: int(inputs[prefix + v][r, i]) for k, v in names.items()}
        em = int(inputs[prefix + ("hwId" if tracker else "hwEmID")][r, i]) & 1
        neutrals.append({**one, "em": em, "slot": i, "weight": int(weights[r, i])})
    if tracker:
        for i in range(min(int(inputs["n_trk"][r]), puppi.parameters.n_track)):
            names = {"pt": "hwPt", "eta": "hwEta", "phi": "hwPhi", "z0": "hwZ0"}
            one = {k: int(inputs["trk_" + v][r, i]) for k, v in names.items()}
            label = int(inputs["pfch_hwId"][r, i])
            far = abs(one["z0"] - int(inputs["pv_hwZ0"][r]))
            tracks.append({**one, "slot": i, "label": label, "far": far})
    vertex = [t for t in tracks if t["far"] <= raw.dz]
    pileup = [t for t in tracks if t["far"] > raw.dz]
    em_neutrals = [n for n in neutrals if n["em"]]
    rows = []
    for own in neutrals + tracks:
        is_track = "label" in own
        if not inside(own["eta"], own["phi"], region):
            continue
        if is_track and own["far"] > raw.dz and own["label"] < 6:
            continue
        near, largest, _ = around(own, vertex)
        others, _, n_others = around(own, pileup)
        neutral, largest_neutral, n_neutral = around(own, neutrals)
        eta = int(inputs["region_hwEtaCenter"][r]) + own["eta"]
        row = {
            "pt": logarithm(own["pt"]),
            "abs_eta": abs(eta) >> 3,
            "em": 16 * (own["label"] in (4, 5) if is_track else own["em"]),
            "track": 16 * is_track,
            "muon": 16 * (is_track and own["label"] >= 6),
            "tracker": 16 * tracker,
            "hf": 16 * (board == "hf"),
            "dz": min(own["far"], 63) if is_track else 0,
            "linpuppi_weight": 256 if is_track else own["weight"],
            "alpha": logarithm(density(own, vertex if tracker else neutrals, raw)),
            **{f"vertex_pt_0{c}": logarithm(s) for c, s in zip("124", near, strict=True)},
            "vertex_max_02": logarithm(largest),
            **{f"pileup_pt_0{c}": logarithm(s) for c, s in zip("124", others, strict=True)},
            "pileup_count_04": n_others,
            **{f"neutral_pt_0{c}": logarithm(s) for c, s in zip("124", neutral, strict=True)},
            "neutral_max_02": logarithm(largest_neutral),
            "neutral_count_04": n_neutral,
            "em_pt_02": logarithm(around(own, em_neutrals)[0][1]),
            "pileup_alpha": logarithm(density(own, pileup, raw)),
            "neutral_alpha": logarithm(density(own, neutrals, raw)),
            "region_vertex_pt": logarithm(sum(t["pt"] for t in vertex)),
            "region_pileup_pt": logarithm(sum(t["pt"] for t in pileup)),
            "region_neutral_pt": logarithm(sum(n["pt"] for n in neutrals)),
            "region_pileup_count": len(pileup),
            "region_neutral_count": len(neutrals),
            "event_vertex_pt": logarithm(event[0]),
            "event_vertex_count": logarithm(event[1]),
            "event_pileup_count": logarithm(event[2]),
        }
        rows.append((own["slot"], is_track, row))
    return rows


def event_of(regions: dict, event: int) -> tuple[int, int, int]:
    """Return pt and number of tracks near the vertex, and the number of the others."""
    total = near = far = 0
    for board in BOARDS[:2]:
        inputs = regions[board.name]
        for r in range(event * board.n_regions, (event + 1) * board.n_regions):
            region = {"eta_half": int(inputs["region_hwEtaHalfWidth"][r])}
            for i in range(int(inputs["n_trk"][r])):
                eta, phi = int(inputs["trk_hwEta"][r, i]), int(inputs["trk_hwPhi"][r, i])
                if not inside(eta, phi, region):
                    continue
                if abs(int(inputs["trk_hwZ0"][r, i]) - int(inputs["pv_hwZ0"][r])) <= 4:
                    total += min(int(inputs["trk_hwPt"][r, i]), 200)
                    near += 1
                else:
                    far += 1
    return total, near, far


def all_rows(regions: dict, n_events: int) -> dict[tuple, dict[str, int]]:
    """Return the inputs of every candidate by (event, board, region, slot, is track)."""
    found = {}
    events = [event_of(regions, e) for e in range(n_events)]
    for kind, board in enumerate(BOARDS):
        inputs, puppi = regions[board.name], LinPuppi.preset(board.name)
        weights = puppi.run(inputs)["out_nocut_hwPuppiW"]
        for r in range(n_events * board.n_regions):
            event = r // board.n_regions
            for slot, track, row in region_rows(
                board.name, inputs, r, weights, events[event], puppi
            ):
                key = (event, kind, r % board.n_regions, slot, bool(track))
                found[key] = row
    return found
