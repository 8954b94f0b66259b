"""Events that tests of execution share."""

import awkward as ak
import numpy as np
import pytest
import uproot

from l1kd.execution import run
from tests.l1kd.execution.processors import SumPt


@pytest.fixture(scope="session")
def fileset(data):
    return {
        "top": [str(data / "ttbar2l_PU140.root")],
        "minbias": [str(data / "minbias_PU140.root")],
    }


@pytest.fixture(scope="session")
def expected(fileset):
    return run(SumPt(), fileset)


@pytest.fixture(scope="session")
def write_pfnano():
    """Return a function that writes a small PFNano, with chosen momenta."""

    def write(path, pt, **more):
        pt = ak.values_astype(ak.Array(pt), np.float32)
        shape = ak.ones_like(pt)
        columns = {
            "pt": pt, "eta": shape, "phi": shape, "mass": 0 * shape, "charge": shape,
            "pdgId": 211 * shape, "d0": 0 * shape, "d0Err": shape, "dz": 0 * shape, "dzErr": shape,
        }  # fmt: skip
        integers = {"charge": np.int32, "pdgId": np.int32}
        columns = {n: ak.values_astype(v, integers.get(n, np.float32)) for n, v in columns.items()}
        branches = {"PFCands": ak.zip(columns), "event": np.arange(len(pt)), **more}
        with uproot.recreate(path) as file:
            file["Events"] = branches
        return str(path)

    return write


@pytest.fixture
def half_bad(write_pfnano, tmp_path):
    """Return a file of 40 events, whose last one holds NaN."""
    pt = [[10.0, 20.0]] * 39 + [[float("nan"), 1.0]]
    return write_pfnano(tmp_path / "half_bad.root", pt)
