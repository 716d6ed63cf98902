"""Attestations from upload to installers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.index import attesting, uploading
from tests.index.building import build
from tests.index.test_simple_api import HTML, JSON, links
from tests.index.test_upload_api import is_problem

from hatch_staged.index import attestations, sessions, uploads
from hatch_staged.index.refusals import InvalidRequestError
from hatch_staged.protocol.attestations import MOST, decode

if TYPE_CHECKING:
    from httpx2 import Response
    from starlette.testclient import TestClient
    from tests.index.building import Built
    from tests.index.conftest import Api

    from hatch_staged.index.authorization import Principal
    from hatch_staged.index.core import Index
    from hatch_staged.protocol.attestations import Subject

WHEEL = build("Foo.bar-1.0-py3-none-any.whl")


@pytest.fixture
def session(api: Api) -> dict[str, Any]:
    return api.create("foo-bar")


@pytest.fixture
def file(api: Api, session: dict[str, Any]) -> dict[str, Any]:
    return create(api, session, WHEEL)


def create(api: Api, session: dict[str, Any], built: Built, **declared: object) -> dict[str, Any]:
    body: dict[str, Any] = api.post(session["links"]["upload"], built.declared(**declared)).json()
    return body


def attest(api: Api, file: dict[str, Any], *attestations: object) -> Response:
    return attest_with(api, file, json.dumps(attestations).encode())


def attest_with(api: Api, file: dict[str, Any], content: bytes, **headers: str) -> Response:
    return api.client.post(
        file["mechanism"]["attestations_url"],
        content=content,
        headers={**api.headers, "Content-Type": "application/json", **headers},
    )


def complete(api: Api, file: dict[str, Any], built: Built = WHEEL) -> Response:
    assert api.send(file["mechanism"]["file_url"], built.data).status_code == 204
    return api.post(file["links"]["complete"])


def listed(client: TestClient, page: str) -> dict[str, Any]:
    [found] = client.get(page, headers=JSON).json()["files"]
    return dict(found)


@pytest.mark.parametrize("before_the_bytes", [True, False])
def test_attestations_are_served_as_provenance(
    api: Api, client: TestClient, session: dict[str, Any], file: dict[str, Any], *, before_the_bytes: bool
) -> None:
    sent = [attesting.of(WHEEL), attesting.of(WHEEL)]
    if not before_the_bytes:
        api.send(file["mechanism"]["file_url"], WHEEL.data)
    assert attest(api, file, *sent).status_code == 204
    assert complete(api, file).status_code == 201

    def assert_served(page: str) -> str:
        found = listed(client, page)
        assert found["provenance"] == f"{found['url']}.provenance"
        [(attributes, _)] = links(client.get(page, headers=HTML).text)
        assert f'data-provenance="{found["provenance"]}"' in attributes
        answer = client.get(found["provenance"])
        assert answer.headers["content-type"] == "application/json"
        provenance = answer.json()
        [bundle] = provenance.pop("attestation_bundles")
        assert provenance == {"version": 1}
        assert bundle == {"publisher": {"kind": "hatch-staged API token", "claims": {}}, "attestations": sent}
        return str(found["provenance"])

    staged = assert_served(f"{session['links']['stage']}foo-bar/")
    assert client.get(staged).headers["cache-control"] == "no-store"
    assert api.post(session["links"]["publish"]).status_code == 201
    assert_served("/simple/foo-bar/")
    is_problem(client.get(staged), 404)


def test_without_attestations_there_is_no_provenance(
    api: Api, client: TestClient, session: dict[str, Any], file: dict[str, Any]
) -> None:
    attest(api, file, attesting.of(WHEEL))
    assert attest(api, file).status_code == 204  # none, in place of it
    complete(api, file)
    found = listed(client, f"{session['links']['stage']}foo-bar/")
    assert "provenance" not in found
    assert "provenance" not in client.get(f"{session['links']['stage']}foo-bar/", headers=HTML).text
    is_problem(client.get(f"{found['url']}.provenance"), 404)
    for suffix in (".provenance.metadata", ".metadata.provenance"):
        is_problem(client.get(found["url"] + suffix), 404)


def test_attestations_replace_others(
    api: Api, client: TestClient, session: dict[str, Any], file: dict[str, Any]
) -> None:
    attest(api, file, attesting.of(WHEEL), attesting.of(WHEEL))
    attest(api, file, attesting.of(WHEEL))
    complete(api, file)
    provenance = client.get(listed(client, f"{session['links']['stage']}foo-bar/")["provenance"]).json()
    assert len(provenance["attestation_bundles"][0]["attestations"]) == 1


def test_another_spelling_of_the_name(api: Api, file: dict[str, Any]) -> None:
    said = attesting.statement("foo_bar-1.0-py3-none-any.whl", WHEEL.sha256.upper())
    assert attest(api, file, attesting.attestation(said)).status_code == 204
    assert complete(api, file).status_code == 201


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (attesting.statement("foo_bar-1.0.tar.gz", WHEEL.sha256), "is of foo_bar-1.0.tar.gz"),
        (attesting.statement("../x", WHEEL.sha256), "is of something else"),
        (attesting.statement(WHEEL.filename, "0" * 64), "is of a file with the sha256 000"),
        ({}, "in the statement of `$[1]`"),
    ],
)
def test_attestations_of_something_else_are_refused(
    api: Api, file: dict[str, Any], said: dict[str, Any], told: str
) -> None:
    problem = is_problem(attest(api, file, attesting.of(WHEEL), attesting.attestation(said)), 400)
    assert problem["errors"][0]["source"] == "attestations"
    assert told in problem["errors"][0]["message"]
    assert told in problem["detail"]


def test_bytes_that_are_not_those_that_were_attested(api: Api, session: dict[str, Any]) -> None:
    """The declaration need not have a sha256, so that only the bytes tell."""
    other = build(WHEEL.filename, content=b"other")
    file = create(api, session, other, hashes={"blake2b": other.hashes["blake2b"]})
    assert attest(api, file, attesting.of(WHEEL)).status_code == 204
    problem = is_problem(complete(api, file, other), 400)
    assert "an attestation is of a file with the sha256" in problem["detail"]
    status = api.get(session["links"]["session"]).json()["files"][other.filename]
    assert status["status"] == "error"
    assert "an attestation is of a file" in status["notices"][0]


def test_attestations_that_are_not_of_the_bytes_that_came_before(api: Api, session: dict[str, Any]) -> None:
    other = build(WHEEL.filename, content=b"other")
    file = create(api, session, other, hashes={"blake2b": other.hashes["blake2b"]})
    api.send(file["mechanism"]["file_url"], other.data)
    is_problem(attest(api, file, attesting.of(WHEEL)), 400)
    assert complete(api, file, other).status_code == 201


def test_others_write_while_attestations_are_read(
    index: Index, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the bytes come, which are not those that were attested."""
    other = build(WHEEL.filename, content=b"other")
    session = sessions.create(index, alice, name="foo-bar", version="1.0").session
    declared = replace(other, hashes={"blake2b": other.hashes["blake2b"]})
    file = uploading.create(index, alice, session, declared)

    def slow(raw: bytes) -> list[Subject]:
        uploading.send(index, alice, file, other.data)
        return decode(raw)

    monkeypatch.setattr(attestations, "decode", slow)
    with pytest.raises(InvalidRequestError, match="an attestation is of a file with the sha256"):
        uploads.attest(index, alice, file.address, json.dumps([attesting.of(WHEEL)]).encode())


