"""Rates of a menu from files to page, and the verbs."""

import csv
import json
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from l1kd.cli import app
from l1kd.errors import ConfigurationError, InputError
from l1kd.study.menu_rates import MenuRequest, TableRequest, accumulate, make_tables
from l1kd.trigger.counts.record import RateRecord
from tests.l1kd.trigger.object_menus import write_menu

runner = CliRunner()


@pytest.fixture(scope="module")
def menu(tmp_path_factory):
    return write_menu(tmp_path_factory.mktemp("menu"))


@pytest.fixture(scope="module")
def minbias(data):
    return str(data / "minbias_PU140.root")


@pytest.fixture(scope="module")
def record(menu, minbias):
    options = {
        "scan": ("L1_MET20:met:5:60:5",),
        "quantity": ("PuppiMissingET.MET:0.5",),
        "pileup": "auto",
        "pileup_width": 10,
        "weights": "none",
    }
    return accumulate(menu, [f"zb={minbias}"], MenuRequest.of(options))


PRESCALES = "Index,Name,low,high\n0,L1_MET20,1,1\n1,L1_Jet30,0,2.5\n2,L1_DoubleJet20,1,10\n"


def test_tables_of_a_record(record):
    report = make_tables(record, TableRequest.of({"normalisation": "hl_lhc"}))
    rates = report.rates
    assert rates.input_hz == 2760 * 11246.0
    assert [g.name for g in rates.groups] == ["jets", "sums"]
    shared = sum(seed.proportional.value for seed in rates.seeds)
    assert shared == pytest.approx(rates.total.value)
    assert sum(b.rates.n_events for b in report.pileup) == rates.n_events
    assert set(report.scans) == {"L1_MET20[met]", "PuppiMissingET.MET"}


def test_a_scan_reproduces_the_table(record):
    report = make_tables(record, TableRequest())
    scan = report.scans["L1_MET20[met]"]
    at = scan.thresholds.tolist().index(20.0)
    seed = report.rates["L1_MET20"].rate
    assert (scan.value[at], scan.low[at], scan.high[at]) == pytest.approx(tuple(seed[:3]))


def test_thresholds_for_targets(record):
    report = make_tables(record, TableRequest.of({"targets": (10_000.0, 1.0)}))
    large, small = report.thresholds["L1_MET20[met]"]
    scan = report.scans["L1_MET20[met]"]
    assert large.value in scan.thresholds
    rate = dict(zip(scan.thresholds, scan.value, strict=True))
    assert rate[large.value] <= 10e6 < rate.get(large.value - 5.0, 31e6)
    assert not small.resolved


def test_columns_that_the_menu_writes_need_no_table(record, tmp_path):
    table = tmp_path / "ps.csv"
    table.write_text("Index,Name,a,b\n0,L1_MET20,2,0\n1,L1_Jet30,1,1.5\n2,L1_DoubleJet20,1,1\n")
    stored = RateRecord.read(record.write(tmp_path / "rates.npz"))
    for column in ("a", "b"):
        by_menu = make_tables(stored, TableRequest.of({"column": column})).rates
        by_table = make_tables(
            record, TableRequest.of({"column": column, "prescales": table})
        ).rates
        assert by_menu.total == by_table.total
        assert [s.final for s in by_menu.seeds] == [s.final for s in by_table.seeds]
        assert by_menu.total.value < make_tables(record, TableRequest()).rates.total.value
    with pytest.raises(ConfigurationError, match=r"menu delphes: no column 'c'.* a, b"):
        make_tables(record, TableRequest.of({"column": "c"}))


def test_active_seeds_and_counters_of_a_column_that_the_menu_writes(menu, minbias):
    options = {"weights": "none", "column": "b", "active": True, "counters": True}
    found = accumulate(menu, [f"zb={minbias}"], MenuRequest.of(options))
    assert found.tables()["zb"].seeds == ("L1_Jet30", "L1_DoubleJet20")
    assert found.settings["decisions"] == "final, counters of b"


def test_a_menu_with_another_threshold_under_the_same_name_does_not_merge(
    record, menu, minbias, tmp_path
):
    other = tmp_path / "menu.yaml"
    other.write_text(menu.read_text().replace("online: 30", "online: 31"))
    options = {"weights": "none"}
    pair = [accumulate(m, [f"zb={minbias}"], MenuRequest.of(options)) for m in (menu, other)]
    with pytest.raises(InputError, match="both called delphes do not merge"):
        pair[0] + pair[1]


