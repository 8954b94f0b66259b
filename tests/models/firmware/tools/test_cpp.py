"""What compilers and simulators say when they fail, in one line."""

import pytest

from l1kd.errors import ToolError
from l1kd.models.firmware.tools.cpp import run_tool


def test_the_first_error_of_a_tool_is_shown_in_one_line():
    said = "echo 'In file included from a.h' >&2; echo 'a.h:3:1: error: no type' >&2; "
    said += "for i in $(seq 100); do echo 'note: a candidate is ignored' >&2; done; exit 2"
    with pytest.raises(ToolError) as error:
        run_tool(["sh", "-c", said], "the C++ compiler")
    assert str(error.value) == "the C++ compiler failed with exit code 2: a.h:3:1: error: no type"


def test_a_tool_that_names_no_error_is_shown_with_its_end():
    with pytest.raises(ToolError, match=r"the tool failed with exit code 1: (last)+$") as error:
        run_tool(["sh", "-c", f"echo first; echo {'last' * 500}; exit 1"], "the tool")
    assert len(str(error.value)) < 400
    with pytest.raises(ToolError, match="exit code 1: it says nothing"):
        run_tool(["sh", "-c", "exit 1"], "the tool")
