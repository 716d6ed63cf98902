"""Every body of PEP 694, there and back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_staged.protocol.messages import (
    META,
    Action,
    CreateFile,
    CreateSession,
    Extend,
    FileLinks,
    FileUploadSession,
    Session,
    SessionFile,
    SessionLinks,
    decode,
    encode,
)
from hatch_staged.protocol.states import FileState, SessionState

SAID = {"api-version": "2.0"}

# The PEP's examples, without the trailing commas that JSON does not have.
CREATE_SESSION = {"meta": SAID, "name": "foo", "version": "1.0"}
SESSION = {
    "meta": SAID,
    "links": {"stage": "st", "upload": "up", "session": "se", "publish": "pu", "extend": "ex"},
    "mechanisms": ["http-post-bytes"],
    "session-token": "<token-string>",
    "expires-at": "2030-08-01T12:00:00Z",
    "status": "open",
    "files": {},
    "notices": ["a notice to display to the user"],
}
CREATE_FILE = {
    "meta": SAID,
    "filename": "foo-1.0.tar.gz",
    "size": 1000,
    "hashes": {"sha256": "...", "blake2b": "..."},
    "mechanism": "http-post-bytes",
}
FILE_UPLOAD_SESSION = {
    "meta": SAID,
    "links": {"file-upload-session": "se", "complete": "co", "extend": "ex"},
    "status": "pending",
    "expires-at": "2030-08-01T13:00:00Z",
    "mechanism": {"identifier": "http-post-bytes", "file_url": "fi", "attestations_url": "at"},
}
EXTEND = {"meta": SAID, "extend-for": 3600}
ACTION = {"meta": SAID}

EXAMPLES: list[tuple[dict[str, Any], type[msgspec.Struct]]] = [
    (CREATE_SESSION, CreateSession),
    (SESSION, Session),
    (CREATE_FILE, CreateFile),
    (FILE_UPLOAD_SESSION, FileUploadSession),
    (EXTEND, Extend),
    (ACTION, Action),
]


@pytest.mark.parametrize(("example", "kind"), EXAMPLES)
def test_the_examples_of_the_pep(example: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    assert json.loads(encode(decode(json.dumps(example).encode(), kind))) == example


@pytest.mark.parametrize(("example", "kind"), EXAMPLES)
def test_unknown_keys_are_ignored(example: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    grown = {**example, "new": 1, "meta": {**SAID, "_index.test": {"organization": "my-org"}}}
    assert decode(json.dumps(grown).encode(), kind) == decode(json.dumps(example).encode(), kind)


REQUIRED = [(example, kind, key) for example, kind in EXAMPLES for key in example]


@pytest.mark.parametrize(("example", "kind", "key"), REQUIRED)
def test_required_keys(example: dict[str, Any], kind: type[msgspec.Struct], key: str) -> None:
    body = json.dumps({name: value for name, value in example.items() if name != key}).encode()
    if key in {"session-token", "notices"}:
        decode(body, kind)
    else:
        with pytest.raises(msgspec.ValidationError, match=f"`{key}`"):
            decode(body, kind)


@pytest.mark.parametrize("version", ["1.0", "2.1", "3.0", 2.0, None])
@pytest.mark.parametrize(("example", "kind"), EXAMPLES)
def test_only_this_version_is_read(example: dict[str, Any], kind: type[msgspec.Struct], version: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps({**example, "meta": {"api-version": version}}).encode(), kind)
    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps({**example, "meta": {}}).encode(), kind)


@pytest.mark.parametrize(
    ("example", "kind", "key", "value"),
    [
        (SESSION, Session, "status", "cancelled"),
        (SESSION, Session, "status", "completed"),
        (SESSION, Session, "expires-at", "2030-08-01T12:00:00"),
        (SESSION, Session, "expires-at", "0001-01-01T00:00:00+14:00"),
        (FILE_UPLOAD_SESSION, FileUploadSession, "status", "open"),
        (CREATE_FILE, CreateFile, "size", -1),
        (CREATE_FILE, CreateFile, "size", "1000"),
        (EXTEND, Extend, "extend-for", 0),
        (EXTEND, Extend, "extend-for", 1.5),
        (CREATE_SESSION, CreateSession, "version", 1.0),
    ],
)
def test_wrong_values(example: dict[str, Any], kind: type[msgspec.Struct], key: str, value: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(json.dumps({**example, key: value}).encode(), kind)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[1,]", b"\xff", b'{"meta": {"api-version": "2.0"},}', b'{"a": ' + b"[" * 100_000],
    ids=["nothing", "html", "list", "binary", "broken", "deep"],
)
def test_what_is_no_json(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(body, Action)


def test_keys_that_must_be_omitted_are() -> None:
    links = SessionLinks(session="s", upload="u", publish="p")
    session = Session(
        meta=META,
        links=links,
        mechanisms=("http-post-bytes",),
        expires_at=datetime(2030, 1, 1, tzinfo=timezone.utc),
        status=SessionState.OPEN,
        files={"f": SessionFile(status=FileState.PENDING, link="l")},
    )
    body = json.loads(encode(session))
    assert set(body) == {"meta", "links", "mechanisms", "expires-at", "status", "files"}
    assert set(body["links"]) == {"session", "upload", "publish"}
    assert body["files"] == {"f": {"status": "pending", "link": "l"}}


TEXTS = st.text(st.characters(max_codepoint=0x2FFF, exclude_categories=["Cs"]), max_size=20)
ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
TIMES = st.datetimes(datetime(2000, 1, 2), datetime(2999, 1, 1), timezones=ZONES)  # noqa: DTZ001 - hypothesis wants it so
SESSIONS = st.builds(
    Session,
    meta=st.just(META),
    links=st.builds(
        SessionLinks,
        session=TEXTS,
        upload=TEXTS,
        publish=TEXTS,
        extend=st.none() | TEXTS,
        stage=st.none() | TEXTS,
    ),
    mechanisms=st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    session_token=st.none() | TEXTS,
    expires_at=TIMES,
    status=st.sampled_from(SessionState),
    files=st.dictionaries(
        TEXTS,
        st.builds(
            SessionFile,
            status=st.sampled_from(FileState),
            link=TEXTS,
            notices=st.lists(TEXTS, max_size=2).map(tuple),
        ),
        max_size=3,
    ),
    notices=st.lists(TEXTS, max_size=2).map(tuple),
)
FILE_UPLOAD_SESSIONS = st.builds(
    FileUploadSession,
    meta=st.just(META),
    links=st.builds(FileLinks, file_upload_session=TEXTS, complete=TEXTS, extend=st.none() | TEXTS),
    status=st.sampled_from(FileState),
    expires_at=TIMES,
    mechanism=st.dictionaries(TEXTS, TEXTS, max_size=3),
)


@given(SESSIONS | FILE_UPLOAD_SESSIONS)
def test_what_is_written_is_read(message: Session | FileUploadSession) -> None:
    body = encode(message)
    expected = msgspec.structs.replace(message, expires_at=message.expires_at.replace(microsecond=0))
    # a zone may have an offset with a fraction of a second; the instant loses no more than that
    read = decode(body, type(message))
    assert abs(read.expires_at - message.expires_at) < timedelta(seconds=1)
    assert msgspec.structs.replace(read, expires_at=expected.expires_at) == expected
    assert encode(read) == body


@given(SESSIONS | FILE_UPLOAD_SESSIONS)
def test_times_have_the_zulu_marker_and_whole_seconds(message: Session | FileUploadSession) -> None:
    text = json.loads(encode(message))["expires-at"]
    parsed = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert timedelta(0) <= message.expires_at - parsed < timedelta(seconds=1)


@given(
    st.builds(CreateSession, meta=st.just(META), name=TEXTS, version=TEXTS)
    | st.builds(Extend, meta=st.just(META), extend_for=st.integers(1, 2**53))
    | st.builds(
        CreateFile,
        meta=st.just(META),
        filename=TEXTS,
        size=st.integers(0, 2**53),
        hashes=st.dictionaries(TEXTS, TEXTS, max_size=2),
        mechanism=TEXTS,
    )
)
def test_requests_are_read_as_written(message: CreateSession | Extend | CreateFile) -> None:
    assert decode(encode(message), type(message)) == message
