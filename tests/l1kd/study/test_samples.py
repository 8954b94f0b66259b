"""Which files belong to which sample."""

import pytest

from l1kd.errors import ConfigurationError
from l1kd.study.request import Request
from l1kd.study.samples import datasets_of, named_files


def test_a_sample_is_called_after_its_file():
    assert named_files(["/data/ttbar_PU200.root"]) == {"ttbar_PU200": ["/data/ttbar_PU200.root"]}
    files = ["d/top_01.root", "e/top_02.root"]
    assert named_files(files) == {"top": files}
    assert list(named_files(["a$b {x}.root"])) == ["a_b_x"]
    assert list(named_files(["a.root", "b.root"])) == ["a_and_1_more"]


def test_named_files(tmp_path):
    files = ["top=a.root", "c.root", "w jets=b.root", "top=d.root"]
    assert named_files(files) == {
        "c": ["c.root"], "top": ["a.root", "d.root"], "w jets": ["b.root"]
    }  # fmt: skip
    for name in ("a$b_c%d", "$x_", "50% µ"):  # named so, or refused by name: never taken for a path
        assert named_files([f"{name}=a.root"]) == {name: ["a.root"]}
    remote = "root://host//store/f.root?key=value"
    assert list(named_files([remote]).values()) == [[remote]]
    odd = tmp_path / "x=y.root"
    odd.touch()
    assert list(named_files([str(odd)]).values()) == [[str(odd)]]


def test_truth_pairs_with_the_only_sample_or_by_name():
    alone = datasets_of(Request(fileset=["a.root"], truth=("t.root",)))
    assert alone["a"].truth == ["t.root"]
    two = datasets_of(
        Request(fileset=["top=a.root", "vbf=b.root"], truth=("vbf=t.root",), minbias=("m.root",))
    )
    assert (two["top"].truth, two["vbf"].truth) == ([], ["t.root"])
    assert list(two) == ["top", "vbf", "minbias"]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (Request(), "no files"),
        (Request(fileset=["a.root"], truth=("t.root", "u.root")), "found 2 for 1 files"),
        (Request(fileset=["x=a.root", "y=b.root"], truth=("t.root",)), "there are: x, y"),
        (Request(minbias=("m.root",), truth=("t.root",)), "there are: none"),
        (Request(fileset={"minbias": ["a.root"]}, minbias=("m.root",)), "in one place"),
    ],
)
def test_samples_that_make_no_sense(request_, message):
    with pytest.raises(ConfigurationError, match=message):
        datasets_of(request_)
