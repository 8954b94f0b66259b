"""The processor of menus: decisions, chunks, masks, pile-up, scans."""

import awkward as ak
import numpy as np
import pytest
from coffea.nanoevents import DelphesSchema, NanoEventsFactory
from coffea.processor import accumulate

from l1kd.errors import ConfigurationError, MissingBranchError
from l1kd.processors.menu_rates import MenuRateProcessor, event_value
from l1kd.trigger.bits import Bits
from l1kd.trigger.conditions.luminosity import LumiMask, PileupTable
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.menus import Scan, open_menu
from tests.l1kd.trigger.object_menus import write_menu


def open_delphes(path, start=0, stop=None):
    return NanoEventsFactory.from_root(
        {str(path): "Delphes"},
        schemaclass=DelphesSchema,
        entry_start=start,
        entry_stop=stop,
        metadata={"dataset": "minbias", "filename": str(path), "entrystart": start},
    ).events()


@pytest.fixture
def menu(tmp_path):
    return open_menu(write_menu(tmp_path))


@pytest.fixture
def path(data):
    return data / "minbias_PU140.root"


class Odd:
    """Stands for a menu: a seed for odd run numbers and one for sections above 10."""

    name = "odd"

    def evaluate(self, events):
        fired = {
            "L1_Odd": ak.to_numpy(events.run) % 2 == 1,
            "L1_Late": ak.to_numpy(events.luminosityBlock) > 10,
        }
        return Bits.of(fired, {"L1_Never": "no such thing"})


def sections(run, lumi, **more):
    events = ak.zip({"run": run, "luminosityBlock": lumi, **more}, depth_limit=1)
    return ak.with_parameter(events, "metadata", {"dataset": "data", "filename": "f"})


class Held:
    """Events with metadata, as coffea gives them."""

    def __init__(self, events):
        self.events, self.metadata = events, {"dataset": "data", "filename": "f"}

    def __len__(self):
        return len(self.events)

    def __getitem__(self, key):
        found = self.events[key]
        return Held(found) if found.fields else found

    def __getattr__(self, name):
        return getattr(self.events, name)


def run(processor, run_numbers, lumi, **more):
    return processor.process(Held(sections(run_numbers, lumi, **more)))["data"]


def test_decisions_are_the_menus(menu, path):
    events = open_delphes(path, 0, 20)
    found = MenuRateProcessor(menu, weights="none").process(events)["minbias"]
    bits = menu.evaluate(events)
    table = found["decisions"]
    assert table.seeds == menu.names
    assert table.n_events == found["seen"] == found["used"] == 20
    fired = table.fired()
    for i, name in enumerate(menu.names):
        assert table.counts @ fired[:, i] == bits[name].sum()


def test_chunks_do_not_matter(menu, path):
    options = {
        "pileup": "",
        "pileup_width": 10,
        "scans": [Scan("L1_MET20", "met", (5.0, 10.0, 20.0))],
        "quantities": {"met": ("PuppiMissingET.MET", 0.25)},
        "resampling": Resampling(5),
    }
    processor = MenuRateProcessor(menu, **options)
    whole = processor.process(open_delphes(path, 0, 20))["minbias"]
    parts = [processor.process(open_delphes(path, a, b)) for a, b in ((7, 20), (0, 7))]
    merged = accumulate(parts)["minbias"]
    assert merged["decisions"] == whole["decisions"]
    assert merged["spectra"] == whole["spectra"]
    assert processor.postprocess(merged) is merged


def test_a_scan_counts_the_thresholds_passed(menu, path):
    events = open_delphes(path, 0, 30)
    cuts = (5.0, 10.0, 20.0, 40.0)
    scans = [Scan("L1_MET20", "met", cuts), Scan("L1_DoubleJet20", "b", cuts)]
    found = MenuRateProcessor(menu, scans=scans).process(events)["minbias"]["spectra"]
    met = ak.to_numpy(ak.flatten(events.PuppiMissingET.MET))
    expected = [sum(x >= c for c in cuts) for x in met]
    numbers, counts = np.unique(expected, return_counts=True)
    assert found["L1_MET20[met]"].values.tolist() == numbers.tolist()
    assert found["L1_MET20[met]"].counts.tolist() == counts.tolist()
    # the threshold in use gives the rate of the table
    table = menu.evaluate(events)["L1_MET20"].sum()
    assert sum(c for n, c in zip(numbers, counts, strict=True) if n >= 3) == table


