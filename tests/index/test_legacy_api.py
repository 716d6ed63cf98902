"""The legacy API over HTTP."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from tests.index import forms
from tests.index.building import build
from tests.index.test_upload_api import is_problem

from hatch_staged.index import tokens

if TYPE_CHECKING:
    from httpx2 import Response
    from starlette.testclient import TestClient
    from tests.index.conftest import Api

    from hatch_staged.index.core import Index

WHEEL = build()


def send(client: TestClient, credentials: str = "", **changes: Any) -> Response:
    """POST the form with `WHEEL`."""
    headers = {"Content-Type": forms.CONTENT_TYPE, **({"Authorization": credentials} if credentials else {})}
    return client.post("/legacy/", content=forms.encode(forms.form(WHEEL, **changes)), headers=headers)


def test_upload_is_served_at_once(api: Api, client: TestClient) -> None:
    basic = base64.b64encode(f"__token__:{api.secret}".encode()).decode()
    answer = send(client, f"Basic {basic}")
    assert (answer.status_code, answer.content) == (200, b"")
    page = client.get("/simple/foo/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}).json()
    [file] = page["files"]
    assert client.get(file["url"]).content == WHEEL.data
    assert client.get(file["url"] + ".metadata").content == WHEEL.metadata


def test_refusals_are_problem_details(api: Api, client: TestClient, index: Index) -> None:
    mine, strangers = f"Bearer {api.secret}", f"Bearer {tokens.create(index, user='bob')}"
    is_problem(send(client), 401)
    is_problem(send(client, "Bearer wrong"), 401)
    wrong = is_problem(send(client, mine, version="1.1"), 400)
    assert wrong["errors"] == [{"source": "version", "message": wrong["detail"]}]
    assert send(client, mine).status_code == 200
    assert "is published" in is_problem(send(client, mine), 409)["detail"]
    is_problem(send(client, strangers), 403)
    is_problem(client.post("/legacy/", json={}, headers=api.headers), 415)
    is_problem(client.post("/legacy/", data={":action": "file_upload"}, headers=api.headers), 415)
    broken = {**api.headers, "Content-Type": forms.CONTENT_TYPE}
    is_problem(client.post("/legacy/", content=b"------boundary", headers=broken), 400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_other_methods_are_not_allowed(client: TestClient, method: str) -> None:
    answer = client.request(method, "/legacy/")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_plain_hatch_finds_what_is_published(api: Api, client: TestClient) -> None:
    assert client.get("/legacy/+simple/foo/").status_code == 404
    send(client, f"Bearer {api.secret}")
    assert WHEEL.filename in client.get("/legacy/+simple/foo/").text


def test_form_in_the_wrong_place_is_told_where_it_goes(api: Api, client: TestClient) -> None:
    headers = {**api.headers, "Content-Type": forms.CONTENT_TYPE}
    answer = client.post("/upload/", content=forms.encode(forms.form(WHEEL)), headers=headers)
    is_problem(answer, 415)
    assert "http://index.test/legacy/" in answer.json()["detail"]


def test_upload_2_finds_nothing_here(api: Api) -> None:
    is_problem(api.post("/legacy/", {"meta": {"api-version": "2.0"}, "name": "foo", "version": "1.0"}), 415)
