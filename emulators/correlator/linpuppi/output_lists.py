"""Output lists of LinPuppi, as the kernels write them and by name."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.correlator.linpuppi.parameters import LinPuppiParameters

__all__ = ["OutputLists", "final_arrays"]

NEUTRAL_WIDE: Final = ("hwPt", "hwEta", "hwPhi", "hwPuppiW")
NEUTRAL_NARROW: Final = ("hwId", "hwEmID")


class OutputLists:
    """Arrays filled with zeros, new or used before, and their names.

    Parameters
    ----------
    n : int
        Number of regions.
    parameters : LinPuppiParameters
        Configuration, which gives the numbers of slots.
    used : mapping of ndarray, optional
        Arrays of an earlier call, overwritten.

    Attributes
    ----------
    named : dict of ndarray
        Everything handed out, by name.
    """

    def __init__(
        self, n: int, parameters: LinPuppiParameters, used: Mapping[str, AnyArray] | None = None
    ) -> None:
        self.named: dict[str, AnyArray] = {}
        self._n = n
        self._parameters = parameters
        self._used = used

    def _array(self, name: str, slots: int | None, kind: type, value: int = 0) -> AnyArray:
        """Return one array with every element set to a value."""
        array: AnyArray
        shape = (self._n,) if slots is None else (self._n, slots)
        if self._used is None:
            array = np.full(shape, value, dtype=kind) if value else np.zeros(shape, dtype=kind)
        else:
            if name not in self._used:
                raise ValueError(f"out has no array {name}; it is not from this algorithm")
            array = self._used[name]
            if array.shape != shape or array.dtype != kind or not array.flags.c_contiguous:
                raise ValueError(f"out array {name} has shape {array.shape}; expected {shape}")
            array.fill(value)
        self.named[name] = array
        return array

    def _fields(
        self, prefix: str, names: tuple[str, ...], slots: int, kind: type
    ) -> tuple[AnyArray, ...]:
        return tuple(self._array(prefix + name, slots, kind) for name in names)

    def neutral(self) -> tuple[Any, ...]:
        """Return the lists of neutrals: without cut, with cut, selected, number selected."""
        p = self._parameters
        return (
            self._fields("out_nocut_", NEUTRAL_WIDE, p.n_in, np.int16),
            self._fields("out_nocut_", NEUTRAL_NARROW, p.n_in, np.int8),
            self._array("out_all_hwPt", p.n_in, np.int16),
            self._fields("out_sel_", NEUTRAL_WIDE, p.n_out, np.int16),
            self._fields("out_sel_", NEUTRAL_NARROW, p.n_out, np.int8),
            self._array("out_n_sel", None, np.int16),
        )

    def charged(self, slots: int) -> tuple[Any, ...]:
        """Return the association flags of all track slots, -1, and the charged list."""
        n_track = self._parameters.n_track
        wide = ("hwPt", "hwEta", "hwPhi", "hwZ0", "hwDxy")
        return (
            self._array("out_assoc", slots, np.int8, -1),
            self._fields("out_ch_", wide, n_track, np.int16),
            self._fields("out_ch_", ("hwId", "hwTkQual"), n_track, np.int8),
        )

    def final(self, slots: int) -> tuple[Any, ...]:
        """Return the final candidates, see `final_arrays`."""
        wide = ("hwPt", "hwEta", "hwPhi", "hwZ0", "hwDxy", "hwPuppiW")
        return (
            self._fields("out_puppi_", wide, slots, np.int16),
            self._fields("out_puppi_", ("hwId", "hwTkQual", "hwEmID"), slots, np.int8),
            self._array("out_puppi_hwData", slots, np.int32),
            self._array("out_n_puppi", None, np.int16),
            np.empty((self._n, slots), dtype=np.int16),
            np.empty(self._n, dtype=np.int16),
        )


def final_arrays(n: int, slots: int, parameters: LinPuppiParameters) -> tuple[Any, ...]:
    """Allocate what `LinPuppi.run_final` writes, for n regions.

    Returns
    -------
    tuple
        Tuples of pt, eta, phi, z0, dxy, weight (int16) and of id, track quality, emID (int8), all
        (n, slots); the data word int32; the number of candidates int16 (n,); the slot each comes
        from int16, tracks first, then neutrals from n_track on; the number of candidates before
        the crop, int16.
    """
    return OutputLists(n, parameters).final(slots)
