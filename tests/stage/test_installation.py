"""What an installer is told."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest
from packaging.requirements import Requirement

from hatch_staged.stage.installation import requirement

FILENAME = "foo-1.2.0+x-py3-none-any.whl"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (PurePosixPath("/a b/100%/ü@[x]#y") / FILENAME, "file:///a%20b/100%25/%C3%BC%40%5Bx%5D%23y/foo-1.2.0%2Bx-"),
        (PureWindowsPath(r"C:\a b") / FILENAME, "file:///C:/a%20b/foo-1.2.0%2Bx-"),
        (PureWindowsPath(r"\\host\share") / FILENAME, "file://host/share/foo-1.2.0%2Bx-"),
    ],
)
def test_a_direct_reference(path: PurePath, url: str) -> None:
    text = requirement(path, "Foo", ["b", "A_x", "b"])
    assert text == f"foo[a-x,b] @ {url}py3-none-any.whl"
    parsed = Requirement(text)
    assert (parsed.name, parsed.extras, parsed.url) == ("foo", {"a-x", "b"}, f"{url}py3-none-any.whl")


def test_without_extras() -> None:
    assert requirement(PurePosixPath("/x/foo-1.tar.gz"), "foo") == "foo @ file:///x/foo-1.tar.gz"
