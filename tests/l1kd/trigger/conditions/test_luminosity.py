"""Luminosity masks, pile-up of sections, profiles of pile-up."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import ConfigurationError, InputError, UnreadableFileError
from l1kd.trigger.conditions.luminosity import LumiMask, PileupProfile, PileupTable


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_mask_holds_both_ends(tmp_path):
    content = {"380001": [[10, 20], [30, 30]], "380000": [[1, 5]]}
    mask = LumiMask.read(write(tmp_path, "golden.json", json.dumps(content)))
    lumi = np.array([9, 10, 20, 21, 29, 30, 31])
    assert mask(np.full(7, 380001), lumi).tolist() == [0, 1, 1, 0, 0, 1, 0]
    assert mask([380000, 380000, 380002, 1], [5, 6, 5, 1]).tolist() == [1, 0, 0, 0]


ranges = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10)), max_size=6)


@given(st.dictionaries(st.integers(1, 3), ranges, max_size=3))
def test_mask_equals_the_plain_search(content):
    pairs = {run: [(a, a + n) for a, n in own] for run, own in content.items()}
    flat = sorted((run * 2**32 + a, run * 2**32 + b) for run, own in pairs.items() for a, b in own)
    first = np.array([a for a, _ in flat], dtype=np.int64)
    last = np.maximum.accumulate(np.array([b for _, b in flat], dtype=np.int64))
    runs, lumis = (x.ravel() for x in np.meshgrid(range(5), range(45)))
    expected = [
        any(a <= lumi <= b for a, b in pairs.get(run, []))
        for run, lumi in zip(runs, lumis, strict=True)
    ]
    assert LumiMask(first, last)(runs, lumis).tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[1]", "expected runs"),
        ('{"1": [[3]]}', "run 1: expected ranges"),
        ('{"1": 3}', "run 1: expected ranges"),
        ('{"x": [[1, 2]]}', "run x: expected ranges"),
        ('{"1": [[3, 2]]}', "is reversed"),
    ],
)
def test_a_wrong_mask_names_the_run(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        LumiMask.read(write(tmp_path, "mask.json", text))
    with pytest.raises(UnreadableFileError):
        LumiMask.read(tmp_path / "absent.json")


@pytest.mark.parametrize(
    "text",
    [
        "fill,run,lumi section,pile-up\n9474,380001,12,60.5\n9474,380001,13,59.0\n",
        "9474,380001,12,60.5\n9474,380001,13,59.0\n",
        "#Data tag : 24v1\n#run:fill,ls,time,avgpu,source\n380001:9474,12:12,x,60.5,HF\n"
        "380001:9474,13:13,x,59.0,HF\n#Summary:\n",
    ],
    ids=["header", "bare", "brilcalc"],
)
def test_pileup_of_sections(tmp_path, text):
    table = PileupTable.read(write(tmp_path, "pu.csv", text))
    assert table.of([380001, 380001], [13, 12]).tolist() == [59.0, 60.5]
    with pytest.raises(InputError, match=r"run 380001, luminosity section 14 \(1 events"):
        table.of([380001, 380001], [12, 14])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no luminosity sections"),
        ("1,2,3,x\n", "line 1: expected run"),
        ("1,2,3\n", "line 1: expected run"),
        ("1,2,3,4\n1,2,3,5\n", "occurs twice"),
    ],
)
def test_a_wrong_table_names_the_line(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        PileupTable.read(write(tmp_path, "pu.csv", text))


def test_profile(tmp_path):
    profile = PileupProfile.read(
        write(tmp_path, "profile.csv", "low,high,weight\n0,20,1\n20,40,3\n# rest\n40,60,0\n")
    )
    assert profile.shares.tolist() == [0.25, 0.75, 0.0]
    assert profile.bins([-1.0, 0.0, 19.9, 20.0, 59.0, 60.0]).tolist() == [-1, 0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0,20,1\n25,40,1\n", "does not begin where"),
        ("0,20,-1\n", "must not be negative"),
        ("0,20,0\n", "not all zero"),
        ("20,0,1\n", "must ascend"),
        ("0,20,1\nx,2,3\n", "line 2"),
        ("", "no bins"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        PileupProfile.read(write(tmp_path, "profile.csv", text))