def test_prescales_masks_and_groups(record, tmp_path):
    table = tmp_path / "ps.csv"
    table.write_text(PRESCALES)
    groups = tmp_path / "groups.yaml"
    groups.write_text("single: [L1_MET*, L1_Jet30]\n")
    options = {"prescales": table, "column": "high", "groups": groups}
    found = make_tables(record, TableRequest.of(options)).rates
    assert found["L1_Jet30"].final.value == pytest.approx(found["L1_Jet30"].rate.value / 2.5)
    assert found.column == "high"
    assert found.groups[0].seeds == ("L1_MET20", "L1_Jet30")
    off = make_tables(record, TableRequest.of(options | {"column": "low"})).rates
    assert off["L1_Jet30"].final.value == 0.0
    with pytest.raises(ConfigurationError, match="name one of the columns"):
        make_tables(record, TableRequest.of({"prescales": table}))
    with pytest.raises(ConfigurationError, match="needs a prescale table"):
        make_tables(replace(record, prescales={}), TableRequest.of({"column": "high"}))
    groups.write_text("none: [L1_Tau*]\n")
    with pytest.raises(ConfigurationError, match="no seed fits the group 'none'"):
        make_tables(record, TableRequest.of(options))


def test_normalisations(record, tmp_path):
    def total(**options):
        return make_tables(record, TableRequest.of(options)).rates

    assert total(bunches=1380).input_hz == 1380 * 11246.0
    found = total(luminosity=7.5e34, mean_pileup=200.0, sigma_inelastic=80.0)
    assert found.input_hz == pytest.approx(30e6, rel=0.01)
    with pytest.raises(ConfigurationError, match="rates by weight need"):
        total(per="weight")
    by_time = total(per="time", lumi_sections=2, zero_bias_prescale=100.0)
    assert by_time.input_hz == pytest.approx(by_time.n_events * 100.0 / (2 * 23.31), rel=1e-4)
    profile = tmp_path / "profile.csv"
    profile.write_text("low,high,weight\n100,140,1\n140,180,1\n180,910,0\n910,920,1\n")
    found = total(profile=profile)
    assert any("33.3% of the pile-up profile" in note for note in found.notes)
    with pytest.raises(ConfigurationError, match="needs the mean pile-up"):
        total(luminosity=7.5e34)
    with pytest.raises(ConfigurationError, match="the LHC has 1 to 3564"):
        total(luminosity=1e36, mean_pileup=200.0)
    with pytest.raises(InputError, match="divide the decisions"):
        total(per="time")


def test_verb_writes_everything(menu, minbias, tmp_path):
    out = tmp_path / "out"
    found = runner.invoke(
        app, ["rates", str(menu), f"zb={minbias}", "--out", str(out), "--targets", "1000"]
    )
    assert found.exit_code == 0, found.output
    assert "index.html" in "".join(found.output.split())
    assert {p.name for p in out.iterdir()} == {
        "figures", "index.html", "rates.csv", "rates.json", "rates.npz", "rates.parquet",
        "rates.tex",
    }  # fmt: skip
    rows = list(csv.DictReader((out / "rates.csv").read_text().splitlines()))
    numbers = json.loads((out / "rates.json").read_text())
    columns = pq.read_table(out / "rates.parquet").to_pylist()
    assert [r["seed"] for r in rows] == ["L1_MET20", "L1_Jet30", "L1_DoubleJet20", "TOTAL"]
    for row, column in zip(rows, columns, strict=True):
        assert float(row["final_hz"]) == column["final_hz"]
    assert numbers["total"]["value"] == columns[-1]["final_hz"]
    assert numbers["seeds"][0]["final"]["low"] == columns[0]["final_low_hz"]
    assert r"L1\_MET20" in (out / "rates.tex").read_text()
    assert "L1_DoubleJet20" in (out / "index.html").read_text()


