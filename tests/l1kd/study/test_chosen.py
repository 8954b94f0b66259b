"""Algorithms with the options that a study has for them."""

from l1kd.algorithms import LinPuppi
from l1kd.study.chosen import chosen


def test_the_trigger_finds_its_own_vertex():
    first, second = chosen(["puppi", "linpuppi"], "tracks")
    assert first == "puppi"
    assert isinstance(second, LinPuppi)
    assert second.vertex == "tracks"
    assert chosen(["linpuppi"], "simulated") == ["linpuppi"]
