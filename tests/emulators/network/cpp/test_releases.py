"""The table of known functions, and the command that adds a release of hls4ml to it."""

import re
import zipfile
from importlib.metadata import version

import pytest

from l1kd.emulators.network.cpp import known, releases
from l1kd.emulators.network.cpp.known import KNOWN, RELEASES, Row, rows
from l1kd.emulators.network.cpp.releases import functions, main, merged, text_of

RELU = "template<class T> void relu(T x) { x = x > 0 ? x : T(0); }\n"
TANH = "template<class T> void tanh(T x) { x = table[x]; }\n"


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return a copy of the table that the command may write."""
    copy = tmp_path / "known.txt"
    copy.write_text(known.TABLE.read_text())
    monkeypatch.setattr(known, "TABLE", copy)
    return copy


def wheel(folder, release, **headers):
    path = folder / f"hls4ml-{release}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as target:
        for name, text in headers.items():
            target.writestr(f"hls4ml/templates/vivado/nnet_utils/{name}.h", text)
    return str(path)


def test_every_row_has_a_fingerprint_a_function_and_a_place():
    table = rows()
    assert len(table) == len(KNOWN) > 500
    for row in table:
        assert re.fullmatch("[0-9a-f]{8}", row.fingerprint)
        assert re.fullmatch(r"[A-Za-z_]\w*", row.function)
        assert row.origins
        assert all(place in RELEASES or re.fullmatch(r"[A-Z]\w+", place) for place in row.origins)
    assert table == sorted(table, key=lambda row: (row.function, row.fingerprint))


def test_the_table_is_written_as_it_is_read():
    assert text_of(rows()) == known.TABLE.read_text()


def test_the_installed_release_is_in_the_table(capsys, table):
    pytest.importorskip("hls4ml")
    before = table.read_text()
    assert main(["--write"]) == 0
    assert table.read_text() == before
    assert "0 not known" in capsys.readouterr().out
    found = functions(releases.files("hls4ml"))
    now = {row.fingerprint for row in rows() if version("hls4ml") in row.origins}
    assert now == set(found)


def test_new_functions_are_listed_and_not_written(tmp_path, capsys, table):
    before = table.read_text()
    source = wheel(tmp_path, RELEASES[-1], nnet_new=RELU, nnet_garnet=TANH)
    assert main([source, "--write"]) == 1
    said = capsys.readouterr().out
    assert "1 functions, 1 not known" in said
    assert re.search("[0-9a-f]{8} relu", said)
    assert table.read_text() == before


def test_accepted_functions_get_a_row(tmp_path, table):
    source, before = wheel(tmp_path, RELEASES[-1], nnet_new=RELU + TANH), table.read_text()
    assert main([source, "--write", "--accept", "relu"]) == 1
    assert main([source, "--write", "--accept", "relu", "tanh"]) == 0
    fresh = set(table.read_text().splitlines()) - set(before.splitlines())
    names = sorted(line.split()[1:] for line in fresh)
    assert names == [["relu", RELEASES[-1]], ["tanh", RELEASES[-1]]]


def test_an_unlisted_release_is_not_written(tmp_path, capsys, table):
    with pytest.raises(SystemExit):
        main([wheel(tmp_path, "9.9.9", nnet_new=RELU), "--write", "--accept", "relu"])
    assert "first add 9.9.9 to RELEASES" in capsys.readouterr().err


def test_releases_join_what_is_known():
    table = [Row("0" * 8, "relu", RELEASES[:2]), Row("1" * 8, "tanh", ("CICADA",))]
    found = {"0" * 8: "relu", "2" * 8: "elu"}
    joined = merged(table, RELEASES[2], found)
    assert [row.origins for row in joined] == [RELEASES[:3], ("CICADA",)]
    assert text_of(joined).splitlines()[0] == f"00000000 relu {RELEASES[0]}-{RELEASES[2]}"
    assert merged(joined, RELEASES[2], found) == joined
