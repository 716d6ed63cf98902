"""The settings: every mistake at once, the project's before the user's, never a credential."""

from __future__ import annotations

from typing import Any

import pytest

from hatch_staged.errors import ConfigurationError
from hatch_staged.hatch import settings
from hatch_staged.hatch.settings import Settings
from hatch_staged.repositories import Repository

PATH = "tool.hatch.publish.staged"
URL = "https://index.example/upload/"


def mistakes(project: dict[str, Any], user: dict[str, Any] | None = None) -> list[str]:
    """Return what is wrong."""
    with pytest.raises(ConfigurationError) as caught:
        settings.read(project, user or {})
    return caught.value.what.split("; ")


def test_nothing_is_needed() -> None:
    assert settings.read({}, {}) == Settings() == Settings("local", ".stage.toml", 4, {})


def test_everything_can_be_said() -> None:
    team = {
        "url": URL,
        "simple": "https://index.example/simple/",
        "user": "me",
        "ca-cert": "ca.pem",
        "client-cert": "cert.pem",
        "client-key": "key.pem",
    }
    table = {
        "repo": "team",
        "stage-file": "other.toml",
        "jobs": 1,
        "expected": ["*.whl"],
        "share-token": False,
        "disable": True,
        "repos": {"team": team},
    }
    expected = Settings(
        "team",
        "other.toml",
        1,
        {"team": Repository("team", URL, team["simple"], "me", "ca.pem", "cert.pem", "key.pem")},
        ("*.whl",),
        share_token=False,
    )
    assert settings.read(table, {}) == settings.read({}, table) == expected


def test_the_project_comes_before_the_user() -> None:
    project = {"repo": "a", "jobs": 1, "share-token": True, "repos": {"a": {"url": URL}, "b": {"url": URL}}}
    user = {
        "repo": "c",
        "jobs": 2,
        "share-token": False,
        "stage-file": "s",
        "repos": {"b": {"url": "https://x/"}, "c": {"url": "https://y/"}},
    }
    read = settings.read(project, user)
    assert (read.repo, read.jobs, read.stage_file, read.share_token) == ("a", 1, "s", True)
    assert {name: repository.url for name, repository in read.repos.items()} == {"a": URL, "b": URL, "c": "https://y/"}


@pytest.mark.parametrize(
    ("table", "mistake"),
    [
        ({"repo": 1}, "repo must be a non-empty string of printable characters"),
        ({"repo": ""}, "repo must be a non-empty string of printable characters"),
        ({"repo": "te\x1b[2Jam"}, "repo must be a non-empty string of printable characters"),
        ({"repo": "ftp://x/"}, "repo must be an http or https URL"),
        ({"stage-file": []}, "stage-file must be a non-empty string of printable characters"),
        ({"jobs": 0}, "jobs must be a whole number of at least 1"),
        ({"jobs": True}, "jobs must be a whole number of at least 1"),
        ({"jobs": "4"}, "jobs must be a whole number of at least 1"),
        ({"expected": "*.whl"}, "expected must be a list of non-empty strings of printable characters"),
        ({"expected": [""]}, "expected must be a list of non-empty strings of printable characters"),
        ({"expected": ["*.whl\x07"]}, "expected must be a list of non-empty strings of printable characters"),
        ({"disable": "yes"}, "disable must be true or false"),
        ({"share-token": 0}, "share-token must be true or false"),
        ({"repos": []}, "repos must be a table"),
        ({"repos": {"team": URL}}, "repos.team must be a table"),
        ({"repos": {"team": {}}}, "repos.team.url is missing: the Upload 2.0 root endpoint"),
        ({"repos": {"team": {"url": ""}}}, "repos.team.url must be a non-empty string of printable characters"),
        ({"repos": {"team": {"url": "file:///x"}}}, "repos.team.url must be an http or https URL"),
        ({"repos": {"team": {"url": URL, "simple": "x"}}}, "repos.team.simple must be an http or https URL"),
        (
            {"repos": {"team": {"url": URL, "user": 1}}},
            "repos.team.user must be a non-empty string of printable characters",
        ),
        ({"repos": {"te\x07am": {"url": URL}}}, "repos.te\x07am must have a name of printable characters"),
        ({"repos": {"local": {"url": URL}}}, "repos.local has a meaning already: choose another name"),
        ({"repos": {"main": {"url": URL}}}, "repos.main has a meaning already: choose another name"),
    ],
)
def test_mistakes_have_their_path(table: dict[str, Any], mistake: str) -> None:
    assert mistakes(table) == [f"{PATH}.{mistake}"]
    assert mistakes({}, table) == [f"publish.staged.{mistake}"]


def test_unknown_keys_are_told_with_those_that_are_known() -> None:
    [found] = mistakes({"stage_file": "x"})
    assert (
        found == f"{PATH}.stage_file is unknown (known: disable, expected, jobs, repo, repos, share-token, stage-file)"
    )
    [found] = mistakes({"repos": {"team": {"url": URL, "ca_cert": "x"}}})
    assert found.startswith(f"{PATH}.repos.team.ca_cert is unknown (known: ca-cert, ")


@pytest.mark.parametrize("key", ["auth", "password", "token"])
def test_credentials_are_refused_everywhere(key: str) -> None:
    for table, path in (({key: "s3cret"}, key), ({"repos": {"t": {"url": URL, key: "s3cret"}}}, f"repos.t.{key}")):
        [found] = mistakes(table)
        assert found.startswith(f"{PATH}.{path} must not be here")
        assert ".pypirc" in found
        assert "s3cret" not in found


def test_credentials_in_urls_are_refused() -> None:
    for url, mistake in (
        ("https://me:s3cret@index.example/", "must not hold a user name or a password"),
        ("https://me:s3cret/of/me@index.example/", "is no URL"),
        ("https://[s3cret@index.example/", "is no URL"),
    ):
        for table in ({"repo": url}, {"repos": {"t": {"url": url}}}, {"repos": {"t": {"url": URL, "simple": url}}}):
            [found] = mistakes(table)
            assert mistake in found
            assert "s3cret" not in found


def test_all_mistakes_at_once() -> None:
    project = {"jobs": 0, "nothing": 1, "auth": "x", "repos": {"main": {}, "team": {"simple": "x"}}}
    assert len(mistakes(project, {"jobs": -1, "token": 1})) == 8
