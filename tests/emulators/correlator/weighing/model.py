"""An independent model of the inputs, in Python's integers, from the lists of one region."""

from math import cos, log2, pi

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


def places_around(own: dict, others: list[dict], least: int) -> tuple[list[int], list[int]]:
    """Return the largest place, and the pt where it is `least` or more, in two cones."""
    largest, pt = [0, 0], [0, 0]
    for o in others:
        dr2 = (own["eta"] - o["eta"]) ** 2 + (own["phi"] - o["phi"]) ** 2
        for cone, radius2 in enumerate((2**11, 2**13)):
            if o is not own and dr2 < radius2:
                largest[cone] = max(largest[cone], o["place"])
                pt[cone] += o["pt"] * (o["place"] >= least)
    return largest, pt


def region_rows(
    board: str, inputs: dict, r: int, weights, event: tuple, places: list[int], puppi: LinPuppi,
    chosen: str,
) -> list:  # fmt: skip
    """List (slot, is track, row of inputs) of the candidates of one region: neutrals, tracks.

    `places` are those of the region's tracks; `chosen` says which of them are weighed.
    """
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
            tracks.append({**one, "slot": i, "label": label, "far": far, "place": places[i]})
    vertex = [t for t in tracks if t["far"] <= raw.dz]
    pileup = [t for t in tracks if t["far"] > raw.dz]
    em_neutrals = [n for n in neutrals if n["em"]]
    rows, centre = [], int(inputs["region_hwPhiCenter"][r])
    for own in neutrals + tracks:
        is_track = "label" in own
        if not inside(own["eta"], own["phi"], region):
            continue
        kept = is_track and (own["far"] <= raw.dz or own["label"] >= 6)
        if is_track and not (chosen == "every" or (kept and chosen == "kept")):
            continue
        other_z, second = places_around(own, pileup, logarithm(event[0]) - 16)
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
            "linpuppi_weight": 256 * kept if is_track else own["weight"],
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
            "own_z_pt": own["place"] if is_track else 0,
            **{f"other_z_max_0{c}": x for c, x in zip("24", other_z, strict=True)},
            **{f"second_pt_0{c}": logarithm(s) for c, s in zip("24", second, strict=True)},
            "event_second_pt": event[3],
            **seen("met", event[4], centre + own["phi"] - event[5]),
            **seen("track_met", event[6], centre + own["phi"] - event[7]),
        }
        rows.append((own["slot"], is_track, row))
    return rows


def tracks_of(regions: dict, event: int) -> list[tuple[tuple, int, int, int, bool]]:
    """List (board, region, slot), pt up to 50 GeV, z0, distance and whether it belongs there."""
    found = []
    for board in BOARDS[:2]:
        inputs = regions[board.name]
        for r in range(event * board.n_regions, (event + 1) * board.n_regions):
            region = {"eta_half": int(inputs["region_hwEtaHalfWidth"][r])}
            for i in range(int(inputs["n_trk"][r])):
                eta, phi = int(inputs["trk_hwEta"][r, i]), int(inputs["trk_hwPhi"][r, i])
                pt, z0 = min(int(inputs["trk_hwPt"][r, i]), 200), int(inputs["trk_hwZ0"][r, i])
                far = abs(z0 - int(inputs["pv_hwZ0"][r]))
                found.append(((board.name, r, i), pt, z0, far, inside(eta, phi, region)))
    return found


def places_of(regions: dict, event: int) -> dict[tuple, int]:
    """Return how hard the place in z of every track is, by (board, region, slot)."""
    tracks = tracks_of(regions, event)
    own = [(pt, z0) for _, pt, z0, _, belongs in tracks if belongs]
    sums = {z: sum(pt for pt, z0 in own if abs(z0 - z) <= 4) for z in {t[2] for t in tracks}}
    return {key: logarithm(sums[z0]) for key, _, z0, _, _ in tracks}


def seen(name: str, met: int, angle: int) -> dict[str, int]:
    """Return the size of MET, and its parts away from and towards what lies at an angle to it."""
    angle = (angle + 720) % 1440 - 720
    cosine = abs(cos(angle * pi / 720))
    lost = 255 if abs(angle) == 360 else min(int(-16 * log2(cosine) + 0.5), 255)
    part = max(met - lost, 0)
    forward = -360 < angle < 360
    return {
        f"event_{name}": met,
        f"{name}_away": part if forward else 0,
        f"{name}_toward": 0 if forward else part,
    }


