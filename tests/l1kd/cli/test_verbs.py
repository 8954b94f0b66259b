"""The command line: verbs, exit codes, JSON and quiet output."""

import json

import numpy as np
import pytest


def test_run_does_the_whole_job(l1kd, data, tmp_path):
    result = l1kd(
        "run", data / "ttbar2l_PU140.root", "--truth", data / "ttbar2l_PU0.root",
        "--minbias", data / "minbias_PU140.root", "--algorithms", "none,puppi,qdistillnet,cicada",
        "--out", tmp_path, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    stored = json.loads((tmp_path / "summary.json").read_text())
    assert printed == stored
    met = stored["resolution"][0]["met"]
    for weighting in ("none", "puppi", "qdistillnet", "delphes_puppi", "no_pileup"):
        number = met[weighting]["corrected"]
        assert number["low"] <= number["value"] <= number["high"], weighting
        assert number["n"] == 50
    assert met["no_pileup"]["corrected"]["value"] < met["puppi"]["corrected"]["value"]
    assert met["puppi"]["corrected"]["value"] < met["none"]["corrected"]["value"]
    assert {record["processed"] for record in stored["files"]} == {50}
    assert "cicada_score" in stored["rates"][0]["thresholds"]
    assert stored["scores"][0]["auc"]["ttbar2l_PU140"]["value"] > 0.5
    assert stored["provenance"]["algorithms"]["qdistillnet"] == "qdistillnet_local-v1"
    assert (tmp_path / "index.html").stat().st_size > 10_000
    assert len(list((tmp_path / "figures").glob("*.png"))) >= 8


def test_resolution_of_chosen_algorithms(l1kd, data, tmp_path):
    result = l1kd(
        "resolution", data / "ttbar2l_PU140.root",
        "--algorithms", "puppi,linpuppi", "--out", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "PUPPI" in result.stdout
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {"puppi", "linpuppi", "correlator"} <= set(summary["resolution"][0]["met"])
    assert "distillnet" not in summary["resolution"][0]["met"]
    assert any("regionizer neutrals" in note for note in summary["notes"])
    assert summary["rates"] == []


def test_rates_of_zero_bias_events_alone(l1kd, data, tmp_path):
    result = l1kd(
        "rates", "--minbias", data / "minbias_PU140.root", "--algorithms", "puppi,cicada",
        "--targets", "2000", "--bunches", "1000", "--ht-min-pt", "20", "--ht-max-eta", "5",
        "--out", tmp_path, "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    (study,) = summary["rates"]
    assert study["n_events"] == 50
    assert study["input_hz"] == 1000 * 11246.0
    assert set(study["thresholds"]) == {
        "met:puppi", "jet_pt:puppi", "ht:puppi", "cicada_score"
    }  # fmt: skip
    assert [row["target_hz"] for row in study["thresholds"]["ht:puppi"]] == [2e6]
    # a jet of 20 to 30 GeV counts now
    assert max(study["curves"]["ht:puppi"]["thresholds"]) > 20
    assert summary["resolution"] == []


def test_options_from_yaml(l1kd, data, tmp_path):
    config = tmp_path / "study.yaml"
    config.write_text(
        f"files: [top={data / 'ttbar2l_PU140_l1nano.root'}]\n"
        f"minbias: [{data / 'minbias_PU140_l1nano.root'}]\n"
        "zero-bias: crossings\nalgorithms: [cicada]\ntargets: [3000, 1000]\nlabel: a trial\n"
        f"out: {tmp_path / 'out'}\n"
    )
    result = l1kd("rates", "--config", config, "--targets", "5000", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["sample_label"] == "a trial"
    assert summary["rates"][0]["dataset"] == "crossings"
    assert list(summary["scores"][0]["auc"]) == ["top"]
    rows = summary["rates"][0]["thresholds"]["cicada_score"]
    assert [row["target_hz"] for row in rows] == [5e6]  # the option wins over the file
    config.write_text("target: [3]\nout: x\n")
    wrong = l1kd("rates", "--config", config)
    assert wrong.exit_code == 1
    assert "unknown key 'target'; did you mean 'targets'?" in " ".join(wrong.stderr.split())


def test_a_comma_may_be_part_of_a_path(l1kd, data, tmp_path):
    odd = tmp_path / "top, 13.root"
    odd.symlink_to(data / "ttbar2l_PU140_l1nano.root")
    result = l1kd(
        "rates", odd, "--minbias", odd, "--algorithms", "cicada", "--out", tmp_path, "--json"
    )
    assert result.exit_code == 0, result.output
    assert [file["path"] for file in json.loads(result.stdout)["files"]] == [str(odd)] * 2


def test_nothing_computed_is_no_success(l1kd, data, tmp_path):
    result = l1kd("resolution", data / "ttbar2l_PU140_l1nano.root", "--out", tmp_path)
    assert result.exit_code == 1
    assert "nothing could be computed" in " ".join(result.stderr.split())
    assert not (tmp_path / "index.html").exists()


def test_an_unexpected_error_has_no_traceback(l1kd, monkeypatch, data):
    def broken(path):
        error = KeyError("deep inside")
        error.add_note("while processing it")
        raise error

    monkeypatch.setattr("l1kd.inspection.inspect", broken)
    result = l1kd("inspect", data / "pfnano.root")
    assert result.exit_code == 1
    assert "unexpected KeyError: 'deep inside'\n  while processing it" in result.stderr
    monkeypatch.setenv("L1KD_TRACEBACK", "1")
    assert isinstance(l1kd("inspect", data / "pfnano.root").exception, KeyError)


def test_rates_from_the_calorimeter_alone(l1kd, data, tmp_path):
    result = l1kd(
        "rates", data / "ttbar2l_PU140_l1nano.root",
        "--minbias", data / "minbias_PU140_l1nano.root",
        "--algorithms", "cicada", "--out", tmp_path, "--quiet",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert result.output == ""
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert set(summary["rates"][0]["thresholds"]) == {"cicada_score"}


def test_insert_writes_skims(l1kd, data, tmp_path):
    result = l1kd(
        "insert", data / "pfnano.root", "--out", tmp_path, "--algorithms", "puppi",
        "--keep", "GenJet", "MET", "--format", "parquet", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content["datasets"]["pfnano"]["seen"] == 3
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_fileset_from_yaml(l1kd, data, tmp_path):
    fileset = tmp_path / "fileset.yaml"
    fileset.write_text(
        f"top:\n  files: [{data / 'ttbar2l_PU140_l1nano.root'}]\n"
        f"minbias:\n  files: [{data / 'minbias_PU140_l1nano.root'}]\n"
    )
    result = l1kd(
        "rates", "--fileset", fileset, "--algorithms", "cicada", "--out", tmp_path / "out", "--json"
    )
    assert result.exit_code == 0, result.output
    assert list(json.loads(result.stdout)["scores"][0]["auc"]) == ["top"]


def test_bad_files_are_errors_or_listed(l1kd, data, tmp_path):
    bad = tmp_path / "bad.root"
    bad.write_bytes((data / "pfnano.root").read_bytes()[:20_000])
    arguments = ("insert", data / "pfnano.root", bad, "--algorithms", "puppi", "--out", tmp_path)
    failed = l1kd(*arguments)
    assert failed.exit_code == 1
    assert "UnreadableFileError" in failed.stderr
    assert "bad.root" in failed.stderr
    listed = l1kd(*arguments, "--skip-bad-files")
    assert listed.exit_code == 0
    assert "skipped" in listed.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run", "--out", "x"], 2, "either files or --fileset"),
        (["run", "a.root"], 2, "--out"),
        (["fly"], 2, "No such command"),
        (["run", "none.root", "--out", "x"], 1, "none.root"),
        (["rates", "none.root", "--normalisation", "lep", "--out", "x"], 1, "'lep'"),
        (["run", "none.root", "--algorithms", "pupi", "--out", "x"], 1, "did you mean 'puppi'"),
        (["run", "none.root", "--algorithms", "puppi", "b.root", "--out", "x"], 1, "put files"),
        (["run", "--truth", "b.root", "a.root", "--out", "x"], 2, "--truth took b.root, a.root"),
        (["run", "a.root", "--truth", "b.root", "c.root", "--out", "x"], 1, "files go before"),
        (["rates", "none.root", "--out", "x"], 1, "rates need zero-bias events"),
        (["resolution", "--out", "x"], 2, "either files or --fileset"),
        (["run", "none.root", "--targets", "0", "--out", "x"], 1, "targets: "),
        (["run", "none.root", "--met-edges", "3", "2", "--out", "x"], 1, "rising edges"),
        (["run", "none.root", "--out", "/proc/version"], 1, "/proc/version is a file"),
        (["run", "none.root", "--out", "/proc/version/x"], 1, "/proc/version is a file"),
        (["emulate", "none", "none.npy", "--out", "x.npy"], 1, "nor a file or folder; expected a"),
    ],
)
def test_exit_codes(l1kd, arguments, code, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = l1kd(*arguments)
    assert result.exit_code == code
    assert message in " ".join(result.stderr.split())


def test_inspect(l1kd, data):
    found = json.loads(l1kd("inspect", data / "ttbar2l_PU140.root", "--json").stdout)
    assert found["kind"] == "delphes"
    assert found["entries"] == 50
    assert found["particle_sources"] == ["EFlow", "ParticleFlowCandidate"]
    reasons = found["algorithms"]
    unfed = {"axol1tl", "topo", "l1tsc4ngjet", "toollip", "nnpuppitau", "l1metml", "emtf_nn"}
    assert {name for name, reason in reasons.items() if reason} == unfed
    assert all("give the firmware folder" in reasons[name] for name in unfed)
    nano = json.loads(l1kd("inspect", data / "ttbar2l_PU140_l1nano.root", "--json").stdout)
    assert nano["algorithms"]["cicada"] is None
    assert "calorimeter towers and no candidates" in nano["algorithms"]["puppi"]
    assert l1kd("inspect", data / "pfnano.root").exit_code == 0


def test_models(l1kd):
    listed = json.loads(l1kd("models", "--json").stdout)
    assert {"puppi", "linpuppi", "qdistillnet"} <= {a["name"] for a in listed["algorithms"]}
    assert {"distillnet_local-v1", "qdistillnet_local-v1", "cicada-v1"} <= {
        m["name"] for m in listed["models"]
    }
    assert "qdistillnet_paper-v1" in l1kd("models").stdout


def test_emulate_and_inspect_a_network(l1kd, data, tmp_path):
    from l1kd.algorithms import Cicada

    network = Cicada("cicada-v1").network
    network.save(tmp_path / "cicada.npz")
    rows = np.random.default_rng(1).integers(0, 1024, (100, 252))
    np.save(tmp_path / "rows.npy", rows)
    raw, values = tmp_path / "raw.npy", tmp_path / "values.npy"
    arguments = ("emulate", tmp_path / "cicada.npz", tmp_path / "rows.npy")
    assert l1kd(*arguments, "--out", raw, "--raw").exit_code == 0
    assert l1kd(*arguments, "--out", values).exit_code == 0
    np.testing.assert_array_equal(np.load(raw), network.predict_raw(rows))
    np.testing.assert_array_equal(np.load(values) * 256, np.load(raw))
    events = data / "ttbar2l_PU140_l1nano.root"
    scores = tmp_path / "scores.npy"
    done = l1kd("emulate", tmp_path / "cicada.npz", events, "--out", scores)
    assert done.exit_code == 0, done.output
    assert np.load(scores).shape == (50, 1)
    assert "16" in l1kd("inspect-network", tmp_path / "cicada.npz").stdout
    np.save(tmp_path / "short.npy", rows[:, :10])
    short = l1kd("emulate", tmp_path / "cicada.npz", tmp_path / "short.npy", "--out", raw)
    assert short.exit_code == 1
    assert "short.npy" in short.stderr
