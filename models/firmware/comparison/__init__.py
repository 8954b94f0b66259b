"""Two networks side by side, or a network beside what was recorded of one."""
