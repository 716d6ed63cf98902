"""Numbers for monitors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families
from tests.index import forms
from tests.index.building import build

if TYPE_CHECKING:
    from starlette.testclient import TestClient
    from tests.index.conftest import Api


def numbers(client: TestClient) -> dict[str, float]:
    """Return the numbers that are not zero, by name and labels; Prometheus' own parser reads them."""
    answer = client.get("/-/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        f"{sample.name.removeprefix('hatch_staged_')} {' '.join(sample.labels.values())}".strip(): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.value and not sample.name.endswith("_created")
    }


def test_what_there_is(api: Api, client: TestClient) -> None:
    wheel, sdist = build(), build("foo-1.0.tar.gz")
    session = api.create()
    api.stage(session, wheel)
    api.post(session["links"]["publish"])
    other = api.create(version="1.1")
    api.post(other["links"]["upload"], build("foo-1.1.tar.gz").declared())
    headers = {**api.headers, "Content-Type": forms.CONTENT_TYPE}
    assert client.post("/legacy/", content=forms.encode(forms.form(sdist)), headers=headers).status_code == 200
    found = numbers(client)
    assert found["sessions published"] == found["sessions open"] == 1
    assert (found["files completed"], found["files pending"]) == (2, 1)
    assert (found["projects"], found["published_files"]) == (1, 2)
    assert found["published_bytes"] == len(wheel.data) + len(sdist.data)


def test_requests_are_counted_by_front_and_status(client: TestClient) -> None:
    assert not [name for name in numbers(client) if "requests" in name]
    for path in ("/simple/", "/simple/foo/", "/files/x/y", "/stage/secret/simple/", "/nothing", "/"):
        client.get(path)
    client.post("/upload/", content=b"x" * 100)
    found = {name: value for name, value in numbers(client).items() if "requests" in name}
    assert found == {
        "requests_total simple 2xx": 1,
        "requests_total simple 4xx": 2,
        "requests_total stage 4xx": 1,
        "requests_total other 4xx": 1,
        "requests_total other 2xx": 1,
        "requests_total upload 4xx": 1,
        "requests_total monitor 2xx": 1,
    }


def test_bytes_are_counted(api: Api, client: TestClient) -> None:
    wheel = build()
    form = forms.encode(forms.form(wheel))
    client.post("/legacy/", content=form, headers={**api.headers, "Content-Type": forms.CONTENT_TYPE})
    client.get(f"/files/{wheel.sha256}/{wheel.filename}")
    found = numbers(client)
    assert found["received_bytes_total legacy"] == len(form)
    assert found["sent_bytes_total simple"] == len(wheel.data)


def test_nothing_in_it_is_a_name_or_a_token(api: Api, client: TestClient) -> None:
    session = api.create("secretproject")
    for path in ("/simple/secretproject/", "/secretproject/", session["links"]["stage"], session["links"]["session"]):
        api.get(path)
    text = client.get("/-/metrics").text
    assert "secretproject" not in text
    labels = set(re.findall(r'="([^"]*)"', text))
    assert labels == {
        *("upload", "stage", "simple", "other", "2xx", "4xx"),
        *("open", "processing", "published", "error", "canceled", "pending", "completed"),
    }
