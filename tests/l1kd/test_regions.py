"""The calorimeter image of every format."""

import awkward as ak
import numpy as np
import pytest

from l1kd.candidates import candidates
from l1kd.errors import InputError, RefusedFormatError, UnknownFormatError
from l1kd.regions import region_sources, regions


def events_of(**collections):
    return ak.Array(ak.zip(collections, depth_limit=1))


def records(counts, **columns):
    return ak.unflatten(ak.zip({k: np.asarray(v) for k, v in columns.items()}), counts)


def towers(iet, ieta, iphi):
    return events_of(L1EmulCaloTower=records([len(iet)], iet=iet, ieta=ieta, iphi=iphi))


@pytest.mark.parametrize(
    ("ieta", "iphi", "column", "row"),
    [
        (-28, 3, 0, 1),
        (-25, 6, 0, 1),
        (-24, 7, 1, 2),
        (-1, 71, 6, 0),
        (1, 72, 7, 0),
        (4, 1, 7, 0),
        (5, 2, 8, 0),
        (28, 70, 13, 17),
    ],
)
def test_towers_fall_into_their_region(ieta, iphi, column, row):
    image = regions(towers([7], [ieta], [iphi]))
    assert image.dtype == np.uint16
    assert image.shape == (1, 18, 14)
    assert image[0, row, column] == 7
    assert image.sum() == 7


def test_every_region_has_sixteen_towers():
    ieta, iphi = np.meshgrid(np.r_[-28:0, 1:29], np.r_[1:73])
    image = regions(towers(np.ones(ieta.size, int), ieta.ravel(), iphi.ravel()))
    assert (image == 16).all()


def test_forward_towers_are_outside_the_image():
    assert regions(towers([9, 9], [29, -41], [1, 1])).sum() == 0


@pytest.mark.parametrize(("counts", "clipped"), [(1022, 1022), (1023, 1023), (1024, 1023)])
def test_regions_are_clipped(counts, clipped):
    image = regions(towers([counts - 500, 500], [1, 2], [72, 71]))
    assert image[0, 0, 7] == clipped


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("iphi", 73, "iphi: expected 1 to 72"), ("ieta", 0, "expected 1 to 41"), ("iet", -1, "iet")],
)
def test_towers_outside_the_detector_are_errors(column, value, message):
    columns = {"iet": [1], "ieta": [1], "iphi": [1], column: [value]}
    with pytest.raises(InputError, match=message):
        regions(towers(**columns))


def test_region_ntuples():
    events = events_of(
        SimRegions=records([3, 0], iphi=[0, 17, 5], ieta=[4, 17, 3], et=[5, 2000, 9])
    )
    image = regions(events)
    assert image[0, 0, 0] == 5
    assert image[0, 17, 13] == 1023
    assert image[0].sum() == 5 + 1023, "gctEta 3 is forward"
    assert image[1].sum() == 0


def test_delphes_towers_floor_each_compartment_separately():
    eta = np.array([0.05, 0.05, -2.9, 3.1])
    phi = np.array([0.01, 0.02, -0.01, 0.0])
    to_energy = np.cosh(eta)
    events = events_of(
        Tower=records(
            [4],
            Eta=eta,
            Phi=phi,
            Eem=np.array([0.45, 0.45, 3.2, 50.0]) * to_energy,
            Ehad=np.array([0.45, 0.0, 0.4, 50.0]) * to_energy,
        )
    )
    image = regions(events)
    # the first two share a trigger tower: 0.9 GeV e.m. is one count, 0.45 GeV hadronic is none
    assert image[0, 0, 7] == 1
    # phi just below 0 is tower 72, in region row 0 too
    assert image[0, 0, 0] == 6
    assert image.sum() == 7, "|eta| above 3 is outside"


def test_delphes_and_l1nano_of_the_same_events_agree(data, open_events):
    """Delphes stores tower positions with few bits, so single towers move between regions."""
    from_delphes = regions(open_events(data / "ttbar2l_PU140.root")).astype(int)
    from_nano = regions(open_events(data / "ttbar2l_PU140_l1nano.root")).astype(int)
    assert (from_delphes == from_nano).mean() > 0.8
    assert from_delphes.sum() == pytest.approx(from_nano.sum(), rel=0.002)
    assert np.corrcoef(from_delphes.ravel(), from_nano.ravel())[0, 1] > 0.998


def test_slices_and_no_events(data, open_events):
    events = open_events(data / "ttbar2l_PU140_l1nano.root")
    whole = regions(events)
    np.testing.assert_array_equal(regions(events[7:9]), whole[7:9])
    mask = np.arange(len(events)) % 3 == 0
    np.testing.assert_array_equal(regions(events[mask]), whole[mask])
    assert regions(events[:0]).shape == (0, 18, 14)


def test_dask(data, open_events):
    pytest.importorskip("dask_awkward", reason="dask-awkward is optional")
    path = data / "minbias_PU140_l1nano.root"
    lazy = regions(open_events(path, mode="dask"))
    np.testing.assert_array_equal(ak.to_numpy(lazy.compute()), regions(open_events(path)))


def test_formats_are_told_apart(data, open_events):
    assert region_sources(open_events(data / "ttbar2l_PU140.root")) == ["Tower"]
    nano = open_events(data / "ttbar2l_PU140_l1nano.root")
    assert region_sources(nano) == ["L1EmulCaloTower"]
    with pytest.raises(RefusedFormatError, match="calorimeter"):
        candidates(nano)


def test_no_calorimeter(data, open_events):
    with pytest.raises(UnknownFormatError, match=r"L1EmulCaloTower.*found: .*PFCands"):
        regions(open_events(data / "pfnano.root"))
    with pytest.raises(UnknownFormatError, match="collection Regions"):
        regions(open_events(data / "ttbar2l_PU140.root"), source="Regions")
