"""Which l1kd runs: the release that is installed, and the commit of its sources."""

import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["__version__", "commit"]

try:
    __version__ = version("l1kd")
except PackageNotFoundError:  # sources on the path, not installed
    __version__ = "unknown"


@cache
def commit() -> str:
    """Return the commit of the code that runs: 40 digits in a checkout, fewer in an installation.

    A checkout whose tracked files differ from its commit ends in `-dirty`. An installation has the
    commit in its version, from which the wheel was built; `unknown` where there is neither.
    """
    root = Path(__file__).resolve().parents[1]
    if (root / ".git").exists():
        asked = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
        try:
            found = subprocess.run(
                [*asked, "--exclude=*"], capture_output=True, text=True, check=True, timeout=30
            )
        except (OSError, subprocess.SubprocessError):
            return "unknown"
        return found.stdout.strip()
    built = re.search(r"\+g([0-9a-f]+)", __version__)
    return built.group(1) if built else "unknown"
