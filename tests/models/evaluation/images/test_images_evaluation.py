"""`l1kd evaluate cicada` on small libraries."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import l1kd
from l1kd.algorithms import ALGORITHMS, Cicada, EventScore
from l1kd.artefacts import shipped
from l1kd.cli import app
from l1kd.errors import ConfigurationError, InputError, UnreadableFileError
from l1kd.models.evaluation.images.evaluate import measure
from l1kd.models.evaluation.images.judged import teacher_of
from l1kd.models.evaluation.images.samples import Libraries
from l1kd.registry import reset
from l1kd.statistics import roc_auc
from l1kd.study.request import CicadaRequest
from l1kd.trigger.rates import normalisation
from tests.l1kd.datasets.overlay.libraries import write_library

NAMES = ("minbias", "qcd35", "qcd50", "tt")
SMALL = {
    "mu": (20.0,),
    "curve_mu": (10.0, 20.0, 40.0),
    "images": 300,
    "soft_images": 400,
    "hard_images": 100,
    "slices": ("qcd35=0.5", "qcd50=0.3"),
    "targets": (3000.0, 1.0),
    "seeds": 500.0,
    "extra": 500.0,
}


class Saturated(EventScore):
    """Most of zero bias has the largest score there is."""

    name = "saturated"
    adds = "Saturated.score"

    def numpy_call(self, image):
        return np.minimum(image.sum(axis=(1, 2)), 5).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("libraries")
    for seed, name in enumerate(NAMES):
        write_library(path / f"regions_{name}.npz", 400, seed)
    return path


@pytest.fixture(scope="module")
def request_of(folder):
    models = ("cicada_logic-v3", "ring_chi2", "calo_hottest", "saturated")
    return CicadaRequest(fileset=[str(folder)], models=models, **SMALL)


@pytest.fixture(scope="module")
def found(request_of):
    l1kd.register(Saturated)
    yield measure(request_of)[0]
    reset()


@pytest.fixture(scope="module")
def entry(found):
    return found["at"][0]


def test_areas_are_those_of_the_images(found, entry, request_of):
    made = Libraries.of(request_of).at(20.0, request_of)
    hottest = {
        name: x.images.max(axis=(1, 2))
        for name, x in [("noise", made.noise), *made.signals.items()]
    }
    row = entry["areas"]["signals"]["tt"]["calo_hottest"]
    shared = made.signals["tt"].blocks.followed_by(made.noise.blocks)
    wanted = roc_auc(hottest["tt"], hottest["noise"], blocks=shared)
    # one covariance of all scores is made positive, so that ends differ a little from those of one
    assert (row["value"], row["low"], row["high"]) == pytest.approx(wanted[:3], rel=0.01)
    mean = np.mean(
        [signal["calo_hottest"]["value"] for signal in entry["areas"]["signals"].values()]
    )
    assert entry["areas"]["mean"]["calo_hottest"]["value"] == pytest.approx(mean)
    assert found["signals"] == ["qcd50", "tt"]


def test_differences_are_paired_with_the_reference(entry):
    for row in (*entry["areas"]["signals"].values(), entry["areas"]["mean"]):
        own, other = row["ring_chi2"], row["calo_hottest"]
        assert own["difference"]["value"] == 0.0
        assert own["p_value"] == 1.0
        assert other["difference"]["value"] == pytest.approx(other["value"] - own["value"])
        assert 0.0 <= other["p_value"] <= 1.0
        error = other["difference"]["high"] - other["difference"]["value"]
        assert other["p_value"] == pytest.approx(
            2 * (1 - _normal(abs(other["difference"]["value"]) / error)), abs=1e-6
        )


def _normal(x):
    from scipy import stats

    return stats.norm.cdf(x)


def test_roc_curves_end_at_one_and_rise(entry):
    for curves in entry["roc"].values():
        for points in curves.values():
            assert points["signal"][-1] == 1.0
            assert (np.diff(points["signal"]) >= 0).all()


def test_only_resolved_rates_have_efficiencies(entry):
    often, seldom = entry["rates"]["calo_hottest"]
    assert often["resolved"]
    assert set(often["efficiency"]) == {"qcd50", "tt"}
    assert often["mean"]["low"] <= often["mean"]["value"] <= often["mean"]["high"]
    assert not seldom["resolved"]
    assert "efficiency" not in seldom
    assert seldom["reason"] == "fewer than 3 causes"


def test_hard_collisions_are_those_in_the_crossings(entry, request_of):
    made = Libraries.of(request_of).at(20.0, request_of).stitched
    assert entry["stitched"]["hard_collisions"] == len(set(made.hard.tolist()) - {-1})
    few = request_of.model_copy(update={"hard_images": 10, "models": ("ring_chi2",)})
    assert measure(few)[0]["at"][0]["stitched"]["hard_collisions"] == 20


def test_symmetric_scores_do_not_move(entry):
    for name in ("ring_chi2", "calo_hottest"):
        assert entry["symmetry"][name]["turned"] == 0.0
        assert entry["symmetry"][name]["mirrored"] == pytest.approx(0.0, abs=1e-5)
    assert entry["symmetry"]["cicada_logic-v3"]["spread"] > 0.0


def test_a_saturated_score_is_said_to_be(entry):
    assert entry["saturation"]["saturated"] == {"largest": 5.0, "share": 1.0, "saturated": True}
    assert not entry["saturation"]["calo_hottest"]["saturated"]
    for row in (*entry["rates"]["saturated"], entry["seeds"]["added"]["saturated"]):
        assert row["top"]["value"] == 5.0
        assert row["reason"].startswith("limited by its largest score, 5, which alone has ")
    assert "top" not in entry["rates"]["calo_hottest"][1]


def test_rates_at_the_pile_up_where_thresholds_were_set(found):
    table = found["pileup"]
    assert table["mu"] == [10.0, 20.0, 40.0]
    rates = [x["value"] for x in table["rate_hz"]["20"]["calo_hottest"]]
    assert rates == sorted(rates)
    middle = table["rate_hz"]["20"]["calo_hottest"][1]
    assert middle["low"] / 2 < table["set_at_hz"] < 2 * middle["high"]
    assert len(table["score"]["ring_chi2"]) == 3


def test_seeds_add_at_equal_extra_rate(entry):
    seeds = entry["seeds"]
    assert set(seeds["menu"]["thresholds"]) == {"jet", "HT", "MET"}
    assert set(seeds["added"]) == {*entry["rates"], "jet", "HT", "MET"}
    for row in seeds["added"].values():
        if row["resolved"]:
            assert row["rate_hz"]["value"] <= seeds["extra_hz"]
            mean = np.mean([kept["value"] for kept in row["efficiency"].values()])
            assert row["mean"]["low"] <= row["mean"]["value"] <= row["mean"]["high"]
            assert row["mean"]["value"] == pytest.approx(mean)
            for signal, kept in row["efficiency"].items():
                assert kept["value"] + seeds["menu"]["efficiency"][signal] <= 1.0 + 1e-12


def test_cost_has_the_paper_s_networks_and_ours(found):
    rows = {row["name"]: row for row in found["cost"]}
    assert rows["CICADA, HGQ-mixed"]["lut"] == 24947
    assert rows["CICADA, QKeras"]["dsp"] == 697
    assert rows["cicada_logic-v3"]["by"] == "not built"
    assert rows["cicada_logic-v3"]["ebops"] is None
    assert "ring_chi2" not in rows
    assert rows["cicada_logic-v3"]["reads_residuals"]
    stage = found["residual_stage"]
    assert (
        f"or {stage['lut_of_a_region_without_dsp']} LUT without DSP, and the sum of a ring's 36 "
        f"regions 775 LUT: {stage['lut']:,} LUT and {stage['dsp']} DSP for the image"
    ) in Path("docs/cicada.md").read_text(encoding="utf-8")


def test_the_command_writes_numbers_and_a_page(folder, tmp_path):
    figures = tmp_path / "build" / "reports" / "figures.json"
    figures.parent.mkdir(parents=True)
    used = {"lut": 9784, "ff": 288, "dsp": 0}
    figures.write_text(json.dumps({"latency_cycles": 3, "resources": {"yosys": used}}))
    options = {
        "--models": "cicada_logic-v3,ring_chi2", "--slices": "qcd35=0.5,qcd50=0.3", "--mu": "20",
        "--curve-mu": "20,40", "--images": "200", "--soft-images": "200", "--hard-images": "50",
        "--targets": "3000", "--built": f"cicada_logic-v3={figures.parents[1]}",
        "--out": str(tmp_path / "out"), "--label": "two <small> libraries",
    }  # fmt: skip
    arguments = ["evaluate", "cicada", str(folder), *(x for pair in options.items() for x in pair)]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    assert "mean area" in ran.output
    content = json.loads((tmp_path / "out" / "cicada.json").read_text())
    assert content["provenance"]["options"]["images"] == 200
    assert "drawn" not in content["at"][0]
    built = next(row for row in content["cost"] if row["name"] == "cicada_logic-v3")
    assert (built["latency_cycles"], built["lut"], built["by"]) == (3, 9784, "yosys")
    page = (tmp_path / "out" / "index.html").read_text()
    assert "two &lt;small&gt; libraries" in page
    assert "CICADA, LGN-LT2" in page
    assert "<script" not in page
    assert "(cicada_logic-v3) need the residual stage beside: 12,500 LUT and 252 DSP" in page
    assert "displaced sideways by up to" in page
    mean = 100 * content["at"][0]["seeds"]["menu"]["mean"]
    assert f"<td>menu alone</td><td>{mean:.1f}</td>" in page
    assert list((tmp_path / "out" / "figures").glob("roc*.svg"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"models": ("ring_chi2", "nothing-v1")}, "nothing-v1"),
        ({"models": ("puppi",)}, "puppi: not a score"),
        ({"models": ("teacher=ring_chi2",)}, "a score is called 'teacher'"),
        ({"models": ("=ring_chi2",)}, "expected NAME, or NAME=FOLDER"),
        ({"models": ("a=ring_chi2", "a=calo_sum")}, "two scores are called 'a'"),
        ({"slices": ("qcd35",)}, "expected NAME=MILLIBARN"),
        ({"slices": ("qcd99=1",)}, "no library of qcd99"),
        ({"signals": ("zprime",)}, "no library of zprime"),
        ({"built": ("ring_chi2",)}, "expected NAME=FOLDER"),
        ({"built": ("x=/tmp",)}, "figures of a build"),
        ({"fileset": None}, "no libraries"),
        (
            {"slices": ("qcd35=1000",)},
            "slice qcd35: .* below the inelastic one of 78 mb, found 1000",
        ),
        ({"fileset": ["/nowhere"]}, "/nowhere: there is no such folder of libraries"),
        (
            {"fileset": ["x=/nowhere/a.npz"]},
            r"/nowhere/a\.npz: there is no such library of regions",
        ),
    ],
)
def test_what_is_wrong_is_said(request_of, change, message):
    wrong = request_of.model_copy(update={"models": ("ring_chi2",), **change})
    with pytest.raises(Exception, match=message) as caught:
        measure(wrong)
    assert isinstance(caught.value, l1kd.errors.L1KDError)


def test_a_missing_build_or_firmware_is_said_before_images_are_made(request_of, tmp_path):
    said = []
    built = {"models": ("ring_chi2",), "built": ("ring_chi2=/tmp",)}
    for change in (built, {"models": (f"mine={tmp_path}",)}):
        with pytest.raises(Exception, match=r"figures of a build|parameters\.h"):
            measure(request_of.model_copy(update=change), said.append)
    assert not said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mu": (60.0, 60.0)}, "60.0 comes twice"),
        ({"curve_mu": (60.0, 80.0, 60.0)}, "60.0 comes twice"),
        ({"signals": ("tt", "tt")}, "'tt' comes twice"),
        ({"slices": ("qcd35=0.5", "qcd35=0.3")}, "'qcd35' comes twice"),
        ({"models": ("=ring_chi2",)}, "'=ring_chi2': expected a name"),
        ({"models": ("mine=",)}, "'mine=': expected a name"),
        ({"signals": ("tt", "minbias")}, "'minbias' is the library of minimum bias"),
        ({"targets": (1.0, 1e9)}, r"targets: expected rates below .* kHz \(hl_lhc\), found 1e\+09"),
        ({"seeds": 1e9}, "seeds: expected rates below"),
        ({"extra": 1e9}, "extra: expected rates below"),
    ],
)
def test_requests_that_have_no_answer_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        CicadaRequest.of(options)


def test_a_target_at_the_rate_of_all_crossings_is_refused():
    total = normalisation("hl_lhc").input_hz / 1e3
    assert CicadaRequest.of({"targets": (0.999 * total,)})
    with pytest.raises(ConfigurationError, match="expected rates below"):
        CicadaRequest.of({"targets": (total,)})


def test_a_score_that_is_not_a_number_is_named_before_all_is_scored(request_of):
    seen = []

    class Nan(EventScore):
        name = "nan_of_some"
        adds = "Nan.score"

        def numpy_call(self, image):
            seen.append(len(image))
            return np.where(np.arange(len(image)) == 7, np.nan, 1.0).astype(np.float32)

    l1kd.register(Nan)
    said = []
    wrong = request_of.model_copy(update={"models": ("ring_chi2", "nan_of_some")})
    message = r"'nan_of_some' .* found 1 NaN of 100 images of zero bias at mean pile-up 20"
    with pytest.raises(InputError, match=message):
        measure(wrong, said.append)
    ALGORITHMS.remove("nan_of_some")
    assert (seen, said) == ([100], [])


def test_a_library_without_a_name_is_refused(request_of, folder):
    wrong = request_of.model_copy(update={"fileset": [f"={folder / 'regions_tt.npz'}"]})
    with pytest.raises(ConfigurationError, match="expected NAME=FILE"):
        Libraries.of(wrong)


@pytest.mark.parametrize("name", ["mu", "curve_mu", "targets"])
@pytest.mark.parametrize("values", [(), (60.0, -5.0), (0.0,), (float("nan"),), (float("inf"),)])
def test_pileups_and_rates_are_positive(name, values):
    with pytest.raises(ValueError, match="one positive number or more"):
        CicadaRequest(**{name: values})


def test_an_empty_folder_and_a_name_twice_are_refused(request_of, tmp_path, folder):
    with pytest.raises(UnreadableFileError, match="expected libraries"):
        Libraries.of(request_of.model_copy(update={"fileset": [str(tmp_path)]}))
    twice = [str(folder), f"tt={folder / 'regions_tt.npz'}"]
    with pytest.raises(ConfigurationError, match="'tt' comes twice"):
        Libraries.of(request_of.model_copy(update={"fileset": twice}))


def test_the_teacher_is_the_one_that_most_students_learned(found):
    assert found["teacher"] == "cicada_teacher-v2"
    newest = [name for name in shipped() if name.startswith("cicada_teacher-")][-1]
    assert teacher_of(None, {}).version == newest
    first = {"tables": Cicada("cicada_hgq_tables-v1")}
    assert teacher_of(None, first).version == "cicada_teacher-v1"
    assert teacher_of("cicada_teacher-v2", first).version == "cicada_teacher-v2"
