"""The description of the index is of this index, and is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import validate
from starlette.routing import Route

from hatch_staged.index import legacy, openapi
from hatch_staged.index.app import create_app

if TYPE_CHECKING:
    from starlette.testclient import TestClient

    from hatch_staged.index.core import Index


@pytest.fixture
def described(client: TestClient) -> dict[str, Any]:
    """Return the description as it is served."""
    answer = client.get("/-/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    description: dict[str, Any] = answer.json()
    return description


def test_it_is_valid(described: dict[str, Any]) -> None:
    validate(described)
    assert described["servers"] == [{"url": "http://index.test"}]


def test_every_route_and_method_is_described_and_no_other(index: Index, described: dict[str, Any]) -> None:
    routes = create_app(index).routes
    served = {
        (route.path, method.lower()) for route in routes if isinstance(route, Route) for method in route.methods or ()
    }
    assert len(routes) == len(described["paths"])
    assert served == {(path, method) for path, methods in described["paths"].items() for method in methods}


def test_form_has_every_field_that_is_looked_at(described: dict[str, Any]) -> None:
    [content] = described["paths"]["/legacy/"]["post"]["requestBody"]["content"].values()
    assert content["schema"]["properties"].keys() == legacy.FIELDS


def test_a_page_is_described_alike_wherever_it_is(described: dict[str, Any]) -> None:
    page = described["paths"]["/simple/{project}/"]
    assert described["paths"]["/legacy/+simple/{project}/"] == page
    assert {"200", "304"} <= page["get"]["responses"].keys()


def test_what_changes_something_needs_a_token(described: dict[str, Any]) -> None:
    for methods in described["paths"].values():
        for method, operation in methods.items():
            if method not in {"get", "head"}:
                assert operation["security"] == [{"bearer": []}, {"basic": []}]


def test_base_url_is_the_server() -> None:
    assert b'"servers":[{"url":"https://index.example.com/team"}]' in openapi.describe("https://index.example.com/team")
