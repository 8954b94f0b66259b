"""The four forms of a menu's file, made here: one menu, read alike from each."""

import gzip
import json

import numpy as np
import pytest
import yaml

from l1kd.errors import ConfigurationError, MenuError, UnreadableFileError
from l1kd.trigger.menu import Menu
from l1kd.trigger.menu.reading.html import cabling
from tests.l1kd.trigger.menu.made import columns_of, event_strategy

XML = """<?xml version="1.0" encoding="UTF-8" standalone="no" ?>
<tmxsd:menu xmlns:tmxsd="http://www.cern.ch/tmxsd/1.0.0">
  <name>L1Menu_Made2024_v1</name>
  <comment>two lines &amp; one sign</comment>
  <algorithm>
    <name>L1_DoubleMu0_dR</name>
    <expression>dist{{MU0[MU-QLTY_DBLE],MU0[MU-ETA_1p0]}}[DR_0p6, CHGCOR_OS]</expression>
    <index>7</index>
    <cut><name>MU-QLTY_DBLE</name><object>MU</object><type>QLTY</type>
      <minimum>+0.0</minimum><maximum>+0.0</maximum><data>8,9,10,11,12,13,14,15</data></cut>
    <cut><name>MU-ETA_1p0</name><object>MU</object><type>ETA</type>
      <minimum>-9.9510000000000000E-01</minimum><maximum>+9.9510000000000000E-01</maximum>
      <data/></cut>
    <cut><name>DR_0p6</name><object>dist</object><type>DR</type>
      <minimum>+0.0</minimum><maximum>+6.0000000000000009E-01</maximum><data/></cut>
    <cut><name>CHGCOR_OS</name><object>dist</object><type>CHGCOR</type>
      <minimum>+0.0</minimum><maximum>+0.0</maximum><data>os</data></cut>
    <object_requirement><name>MU0</name><type>MU</type><comparison_operator>.ge.
      </comparison_operator><threshold>+0.0</threshold><bx_offset>0</bx_offset>
    </object_requirement>
  </algorithm>
  <algorithm>
    <name>L1_EG3_A</name><expression>EG3 AND EXT_A</expression><index>2</index>
  </algorithm>
  <scale_set>
    <scale><object>MU</object><type>ET</type><minimum>{edge}</minimum><maximum>255</maximum>
      <step>0.5</step><n_bits>9</n_bits>
      {bins}
    </scale>
  </scale_set>
  <ext_signal_set>
    <name>cabling</name>
    <ext_signal><name>A</name><system>X</system><cable>0</cable><channel>3</channel></ext_signal>
    <ext_signal><name>B.v0</name><system>X</system><cable>1</cable><channel>6</channel></ext_signal>
  </ext_signal_set>
</tmxsd:menu>
"""
BIN = "<bin><number>{n}</number><minimum>{n}</minimum><maximum>{n}.5</maximum></bin>"
PLAIN = {
    "menu": "L1Menu_Made2024_v1",
    "external_signals": {"A": 3, "B.v0": 70},
    "cuts": {
        "MU-QLTY_DBLE": {"data": "0xff00"},
        "MU-ETA_1p0": {"minimum": -0.9951, "maximum": 0.9951},
        "DR_0p6": {"minimum": 0.0, "maximum": 0.6000000000000001},
        "CHGCOR_OS": {"data": "os"},
    },
    "algorithms": [
        {
            "index": 7,
            "name": "L1_DoubleMu0_dR",
            "expression": "dist{MU0[MU-QLTY_DBLE], MU0[MU-ETA_1p0]}[DR_0p6, CHGCOR_OS]",
        },
        {"index": 2, "name": "L1_EG3_A", "expression": "EG3 AND EXT_A"},
    ],
}
ROW = "<tr><td><a name='{0}'></a> {0}</td><td>{1}</td><td>{2}</td><td><code>{3}</code></td>"
ROW += "<td><code>{4}</code></td><td>{5}</td></tr>"
PANEL = """<h3>{0} {1} <span class="informative">(Module 0)</span></h3>
<p><strong>Logical Expression</strong></p><p><pre class="expression">{2}</pre></p>
<p><strong>VHDL Expression</strong></p><p><pre class="vhdl">x <span><=</span> y</pre></p>
{3}"""


