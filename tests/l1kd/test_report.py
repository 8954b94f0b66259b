"""The summary's schema, the studies that fill it, and the page, also in a browser."""

import base64
import json
import math
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from xml.etree import ElementTree

import hist
import numpy as np
import pydantic
import pytest
from matplotlib.figure import Figure

from l1kd import statistics
from l1kd.physics.response import Resampling
from l1kd.processors.columns import Columns
from l1kd.processors.resolution import weight_histogram
from l1kd.report import studies
from l1kd.report.page import CAPTIONS, write_page
from l1kd.report.summary import FileRecord, Number, Summary, Timing
from l1kd.trigger.rates.curves import NORMALISATIONS

HL_LHC = NORMALISATIONS["hl_lhc"]
WEIGHTINGS = ("none", "puppi", "qdistillnet")


@pytest.fixture(scope="module")
def output():
    """What ResolutionProcessor gives, for a toy of 80 events."""
    generator = np.random.default_rng(1)
    columns = {
        "gen_met_px": generator.normal(0, 60, 80),
        "gen_met_py": generator.normal(0, 60, 80),
        "event_weight": np.ones(80),
        "n_gen_jets": np.full(80, 2),
        "gen_jet_pt": generator.exponential(40, 160) + 15,
        "gen_jet_eta": generator.uniform(-3, 3, 160),
    }
    for w, width in zip(WEIGHTINGS, (40, 15, 6), strict=True):
        for axis in "xy":
            noise = generator.normal(0, width, 80)
            columns[f"met_p{axis}:{w}"] = columns[f"gen_met_p{axis}"] + noise
        columns[f"jet_pt:{w}"] = columns["gen_jet_pt"] * generator.normal(1, width / 100, 160)
    weights = weight_histogram(WEIGHTINGS[1:])
    weights.fill("puppi", "photon", "hard", generator.uniform(0, 1, 500))
    return {
        "seen": 81,
        "used": 80,
        "skipped": {"no generated MET": 1},
        "absent": {"delphes_puppi": 81},
        "weights": weights,
        "columns": Columns({("f.root", 0): columns}),
    }


def rate_columns(scale, n, seed):
    generator = np.random.default_rng(seed)
    columns = {"event_weight": np.ones(n), "cicada_score": generator.integers(0, 99, n) / 256}
    for w in WEIGHTINGS[:2]:
        columns[f"met:{w}"] = generator.exponential(scale, n)
    return columns


@pytest.fixture(scope="module")
def made(output):
    """A whole summary and its figures."""
    background, signal = rate_columns(10.0, 200, 2), rate_columns(60.0, 100, 3)
    resolution = studies.resolution_study("top", output, resampling=Resampling(replicas=20))
    summary = Summary(
        title="A <trial> & test",
        sample_label="toy",
        provenance=studies.provenance({"puppi": "1"}, command=["l1kd", "run", "a file.root"]),
        files=[
            FileRecord(path="f.root", dataset="top", entries=81, processed=81, truth="t.root"),
            FileRecord(path="bad.root", dataset="top", skipped="truncated"),
        ],
        datasets=[studies.dataset_record("top", "resolution", output)],
        resolution=[resolution],
        rates=[studies.rate_study("minbias", background, {"top": signal}, HL_LHC)],
        scores=[studies.score_study("minbias", background, {"top": signal})],
        timings=[Timing(step="resolution", seconds=2.0, events=81)],
        notes=["a note"],
    )
    figures = studies.resolution_plots(resolution, output)
    figures |= studies.rate_plots("minbias", background, HL_LHC)
    figures |= studies.score_plots("minbias", background, {"top": signal}, HL_LHC)
    figures["mine"] = Figure()
    return summary, figures


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("page")
    write_page(*made, out)
    made[0].write(out / "summary.json")
    return out


