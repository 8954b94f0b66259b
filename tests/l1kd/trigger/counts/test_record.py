"""Records of rates: files, merging, refusals."""

import numpy as np
import pytest

from l1kd.errors import InputError, UnreadableFileError
from l1kd.trigger.counts.record import DatasetRates, RateRecord
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import Spectrum
from tests.l1kd.trigger.patterns import table


def record(file, events, **more):
    options = {"resampling": Resampling(3), "blocks": range(len(events))}
    dataset = DatasetRates(
        table(events, strata={"run": [1] * len(events)}, **options),
        {"met, in GeV": Spectrum.of(np.arange(len(events)), step=0.5)},
        len(events) + 1,
        len(events),
        {"not in the mask": 1},
        {file: len(events)},
        {"found": len(events), "compared": len(events), "near": sum(a for a, _ in events)},
    )
    content = {"weights": "relative"} | more
    return RateRecord(
        "menu", {"A": 0, "B": 4}, {"g": ["A"]}, content, {"C": "why"}, {"zb": dataset}
    )


def test_written_and_read(tmp_path):
    made = record("a.root", [(True, False), (False, True)])
    assert RateRecord.read(made.write(tmp_path / "rates.npz")) == made


def test_merge_of_any_partition_equals_the_whole(tmp_path):
    parts = [record(f"{i}.root", [(bool(i % 2), True)] * (i + 1)) for i in range(4)]
    paths = [part.write(tmp_path / f"{i}.npz") for i, part in enumerate(parts)]
    read = [RateRecord.read(path) for path in paths]
    one = read[0] + read[1] + read[2] + read[3]
    other = (read[3] + read[1]) + (read[2] + read[0])
    assert one == other
    own = one.datasets["zb"]
    assert (own.used, own.seen, own.skipped) == (10, 14, {"not in the mask": 4})
    assert own.decisions.n_events == 10
    assert own.vertex == {"compared": 10, "found": 10, "near": 2 + 4}
    assert list(own.files) == ["0.root", "1.root", "2.root", "3.root"]


def test_datasets_of_one_job_only():
    mine, theirs = record("a.root", [(True, False)]), record("b.root", [(True, False)])
    theirs.datasets["other"] = theirs.datasets.pop("zb")
    assert list((mine + theirs).datasets) == ["other", "zb"]


def test_what_does_not_merge_is_refused():
    mine = record("a.root", [(True, False)])
    with pytest.raises(InputError, match=r"a\.root is in both"):
        mine + record("a.root", [(True, False)])
    with pytest.raises(InputError, match="different pileup: None and auto"):
        mine + record("b.root", [(True, False)], pileup="auto")
    other = record("b.root", [(True, False)])
    other.menu = "other"
    with pytest.raises(InputError, match="menus menu and other"):
        mine + other
    other = record("b.root", [(True, False)])
    other.datasets["zb"].spectra.clear()
    with pytest.raises(InputError, match="distributions met"):
        mine + other


def test_damaged_files_are_refused(tmp_path):
    path = record("a.root", [(True, False)]).write(tmp_path / "rates.npz")
    content = path.read_bytes()
    for wrong in (content[: len(content) // 2], b"", b"PK\x03\x04nothing"):
        (tmp_path / "wrong.npz").write_bytes(wrong)
        with pytest.raises(UnreadableFileError, match="expected rates of l1kd"):
            RateRecord.read(tmp_path / "wrong.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(UnreadableFileError, match="expected rates of l1kd"):
        RateRecord.read(tmp_path / "other.npz")
    with pytest.raises(UnreadableFileError):
        RateRecord.read(tmp_path / "absent.npz")


def test_pickles_are_not_loaded(tmp_path):
    np.savez(tmp_path / "evil.npz", header=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UnreadableFileError, match="expected rates of l1kd"):
        RateRecord.read(tmp_path / "evil.npz")
