"""What was skipped stands in summary.json, with the reason."""

import json

from l1kd.study.request import Request
from l1kd.study.run import study


def test_the_reason_of_a_skipped_file_is_in_the_summary(data, tmp_path):
    cut, late = tmp_path / "cut.root", tmp_path / "late.root"
    source = (data / "ttbar2l_PU140.root").read_bytes()
    cut.write_bytes(source[: len(source) // 2])
    late.write_bytes(source[:50_000] + bytes(2_950_000) + source[3_000_000:])
    good = str(data / "minbias_PU140.root")
    request = Request(
        minbias=(good, str(cut), str(late)), algorithms=("puppi",), resolution=False,
        skip_bad_files=True, chunksize=25,
    )  # fmt: skip
    study(request, tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    files = {file["path"]: file for file in summary["files"]}
    assert files[good]["skipped"] is None
    assert files[good]["processed"] == 50
    for path in (str(cut), str(late)):
        assert files[path]["skipped"].startswith(f"{path}: cannot be read")
        assert files[path]["skipped"].count("cannot be read") == 1
        assert not files[path]["processed"]
