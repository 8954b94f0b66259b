"""Tables of rates: rows, text, LaTeX."""

import pyarrow.parquet as pq
import pytest

from l1kd.statistics import Estimate
from l1kd.trigger.rates.export import as_dict, rows, shown, terminal_tables, write_tables
from l1kd.trigger.rates.tables import EventClass, menu_rates
from tests.l1kd.trigger.patterns import table


@pytest.fixture
def rates():
    events = [(True, False), (True, True), (False, False), (False, False)]
    classes = [EventClass("zb", table(events), 4e6)]
    return menu_rates(
        classes, prescales={"A": 2.0, "B": 0.0}, groups={"a_b": ["A", "B"]}, column="2p0E34"
    )


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Estimate(1234.5e3, 1200e3, 1300e3, 9), "1234 -34.5 +65.5"),
        (Estimate(12.34e3, 10e3, 20e3, 9), "12.3 -2.34 +7.66"),
        (Estimate(0.0, 0.0, 1840.0, 9), "< 1.84"),
        (Estimate(0.0, 0.0, 0.0, 9), "0"),
    ],
)
def test_rates_as_text(number, text):
    assert shown(number) == text


def test_a_row_a_seed_and_one_for_the_total(rates):
    table = rows(rates, {"A": 7, "B": 9})
    assert [(r["seed"], r["index"], r["prescale"]) for r in table] == [
        ("A", 7, 2.0),
        ("B", 9, 0.0),
        ("TOTAL", None, None),
    ]
    assert table[0]["rate_hz"] == 2e6
    assert table[0]["final_hz"] == 1e6
    assert table[-1]["rate_hz"] == 2e6
    assert table[-1]["final_hz"] == 1e6
    assert table[-1]["pure_hz"] is None


def test_files_hold_the_same_numbers(rates, tmp_path):
    paths = write_tables(rates, tmp_path, {"A": 7, "B": 9}, {"menu": "m"})
    assert [p.suffix for p in paths] == [".csv", ".json", ".parquet", ".tex"]
    columns = pq.read_table(paths[2]).to_pydict()
    assert columns["final_hz"] == [r["final_hz"] for r in rows(rates)]
    assert columns["index"] == [7, 9, None]
    text = paths[3].read_text()
    assert text.count(r"\\") == 4
    assert "2p0E34" in text
    assert as_dict(rates)["overlap_hz"][0][0] == 1e6


def test_names_are_escaped_in_latex(tmp_path):
    found = menu_rates([EventClass("zb", table([(True, False)]), 1e6)])
    found = found.__class__(**{**found.__dict__, "column": "a_b%"})
    write_tables(found, tmp_path)
    assert r"a\_b\%" in (tmp_path / "rates.tex").read_text()


def test_terminal_shows_the_costliest(rates):
    seeds, groups = terminal_tables(rates, most=1)
    assert seeds.row_count == 3  # one seed, the rest, the total
    assert groups.row_count == 1
