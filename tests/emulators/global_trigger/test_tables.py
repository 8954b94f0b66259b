"""The tables equal the firmware's, number for number (hashes of `gtl_luts_pkg.vhd`)."""

import hashlib
from math import cosh, pi

import numpy as np
import pytest

from l1kd.emulators.global_trigger import tables

FIRMWARE = {
    ("delta_eta", "calo"): "0a83d491f7d1ba4a",
    ("delta_eta", "mixed"): "df7686774251d7d5",
    ("delta_eta", "muon"): "19a1db898aebf112",
    ("delta_phi", "calo"): "72e871065481b912",
    ("delta_phi", "mixed"): "e99f615a10205816",
    ("delta_phi", "muon"): "e99f615a10205816",
    ("cosh_delta_eta", "calo"): "2502d6775f9eb350",
    ("cosh_delta_eta", "mixed"): "f3eff9f44e59b72e",
    ("cosh_delta_eta", "muon"): "0b4e548728be877f",
    ("cos_delta_phi", "calo"): "e611c8711ca1245b",
    ("cos_delta_phi", "mixed"): "8f6cb8c535ee6e52",
    ("cos_delta_phi", "muon"): "8f6cb8c535ee6e52",
    ("cosine", "calo"): "5a0e95dd31e4764a",
    ("cosine", "muon"): "8412d5de5794d1ee",
    ("sine", "calo"): "5b9ac22ad142b190",
    ("sine", "muon"): "8fb4dc94c4937c06",
    ("momentum", 9, 0): "494899dca8e66ad3",
    ("momentum", 11, 0): "75d823cb00b9abd2",
    ("momentum", 12, 0): "596906cdb0b2ffe3",
    ("momentum", 9, 1): "20e097765db600fe",
    ("unconstrained_momentum",): "d667b97000cea0f1",
}


@pytest.mark.parametrize("key", FIRMWARE, ids=lambda key: "-".join(map(str, key)))
def test_a_table_is_the_firmwares(key):
    name, *arguments = key
    table = getattr(tables, name)(*arguments)
    found = hashlib.sha256(table.astype("<i8").tobytes()).hexdigest()[:16]
    assert found == FIRMWARE[key]


def test_first_entries_of_momenta():
    assert tables.momentum(9, 0)[:3].tolist() == [3, 8, 13]
    assert tables.momentum(9, 1)[:3].tolist() == [0, 3, 8]
    assert tables.unconstrained_momentum()[:4].tolist() == [0, 5, 15, 25]


def test_the_order_of_evaluation_matters():
    """With the step scaled first some entries differ: the firmware's order is index times step."""
    index = np.arange(230)
    other = np.floor(index * 43.5 + 0.5).astype(np.int64)
    assert 0 < (tables.delta_eta("calo")[:230] != other).sum() < 60


@pytest.mark.parametrize(("family", "step", "digits"), [("calo", 0.0435, 3), ("muon", 0.010875, 4)])
def test_cosh_is_rounded_to_its_digits(family, step, digits):
    table = tables.cosh_delta_eta(family)
    for index in (0, 1, 100, 229):
        assert abs(table[index] - cosh(index * step) * 10**digits) <= 0.5


def test_inverse_of_the_distance_squared():
    """Values from the firmware's note on its memory of 1 / delta R squared."""
    calo = tables.inverse_delta_r_squared("calo").reshape(256, 256)
    assert calo[0, 1] == 52524902
    assert calo[0, 5] == 2100996
    muon = tables.inverse_delta_r_squared("muon").reshape(256, 256)
    assert muon[0, 4] == 13131225
    assert calo[0, 0] == muon[0, 0] == 0
    assert muon[1, 1] == round(1e5 / ((2 * 0.010875) ** 2 + (2 * pi / 288) ** 2))
