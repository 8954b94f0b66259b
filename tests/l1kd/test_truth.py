"""Generated quantities and the pairing with files without pile-up."""

import awkward as ak
import numpy as np
import pytest

from l1kd.errors import InputError, PairingError, UnknownFormatError
from l1kd.truth import gen_jets, gen_met, open_without_pileup, require_pairing


@pytest.fixture(scope="module")
def top(data, open_events):
    return open_events(data / "ttbar2l_PU140.root")


def test_generated_momenta_agree_between_formats(data, open_events, top):
    nano = open_events(data / "ttbar2l_PU140_l1nano.root")
    np.testing.assert_allclose(gen_met(top).pt, gen_met(nano).pt, rtol=1e-3)
    np.testing.assert_array_equal(ak.num(gen_jets(top).pt), ak.num(gen_jets(nano).pt))
    np.testing.assert_allclose(
        ak.flatten(gen_jets(top).eta), ak.flatten(gen_jets(nano).eta), rtol=1e-2, atol=1e-2
    )


def test_the_same_events_without_pileup_pair(data, top):
    without = open_without_pileup(data / "ttbar2l_PU0.root", 10, 20)
    require_pairing(top[10:20], without, "ttbar2l_PU0.root", 10)


def test_shifted_events_name_the_first_different_event(data, top):
    without = open_without_pileup(data / "ttbar2l_PU0.root", 10, 20)
    shuffled = without[[0, 1, 2, 4, 3, 5, 6, 7, 8, 9]]
    with pytest.raises(PairingError, match=r"without.root .* entry 13 differs first"):
        require_pairing(top[10:20], shuffled, "without.root", 10)


def test_the_same_missing_momentum_with_other_jets_does_not_pair(top):
    """Events without neutrinos all have the same generated MET: their jets tell them apart."""
    jets = top.GenJet
    softer = ak.with_field(
        jets, ak.where(ak.local_index(jets.PT) == 0, jets.PT - 1.0, jets.PT), "PT"
    )
    without = ak.with_field(top, softer, "GenJet")
    with pytest.raises(PairingError, match=r"entry 7 differs first, in sum of generated jet pt"):
        require_pairing(top, without, "without.root", 7)
    fewer = ak.with_field(top, jets[:, 1:], "GenJet")
    with pytest.raises(PairingError, match=r"entry 0 differs first, in number of generated jets"):
        require_pairing(top, fewer, "without.root")
    require_pairing(top, ak.with_field(top, jets, "GenJet"), "without.root")


def test_too_few_events_without_pileup(data, top):
    without = open_without_pileup(data / "ttbar2l_PU0.root", 40, 60)
    with pytest.raises(PairingError, match="found only 10 of these 20"):
        require_pairing(top[:20], without, "without.root", 0)


def test_no_simulation():
    with pytest.raises(UnknownFormatError, match="GenMissingET"):
        gen_met(ak.Array([{"x": 1}]))
    with pytest.raises(UnknownFormatError, match="GenJet"):
        gen_jets(ak.Array([{"x": 1}]))


def test_two_generated_met_in_an_event():
    events = ak.Array([{"GenMissingET": [{"MET": 1.0, "Phi": 0.0}] * 2}])
    with pytest.raises(InputError, match="found 2 in event 0"):
        gen_met(events)


@pytest.mark.parametrize(
    ("file", "mass"), [("ttbar2l_PU140.root", "Mass"), ("minbias_PU140_l1nano.root", "mass")]
)
def test_jets_without_a_mass_are_massless(data, open_events, file, mass):
    events = open_events(data / file, entry_stop=3)
    plain = ak.Array(ak.to_layout(events.GenJet), behavior={})
    bare = plain[[name for name in plain.fields if name != mass]]
    jets = gen_jets(ak.zip({"GenJet": bare}, depth_limit=1))
    assert ak.all(jets.mass == 0.0)
    assert ak.array_equal(jets.pt, gen_jets(events).pt)
