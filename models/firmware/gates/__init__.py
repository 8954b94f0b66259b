"""Logic-gate networks as netlists."""
