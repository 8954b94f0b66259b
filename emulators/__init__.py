"""Numba kernels of the firmware: NumPy in, NumPy out."""

import sys
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

_FORMER: Final = {
    "correlator_float": "correlator.floating",
    "correlator_types": "correlator.types",
    "distillnet_inputs": "particles.distillnet_inputs",
    "linpuppi": "correlator.linpuppi",
    "linpuppi_parameters": "correlator.linpuppi.parameters",
    "local_inputs": "particles.local_inputs",
    "neighbours": "particles.neighbours",
    "puppi": "particles.puppi",
    "region_geometry": "correlator.regionizer.geometry",
    "regionizer": "correlator.regionizer",
    "seeded_cone": "correlator.jets.seeded_cone",
    "sorting": "correlator.sorting",
    "sums": "correlator.sums",
}
"""Public modules by the path that they had before they got rooms: both paths work."""


class _FormerPaths(MetaPathFinder, Loader):
    """Import a module by its former path: the very same module, not a copy."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        package, _, last = name.rpartition(".")
        if package == __name__ and last in _FORMER:
            return ModuleSpec(name, self)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(f"{__name__}.{_FORMER[spec.name.rpartition('.')[2]]}")
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # importlib has just set the former path's


sys.meta_path.append(_FormerPaths())