def test_only_while_the_file_is_pending(api: Api, session: dict[str, Any], file: dict[str, Any]) -> None:
    complete(api, file)
    is_problem(attest(api, file, attesting.of(WHEEL)), 409)
    api.delete(file["links"]["file-upload-session"])
    is_problem(attest(api, file, attesting.of(WHEEL)), 409)
    again = create(api, session, WHEEL)
    api.delete(session["links"]["session"])
    is_problem(attest(api, again, attesting.of(WHEEL)), 409)


def test_what_is_deleted_or_replaced_takes_its_attestations_along(
    api: Api, client: TestClient, session: dict[str, Any], file: dict[str, Any]
) -> None:
    attest(api, file, attesting.of(WHEEL))
    complete(api, file)
    page = f"{session['links']['stage']}foo-bar/"
    assert "provenance" in listed(client, page)
    complete(api, create(api, session, WHEEL))
    assert "provenance" not in listed(client, page)


def test_who_may(api: Api, client: TestClient, file: dict[str, Any]) -> None:
    url = file["mechanism"]["attestations_url"]
    answer = client.post(url, json=[attesting.of(WHEEL)])
    is_problem(answer, 401)
    assert answer.headers["www-authenticate"]
    is_problem(attest(api, {"mechanism": {"attestations_url": url.replace("/files/", "/files/x")}}), 404)


def test_what_is_sent_is_bounded(api: Api, index: Index, file: dict[str, Any]) -> None:
    is_problem(attest(api, file, *[attesting.of(WHEEL)] * (MOST + 1)), 400)
    is_problem(attest_with(api, file, b"[" + b" " * index.limits.request_size + b"]"), 413)
    is_problem(attest_with(api, file, b"[]", **{"Content-Type": "application/octet-stream"}), 415)
    assert attest(api, file, *[attesting.of(WHEEL)] * MOST).status_code == 204
