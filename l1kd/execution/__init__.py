"""Running a processor over a fileset: one function for one core, many cores and many machines."""

from l1kd.execution.backends import Executor
from l1kd.execution.faults import require_writable, writing
from l1kd.execution.running import DEFAULT_CHUNK, RunResult, run

__all__ = ["DEFAULT_CHUNK", "Executor", "RunResult", "require_writable", "run", "writing"]
