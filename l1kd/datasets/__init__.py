"""Filesets: which files belong to which dataset, what they are and how many events they hold."""

from l1kd.datasets.files import InputFile, inspect_file, read_fileset
from l1kd.datasets.fileset import Dataset, checked_name, is_url, load_fileset, named_after
from l1kd.datasets.opening import open_events
from l1kd.datasets.overlay import Calibration, Overlay, RegionLibrary, calibrate, calo_overlay
from l1kd.datasets.schemas import L1KDSchema
from l1kd.formats.schemas import TriggerNanoSchema, TriggerPFNanoSchema

__all__ = [
    "Calibration",
    "Dataset",
    "InputFile",
    "L1KDSchema",
    "Overlay",
    "RegionLibrary",
    "TriggerNanoSchema",
    "TriggerPFNanoSchema",
    "calibrate",
    "calo_overlay",
    "checked_name",
    "inspect_file",
    "is_url",
    "load_fileset",
    "named_after",
    "open_events",
    "read_fileset",
]