def xml(edge="-0.5", bins=3):
    return XML.format(edge=edge, bins="".join(BIN.format(n=n) for n in range(bins)))


def page(table=True):
    """Return a documentation page: of the newer style, or of the older one without a table."""
    first = (
        '<span class="function">dist</span><span class="curl">{</span>MU0[MU-QLTY_DBLE], '
        "MU0[MU-ETA_1p0]<span>}</span>[DR_0p6, CHGCOR_OS]"
    )
    details = """<ul><li>Object: MU0<ul><li>Threshold: 0.0 GeV : <code>0x1</code></li>
      <li>Quality: 0xff00 : <code>MU-QLTY_DBLE</code></li></ul></li>
      <li>Object: MU0<ul><li>Threshold: 0.0 GeV : <code>0x1</code></li>
      <li>Eta: [-0.995, 0.995] : <code>[0x1a5, 0x5b]</code></li></ul></li></ul>
      <ul><li>Cut: DR_0p6</li><ul><li>Delta-R: [0.0, 0.361] : precision: 3</li></ul>
      <li>Cut: CHGCOR_OS</li><ul><li>Charge Correaltion: <code>os</code></li></ul></ul>"""
    rows = [
        ("MU-QLTY_DBLE", "", "", "", "", "<code>0xff00</code>"),
        ("MU-ETA_1p0", "-0.995", "0.995", "-0.995", "0.995", ""),
        ("DR_0p6", "0.0", "0.6", "0.0", "0.361", ""),
        ("CHGCOR_OS", "", "", "", "", "0x0000"),
    ]
    cuts = "<h2>Cuts</h2><table>" + "".join(ROW.format(*row) for row in rows) + "</table>"
    return (
        "<html><body><h1>L1Menu_Made2024_v1</h1><ul><li><strong>External Signals Set:</strong> "
        "L1ExternalConditionsCabling_20240328</li></ul><h2>Algorithms</h2>"
        + PANEL.format("7", "L1_DoubleMu0_dR", first, details)
        + PANEL.format("2", "L1_EG3_A", "EG3 AND EXT_A", "")
        + (cuts if table else "")
        + "</body></html>"
    )


def written(folder, name, text):
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


FORMS = {
    "menu.xml": xml(),
    "menu.xml.gz": xml(),
    "menu.json": json.dumps(PLAIN),
    "menu.yaml": yaml.safe_dump(PLAIN),
    "menu.html": page(),
    "older.html": page(table=False),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_decides_alike(tmp_path, name):
    menu = Menu.read(written(tmp_path, name, FORMS[name]), externals={"A": 3})
    assert menu.name == "L1Menu_Made2024_v1"
    assert menu.names == ("L1_EG3_A", "L1_DoubleMu0_dR")
    assert menu["L1_DoubleMu0_dR"].index == 7
    assert menu.overlap_removal == "one-reference"
    rng = np.random.default_rng(5)
    events = columns_of([event_strategy.random(rng) for _ in range(300)])
    reference = Menu.read(written(tmp_path, "reference.json", FORMS["menu.json"]))
    bits, expected = menu.evaluate(events), reference.evaluate(events)
    assert bits.names == menu.names
    assert (bits.packed == expected.packed).all()
    assert all(0 < bits[seed].sum() < len(bits) for seed in bits.names)


def test_the_page_takes_external_bits_from_the_named_cabling(tmp_path):
    menu = Menu.read(written(tmp_path, "menu.html", page()))
    assert menu.externals == cabling("L1ExternalConditionsCabling_20240328")
    assert menu.externals["BPTX_BeamGas_Ref1_VME"] == 0
    assert cabling("unknown") == {}


def test_xml_is_read_without_its_bins(tmp_path):
    """A menu of many bins leaves no more behind than one of few."""
    few, many = (
        Menu.read(written(tmp_path, f"m{bins}.xml", xml(bins=bins))) for bins in (1, 50_000)
    )
    assert vars(few._text) | {"source": ""} == vars(many._text) | {"source": ""}


def test_another_scale_makes_its_seeds_not_evaluable(tmp_path):
    menu = Menu.read(written(tmp_path, "menu.xml", xml(edge="0.0")))
    events = columns_of([event_strategy.random(np.random.default_rng(1))])
    check = menu.check(events)
    assert check.evaluable == ("L1_EG3_A",)
    assert "scale ET of MU begins at 0" in dict(check)["L1_DoubleMu0_dR"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "<index>7</index>",
            "<index>x</index>",
            "line 5: algorithm L1_DoubleMu0_dR: index is",
        ),
        ("<index>7</index>", "<index>512</index>", "index 512 is not in 0..511"),
        ("<index>7</index>", "<index>2</index>", "have the same index 2"),
        ("<name>L1_EG3_A</name>", "<name>L1_DoubleMu0_dR</name>", "stands there twice"),
        ("<expression>EG3 AND EXT_A</expression>", "", "algorithm L1_EG3_A has no expression"),
        ("<type>ETA</type>", "", "line 11: cut MU-ETA_1p0 has no type"),
        ("+6.0000000000000009E-01", "wide", "cut DR_0p6: maximum is not a number: 'wide'"),
        ("<channel>3</channel>", "", "ext_signal has no channel"),
        ("</tmxsd:menu>", "", "not well-formed"),
        ("tmxsd:menu", "tmxsd:other", "no menu element"),
        (
            '<?xml version="1.0" encoding="UTF-8" standalone="no" ?>',
            '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY lol "lol">]>',
            "entity 'lol' is not allowed",
        ),
    ],
)
def test_errors_of_xml_name_line_and_element(tmp_path, old, new, said):
    path = written(tmp_path, "menu.xml", xml().replace(old, new))
    with pytest.raises(MenuError, match=said) as caught:
        Menu.read(path)
    assert "menu.xml" in str(caught.value)


