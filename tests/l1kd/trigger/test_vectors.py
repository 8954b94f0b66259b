"""Test vectors: words written here bit by bit come back as columns."""

import gzip
import tempfile

import numpy as np
import pytest

from l1kd.errors import InputError, UnreadableFileError
from l1kd.trigger.vectors import read_vector
from tests.l1kd.trigger.menu.made import columns_of, event_strategy, menu_of
from tests.l1kd.trigger.menu.vector_files import vector_of

MUON = (
    64  # phi
    | 45 << 10  # pt: 22 GeV
    | 12 << 19  # quality
    | (2**9 - 100) << 23  # eta
    | 2 << 32  # isolation
    | 1 << 34  # negative
    | 1 << 35  # valid
    | 36 << 36  # index
    | 300 << 43  # phi at the muon system
    | 11 << 53  # unconstrained momentum
    | 1 << 61  # shower
    | 3 << 62  # impact parameter
)
JET = 400 | (2**8 - 57) << 11 | 143 << 19 | 1 << 27
EG = 72 | 20 << 9 | 10 << 17 | 3 << 25


def line(number=0, columns=60, **words):
    """Return one line: keyword arguments are lists of words of a section."""
    taus, sums = (12, 12) if columns == 60 else (8, 4)
    shape = {"mu": (8, 16), "eg": (12, 8), "tau": (taus, 8), "jet": (12, 8), "sums": (sums, 8)}
    out = [f"{number:04d}"]
    for name, (count, digits) in shape.items():
        values = list(words.get(name, [])) + [0] * count
        out += [f"{value:0{digits}x}" for value in values[:count]]
    out += [f"{words.get('ext', 0):064x}", f"{words.get('algo', 0):0128x}", "1"]
    return " ".join(out)


@pytest.fixture
def vector(tmp_path):
    def write(*lines, name="vector.txt"):
        text = ("\n".join(lines) + "\n").encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return path

    return write


@pytest.mark.parametrize("name", ["vector.txt", "vector.txt.gz"])
def test_fields_of_the_words(vector, name):
    sums = [805 | 100 << 12 | 3 << 28, 720 | 5000 << 12 | 4 << 28, 60 | 37 << 12 | 9 << 20,
            0, 61 | 29 << 12 | 5 << 28, 0]  # fmt: skip
    path = vector(line(), line(1, mu=[0, 0, MUON], jet=[0, JET], eg=[EG], sums=sums), name=name)
    events, stored = read_vector(path)
    assert len(events) == len(stored) == 2
    muon = {field: int(values[1, 2]) for field, values in events.lists["MU"].items()}
    assert muon == {
        "phi": 64, "pt": 45, "quality": 12, "eta": -100, "iso": 2, "charge": 1,
        "charge_valid": 1, "index": 36, "upt": 11, "ip": 3,
    }  # fmt: skip
    jet = {field: int(values[1, 1]) for field, values in events.lists["JET"].items()}
    assert jet == {"pt": 400, "eta": -57, "phi": 143, "displaced": 1}
    assert int(events.lists["EG"]["iso"][1, 0]) == 3
    one = {
        (name, field): int(v[1, 0]) for name, x in events.lists.items() for field, v in x.items()
    }
    assert one["ETT", "pt"] == 805
    assert one["ETTEM", "pt"] == 100
    assert one["MBT0HFP", "count"] == 3
    assert one["TOWERCOUNT", "count"] == 5000
    assert one["ETM", "phi"] == 37
    assert one["ASYMET", "count"] == 9
    assert (one["CENT0", "flag"], one["CENT1", "flag"], one["CENT2", "flag"]) == (1, 0, 1)
    assert one["MUS1", "flag"] == 1  # the shower bit of muon 2
    assert not events.lists["MU"]["pt"][0].any()


def test_stored_bits_by_position(vector):
    _, stored = read_vector(vector(line(algo=1 << 511 | 1), line(7, algo=1 << 64)))
    assert stored.bit(0).tolist() == [True, False]
    assert stored.bit(64).tolist() == [False, True]
    assert stored.bit(511).tolist() == [True, False]
    assert stored.final_or.all()
    assert stored.crossings.tolist() == [0, 7]
    with pytest.raises(InputError, match="0 to 511"):
        stored.bit(512)


def test_older_files_have_eight_taus_and_four_sums(vector):
    events, _ = read_vector(vector(line(columns=48, tau=[EG], sums=[805, 720])))
    assert events.lists["TAU"]["pt"].shape == (1, 12)
    assert events.lists["TAU"]["pt"][0, 0] == 72
    assert "ETMHF" not in events.lists
    check = menu_of(["HTT3", "ETMHF4", "ZDCP4"]).check(events)
    assert dict(check) == {"S0": "", "S1": "no ETMHF", "S2": "no ZDCP"}


def test_words_of_the_zero_degree_calorimeters(vector):
    sums = [0] * 6 + [0, 55, 120, 0, 0, 0]
    events, _ = read_vector(vector(line(sums=sums), line(1)))
    assert events.lists["ZDCM"]["count"].tolist() == [[55], [0]]
    assert events.lists["ZDCP"]["count"].tolist() == [[120], [0]]


def test_a_menu_decides_on_words(vector):
    """Externals by bit; another crossing is not in a vector."""
    menu = menu_of(["MU22[MU-IP_12]", "MU0[MU-CHG_NEG]", "EXT_A AND EXT_B.v0", "MU0-1"])
    events, _ = read_vector(vector(line(mu=[MUON], ext=1 << 3 | 1 << 70), line(mu=[0, MUON])))
    bits = menu.evaluate(events)
    assert bits.names == ("S0", "S1", "S2")
    assert bits.reasons == {"S3": "crossing -1 is not stored"}
    assert np.stack([bits[name] for name in bits.names]).tolist() == [
        [False, False],
        [True, True],
        [True, False],
    ]
    later = menu.evaluate(events[1:])
    assert (later.packed == bits.packed[1:]).all()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no crossings"),
        (["1 2 3"], "line 1: 3 columns; a test vector has 60 or 48"),
        ([line(), line(columns=48)], "line 2: 48 columns, the first line has 60"),
        ([line().replace("00000000 ", "0000 ", 1)], "line 1: MU needs 16 digits a word"),
        ([line().replace("0000000000000000 ", "00000000000000zz ", 1)], "line 1: invalid literal"),
    ],
)
def test_errors_name_the_line(vector, lines, said):
    with pytest.raises(InputError, match=said):
        read_vector(vector(*lines))


def test_a_truncated_file(vector):
    path = vector(line(), name="vector.txt.gz")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UnreadableFileError, match=r"vector.txt.gz: cannot be read"):
        read_vector(path)


def test_words_written_and_read_are_the_same():
    """Every field of random events survives the way through the words."""
    rng = np.random.default_rng(9)
    events = columns_of([event_strategy.random(rng) for _ in range(40)])
    back, stored = read_vector_text(vector_of(events, {3: np.arange(40) % 2 == 0}))
    for name, fields in back.lists.items():
        for field, values in fields.items():
            assert (values == events.lists[name][field]).all(), (name, field)
    assert (back.externals == events.externals).all()
    assert stored.bit(3).tolist() == [k % 2 == 0 for k in range(40)]


def read_vector_text(text):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(text)
        file.flush()
        return read_vector(file.name)