def whole_steps(k: int) -> int:
    return int(1024 * cos(k * pi / 720) + (0.5 if cos(k * pi / 720) > 0 else -0.5))


def met_of(regions: dict, event: int, puppi: dict | None = None) -> tuple[int, int]:
    """Return the logarithm and the azimuth of the sum of LinPUPPI's candidates of all regions."""
    momenta = []
    for board in BOARDS:
        inputs = regions[board.name]
        algorithm = (puppi or {}).get(board.name) or LinPuppi.preset(board.name)
        p, found = algorithm.parameters, algorithm.run(inputs)
        for r in range(event * board.n_regions, (event + 1) * board.n_regions):
            centre = int(inputs["region_hwPhiCenter"][r])
            for i in range(min(int(inputs["n_neu"][r]), p.n_in)):
                phi = inputs["pfne_hwPhi" if board.n_tracks else "calo_hwPhi"][r, i]
                momenta.append((int(found["out_all_hwPt"][r, i]), centre + int(phi)))
            for i in range(min(int(inputs["n_trk"][r]), p.n_track) if board.n_tracks else 0):
                pt, phi = found["out_ch_hwPt"][r, i], found["out_ch_hwPhi"][r, i]
                momenta.append((int(pt), int(phi)))
    return direction_of(momenta)


def direction_of(momenta: list[tuple[int, int]]) -> tuple[int, int]:
    """Return the logarithm of the size of the sum of pairs of pt and azimuth, and its azimuth."""
    x = sum(max(pt, 0) * whole_steps(phi) for pt, phi in momenta)
    y = sum(max(pt, 0) * whole_steps(phi - 360) for pt, phi in momenta)
    inward = [k for k in range(361) if abs(y) * whole_steps(k) >= abs(x) * whole_steps(360 - k)]
    angle = max(inward) if y else 0
    size = (abs(x) * whole_steps(angle) + abs(y) * whole_steps(360 - angle)) // 2**20
    if x < 0:
        angle = 720 - angle
    if y < 0 and angle != 720:
        angle = -angle
    return logarithm(min(size, 65535)), angle


def track_met_of(regions: dict, event: int) -> tuple[int, int]:
    """Return the logarithm and the azimuth of the sum of the tracks near the vertex."""
    momenta = []
    for (board, r, i), _, _, far, belongs in tracks_of(regions, event):
        inputs = regions[board]
        bend = int(inputs["pfch_hwDPhi"][r, i]) * (2 * (int(inputs["pfch_hwId"][r, i]) % 2) - 1)
        local = (int(inputs["pfch_hwPhi"][r, i]) + bend + 512) % 1024 - 512
        if belongs and far <= 4:
            pt = int(inputs["pfch_hwPt"][r, i])
            momenta.append((pt, int(inputs["region_hwPhiCenter"][r]) + local))
    return direction_of(momenta)


def numbers_of(regions: dict, event: int, puppi: dict | None = None) -> tuple[int, ...]:
    """Return all numbers of an event."""
    met, track_met = met_of(regions, event, puppi), track_met_of(regions, event)
    return (*event_of(regions, event), *met, *track_met)


def event_of(regions: dict, event: int) -> tuple[int, int, int, int]:
    """Return pt and number of tracks near the vertex, number of others, and the hardest place."""
    own = [track for track in tracks_of(regions, event) if track[4]]
    places = places_of(regions, event)
    near = [track for track in own if track[3] <= 4]
    second = max((places[key] for key, _, _, far, _ in own if far > 8), default=0)
    return sum(track[1] for track in near), len(near), len(own) - len(near), second


def all_rows(regions: dict, n_events: int, tracks: str = "kept") -> dict[tuple, dict[str, int]]:
    """Return the inputs of every candidate by (event, board, region, slot, is track)."""
    found = {}
    events = [numbers_of(regions, e) for e in range(n_events)]
    places = {key: x for e in range(n_events) for key, x in places_of(regions, e).items()}
    for kind, board in enumerate(BOARDS):
        inputs, puppi = regions[board.name], LinPuppi.preset(board.name)
        weights = puppi.run(inputs)["out_nocut_hwPuppiW"]
        for r in range(n_events * board.n_regions):
            event = r // board.n_regions
            n_trk = int(inputs["n_trk"][r]) if "n_trk" in inputs else 0
            own = [places[board.name, r, i] for i in range(n_trk)]
            for slot, track, row in region_rows(
                board.name, inputs, r, weights, events[event], own, puppi, tracks
            ):
                key = (event, kind, r % board.n_regions, slot, bool(track))
                found[key] = row
    return found
