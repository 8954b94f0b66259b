"""The processor of turn-ons against plain loops over events."""

import awkward as ak
import numpy as np
import pytest
from coffea.processor import accumulate

from l1kd.errors import ConfigurationError, L1KDError, MissingBranchError
from l1kd.processors.efficiency import EVERYWHERE, EfficiencyProcessor
from l1kd.trigger.efficiency.form import TurnOnForm, read_turn_ons


class Held:
    """Events with metadata, as coffea gives them."""

    def __init__(self, events):
        self.events, self.metadata = events, {"dataset": "signal"}

    @property
    def fields(self):
        return self.events.fields

    def __len__(self):
        return len(self.events)

    def __getitem__(self, key):
        return self.events[key]


def jets(generator, n):
    counts = generator.poisson(3, n)
    total = counts.sum()
    columns = {
        "pt": generator.exponential(40.0, total),
        "eta": generator.uniform(-3.0, 3.0, total),
        "phi": generator.uniform(-np.pi, np.pi, total),
    }
    return ak.zip({k: ak.unflatten(x, counts) for k, x in columns.items()})


def sample(n=200, seed=1):
    generator = np.random.default_rng(seed)
    gen = jets(generator, n)
    # online jets are the generated ones, moved and rescaled, and some others
    near = ak.zip({"pt": gen.pt * 0.8, "eta": gen.eta + 0.1, "phi": gen.phi})
    online = ak.concatenate([near, jets(generator, n)], axis=1)
    met = ak.zip({"pt": generator.exponential(50.0, n), "phi": np.zeros(n)})
    weight = generator.choice([0.5, 1.0], n)
    content = {"GenJet": gen, "L1Jet": online, "GenMET": met, "genWeight": weight}
    return ak.zip(content, depth_limit=1)


JET = {
    "online": "L1Jet.pt",
    "reference": "GenJet.pt",
    "match": 0.35,
    "reference_cuts": ["abs(eta) < 2.4"],
    "online_cuts": ["pt > 5"],
    "edges": [0, 200, 20],
    "thresholds": [30],
}


def filled(events, **form):
    processor = EfficiencyProcessor({"x": TurnOnForm.of(form, "x")})
    return processor.process(Held(events))["signal"]["turn_ons"]


def plain(events, threshold, edges, *, match=0.35, everything=False, low=0.0, high=np.inf):
    """Weights that pass and all weights in each bin, by loops."""
    passed, total = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1)
    for event in events.to_list():
        gen = sorted((j for j in event["GenJet"] if abs(j["eta"]) < 2.4), key=lambda j: -j["pt"])
        for g in gen if everything else gen[:1]:
            if not low <= abs(g["eta"]) < high or not edges[0] <= g["pt"] < edges[-1]:
                continue
            at = np.searchsorted(edges, g["pt"], side="right") - 1
            near = [
                j["pt"]
                for j in event["L1Jet"]
                if j["pt"] > 5
                and np.hypot(
                    g["eta"] - j["eta"], (g["phi"] - j["phi"] + np.pi) % (2 * np.pi) - np.pi
                )
                < match
            ]
            total[at] += event["genWeight"]
            passed[at] += event["genWeight"] * (max(near, default=-1.0) >= threshold)
    return passed, total


@pytest.mark.parametrize("everything", [False, True])
def test_matched_objects_equal_the_plain_loop(everything):
    events = sample()
    found = filled(events, **JET, all_objects=everything)[f"x:{EVERYWHERE}"]
    passed, total = plain(events, 30.0, found.edges, everything=everything)
    curve = found.curve(30.0)
    np.testing.assert_allclose(
        curve.value, np.where(total > 0, passed / np.maximum(total, 1e-9), np.nan)
    )


def test_regions_divide_the_reference():
    events = sample()
    regions = {"barrel": (0.0, 1.5), "endcap": (1.5, 2.4)}
    found = filled(events, **JET, regions=regions)
    for region, (low, high) in regions.items():
        passed, total = plain(events, 30.0, found[f"x:{region}"].edges, low=low, high=high)
        expected = np.where(total > 0, passed / np.maximum(total, 1e-9), np.nan)
        np.testing.assert_allclose(found[f"x:{region}"].curve(30.0).value, expected)


