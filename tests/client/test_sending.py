"""Which mechanism is taken is the index's preference among those that we know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_staged.client.sending import SENDERS, by_http_post_bytes, choose
from hatch_staged.errors import ProtocolError

if TYPE_CHECKING:
    from tests.client.conftest import MakeRelease
    from tests.client.upload_server import UploadServer

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import FileUploadSession


def test_the_index_prefers_and_we_know(index: UploadServer, client: Client) -> None:
    session = client.create_or_join("foo", "1.0")[0]

    def by_pigeon(_client: Client, _file: FileUploadSession, _artifact: Artifact, _progress: object) -> None:
        raise AssertionError

    assert index.mechanisms == ["vnd-acme-pigeon", "http-post-bytes"]
    assert choose(session) == ("http-post-bytes", by_http_post_bytes)
    assert choose(session, {**SENDERS, "vnd-acme-pigeon": by_pigeon}) == ("vnd-acme-pigeon", by_pigeon)
    with pytest.raises(ProtocolError, match="the index has vnd-acme-pigeon, http-post-bytes, we have vnd-other-way"):
        choose(session, {"vnd-other-way": by_pigeon})


def test_mechanisms_without_end_are_shown_in_a_bearable_line(index: UploadServer, client: Client) -> None:
    index.mechanisms = ["vnd-acme-pigeon"] * 1000

    with pytest.raises(ProtocolError) as caught:
        choose(client.create_or_join("foo", "1.0")[0])

    assert len(caught.value.what) < 600


def test_an_index_that_does_not_say_where_to(index: UploadServer, client: Client, make_release: MakeRelease) -> None:
    session = client.create_or_join("foo", "1.0")[0]
    (artifact, _) = make_release().artifacts
    nowhere = {"identifier": "http-post-bytes"}
    index.script("POST", "/u$", index.file_status(index.add_file("any"), 202, mechanism=nowhere))
    file = client.create_file(session, artifact, "http-post-bytes")

    with pytest.raises(ProtocolError, match="file_url"):
        by_http_post_bytes(client, file, artifact, lambda _: None)
