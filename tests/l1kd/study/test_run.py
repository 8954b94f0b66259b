"""What a study leaves behind when its page cannot be written."""

import errno

import pytest

from l1kd.errors import OutputError
from l1kd.report.summary import Summary
from l1kd.study import run as running
from l1kd.study.request import Request


def test_numbers_are_written_before_plots(data, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(running, "write_page", full)
    request = Request(minbias=(str(data / "minbias_PU140_l1nano.root"),), algorithms=("cicada",))
    with pytest.raises(OutputError, match=r"No space left on device; results in .* not complete"):
        running.study(request, tmp_path)
    assert Summary.read(tmp_path / "summary.json").rates
