"""Public modules keep the paths that they had before they got rooms."""

import pickle
from importlib import import_module

import pytest

from l1kd import emulators
from l1kd.emulators.particles import neighbours


@pytest.mark.parametrize(("former", "now"), sorted(emulators._FORMER.items()))
def test_a_former_path_is_the_same_module(former, now):
    module = import_module(f"l1kd.emulators.{former}")
    assert module is import_module(f"l1kd.emulators.{now}")
    assert module.__spec__.name == module.__name__ == f"l1kd.emulators.{now}"


@pytest.mark.parametrize(
    ("former", "names"),
    [
        ("linpuppi", ("LinPuppi", "LinPuppiParameters", "PRESETS")),
        ("linpuppi_parameters", ("LinPuppiParameters", "PRESETS")),
        ("seeded_cone", ("SeededCone",)),
        ("sums", ("met", "ht", "select_jets")),
        ("regionizer", ("Regionizer", "deregionize")),
        ("puppi", ("puppi_weights",)),
        ("local_inputs", ("local_inputs", "LOCAL_FEATURES")),
        ("distillnet_inputs", ("distillnet_inputs", "FEATURES")),
    ],
)
def test_public_names_are_found_by_the_former_path(former, names):
    module = import_module(f"l1kd.emulators.{former}")
    for name in names:
        assert hasattr(module, name)


def test_other_names_are_not_found():
    with pytest.raises(ModuleNotFoundError, match="no_such_room"):
        import_module("l1kd.emulators.no_such_room")


def test_functions_pickle_by_their_new_path():
    """Workers of another process find them without the former names."""
    raw = pickle.dumps(neighbours.check_flat)
    assert b"l1kd.emulators.particles.neighbours" in raw
    assert pickle.loads(raw) is neighbours.check_flat
