"""Which mechanism is taken is the index's preference among those that we know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.client.test_attestations import attested
from tests.client.upload_server import Reply, problem

from hatch_staged.client.sending import POST_BYTES, SENDERS, Execution, Mechanism, Upload, choose
from hatch_staged.errors import ArtifactError, PluginError, ProtocolError, StagedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.client.conftest import MakeRelease, Pauses
    from tests.client.upload_server import UploadServer

    from hatch_staged.client.artifacts import Artifact
    from hatch_staged.client.upload_api import Client
    from hatch_staged.protocol.messages import FileUploadSession


def test_the_index_prefers_and_we_know(index: UploadServer, client: Client) -> None:
    session = client.create_or_join("foo", "1.0")[0]

    def by_pigeon(_client: Client, _file: FileUploadSession, _artifact: Artifact, _progress: object) -> None:
        raise AssertionError

    assert index.mechanisms == ["vnd-acme-pigeon", "http-post-bytes"]
    assert choose(session) == ("http-post-bytes", SENDERS["http-post-bytes"])
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
        SENDERS["http-post-bytes"](client, file, artifact, lambda _: None)


def started(client: Client, artifact: Artifact, mechanism: str) -> FileUploadSession:
    return client.create_file(client.create_or_join("foo", "1.0")[0], artifact, mechanism)


def test_a_mechanism_of_a_plugin_sends_in_pieces_wherever_it_likes(
    index: UploadServer, other: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    artifact = make_release(payload=b"x" * 700_000).artifacts[0]
    told: list[int] = []

    def send(upload: Upload) -> None:
        assert upload.mechanism["identifier"] == "vnd-acme-pigeon"
        half = upload.artifact.size // 2
        for start, size in ((0, half), (half, None)):
            length = half if size else upload.artifact.size - half

            def content(start: int = start, size: int | None = size) -> Iterator[bytes]:
                return upload.pieces(start, size)

            upload.request(
                "POST",
                f"{other.origin}/bucket/{start}",
                headers={"Content-Length": str(length)},
                content=content,
                authorized=False,
            )
        answer = upload.request("POST", str(upload.mechanism["done"]), content=b"{}", authorized=True)
        assert answer.status == 200

    other.script("POST", "^/bucket/", Reply(200), Reply(200))
    index.script("POST", "/done$", Reply(200))
    mechanism = {"identifier": "vnd-acme-pigeon", "done": f"{index.origin}/done"}
    index.script("POST", "/u$", index.file_status(index.add_file("any"), 202, mechanism=mechanism))
    file = started(client, artifact, "vnd-acme-pigeon")

    Execution(Mechanism("vnd-acme-pigeon", send), "acme")(client, file, artifact, told.append)

    assert b"".join(seen.body for seen in other.seen) == artifact.path.read_bytes()
    assert sum(told) == artifact.size
    assert not any("authorization" in seen.headers for seen in other.seen), "credentials are for the index alone"
    [done] = index.asked("POST", "/done$")
    assert "authorization" in done.headers


def test_what_is_sent_again_is_told_once(
    other: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    artifact = make_release(payload=b"x" * 700_000).artifacts[0]
    told: list[int] = []
    other.script("PUT", "/x", problem(500, "Oops"), Reply(200))

    upload = Upload(client, {}, artifact, told.append)
    upload.request(
        "PUT",
        f"{other.origin}/x",
        headers={"Content-Length": str(artifact.size)},
        content=upload.pieces,
        authorized=False,
        idempotent=True,
    )

    assert len(pauses) == 1
    assert [seen.body for seen in other.seen] == [artifact.path.read_bytes()] * 2
    assert sum(told) == artifact.size


def test_an_answer_that_is_a_refusal_is_raised(
    index: UploadServer, other: UploadServer, client: Client, make_release: MakeRelease, pauses: Pauses
) -> None:
    artifact = make_release().artifacts[0]
    file = started(client, artifact, "http-post-bytes")

    def send(upload: Upload) -> None:
        upload.request("DELETE", f"{other.origin}/x", authorized=False, idempotent=True)

    other.script("DELETE", "/x", problem(500, "Oops"), problem(413, "Too large"))
    with pytest.raises(StagedError, match="Too large"):
        Execution(Mechanism("vnd-acme-pigeon", send), "acme")(client, file, artifact, lambda _: None)
    assert len(pauses) == 1
    assert not index.asked("DELETE")


def test_a_mechanism_that_fails_by_its_own_fault_is_named(client: Client, make_release: MakeRelease) -> None:
    artifact = make_release().artifacts[0]
    file = started(client, artifact, "http-post-bytes")

    def send(_: Upload) -> None:
        raise KeyError("https://u:p@h/x")

    with pytest.raises(PluginError, match=r"^the plugin acme failed to send by vnd-acme-pigeon: KeyError: ") as caught:
        Execution(Mechanism("vnd-acme-pigeon", send), "acme")(client, file, artifact, lambda _: None)
    assert "u:p" not in caught.value.what


@pytest.mark.parametrize("swallowed", [True, False])
def test_a_mechanism_cannot_hold_up_what_ends_all_uploads(
    client: Client, make_release: MakeRelease, *, swallowed: bool
) -> None:
    artifact = make_release().artifacts[0]
    file = started(client, artifact, "http-post-bytes")

    def stop(_: int) -> None:
        raise InterruptedError("enough")

    def send(upload: Upload) -> None:
        try:
            upload.advanced(1)
        except InterruptedError:
            if not swallowed:
                raise
            raise ValueError("something else") from None

    with pytest.raises(InterruptedError, match="enough"):
        Execution(Mechanism("vnd-acme-pigeon", send), "acme")(client, file, artifact, stop)


def test_pieces_of_a_file_that_is_shorter_now(client: Client, make_release: MakeRelease) -> None:
    artifact = make_release().artifacts[0]
    upload = Upload(client, {}, artifact, lambda _: None)
    assert b"".join(upload.pieces(2, 3)) == artifact.path.read_bytes()[2:5]
    artifact.path.write_bytes(b"short")
    with pytest.raises(ArtifactError, match="changed while it was being staged"):
        list(upload.pieces())
    artifact.path.unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        list(upload.pieces())


@pytest.mark.parametrize("nested", [True, False])
def test_attestations_go_where_the_index_says(
    index: UploadServer, client: Client, make_release: MakeRelease, *, nested: bool
) -> None:
    index.attesting, index.nested_mechanism = True, nested
    path = make_release().artifacts[0].path
    attested(path)
    attested(path, kind="slsa")
    artifact = make_release().artifacts[0]
    file = started(client, artifact, "http-post-bytes")

    SENDERS["http-post-bytes"](client, file, artifact, lambda _: None)

    [seen] = index.asked("POST", "/a/")
    assert seen.headers["content-type"] == "application/json"
    assert "authorization" in seen.headers
    assert json.loads(seen.body) == [json.loads(each.raw) for each in artifact.attestations]
    assert index.files[artifact.filename].content == path.read_bytes()


def test_an_index_that_takes_no_attestations_is_told_once(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    for artifact in make_release().artifacts:
        attested(artifact.path)
    notices: list[str] = []
    post_bytes = Execution(POST_BYTES, "ours", notices.append)
    without = Execution(Mechanism("vnd-acme-pigeon", lambda _: None), "acme", notices.append)

    for execution in (post_bytes, without):
        for artifact in make_release().artifacts:
            if artifact.filename not in index.files:
                file = started(client, artifact, "http-post-bytes")
            execution(client, file, artifact, lambda _: None)

    assert notices == ["the index takes no attestations: those of the artifacts are not uploaded"] * 2
    assert not index.asked("POST", "/a/")


def test_attestations_that_are_refused_are_a_failure(
    index: UploadServer, client: Client, make_release: MakeRelease
) -> None:
    index.attesting = True
    attested(make_release().artifacts[0].path)
    artifact = make_release().artifacts[0]
    file = started(client, artifact, "http-post-bytes")
    index.script("POST", "/a/", problem(400, "Not signed by a friend"))

    with pytest.raises(StagedError, match="Not signed by a friend"):
        SENDERS["http-post-bytes"](client, file, artifact, lambda _: None)
