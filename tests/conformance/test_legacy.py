"""A file through the legacy API, as the tools of today send it."""

from __future__ import annotations

from email import message_from_bytes
from typing import TYPE_CHECKING

import pytest
from tests.conformance.fake_index import Reply

from hatch_staged.conformance import legacy
from hatch_staged.conformance.artifacts import Release

if TYPE_CHECKING:
    from tests.conformance.fake_index import FakeIndex, Seen

    from hatch_staged.conformance.artifacts import Artifact
    from hatch_staged.conformance.wire import Principal

RELEASE = Release("foo", "1.0")


def form(seen: Seen) -> dict[str, tuple[str | None, bytes]]:
    """Return the fields of a form: name to file name and content."""
    mail = message_from_bytes(b"Content-Type: " + seen.headers["content-type"].encode() + b"\r\n\r\n" + seen.body)
    found: dict[str, tuple[str | None, bytes]] = {}
    for part in mail.walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            name = part.get_param("name", header="content-disposition")
            found[str(name)] = (part.get_filename(), content)
    return found


@pytest.mark.parametrize(
    ("artifact", "kind", "python"),
    [
        (RELEASE.wheel("cp311-abi3-win32"), b"bdist_wheel", b"cp311"),
        (RELEASE.sdist(), b"sdist", b"source"),
    ],
)
def test_the_form_has_the_file_and_says_what_it_is(
    fake: FakeIndex, owner: Principal, artifact: Artifact, kind: bytes, python: bytes
) -> None:
    fake.script["POST", "/legacy/"] = [Reply(409)]
    assert legacy.upload(owner, f"{fake.origin}/legacy/", RELEASE, artifact).status == 409
    [seen] = fake.asked("POST", "/legacy/")
    assert seen.headers["authorization"].startswith("Basic ")
    assert form(seen) == {
        ":action": (None, b"file_upload"),
        "protocol_version": (None, b"1"),
        "metadata_version": (None, b"2.1"),
        "name": (None, b"foo"),
        "version": (None, b"1.0"),
        "filetype": (None, kind),
        "pyversion": (None, python),
        "sha256_digest": (None, artifact.hashes["sha256"].encode()),
        "content": (artifact.filename, artifact.data),
    }
