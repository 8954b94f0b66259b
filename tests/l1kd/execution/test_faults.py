"""Whose fault an error is, and that only bad input files are ever skipped."""

import errno
import threading

import numpy as np
import pytest
import uproot

import l1kd
from l1kd.errors import (
    InputError,
    MachineError,
    MissingBranchError,
    OutputError,
    PairingError,
    UnreadableFileError,
)
from l1kd.execution import require_writable, run, writing
from l1kd.execution.faults import portable
from l1kd.processors import ResolutionProcessor
from tests.l1kd.execution.processors import SumPt

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def corrupted(source, target, begin, size):
    content = bytearray(source.read_bytes())
    content[begin : begin + size] = bytes(size)
    target.write_bytes(content)
    return str(target)


@pytest.fixture
def bad_files(data, tmp_path):
    source = data / "ttbar2l_PU140.root"
    half = tmp_path / "truncated.root"
    half.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    return {
        "truncated": str(half),
        "corrupt": corrupted(source, tmp_path / "corrupt.root", 50_000, 3_000_000),
        "missing": str(tmp_path / "missing.root"),
    }


@pytest.mark.parametrize("kind", ["truncated", "corrupt", "missing"])
def test_bad_files_are_errors_that_name_the_file(kind, bad_files, fileset):
    with pytest.raises(UnreadableFileError, match=rf"{kind}\.root"):
        run(SumPt(), {**fileset, "bad": [bad_files[kind]]})


@pytest.mark.parametrize("how", [{}, {"executor": "futures", "workers": 2, "chunksize": 20}])
def test_bad_files_are_left_out_and_listed_on_request(how, bad_files, fileset, expected):
    files = {**fileset, "bad": list(bad_files.values())}
    result = run(SumPt(), files, skip_bad_files=True, **how)
    assert set(result.skipped) == set(bad_files.values())
    for path, reason in result.skipped.items():
        assert reason.count(path) == 1, "said once, however many chunks there are"
        assert len(reason) > len(path) + 15, "the reason says what was found"
    assert result.output == expected.output
    assert result.events == expected.events
    assert result.datasets == expected.datasets


def test_nothing_is_left(bad_files):
    with pytest.raises(UnreadableFileError, match="no file of the fileset"):
        run(SumPt(), list(bad_files.values()), skip_bad_files=True)


@pytest.mark.parametrize("how", [{}, {"executor": "futures", "workers": 2}])
def test_a_file_with_values_that_no_algorithm_accepts(how, half_bad, data, tmp_path):
    with pytest.raises(UnreadableFileError, match=r"half_bad\.root: .*PFCands.pt: .*found nan"):
        run(SumPt(), [half_bad], **how)
    good = str(data / "pfnano.root")
    log = tmp_path / "log"
    options = {"skip_bad_files": True, "chunksize": 10, **how}
    result = run(SumPt(log), {"good": [good], "bad": [half_bad]}, **options)
    assert len(log.read_text().split()) >= 2, "some of its chunks were fine"
    assert result.output == run(SumPt(), {"good": [good]}).output, "and none of them counts"
    assert list(result.skipped) == [half_bad]
    assert result.skipped[half_bad].count("PFCands.pt") == 1


class Faulty(SumPt):
    """Does one thing that goes wrong, in one of the datasets."""

    def __init__(self, act):
        super().__init__()
        self.act = act

    def process(self, events):
        if events.metadata["dataset"] == "minbias":
            self.act(events)
        return super().process(events)


def index_error(events):
    return np.zeros(3)[7]


def mistyped_branch(events):
    return events.EFlowTrack.PTT


def own_refusal(events):
    raise InputError("EFlowTrack.PT: found nan at position 3")


def nan_in_own_call(events):
    ones = np.ones(2, np.float32)
    columns = dict.fromkeys(("eta", "phi", "energy", "dz", "d0"), ones)
    columns |= {"pt": np.array([np.nan, 1], np.float32), "charge": ones, "pid": 0 * ones}
    l1kd.weights(columns, np.array([2]), "puppi")


def own_file(events):
    uproot.open("/nowhere/scale_factors.root")


def too_many_files(events):
    raise OSError(errno.EMFILE, "Too many open files")


