"""The version of l1kd."""

__version__ = "0.1.0"
