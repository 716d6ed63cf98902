"""Pulling by name, by session token, and by URL, at a real index and at others: what is written, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.client.upload_server import SIMPLE_JSON, TOKEN, Reply, UploadServer, reply
from tests.conftest import Maintainer

from hatch_staged import pulling, releases, status
from hatch_staged.errors import ConfigurationError, ProtocolError, StagedError, StageGoneError
from hatch_staged.protocol.states import SessionState
from hatch_staged.pulling import Capability
from hatch_staged.repositories import Repository
from hatch_staged.stage import stagefile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeDesk, TeamIndex

    from hatch_staged.desk import Desk
    from hatch_staged.stage.model import StagedRelease

WHEEL = "foo-1.0-py3-none-any.whl"
TYPED_TOKEN, TYPED_URL = frozenset({"token"}), frozenset({"url"})


def by_token(desk: Desk, token: str | None, text: str | None = None) -> StagedRelease:
    """Pull by session token."""
    return pulling.pull(desk, text, Capability(token))


def by_url(desk: Desk, url: str | None, text: str | None = None) -> StagedRelease:
    """Pull by the URL of the stage."""
    return pulling.pull(desk, text, Capability(url=url))


def test_each_way_writes_what_staging_wrote(maintainer: Maintainer, team: TeamIndex) -> None:
    [staged] = maintainer.stage()
    written = maintainer.desk.stage_file.read_bytes()
    stranger = maintainer.logged_in(None)
    unconfigured = replace(stranger, connections=replace(stranger.connections, configured={}))
    assert staged.session_token is not None
    assert staged.stage is not None
    ways: list[tuple[Desk, str | None, Capability]] = [
        *((maintainer.desk, text, Capability()) for text in ("foo==1.0", "Foo ==1.0.0", "FOO==v1")),
        (stranger, None, Capability(staged.session_token)),
        (stranger, "foo==1.0.0", Capability(staged.session_token)),
        (replace(unconfigured, repo=team.url), None, Capability(staged.session_token)),
        (stranger, None, Capability(url=staged.stage)),
        (stranger, None, Capability(url=staged.stage.rstrip("/"))),
        (unconfigured, "Foo==1", Capability(url=staged.stage)),
        (unconfigured, None, Capability(staged.session_token, staged.stage)),
    ]
    for desk, text, capability in ways:
        maintainer.desk.stage_file.unlink()
        assert pulling.pull(desk, text, capability) == staged
        assert maintainer.desk.stage_file.read_bytes() == written


def test_nothing_to_go_by(make_desk: MakeDesk) -> None:
    with pytest.raises(ConfigurationError, match="nothing says what to pull"):
        pulling.pull(make_desk(), None, Capability())
    with pytest.raises(ConfigurationError, match="'foo' names no release"):
        pulling.pull(make_desk(), "foo", Capability(TOKEN))


def test_another_release_than_that_of_the_stage(maintainer: Maintainer) -> None:
    [staged] = maintainer.stage()
    before = maintainer.desk.stage_file.read_bytes()
    for text, told in (
        ("foo==1.1", r"stage of foo 1\.0, not of foo 1\.1"),
        ("bar==1.0", "no such stage|not open a stage of bar"),
    ):
        for capability in (Capability(staged.session_token), Capability(url=staged.stage)):
            with pytest.raises(StagedError, match=told):
                pulling.pull(maintainer.desk, text, capability)
    assert maintainer.desk.stage_file.read_bytes() == before


def test_what_was_typed_comes_before_a_variable(maintainer: Maintainer, make_desk: MakeDesk) -> None:
    [bar, foo] = [maintainer.stage(name)[0] for name in ("bar-2.0.tar.gz", "foo-1.0.tar.gz")]
    for capability, expected in (
        (Capability(bar.session_token, foo.stage, TYPED_TOKEN), bar),
        (Capability(bar.session_token, foo.stage, TYPED_URL), foo),
        (Capability(bar.session_token, foo.stage), foo),
    ):
        assert pulling.pull(maintainer.desk, None, capability) == expected
    with pytest.raises(ConfigurationError, match="the session token is not in the URL"):
        pulling.pull(make_desk(), None, Capability(bar.session_token, foo.stage, TYPED_TOKEN | TYPED_URL))


@pytest.mark.parametrize(
    "token",
    ["unknown", "a/b", "../../simple", "$(touch${IFS}x)`id`'\";|&<>", "100%", "ünïcödé", "simple/../../../simple"],
)
def test_a_token_that_opens_no_stage(maintainer: Maintainer, token: str) -> None:
    maintainer.stage()
    list(releases.publish(maintainer.desk, releases.ready_to_publish(maintainer.desk)))
    maintainer.desk.stage_file.unlink()
    for typed, name in ((TYPED_TOKEN, "--token"), (frozenset[str](), "HATCH_STAGE_TOKEN")):
        with pytest.raises(
            StageGoneError, match=f"^the token of {name} does not open a stage, or not any more"
        ) as caught:
            pulling.pull(maintainer.desk, None, Capability(token, typed=typed))
        assert token not in "".join(caught.value.lines())
    assert not maintainer.desk.stage_file.exists()


@pytest.mark.parametrize("token", ["", ".", "..", "two words", "line\nbreak", "\x1b[31m"])
def test_what_is_no_token(make_desk: MakeDesk, token: str) -> None:
    with pytest.raises(ConfigurationError, match="this is no session token"):
        by_token(make_desk(), token)


@pytest.mark.parametrize(
    "url", ["", "stage", "file:///etc/passwd", "ftp://h/", "https://", "https://u:p@h/simple/", "http://h:port/"]
)
def test_what_is_no_url_of_a_stage(make_desk: MakeDesk, url: str) -> None:
    with pytest.raises(ConfigurationError, match="the URL of the stage "):
        by_url(make_desk(), url)


@pytest.mark.parametrize("ended", ["canceled", "published"])
def test_a_stage_that_has_ended(maintainer: Maintainer, ended: str) -> None:
    [staged] = maintainer.stage()
    if ended == "canceled":
        list(releases.cancel(maintainer.desk, [staged]))
    else:
        list(releases.publish(maintainer.desk, [staged]))
    for capability in (Capability(staged.session_token), Capability(url=staged.stage)):
        with pytest.raises(StageGoneError, match="stage, or not any more"):
            pulling.pull(maintainer.desk, None, capability)


# An index of somebody else, whose stage is a simple index and nothing more


@pytest.fixture
def foreign() -> Iterator[UploadServer]:
    """Run an index with a release in its stage."""
    with UploadServer() as server:
        server.add_file(WHEEL, b"content")
        yield server


@pytest.fixture
def desk(make_desk: MakeDesk, foreign: UploadServer) -> Desk:
    """Return the desk of somebody without credentials who says which index it is."""
    desk = make_desk({"foreign": Repository("foreign", foreign.endpoint)})
    return replace(desk, repo="foreign")


def stage_of(index: UploadServer) -> str:
    return f"{index.origin}/stage/{TOKEN}/simple/"


def root(*names: str) -> Reply:
    projects = [{"name": name} for name in names]
    return reply(200, {"meta": {"api-version": "1.0"}, "projects": projects}, SIMPLE_JSON)


def page(**members: Any) -> Reply:
    return reply(200, {"meta": {"api-version": "1.1"}, "name": "foo", "files": [], **members}, SIMPLE_JSON)


def listed(filename: str, **members: Any) -> dict[str, Any]:
    url = f"https://files.example/{filename}"
    return {"filename": filename, "url": url, "hashes": {"sha256": "0f" * 32}, "size": 1, **members}


def test_what_no_stage_tells_is_unknown(desk: Desk, foreign: UploadServer) -> None:
    pulled = pulling.pull(desk, None, Capability(TOKEN, stage_of(foreign)))
    assert (pulled.index, pulled.stage, pulled.session_token) == (foreign.endpoint, stage_of(foreign), TOKEN)
    assert (pulled.session, pulled.expires_at, pulled.status) == (None, None, SessionState.OPEN)
    assert stagefile.load(desk.stage_file).releases == (pulled,)
    [found] = status.check(desk)
    assert (found.status, found.expires_at, found.ended) == ("open", None, None)
    with pytest.raises(ConfigurationError, match=r"does not name the session of foo 1\.0") as caught:
        releases.ready_to_publish(Maintainer(desk.stage_file.parent, desk).logged_in("secret"))
    assert "hatch stage pull foo==1.0" in caught.value.hint
    assert foreign.asked("POST") == []
    assert [seen for seen in foreign.seen if "authorization" in seen.headers] == []


def test_an_index_that_the_stage_does_not_name(desk: Desk, foreign: UploadServer) -> None:
    with pytest.raises(ConfigurationError, match="does not say of which index it is"):
        by_url(replace(desk, repo=None), stage_of(foreign), "foo==1.0")


@pytest.mark.parametrize(
    ("index", "complaint"),
    [
        ("https://elsewhere.example/upload/", "of an index elsewhere"),
        ("http://127.0.0.1:port/upload/", "is no URL"),
        ("http://u:p@127.0.0.1/upload/", "must not hold a user name"),
        ("file:///upload/", "must be an http or https URL"),
    ],
)
def test_an_index_that_the_stage_names_and_should_not(
    desk: Desk, foreign: UploadServer, index: str, complaint: str
) -> None:
    told = {
        "index": index,
        "session": "https://elsewhere.example/upload/1/",
        "stage": stage_of(foreign),
        "session-token": TOKEN,
        "version": "1.0",
        "status": "open",
        "expires-at": "2030-01-01T00:00:00Z",
    }
    scripted = page(files=[listed(WHEEL)], **{"_hatch-staged": told})
    foreign.script("GET", "/foo/$", scripted, scripted)
    with pytest.raises(StagedError, match=complaint):
        by_url(replace(desk, repo=None), stage_of(foreign), "foo==1.0")
    assert by_url(desk, stage_of(foreign), "foo==1.0").index == foreign.endpoint


@pytest.mark.parametrize(
    ("first", "projects_page", "told"),
    [
        (root(), page(), "nothing is staged there"),
        (root("foo", "bar"), page(), "several projects, such as bar, foo"),
        (root("-"), page(), "as none can be called"),
        (root("foo\x1b[2J"), page(), "as none can be called"),
        (Reply(200, b"{}", {"Content-Type": SIMPLE_JSON}), page(), "its specification does not allow"),
        (Reply(404), page(), "there is no such stage"),
        (root("foo"), Reply(404), "there is no such stage"),
        (root("foo"), page(), "nothing is staged there"),
        (root("foo"), page(name="bar", files=[listed("bar-1.0.tar.gz")]), "one of another project"),
        (root("foo"), page(name="../bar"), "as none can be called"),
        (root("foo"), page(files=[listed("bar-1.0.tar.gz"), listed("foo.egg")]), "nothing is staged there"),
        (root("foo"), page(files=[listed(WHEEL), listed("foo-1.1.tar.gz")]), r"several versions, such as 1\.0, 1\.1"),
        (root("foo"), page(files=[listed(WHEEL, url="file:///etc/passwd")]), "must be an absolute http or https URL"),
        (root("foo"), page(files=[listed(WHEEL, url=f"https://u:p@h/{WHEEL}")]), "user name or password"),
        (root("foo"), page(files=[listed(WHEEL, url=f"https://h/a\n/{WHEEL}")]), "no control characters"),
        (root("foo"), page(files=[listed(WHEEL, url="https://h/other-1.0-py3-none-any.whl")]), "must end in"),
        (root("foo"), page(files=[listed(WHEEL, hashes={})]), r"hashes\.sha256"),
        (root("foo"), page(files=[listed(WHEEL)], **{"_hatch-staged": {"index": 1}}), "does not allow"),
    ],
)
def test_a_stage_that_cannot_be_used(
    desk: Desk, foreign: UploadServer, first: Reply, projects_page: Reply, told: str
) -> None:
    foreign.script("GET", "/simple/$", first)
    foreign.script("GET", "/foo/$", projects_page)
    with pytest.raises(StagedError, match=told) as caught:
        by_url(desk, stage_of(foreign))
    assert not desk.stage_file.exists()
    assert TOKEN not in str(caught.value)


def test_the_version_that_is_asked_for_among_several(desk: Desk, foreign: UploadServer) -> None:
    foreign.add_file("foo-1.1.tar.gz")
    assert by_url(desk, stage_of(foreign), "foo==1.1").label == "foo 1.1"
    with pytest.raises(StagedError, match=r"no files of foo 1\.2"):
        by_url(desk, stage_of(foreign), "foo==1.2")


def test_a_version_that_is_none(desk: Desk, foreign: UploadServer) -> None:
    told = dict.fromkeys(("index", "session", "stage"), f"{foreign.origin}/")
    told |= {"session-token": TOKEN, "version": "next", "status": "open", "expires-at": "2030-01-01T00:00:00Z"}
    foreign.script("GET", "/foo/$", page(files=[listed(WHEEL)], **{"_hatch-staged": told}))
    with pytest.raises(ProtocolError, match="of a version that is none"):
        by_url(desk, stage_of(foreign), "foo==1.0")


def test_a_page_without_end(desk: Desk, foreign: UploadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hatch_staged.connections.LARGEST_PAGE", 10_000)
    foreign.script("GET", "/foo/$", page(files=[listed(WHEEL)] * 1000))
    with pytest.raises(ProtocolError, match="an answer of more than 10000 bytes"):
        by_url(desk, stage_of(foreign), "foo==1.0")