def test_merge_equals_one_job(menu, data, tmp_path):
    files = [str(data / f"{name}.root") for name in ("minbias_PU140", "ttbar2l_PU140")]
    jobs = [[f"x={files[0]}"], [f"x={files[1]}"], [f"x={path}" for path in files]]
    for i, job in enumerate(jobs):
        found = runner.invoke(
            app, ["rates", str(menu), *job, "--out", str(tmp_path / str(i)), "-q"]
        )
        assert found.exit_code == 0, found.output
    parts = [str(tmp_path / f"{i}/rates.npz") for i in (1, 0)]
    found = runner.invoke(app, ["rates", "merge", *parts, "--out", str(tmp_path / "m"), "--json"])
    assert found.exit_code == 0, found.output
    merged, whole = (RateRecord.read(tmp_path / f"{name}/rates.npz") for name in ("m", "2"))
    assert merged.datasets == whole.datasets
    twice = runner.invoke(app, ["rates", "merge", parts[0], parts[0], "--out", str(tmp_path / "t")])
    assert twice.exit_code == 1
    assert "is in both" in twice.output


def test_the_finders_efficiency_of_every_sample_is_on_the_page(menu, data, tmp_path):
    files = [f"{n}={data / n}.root" for n in ("minbias_PU140", "ttbar2l_PU140")]
    arguments = ["--algorithms", "linpuppi", "--out", str(tmp_path / "o"), "-q"]
    found = runner.invoke(app, ["rates", str(menu), *files, *arguments])
    assert found.exit_code == 0, found.output
    soft, top = json.loads((tmp_path / "o/rates.json").read_text())["vertices"]
    assert (soft["dataset"], top["dataset"]) == ("minbias_PU140", "ttbar2l_PU140")
    kept = RateRecord.read(tmp_path / "o/rates.npz").datasets["ttbar2l_PU140"]
    assert top["vertex"] == "found"
    assert kept.vertex["compared"] == top["efficiency"]["n"] == kept.used
    assert kept.vertex["near"] == round(top["efficiency"]["value"] * kept.used)
    assert soft["efficiency"]["high"] < 0.5 < top["efficiency"]["low"]
    page = (tmp_path / "o/index.html").read_text()
    assert f"{100 * top['efficiency']['low']:.1f} to {100 * top['efficiency']['high']:.1f}" in page


def test_only_active_seeds_are_kept(menu, minbias, tmp_path):
    table = tmp_path / "ps.csv"
    table.write_text(PRESCALES)
    options = {"prescales": table, "column": "low", "active": True}
    kept = accumulate(menu, [minbias], MenuRequest.of(options))
    seeds = kept.datasets["minbias_PU140"].decisions.seeds
    assert seeds == ("L1_MET20", "L1_DoubleJet20")
    whole = accumulate(menu, [minbias], MenuRequest())
    request = TableRequest.of({"prescales": table, "column": "low"})
    assert make_tables(kept, request).rates.total == make_tables(whole, request).rates.total
    chosen = accumulate(menu, [minbias], MenuRequest.of({"seeds": ("L1_*Jet*",)}))
    assert chosen.datasets["minbias_PU140"].decisions.seeds == ("L1_Jet30", "L1_DoubleJet20")
    with pytest.raises(ConfigurationError, match="no seed of the menu is left"):
        accumulate(menu, [minbias], MenuRequest.of({"seeds": ("L1_Tau*",)}))
    with pytest.raises(ConfigurationError, match="--prescales TABLE"):
        accumulate(menu, [minbias], MenuRequest.of({"active": True}))


def test_weights_in_hertz(menu, data):
    request = TableRequest.of({"per": "weight"})
    record = accumulate(menu, [f"zb={data / 'minbias_PU140.root'}"], MenuRequest())
    rates = make_tables(record, request).rates
    assert rates.input_hz == pytest.approx(record.datasets["zb"].decisions.sum_of_weights)


def test_two_workers_give_the_same(menu, minbias, record):
    options = {
        "scan": ("L1_MET20:met:5:60:5",),
        "quantity": ("PuppiMissingET.MET:0.5",),
        "pileup": "auto",
        "pileup_width": 10,
        "weights": "none",
        "executor": "futures",
        "workers": 2,
        "chunksize": 20,
    }
    assert accumulate(menu, [f"zb={minbias}"], MenuRequest.of(options)) == record


def test_wrong_use_is_explained(menu, minbias, tmp_path):
    def output(*arguments):
        found = runner.invoke(app, ["rates", str(menu), *arguments, "--out", str(tmp_path / "o")])
        assert found.exit_code in (1, 2)
        return " ".join(found.output.split())

    assert "files of events are missing" in output()
    assert "SEED:LEG:FIRST:LAST:STEP" in output(minbias, "--scan", "L1_MET20")
    assert "expected BRANCH:STEP" in output(minbias, "--quantity", "MET:x")
    assert "counters need a prescale table" in output(minbias, "--counters")
    assert "no seed of delphes can be evaluated" in output(
        minbias.replace("minbias_PU140", "pfnano")
    )


