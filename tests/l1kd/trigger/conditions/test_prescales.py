"""Prescale tables and masks, csv and XML, and the counters that depend on the order of events."""

import numpy as np
import pytest

from l1kd.errors import ConfigurationError, InputError, UnreadableFileError
from l1kd.trigger.conditions.prescales import PrescaleTable, count_prescales, read_mask

CSV = """Index,Name,Emergency,2p0E34,1p8E34
0,L1_SingleMu22,0,1,1
4,L1_SingleJet35,0,210,70.5

7,L1_ZeroBias,0,0,1
"""
XML = """<run-settings id="uGT"><!-- made from a csv -->
  <context id="uGtProcessor">
    <param id="index" type="uint">1</param>
    <param id="prescales" type="table">
      <columns>algo/prescale-index, 0, 1</columns>
      <types>uint, uint, uint</types>
      <rows>
        <row>{first},0,1</row>
        <row>{second},0,70.5</row> <!-- a comment -->
      </rows>
    </param>
  </context>
</run-settings>"""
MASK = """<run-settings id="uGT"><context id="uGtProcessor">
  <param id="finorMask" type="table"><columns>algo,mask</columns><types>uint,uint</types>
  <rows><row>0, 1</row><row>4, {mask}</row></rows></param>
</context></run-settings>"""
MENU = {"L1_SingleMu22": 0, "L1_SingleJet35": 4, "L1_New": 9}


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def test_csv(tmp_path):
    table = PrescaleTable.read(write(tmp_path, "ps.csv", "\ufeff" + CSV))
    assert table.columns == ("Emergency", "2p0E34", "1p8E34")
    name, found, absent = table.column("1p8E34", MENU)
    assert name == "1p8E34"
    assert found == {"L1_SingleMu22": 1.0, "L1_SingleJet35": 70.5, "L1_ZeroBias": 1.0, "L1_New": 0}
    assert absent == ["L1_New"]


@pytest.mark.parametrize("names", [("0", "4"), ("L1_SingleMu22", "L1_SingleJet35")])
def test_xml_names_seeds_by_bit_or_by_name(tmp_path, names):
    text = XML.format(first=names[0], second=names[1])
    table = PrescaleTable.read(write(tmp_path, "ps.xml", text))
    name, found, absent = table.column(None, MENU)
    assert name == "1"  # the column in use
    assert [found[s] for s in MENU] == [1.0, 70.5, 0.0]
    assert absent == ["L1_New"]
    assert table.column("0", MENU)[1]["L1_SingleMu22"] == 0.0


def test_column_must_be_named_when_there_are_several(tmp_path):
    table = PrescaleTable.read(write(tmp_path, "ps.csv", CSV))
    with pytest.raises(ConfigurationError, match="name one of the columns: Emergency, 2p0E34"):
        table.column(None, MENU)
    with pytest.raises(ConfigurationError, match="did you mean '2p0E34'"):
        table.column("2.0E34", MENU)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Name,Index,x\n", "line 1: expected a header"),
        ("Index,Name,x\n0,L1_A\n", "line 2: 2 cells, the header has 3"),
        ("Index,Name,x\n0,L1_A,0.5\n", "line 2 .L1_A.: prescale 0.5, expected 0"),
        ("Index,Name,x\n0,L1_A,-1\n", "prescale -1"),
        ("Index,Name,x\n0,L1_A,nan\n", "prescale nan"),
        ("Index,Name,x\n0,L1_A,many\n", "'many' is not a number"),
        ("Index,Name,x\n0,L1_A,1\n1,L1_A,1\n", "line 3: seed L1_A for the second time"),
        ("Index,Name,x,x\n0,L1_A,1,1\n", "two columns have one name"),
        ("\n", "empty prescale table"),
    ],
)
def test_a_wrong_csv_names_the_line(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        PrescaleTable.read(write(tmp_path, "ps.csv", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<run-settings", "is not XML"),
        ("<menu/>", "found <menu>"),
        ("<run-settings id='uGT'/>", "no table 'prescales'"),
        (XML.format(first="0,1", second="4"), "row 0 of 'prescales' has 4 cells for 3"),
        (XML.format(first="4", second="4"), "seed 4 for the second time"),
    ],
)
def test_a_wrong_xml_says_what_is_wrong(tmp_path, text, message):
    with pytest.raises(ConfigurationError, match=message):
        PrescaleTable.read(write(tmp_path, "ps.xml", text))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"ends in \.csv or \.xml"):
        PrescaleTable.read(write(tmp_path, "ps.txt", ""))
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        PrescaleTable.read(tmp_path / "absent.csv")


def test_mask_takes_out_the_zeros(tmp_path):
    assert read_mask(write(tmp_path, "m.xml", MASK.format(mask=0)), MENU) == ["L1_SingleJet35"]
    assert read_mask(write(tmp_path, "m.xml", MASK.format(mask=1)), MENU) == []
    with pytest.raises(ConfigurationError, match="mask '2' of seed 4"):
        read_mask(write(tmp_path, "m.xml", MASK.format(mask=2)), MENU)


def test_counter_accepts_every_pth_event():
    fired = np.ones((10, 3), dtype=bool)
    decided = count_prescales(fired, [1.0, 3.0, 0.0])
    assert decided.sum(axis=0).tolist() == [10, 3, 0]
    assert np.flatnonzero(decided[:, 1]).tolist() == [2, 5, 8]


def test_counter_of_a_fractional_prescale_keeps_the_rest():
    decided = count_prescales(np.ones((3000, 1), dtype=bool), [1.5])
    assert decided.sum() == 2000


def test_counter_depends_on_the_order():
    fired = np.array([[True], [False], [True], [True]])
    assert np.flatnonzero(count_prescales(fired, [2.0])).tolist() == [2]
    assert np.flatnonzero(count_prescales(fired[::-1], [2.0])).tolist() == [1]


def test_counter_of_weighted_events():
    decided = count_prescales(np.ones((4, 1), dtype=bool), [2.0], [0.5, 0.5, 1.0, 2.0])
    assert decided.ravel().tolist() == [False, False, True, True]
    with pytest.raises(InputError, match="2 prescales"):
        count_prescales(np.ones((4, 1), dtype=bool), [2.0, 1.0])