class Reader(HTMLParser):
    """Collects links, sources, alternative texts and the text of table cells."""

    def __init__(self, text):
        super().__init__()
        self.sources, self.links, self.alternatives, self.ids = [], [], [], set()
        self.cells, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.ids.add(given.get("id"))
        if tag == "img":
            self.sources.append(given["src"])
            self.alternatives.append(given["alt"])
        if tag in ("a", "link"):
            self.links.append(given["href"])
        assert tag not in ("script", "iframe", "object")
        if tag == "td":
            self.cells.append("")
        if tag not in ("img", "meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            self.cells[-1] += data


@pytest.fixture(scope="module")
def page(folder):
    return Reader((folder / "index.html").read_text(encoding="utf-8"))


# the schema


def test_numbers_are_null_where_they_are_not_finite():
    number = Number.of(statistics.Estimate(math.nan, 0.0, math.inf, 3))
    assert number.model_dump() == {"value": None, "low": 0.0, "high": None, "n": 3}


def test_summary_survives_its_file(made, folder):
    assert Summary.read(folder / "summary.json") == made[0]
    plain = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert plain == made[0].as_dict()
    assert plain["schema_version"] == 1


def test_unknown_fields_are_refused(made):
    with pytest.raises(pydantic.ValidationError, match="extra"):
        Summary.model_validate({**made[0].as_dict(), "colour": "blue"})


def test_every_number_has_an_interval_and_a_size(made):
    study = made[0].resolution[0]
    for w in WEIGHTINGS:
        for table in (study.met, study.jets):
            for number in table[w].values():
                assert number.low <= number.high
                assert number.n > 0
    assert study.met["qdistillnet"]["corrected_ratio"].value < 1.0
    assert len(study.met_bins) == 6


def test_rates_and_scores(made):
    rates, scores = made[0].rates[0], made[0].scores[0]
    assert rates.n_events == 200
    assert set(rates.curves) == set(rates.thresholds)
    assert rates.curves["met:puppi"].rate[0] == pytest.approx(HL_LHC.input_hz)
    row = rates.thresholds["met:puppi"][0]
    assert row.rate_hz.value <= row.target_hz
    assert row.efficiency["top"].value > 0.3
    assert rates.thresholds["cicada_score"][0].value * 256 % 1 == 0
    assert 0.4 < scores.auc["top"].value < 0.6


def test_provenance_names_versions_and_the_command(made):
    about = made[0].provenance
    assert about.command == "l1kd run 'a file.root'"
    assert {"coffea", "numpy", "fastjet"} <= set(about.packages)
    assert about.started.endswith("+00:00")


# the page


def test_page_loads_nothing(page, folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.sources)
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif link != "data:,":
            assert (folder / link).is_file()
    assert not re.search(r"url\(|@import|(src|href)=\"https?:", text)


def test_every_figure_is_on_the_page_once_and_is_an_image(page, made, folder):
    assert len(page.sources) == len(made[1])
    assert all(page.alternatives)
    for source in page.sources:
        root = ElementTree.fromstring(base64.b64decode(source.partition(",")[2]))
        assert root.tag.endswith("svg")
    names = {p.stem for p in (folder / "figures").glob("*.png")}
    assert names == {key.replace(":", "-") for key in made[1]}
    assert {p.stem for p in (folder / "figures").glob("*.svg")} == names


def test_tables_are_filled(page, made):
    cells = [" ".join(cell.split()) for cell in page.cells]
    assert len(cells) > 200
    assert all(cells[i] for i in range(len(cells)))
    assert "1: no generated MET" in cells
    assert "skipped: truncated" in cells
    assert "Delphes' PUPPI (81)" in cells
    value = made[0].resolution[0].met["puppi"]["resolution"].value
    assert any(cell.startswith(f"{value:.3f}") for cell in cells)


def test_text_is_escaped(folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "<h1>A &lt;trial&gt; &amp; test</h1>" in text


def test_upper_limits_are_written_as_such(page):
    limits = [cell.strip() for cell in page.cells if "not resolved" in cell]
    assert limits
    assert all(cell.startswith("<") for cell in limits)


def test_efficiencies_of_unresolved_thresholds_are_bounds(made, page):
    rows = [r for rates in made[0].rates for found in rates.thresholds.values() for r in found]
    unresolved = [r for r in rows if not r.resolved]
    assert unresolved
    for row in unresolved:
        for number in row.efficiency.values():
            assert (number.value, number.low) == (None, 0.0)
            assert number.high is not None
    bounds = [number.high for row in unresolved for number in row.efficiency.values()]
    shown = [cell.strip() for cell in page.cells if cell.strip().startswith("< ")]
    assert sum(cell.endswith("%") for cell in shown) == sum(high < 1.0 for high in bounds)


def test_page_of_nothing_but_provenance(tmp_path):
    summary = {"provenance": studies.provenance({}).model_dump()}
    page = Reader(write_page(summary, {}, tmp_path).read_text(encoding="utf-8"))
    assert page.sources == []
    with pytest.raises(pydantic.ValidationError):
        write_page({}, {}, tmp_path)


def test_captions_cover_the_figures_of_the_studies(made):
    names = {key.partition(":")[0] for key in made[1]}
    assert names - set(CAPTIONS) == {"mine"}


def test_a_histogram_without_entries_gives_no_figure(output):
    empty = {**output, "weights": weight_histogram(("puppi",))}
    study = studies.resolution_study("top", output, resampling=Resampling(replicas=2))
    assert isinstance(empty["weights"], hist.Hist)
    assert "weights:top" not in studies.resolution_plots(study, empty)


def browser():
    return next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )


@pytest.mark.skipif(browser() is None, reason="no Chromium on this machine")
def test_all_images_render_in_a_browser(folder, made, tmp_path):
    # the page itself has no scripts: a copy reports what the browser made of it
    report = """<script>addEventListener("load", () => {
        const bad = [...document.images].filter(i => !i.complete || i.naturalWidth < 100);
        document.body.dataset.report = [document.images.length, bad.length,
            document.documentElement.scrollWidth > innerWidth,
            document.querySelectorAll("tbody tr").length].join(" ");
    });</script></body>"""
    text = (folder / "index.html").read_text(encoding="utf-8").replace("</body>", report)
    copy = tmp_path / "copy.html"
    copy.write_text(text, encoding="utf-8")
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,2000"]
    command += ["--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run(
        [*command, "--dump-dom", copy.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    images, broken, wide, rows = re.search(r'data-report="([^"]*)"', done.stdout)[1].split()
    assert (int(images), int(broken), wide) == (len(made[1]), 0, "false")
    assert int(rows) > 40