def full_disk(events):
    raise OSError(errno.ENOSPC, "No space left on device")


def no_memory(events):
    raise MemoryError("Unable to allocate 64 GiB")


def missing(events):
    raise MissingBranchError("branch 'Tower.Eem' is missing")


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (index_error, IndexError, "index 7 is out of bounds"),
        (mistyped_branch, AttributeError, "PTT"),
        (own_refusal, InputError, "found nan at position 3"),
        (nan_in_own_call, InputError, "pt: expected"),
        (own_file, FileNotFoundError, "scale_factors"),
        (missing, MissingBranchError, "Tower.Eem"),
        (too_many_files, MachineError, r"minbias.*too many open files: raise the limit"),
        (full_disk, MachineError, "no space left on a disk"),
        (no_memory, MachineError, "no memory left: lower chunksize"),
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_what_is_not_the_files_fault_is_never_skipped(act, error, message, skip, fileset):
    with pytest.raises(error, match=message) as raised:
        run(Faulty(act), fileset, skip_bad_files=skip)
    if error is not MachineError:
        assert any("minbias_PU140.root" in note for note in raised.value.__notes__)


def test_errors_of_workers_come_with_their_traceback(fileset):
    with pytest.raises(IndexError, match="out of bounds") as raised:
        run(Faulty(index_error), fileset, executor="futures", workers=1)
    assert any("return np.zeros(3)[7]" in note for note in raised.value.__notes__)


class PickyError(Exception):
    """Holds what no pickle can hold."""

    def __init__(self):
        super().__init__("what happened")
        self.why = threading.Lock()


def test_errors_that_do_not_pickle_keep_their_words():
    assert str(portable(PickyError())) == "PickyError: what happened"
    assert isinstance(portable(KeyError("x")), KeyError)


def of_top(data, truth):
    return {"top": {"files": [str(data / "ttbar2l_PU140.root")], "truth": [str(truth)]}}


def test_wrong_pairing_is_an_error_not_a_bad_file(data):
    files = of_top(data, data / "minbias_PU140.root")
    with pytest.raises(PairingError, match="entry 0 differs first"):
        run(ResolutionProcessor(["none", "no_pileup"]), files, skip_bad_files=True)


@pytest.mark.parametrize("place", ["header", "basket"])
def test_a_bad_truth_file_is_blamed_itself(data, tmp_path, place):
    source, begin = data / "ttbar2l_PU0.root", 0
    if place == "basket":
        with uproot.open(source) as file:
            begin = int(file["Delphes/GenJet/GenJet.PT"].member("fBasketSeek")[0])
    truth = corrupted(source, tmp_path / "truth.root", begin, 90)
    study = ResolutionProcessor(["none", "no_pileup"])
    with pytest.raises(UnreadableFileError, match=r"truth file .*truth\.root.*is not to blame"):
        run(study, of_top(data, truth), skip_bad_files=True)


def test_a_missing_truth_file_is_found_before_any_work(data, tmp_path):
    log = tmp_path / "log"
    with pytest.raises(UnreadableFileError, match=r"truth file .*none\.root: expected a file"):
        run(SumPt(log), of_top(data, tmp_path / "none.root"), skip_bad_files=True)
    assert not log.exists()


def test_folders_are_tried_before_any_work(tmp_path):
    require_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"expected a folder for results, but .*file is a file"):
        require_writable(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match="/proc/l1kd cannot be written"):
        require_writable("/proc/l1kd")


def write_but_fail(folder, error):
    with writing(folder):
        raise error


def test_a_disk_that_fills_up_at_the_end_is_the_outputs_fault(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(OutputError, match=r"results in .* are not complete: make room"):
        write_but_fail(tmp_path, full)
    with pytest.raises(OutputError, match=r"/proc/l1kd\.txt cannot be written"):
        write_but_fail("/proc", OSError(errno.EACCES, "Permission denied", "/proc/l1kd.txt"))
    with pytest.raises(OutputError, match=r"^said already$"):
        write_but_fail(tmp_path, OutputError("said already"))
    with pytest.raises(ConnectionResetError):  # nothing that a folder could be blamed for
        write_but_fail(tmp_path, ConnectionResetError(errno.ECONNRESET, "reset"))
