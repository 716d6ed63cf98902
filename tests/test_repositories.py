"""Names and URLs of indexes."""

from __future__ import annotations

import pytest

from hatch_staged import repositories
from hatch_staged.errors import ConfigurationError
from hatch_staged.repositories import KNOWN, Repository

TEAM = Repository("team", "https://index.example/upload/", "https://index.example/simple/")


@pytest.mark.parametrize(
    ("url", "mistake"),
    [
        ("https://index.example/upload/", None),
        ("http://[::1]:8000", None),
        ("ftp://index.example/", "must be an http or https URL"),
        ("https:///upload/", "must be an http or https URL"),
        ("index.example", "must be an http or https URL"),
        ("https://index.example:port/", "is no URL"),
        ("https://[::1/", "is no URL"),
        ("https://me@index.example/", "must not hold a user name or a password"),
        ("https://:s3cret@index.example/", "must not hold a user name or a password"),
    ],
)
def test_what_is_wrong_with_a_url(url: str, mistake: str | None) -> None:
    found = repositories.url_mistake(url)
    assert found is None if mistake is None else found is not None and found.startswith(mistake)
    assert "s3cret" not in (found or "")


def test_a_name_from_the_configuration_and_a_url() -> None:
    assert repositories.look_up("team", {"team": TEAM}) is TEAM
    url = "https://other.example/upload/"
    assert repositories.look_up(url, {"team": TEAM}) == Repository(url, url)


@pytest.mark.parametrize(("name", "host"), [("main", "PyPI"), ("test", "TestPyPI")])
def test_a_public_index_is_refused_before_anything_is_sent(name: str, host: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"\({host}\) does not speak Upload 2.0") as caught:
        repositories.look_up(name, {})
    assert "'local'" in caught.value.hint


def test_an_unknown_name_says_what_there_is() -> None:
    with pytest.raises(ConfigurationError, match="unknown repository 'tema'") as caught:
        repositories.look_up("tema", {"team": TEAM})
    assert "local, main, team, test" in caught.value.hint
    assert "tool.hatch.publish.staged.repos.tema.url" in caught.value.hint


def test_a_url_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match="must not hold") as caught:
        repositories.look_up("https://me:s3cret@index.example/", {})
    assert "s3cret" not in str(caught.value)


def test_the_repository_at_a_url() -> None:
    assert repositories.at_url("https://index.example/upload", {"team": TEAM}) is TEAM
    assert repositories.at_url("https://upload.pypi.org/2.0/", {}) is KNOWN["main"]
    unknown = "https://other.example/upload/"
    assert repositories.at_url(unknown, {"team": TEAM}) is None
    assert repositories.nameless(unknown, chosen=False) == Repository(unknown, unknown, chosen=False)


def test_the_local_index_publishes_beside_its_endpoint() -> None:
    assert repositories.local("http://127.0.0.1:8694/upload/").simple == "http://127.0.0.1:8694/simple/"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost:80", True), ("[::1]:8", True), ("10.0.0.1", False), ("localhost.example", False)],
)
def test_what_is_on_this_machine(host: str, loopback: bool) -> None:  # noqa: FBT001 - a table
    assert repositories.is_loopback(f"http://{host}/upload/") is loopback
