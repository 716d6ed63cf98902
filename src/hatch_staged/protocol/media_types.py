"""What pages are made of, apart from what they say: that is decoded by what takes longer to import."""

from __future__ import annotations

#: A page of the simple repository API as JSON (PEP 691).
SIMPLE = "application/vnd.pypi.simple.v1+json"
