"""From a name to a client that is logged in, and who is remembered."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.client.test_trusted_publishing import Job
from tests.client.upload_server import UploadServer, problem, reply

from hatch_staged.client.credentials import Credentials
from hatch_staged.client.trusted_publishing import AUDIENCE, MINT_TOKEN, SystemAmbient
from hatch_staged.connections import Login
from hatch_staged.errors import ConfigurationError, NotAllowedError, UnreachableError
from hatch_staged.index import presence
from hatch_staged.repositories import LOCAL, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import MakeDesk, TeamIndex

    from hatch_staged.connections import Connections


@pytest.fixture
def connections(make_desk: MakeDesk, team: TeamIndex) -> Connections:
    """Return the connections of somebody without credentials."""
    return make_desk({"team": team.repository}).connections


def with_login(connections: Connections, **fields: Any) -> Connections:
    """Return the same after options."""
    return replace(connections, login=Login(**fields))


def test_an_index_by_name_and_by_url(connections: Connections, team: TeamIndex) -> None:
    assert connections.named("team") == team.repository
    assert connections.at(team.url) == team.repository
    unknown = "https://other.example/upload/"
    assert connections.at(unknown) == Repository(unknown, unknown, chosen=False)
    assert connections.at(unknown, None, unknown.rstrip("/")) == Repository(unknown, unknown)


def test_an_index_by_one_of_its_urls(connections: Connections, team: TeamIndex) -> None:
    assert connections.around(f"{team.root}stage/x/simple/") == team.repository
    elsewhere = "https://other.example/stage/x/simple/"
    assert connections.around(elsewhere) == Repository(elsewhere, elsewhere, chosen=False)


@pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
def test_the_local_index_is_started_and_its_token_used(make_desk: MakeDesk, home: Path) -> None:
    connections = make_desk().connections
    connections = replace(connections, local=replace(connections.local, default_port=0))
    try:
        local = connections.named(LOCAL)
        assert (local.name, local.url) == (LOCAL, connections.local.url)
        assert connections.at(local.url) == connections.around(local.url.replace("/upload/", "/stage/x/")) == local
        with connections.open(local) as client:
            assert client.find_session("foo", "1.0") is None
        with with_login(connections, auth="meant-for-another-index").open(local) as client:
            assert client.find_session("foo", "1.0") is None
        # everybody is `local` there
        assert not (home / "last-users.json").exists()
    finally:
        presence.stop(connections.local.folder)


def test_an_index_on_the_port_that_the_local_one_keeps_is_not_the_local_one(make_desk: MakeDesk) -> None:
    connections = make_desk().connections
    connections.local.folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        (connections.local.folder / "port").write_text(str(port))
        url = f"http://127.0.0.1:{port}/upload/"
        assert connections.local.url == url
        assert connections.at(url) == Repository(url, url, chosen=False)
    assert connections.local.has(url)


def test_who_got_in_is_remembered(connections: Connections, team: TeamIndex, home: Path) -> None:
    with (
        pytest.raises(NotAllowedError),
        with_login(connections, user="me", auth="wrong").open(team.repository) as client,
    ):
        client.find_session("foo", "1.0")
    assert not (home / "last-users.json").exists()
    with with_login(connections, auth=team.secret).open(team.repository) as client:
        client.find_session("foo", "1.0")
    assert json.loads((home / "last-users.json").read_text()) == {team.url: "__token__"}


def test_credentials_from_the_home_folder(connections: Connections, team: TeamIndex, home: Path) -> None:
    (home / ".pypirc").write_text(f"[team]\nrepository = {team.url}\npassword = {team.secret}\n")
    with connections.open(team.repository) as client:
        assert client.find_session("foo", "1.0") is None
    # somebody else's, if the configuration names a user
    with pytest.raises(NotAllowedError), connections.open(replace(team.repository, user="me")):
        pass


def test_whoever_is_asked(connections: Connections, team: TeamIndex) -> None:
    asked = []

    def prompt(url: str, user: str | None) -> tuple[str, str]:
        asked.append((url, user))
        return "__token__", team.secret

    login = Login(user="me", prompt=prompt)
    with replace(connections, login=login).open(replace(team.repository, user="configured")) as client:
        assert client.find_session("foo", "1.0") is None
    assert asked == [(team.url, "me")]
    assert team.secret not in repr(Login(auth=team.secret))


def test_clients_without_credentials(connections: Connections, team: TeamIndex) -> None:
    for client in (connections.hurried(team.repository), connections.anonymous(team.repository)):
        with client:
            assert client.project_page(f"{team.root}simple/", "foo") is None
            with pytest.raises(NotAllowedError):
                client.create_or_join("foo", "1.0")


def test_who_is_in_a_hurry_asks_once(connections: Connections) -> None:
    with UploadServer() as busy:
        busy.script("GET", "/simple/", problem(503, "later"), problem(503, "later"))
        repository = Repository("busy", busy.endpoint)
        with connections.hurried(repository) as client, pytest.raises(UnreachableError):
            client.project_page(f"{busy.origin}/simple/", "foo")
        assert len(busy.asked("GET")) == 1


def with_file(repository: Repository, field: str, path: str) -> Repository:
    changes: dict[str, Any] = {field: path}
    return replace(repository, **changes)


@pytest.mark.parametrize("field", ["ca_cert", "client_cert", "client_key"])
def test_files_for_tls(connections: Connections, team: TeamIndex, home: Path, field: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file") as caught:
        connections.anonymous(with_file(team.repository, field, "~/nothing.pem"))
    assert caught.value.where == "~/nothing.pem"
    # the option comes first
    (home / "option.pem").write_text("no certificate")
    with pytest.raises((ConfigurationError, ssl.SSLError)) as caught_later:
        with_login(connections, **{field: "~/option.pem"}).anonymous(with_file(team.repository, field, "~/nothing.pem"))
    assert "no such file" not in str(caught_later.value)


def test_a_variable_is_not_sent_to_an_index_that_only_a_stage_file_names(connections: Connections) -> None:
    url = "https://index.example/upload/"
    connections = with_login(connections, auth="meant-for-pypi")
    stranger = connections.at(url)
    with pytest.raises(NotAllowedError, match="HATCH_INDEX_AUTH is not sent") as caught, connections.open(stranger):
        pass
    assert "--repo" in caught.value.hint
    with connections.open(connections.at(url, url.rstrip("/"))):
        pass  # chosen, and so remembered
    with connections.open(connections.at(url)):
        pass
    other = "https://other.example/upload/"
    typed = with_login(connections, auth="typed", typed=True)
    with typed.open(typed.at(other)):
        pass


def test_a_variable_is_sent_to_this_machine_but_not_to_who_is_in_the_place_of_the_local_index(
    connections: Connections, team: TeamIndex
) -> None:
    from_a_variable = with_login(connections, auth=team.secret)
    url = team.url.replace("127.0.0.1", "localhost")
    with from_a_variable.open(from_a_variable.at(url)) as client:
        assert client.find_session("foo", "1.0") is None
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        connections.local.folder.mkdir(parents=True)
        (connections.local.folder / "port").write_text(str(squatter.getsockname()[1]))
        squatted = connections.local.url
        assert squatted is not None
        with pytest.raises(NotAllowedError, match="is not sent"), from_a_variable.open(from_a_variable.at(squatted)):
            pass


def test_whoever_is_asked_is_asked_once(connections: Connections, team: TeamIndex) -> None:
    asked: list[str] = []

    def prompt(url: str, _user: str | None) -> tuple[str, str]:
        asked.append(url)
        return "", team.secret

    connections = with_login(connections, prompt=prompt)
    with pytest.raises(NotAllowedError), connections.open(team.repository, ask=False):
        pass
    for _ in range(2):
        with connections.open(team.repository) as client:
            client.find_session("foo", "1.0")
    assert len(asked) == 1


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def trusting(job: Job) -> Iterator[UploadServer]:
    """Run an index that mints tokens for `job`."""
    del job
    with UploadServer() as index:
        index.script("GET", AUDIENCE, *[reply(200, {"audience": "acme"})] * 2)
        index.script("POST", MINT_TOKEN, reply(200, {"token": "minted"}))
        yield index


def test_a_job_of_ci_needs_no_secret(
    connections: Connections, trusting: UploadServer, job: Job, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    connections = replace(connections, ambient=job)
    repository = Repository("trusting", trusting.endpoint)
    for _ in range(2):
        with connections.open(repository) as client:
            assert client.find_session("foo", "1.0") is None
    sent = {seen.headers.get("authorization") for seen in trusting.asked("POST", "^/api")}
    assert sent == {Credentials("__token__", "minted").authorization}
    assert len(trusting.asked("POST", MINT_TOKEN)) == 1, "one token for all"
    # nobody worked there who could be asked the next time
    assert not (home / "last-users.json").exists()
    assert "minted" not in repr(connections)


def test_what_is_found_before_trusted_publishing(
    connections: Connections, trusting: UploadServer, job: Job, home: Path
) -> None:
    connections = replace(connections, ambient=job)
    repository = Repository("trusting", trusting.endpoint)
    with with_login(connections, auth="option").open(repository):
        pass
    (home / ".pypirc").write_text(f"[any]\nrepository = {trusting.endpoint}\npassword = p\n")
    with connections.open(repository):
        pass
    assert trusting.seen == []
    assert job.audiences == []


def test_an_index_that_nobody_chose_does_not_learn_who_the_job_is(
    connections: Connections, trusting: UploadServer, job: Job
) -> None:
    connections = replace(connections, ambient=job)
    for stranger, told in (
        (connections.at(trusting.endpoint), "only the stage file names"),
        # where anybody may listen
        (Repository("open", "http://index.example/upload/"), "no credentials"),
    ):
        with pytest.raises(NotAllowedError, match=told), connections.open(stranger):
            pass
    assert trusting.seen == []
    assert job.audiences == []


def test_nobody_has_a_home(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError(f"no home for {path}")

    monkeypatch.setattr(Path, "expanduser", homeless)
    with pytest.raises(NotAllowedError), connections.open(Repository("any", "https://index.example/upload/")):
        pass
    with pytest.raises(ConfigurationError, match="no such file"):
        with_login(connections, ca_cert="~/ca.pem").anonymous(Repository("any", "https://index.example/upload/"))


def test_outside_of_ci_no_index_is_asked_for_its_audience(connections: Connections, trusting: UploadServer) -> None:
    connections = replace(connections, ambient=SystemAmbient(Path("no such file")))
    with pytest.raises(NotAllowedError), connections.open(Repository("trusting", trusting.endpoint)):
        pass
    assert trusting.seen == []
