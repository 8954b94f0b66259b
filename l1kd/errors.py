"""One documented class per error that a user can meet.

Every message names the file or collection, what was expected, what was found and what to do.
"""

__all__ = [
    "ArtefactError",
    "ConfigurationError",
    "FirmwareError",
    "InputError",
    "L1KDError",
    "MachineError",
    "MenuError",
    "MissingBranchError",
    "OutputError",
    "PairingError",
    "RefusedFormatError",
    "ToolError",
    "UnknownFormatError",
    "UnreadableFileError",
]


class L1KDError(Exception):
    """Base of every error that l1kd raises on purpose."""


class UnknownFormatError(L1KDError, ValueError):
    """The events have none of the collections of any known format."""


class RefusedFormatError(L1KDError, ValueError):
    """The format is known, and what was asked of it cannot be computed correctly."""


class MissingBranchError(L1KDError, KeyError):
    """A collection of a known format lacks a branch that was asked for."""

    def __str__(self) -> str:
        """Return the message itself, not its representation as `KeyError` does."""
        return str(self.args[0]) if self.args else ""


class InputError(L1KDError, ValueError):
    """A value, shape or type is outside what an algorithm accepts (NaN, negative pt, ...)."""


class PairingError(L1KDError, ValueError):
    """Two files that should hold the same events in the same order do not."""


class UnreadableFileError(L1KDError, OSError):
    """A file is missing, truncated or corrupt; `path` names it where the message is about one."""

    path: str | None = None


class OutputError(L1KDError, OSError):
    """A result cannot be written: no permission, a full disk, no such folder."""


class MachineError(L1KDError, RuntimeError):
    """A machine failed and not a file: memory, open files, a worker or scheduler that died."""


class ArtefactError(L1KDError, ValueError):
    """A shipped or user-made model differs from its hash or its schema."""


class ConfigurationError(L1KDError, ValueError):
    """A configuration has an unknown key or a value outside its range."""


class MenuError(L1KDError, ValueError):
    """A trigger menu cannot be read, or a seed cannot be evaluated; it names line and seed."""


class FirmwareError(L1KDError, ValueError):
    """A network cannot be built as it was asked for, or a built project is damaged."""


class ToolError(L1KDError, RuntimeError):
    """A compiler, simulator or synthesis tool is missing or failed; the message quotes it."""
