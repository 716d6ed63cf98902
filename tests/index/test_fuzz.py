"""Nonsense through the HTTP front: file names, JSON, forms and archives.  Never a 500, always problem details.

`HATCH_STAGED_FUZZ` says how much of it, see `test_generated_requests`.
"""

from __future__ import annotations

import gc
import json
import os
import tracemalloc
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.index import forms
from tests.index.building import Built, build
from tests.index.test_upload_api import META, is_problem

from hatch_staged.index.database import published_rows
from hatch_staged.protocol.messages import CONTENT_TYPE

if TYPE_CHECKING:
    from httpx2 import Response
    from starlette.testclient import TestClient
    from tests.index.conftest import Api

    from hatch_staged.index.core import Index

FUZZED = settings(
    max_examples=int(os.environ.get("HATCH_STAGED_FUZZ", "50")),
    database=None,
    derandomize="HATCH_STAGED_FUZZ" not in os.environ,
    # The index is the same for all examples; each leaves something in it, or nothing.
    suppress_health_check=list(HealthCheck),
)
REFUSALS = {400, 404, 409, 413, 415, 422}


def mutated(*originals: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy for bytes that are almost one of `originals`."""
    pieces = st.one_of(
        st.binary(max_size=8),
        st.sampled_from([b"\r\n", b"\0" * 512, b"\xff" * 4, b"--", b'"', b"PK\1\2", b"../", b"9" * 30]),
    )
    change = st.tuples(st.floats(0, 1), st.integers(0, 64), pieces)

    def apply(original: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
        data = bytearray(original)
        for where, length, piece in changes:
            start = int(where * len(data))
            data[start : start + length] = piece
        return bytes(data)

    return st.builds(apply, st.sampled_from(originals), st.lists(change, min_size=1, max_size=4))


def sane(answer: Response, *successes: int) -> bool:
    """Expect success or problem details; return whether it is success."""
    if answer.status_code in successes:
        return True
    assert answer.status_code in REFUSALS, answer.text
    is_problem(answer, answer.status_code)
    return False


def session(api: Api) -> dict[str, str]:
    """Return the links of the open session of foo 1.0."""
    answer = api.post("/upload/", {"meta": META, "name": "foo", "version": "1.0"})
    found = answer if answer.status_code == 201 else api.get(answer.headers["location"])
    links: dict[str, str] = found.json()["links"]
    return links


def send_form(api: Api, client: TestClient, body: bytes) -> Response:
    """POST a form."""
    return client.post("/legacy/", content=body, headers={**api.headers, "Content-Type": forms.CONTENT_TYPE})


FILENAMES = st.one_of(
    st.text(max_size=300),
    st.from_regex(r"foo-1\.0(-[a-z0-9_.]*){0,6}(\.whl|\.tar\.gz)", fullmatch=True),
    mutated(b"foo-1.0-py3-none-any.whl", b"foo-1.0.tar.gz").map(lambda name: name.decode("latin-1")),
    st.builds(
        "foo-1.0-{}-{}-{}.whl".format,
        *[st.lists(st.sampled_from(["py3", "cp311", "any", "none", ""]), max_size=80).map(".".join)] * 3,
    ),
)


@FUZZED
@given(filename=FILENAMES)
def test_file_names(api: Api, filename: str) -> None:
    answer = api.post(session(api)["upload"], build().declared(filename=filename))
    if sane(answer, 202):
        link = answer.json()["links"]["file-upload-session"]
        assert api.delete(link).status_code == 204


@FUZZED
@given(filename=FILENAMES.filter(lambda name: '"' not in name))
def test_file_names_in_forms(api: Api, client: TestClient, filename: str) -> None:
    built = build()
    fields = [*forms.form(built)[:-1], ("content", built.data, filename)]
    sane(send_form(api, client, forms.encode(fields)), 200)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
MESSAGES: list[dict[str, Any]] = [
    {"meta": META, "name": "foo", "version": "1.0"},
    build().declared(),
    {"meta": META, "extend-for": 3600},
    {"meta": META},
]


@st.composite
def json_bodies(draw: st.DrawFn) -> bytes:
    """Return a body that is a message, but for one value; or less than that."""
    message = dict(draw(st.sampled_from(MESSAGES)))
    message[draw(st.sampled_from(sorted(message)))] = draw(JSON)
    return json.dumps(message).encode("utf-8", "surrogatepass")


@FUZZED
@given(
    body=st.one_of(json_bodies(), mutated(*(json.dumps(each).encode() for each in MESSAGES)), st.binary()),
    data=st.data(),
)
def test_json_bodies(api: Api, client: TestClient, body: bytes, data: st.DataObject) -> None:
    links = session(api)
    url = data.draw(st.sampled_from(["/upload/", links["upload"], links["extend"]]))
    sane(client.post(url, content=body, headers={**api.headers, "Content-Type": CONTENT_TYPE}), 200, 201, 202)


FORM = forms.encode(forms.form(build()))


@FUZZED
@given(body=st.one_of(mutated(FORM), st.binary(), mutated(forms.encode([("", b"", "")]))))
def test_forms(api: Api, client: TestClient, body: bytes) -> None:
    sane(send_form(api, client, body), 200)


ARCHIVES = [
    build(name, content=content)
    for name in ("foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz")
    for content in (b"content", b"\0" * 2000)
]


@FUZZED
@given(original=st.sampled_from(ARCHIVES), data=st.data())
def test_archives(api: Api, client: TestClient, index: Index, original: Built, data: st.DataObject) -> None:
    built = Built(original.filename, data.draw(mutated(original.data)), b"")
    sane(send_form(api, client, forms.encode(forms.form(built))), 200)
    # There are no other objects than those of published files.
    with index.database.reading() as tx:
        published = published_rows.of_project(tx, "foo")
    assert {each.key for each in index.objects.list()} == {each.object_key for each in published}


@FUZZED
@given(original=st.sampled_from(ARCHIVES), data=st.data())
def test_archives_in_sessions(api: Api, original: Built, data: st.DataObject) -> None:
    content = data.draw(mutated(original.data))
    built = Built(original.filename, content, b"", {"sha256": Built("", content, b"").sha256})
    links = session(api)
    created = api.post(links["upload"], built.declared())
    assert created.status_code == 202, created.text
    file = created.json()
    assert api.send(file["mechanism"]["file_url"], built.data).status_code == 204
    sane(api.post(file["links"]["complete"]), 201)
    assert api.delete(file["links"]["file-upload-session"]).status_code == 204
    # It takes a thousand files at most, the deleted ones among them.
    assert api.delete(links["session"]).status_code == 200


def test_nonsense_does_not_add_up(api: Api, client: TestClient) -> None:
    """However often it comes, it leaves nothing in memory."""

    def rounds(count: int) -> None:
        for number in range(count):
            broken = FORM.replace(b"content", bytes([number % 256]) * 7, 1)
            client.post("/legacy/", content=broken, headers={**api.headers, "Content-Type": forms.CONTENT_TYPE})
            client.post("/upload/", content=broken, headers={**api.headers, "Content-Type": CONTENT_TYPE})
            client.get(f"/simple/{number}/")
            client.request(f"M{number}", f"/{number}")

    rounds(20)
    tracemalloc.start()
    try:
        rounds(20)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        rounds(60 * max(1, FUZZED.max_examples // 50))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    # 240 requests; what the libraries keep of other tests is collected at any time
    assert grown < 128 * 1024