def test_one_name_must_mean_one_cut(tmp_path):
    text = xml().replace(
        "<index>2</index>",
        "<index>2</index><cut><name>DR_0p6</name><object>dist</object><type>DR</type>"
        "<minimum>+0.0</minimum><maximum>+0.7</maximum><data/></cut>",
    )
    with pytest.raises(MenuError, match="seed L1_EG3_A: cut DR_0p6 differs from the one"):
        Menu.read(written(tmp_path, "menu.xml", text))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seeds": []}, "unknown key 'seeds'"),
        ({"algorithms": {}}, "'algorithms' must be a list"),
        ({"algorithms": [{"name": "x"}]}, "a seed needs index, name and expression"),
        ({"algorithms": [{"name": "x", "index": -1, "expression": "MU0"}]}, "not in 0..511"),
        ({"cuts": {"DR_1": {"min": 1}}}, "cut DR_1: unknown key 'min'"),
        ({"cuts": {"DR_1": {"minimum": "one"}}}, "cut DR_1: minimum is not a number"),
        ({"external_signals": {"A": "three"}}, "'three' is not a bit number"),
        ({"overlap_removal": "2018"}, "any-reference or one-reference"),
    ],
)
def test_errors_of_json_name_the_key(tmp_path, change, said):
    path = written(tmp_path, "menu.json", json.dumps(PLAIN | change))
    with pytest.raises(MenuError, match=said):
        Menu.read(path)


def test_files_that_are_no_menus(tmp_path):
    with pytest.raises(MenuError, match="a menu ends in"):
        Menu.read(tmp_path / "menu.txt")
    with pytest.raises(UnreadableFileError, match="cannot be read"):
        Menu.read(tmp_path / "missing.xml")
    with pytest.raises(MenuError, match="no seeds"):
        Menu.read(written(tmp_path, "other.html", "<html><h1>news</h1></html>"))
    with pytest.raises(ConfigurationError, match="not JSON"):
        Menu.read(written(tmp_path, "menu.json", "{"))
    broken = written(tmp_path, "menu.xml.gz", xml())
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises((UnreadableFileError, MenuError)):
        Menu.read(broken)


def test_a_wrong_number_in_the_table_of_a_page(tmp_path):
    text = page().replace("0.361", "near")
    with pytest.raises(MenuError, match=r"line \d+: cut DR_0p6: not a number: 'near'"):
        Menu.read(written(tmp_path, "menu.html", text))