def test_cuts_of_a_region_touch_its_objects_only():
    events = sample()
    regions = {"barrel": (0.0, 1.5), "endcap": (1.5, 2.4)}
    plain_cuts = filled(events, **JET, regions=regions)
    cuts = {"inclusive": ["pt > 5"], "endcap": ["pt < 0"]}
    found = filled(events, **{**JET, "online_cuts": cuts, "match": 0.11}, regions=regions)
    # the online jet is 0.1 away in eta: of the endcap's only those that moved in from the barrel
    assert np.nansum(found["x:endcap"].curve(30.0).value) < np.nansum(
        plain_cuts["x:endcap"].curve(30.0).value
    )
    inner = filled(
        events,
        **{**JET, "match": 0.11, "reference_cuts": ["abs(eta) < 1.3"]},
        regions=regions,
    )
    same = filled(
        events,
        **{**JET, "match": 0.11, "reference_cuts": ["abs(eta) < 1.3"], "online_cuts": cuts},
        regions=regions,
    )
    assert inner["x:barrel"] == same["x:barrel"]
    with pytest.raises(ConfigurationError, match="region 'forward'"):
        filled(events, **{**JET, "online_cuts": {"forward": ["pt > 1"]}}, regions=regions)


def test_event_level_compares_the_largest():
    events = sample()
    form = {
        "online": "L1Jet.pt",
        "reference": "GenMET.pt",
        "edges": [0, 200, 50],
        "thresholds": [1],
    }
    found = filled(events, **form)[f"x:{EVERYWHERE}"]
    met = ak.to_numpy(events.GenMET.pt)
    best = ak.to_numpy(ak.fill_none(ak.max(events.L1Jet.pt, axis=1), -np.inf))
    weight = ak.to_numpy(events.genWeight)
    inside = (met >= 0) & (met < 50)
    expected = weight[inside & (best >= 60)].sum() / weight[inside].sum()
    assert found.curve(60.0).value[0] == pytest.approx(expected)
    assert found.n + found.outside == len(events)


def test_capitals_of_fields_do_not_matter():
    events = sample()
    renamed = {"PT": events.GenJet.pt, "Eta": events.GenJet.eta, "Phi": events.GenJet.phi}
    other = ak.with_field(events, ak.zip(renamed), "GenJet")
    assert filled(other, **JET) == filled(events, **JET)


def test_chunks_do_not_matter():
    events = sample()
    processor = EfficiencyProcessor({"x": TurnOnForm.of(JET, "x")})
    whole = processor.process(Held(events))
    parts = [processor.process(Held(events[a:b])) for a, b in ((80, 200), (0, 80))]
    merged = accumulate(parts)
    assert merged["signal"]["turn_ons"] == whole["signal"]["turn_ons"]
    assert merged["signal"]["used"] == 200


def test_a_missing_branch_is_named():
    events = sample(5)
    with pytest.raises(MissingBranchError, match="no collection L1Tau"):
        filled(events, **{**JET, "online": "L1Tau.pt"})
    with pytest.raises(MissingBranchError, match="GenMET has no eta"):
        filled(events, **{**JET, "reference": "GenMET.pt"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"onlin": "x.y"}, "did you mean 'online'"),
        ({"edges": [0, 10]}, "first, last, width"),
        ({"edges": [10, 0, 1]}, "first < last"),
        ({"thresholds": []}, "thresholds"),
        ({"online": "MET"}, "online"),
        ({"scaling": 2.0}, "scaling"),
        ({"reference_cuts": ["import os"]}, "cannot be read|reference_cuts"),
    ],
)
def test_a_wrong_description_is_refused(change, message):
    with pytest.raises(L1KDError, match=message):
        TurnOnForm.of({**JET, **change}, "jet")


def test_descriptions_in_yaml(tmp_path):
    path = tmp_path / "turn_ons.yaml"
    path.write_text(
        "jet: {online: L1Jet.pt, reference: GenJet.pt, match: 0.3, bins: [0, 10, 50], "
        "thresholds: [20], regions: {barrel: [0, 1.5]}}\n"
    )
    found = read_turn_ons(path)["jet"]
    assert found.edges.tolist() == [0.0, 10.0, 50.0]
    assert found.regions == {"barrel": (0.0, 1.5)}
    path.write_text("[]\n")
    with pytest.raises(ConfigurationError, match="expected names"):
        read_turn_ons(path)