def test_strata_and_masks_of_sections():
    processor = MenuRateProcessor(
        Odd(),
        sections=True,
        lumi_mask=LumiMask(np.array([2**32 + 5]), np.array([2**32 + 20])),
    )
    found = run(processor, [1, 1, 2, 1], [4, 5, 7, 20])
    assert (found["seen"], found["used"]) == (4, 2)
    assert found["skipped"] == {"luminosity section not in the mask": 2}
    assert found["decisions"].strata.tolist() == [[1, 5], [1, 20]]
    assert found["reasons"] == {("L1_Never", "no such thing")}


def test_pileup_of_sections_and_branches():
    table = PileupTable(np.array([2**32 + 5, 2**32 + 6]), np.array([31.9, 60.0]), "x")
    processor = MenuRateProcessor(Odd(), pileup=table, pileup_width=5)
    assert run(processor, [1, 1], [5, 6])["decisions"].strata.tolist() == [[30], [60]]
    with pytest.raises(MissingBranchError, match="name the branch of the pile-up"):
        run(MenuRateProcessor(Odd(), pileup=""), [1], [5])


def test_blocks_are_sections_where_events_have_them():
    processor = MenuRateProcessor(Odd(), sections=True, resampling=Resampling(30))
    found = run(processor, [1, 1, 3], [5, 5, 5])["decisions"]
    first = found.replicas.values()[0]
    assert set(first % 2) == {0.0}  # both events of the section, or none, or twice both


def test_counters_give_final_decisions():
    processor = MenuRateProcessor(Odd(), counters={"L1_Odd": 2.0})
    found = run(processor, [1] * 10, [20] * 10)["decisions"]
    fired = dict(zip(found.seeds, found.counts @ found.fired(), strict=True))
    assert fired == {"L1_Odd": 5, "L1_Late": 0}


def test_weights_of_events():
    weights = {"genWeight": [0.5, 2.0]}
    found = run(MenuRateProcessor(Odd()), [1, 2], [1, 1], **weights)["decisions"]
    assert found.sum_of_weights == 2.5
    once = run(MenuRateProcessor(Odd(), weights="none"), [1, 2], [1, 1], **weights)["decisions"]
    assert once.unweighted


def test_negative_weights_are_refused_at_once():
    weights = {"genWeight": [1.0, -2.0]}
    with pytest.raises(ConfigurationError, match="1 events have a negative weight"):
        run(MenuRateProcessor(Odd()), [1, 2], [1, 1], **weights)


def test_kept_seeds_have_fewer_patterns():
    found = run(MenuRateProcessor(Odd(), keep=["L1_Late"]), [1, 2, 1], [20, 20, 1])["decisions"]
    assert found.seeds == ("L1_Late",)
    assert dict(zip(found.fired()[:, 0].tolist(), found.counts, strict=True)) == {True: 2, False: 1}


def test_event_value_takes_the_largest_object(path):
    events = open_delphes(path, 0, 10)
    found = event_value(events, "JetPUPPI.PT")
    expected = [max(jets, default=-np.inf) for jets in events.JetPUPPI.PT.to_list()]
    assert found.tolist() == expected
    with pytest.raises(MissingBranchError, match="'nothing' is missing"):
        event_value(events, "nothing")


def test_what_is_no_option_is_refused(menu):
    with pytest.raises(ConfigurationError, match="1 wide or more"):
        MenuRateProcessor(menu, pileup_width=0)
    with pytest.raises(ConfigurationError, match="legs are a, b"):
        MenuRateProcessor(menu, scans=[Scan("L1_DoubleJet20", "c", (1.0,))])
    with pytest.raises(ConfigurationError, match="scanned once"):
        MenuRateProcessor(menu, scans=[Scan("L1_MET20", "met", (1.0,))] * 2)
