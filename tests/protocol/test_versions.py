"""Versions of any length."""

from __future__ import annotations

import pytest
from packaging.version import InvalidVersion, Version

from hatch_staged.protocol.versions import LONGEST, parse_version


def test_a_version() -> None:
    assert parse_version("1.2.0rc1") == Version("1.2rc1")
    assert parse_version("1" * LONGEST) == Version("1" * LONGEST)


@pytest.mark.parametrize("text", ["", "next", "1" * (LONGEST + 1), "1" * 5000, "1." * 5000 + "1"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(InvalidVersion) as caught:
        parse_version(text)
    assert len(str(caught.value)) < 300
