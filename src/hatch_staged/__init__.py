"""Stage a Python release, test exactly what was staged, then publish it at once (PEP 694)."""

__version__ = "0.1.0"