@pytest.fixture(scope="module")
def golden(shared):
    return shared / "golden" / "menu" / "L1Menu_Collisions2024_v1_3_0-d1"


@pytest.mark.slow
def test_a_real_menu_on_real_crossings(golden):
    # NanoAOD made from a vector of the Global Trigger, whose decisions are known
    options = {"weights": "none", "scan": ("L1_ETMHF90:0:40:150:10", "L1_SingleMu22:0:3:43:1")}
    request = MenuRequest.of(options | {"normalisation": "run3"})
    nano = golden / "l1nano_from_vector_data.root"
    record = accumulate(golden / "menu.json", [f"data={nano}"], request)
    report = make_tables(record, request)
    lines = (golden / "L1menu_2024_v1_3_0_data_TestVector_000.seeds.csv").read_text().splitlines()
    counts = {row["name"]: int(row["events_passed_in_file"]) for row in csv.DictReader(lines)}
    assert len(report.rates.seeds) > 340
    for seed in report.rates.seeds:
        assert seed.n_events == counts[seed.name], seed.name
    for name, scan in report.scans.items():
        seed = report.rates[name.partition("[")[0]]
        at = scan.thresholds.tolist().index(90.0 if "ETMHF" in name else 22.0)
        assert scan.n_pass[at] == seed.n_events
        assert (scan.low[at], scan.high[at]) == pytest.approx((seed.rate.low, seed.rate.high))
    shared_rates = sum(seed.proportional.value for seed in report.rates.seeds)
    assert shared_rates == pytest.approx(report.rates.total.value)
    groups = {group.name: group for group in report.rates.groups}
    assert "L1_SingleMu22" in groups["MU"].seeds


def test_stored_decisions_are_final(golden, tmp_path):
    nano = golden / "l1nano_from_vector_data.root"
    record = accumulate(golden / "menu.json", [f"data={nano}"], MenuRequest.of({"stored": True}))
    rates = make_tables(record, TableRequest()).rates
    assert rates.column == "final, as stored"
    lines = (golden / "L1menu_2024_v1_3_0_data_TestVector_000.seeds.csv").read_text().splitlines()
    counts = {row["name"]: int(row["events_passed_in_file"]) for row in csv.DictReader(lines)}
    assert {s.name: s.n_events for s in rates.seeds} == counts
    table = tmp_path / "ps.csv"
    table.write_text(PRESCALES)
    with pytest.raises(ConfigurationError, match="final, as stored: prescales and masks"):
        make_tables(record, TableRequest.of({"prescales": table, "column": "low"}))
    evaluated = record.settings | {"decisions": "unprescaled"}
    other = RateRecord(record.menu, record.indices, {}, evaluated, {}, {})
    with pytest.raises(InputError, match="different decisions"):
        record + other


def test_masks_and_pileup_of_sections(golden, tmp_path):
    def rates(mask, pileup="fill,run,lumi section,pile-up\n1,0,1,55.5\n"):
        (tmp_path / "mask.json").write_text(json.dumps(mask))
        (tmp_path / "pileup.csv").write_text(pileup)
        options = {
            "lumi_mask": tmp_path / "mask.json",
            "pileup": str(tmp_path / "pileup.csv"),
            "sections": True,
            "seeds": ("L1_SingleMu22",),
        }
        nano = golden / "l1nano_from_vector_data.root"
        record = accumulate(golden / "menu.json", [f"x={nano}"], MenuRequest.of(options))
        by_time = {"per": "time", "zero_bias_prescale": 100.0}
        return make_tables(record, TableRequest.of(by_time)).rates

    found = rates({"0": [[1, 10]]})
    assert found.input_hz == pytest.approx(3564 * 100.0 / 23.31, rel=1e-4)
    with pytest.raises(InputError, match=r"of 3564 events none is left \(luminosity section"):
        rates({"0": [[2, 10]]})
    with pytest.raises(InputError, match="no pile-up for run 0, luminosity section 1"):
        rates({"0": [[1, 1]]}, "fill,run,lumi section,pile-up\n1,0,2,55.5\n")
