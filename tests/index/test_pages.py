"""Pages for people and monitors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.testclient import TestClient

from hatch_staged.index.app import create_app

if TYPE_CHECKING:
    from hatch_staged.index.core import Index


def test_home_says_where_the_endpoints_are(client: TestClient) -> None:
    page = client.get("/").text
    for told in (
        "http://index.test/upload/",
        "http://index.test/simple/",
        "http://index.test/legacy/",
        "tool.hatch.publish.staged.repos",
    ):
        assert told in page


def test_health(client: TestClient) -> None:
    assert client.get("/-/health").json()["status"] == "ok"


def test_without_its_database_it_is_not_healthy(client: TestClient, index: Index) -> None:
    with index.database.writing() as tx:
        tx.exec_driver_sql("DROP TABLE projects")
    assert client.get("/-/health").status_code == 500


def test_links_have_the_base_url_that_clients_see(index: Index) -> None:
    with TestClient(create_app(index, base_url="https://index.example.com/team/")) as client:
        assert "https://index.example.com/team/upload/" in client.get("/").text
