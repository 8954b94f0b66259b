"""Sums of many operands as shared trees of adders."""
