"""Credentials are found by URL, in one order, and never shown."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import keyring
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential

from hatch_staged.client.credentials import Credentials, LastUsers, Sources, SystemKeyring, find
from hatch_staged.errors import ConfigurationError, NotAllowedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

URL = "https://i.example/upload/"


class Shelf:
    """A keyring: (service, user) -> secret; some can tell a credential of anybody, some cannot."""

    def __init__(self, secrets: dict[str, str], *, tells: bool = True) -> None:
        self.tells = tells
        self.secrets = secrets

    def get_password(self, service: str, username: str, /) -> str | None:
        """Return the secret of `username`."""
        return self.secrets.get(username) if service == URL else None

    def get_credential(self, service: str, username: str | None, /) -> SimpleCredential | None:
        """Return the first credential."""
        assert username is None
        if service != URL or not self.tells:
            return None
        return next((SimpleCredential(user, secret) for user, secret in self.secrets.items()), None)


@dataclass
class Person:
    """Somebody at a terminal."""

    user: str = "asked"
    secret: str = "s"
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def __call__(self, url: str, user: str | None) -> tuple[str, str]:
        """Answer what is asked."""
        self.asked.append((url, user))
        return self.user, self.secret


@pytest.fixture
def sources(tmp_path: Path) -> Callable[..., Sources]:
    def make(
        *,
        pypirc: str | None = None,
        shelf: Shelf | None = None,
        trusted: Credentials | NotAllowedError | None = None,
        person: Person | None = None,
    ) -> Sources:
        def take_part() -> Credentials | None:
            if isinstance(trusted, NotAllowedError):
                raise trusted
            return trusted

        path = tmp_path / ".pypirc"
        if pypirc is not None:
            path.write_text(pypirc, encoding="utf-8")
        return Sources(path, shelf or Shelf({}), LastUsers(tmp_path / "data" / "users.json"), person, take_part)

    return make


PYPIRC = f"""
[distutils]
index-servers = a
[a]
repository = {URL.rstrip("/")}
username = in-pypirc
password = 100%s
[b]
repository = http://[not-a-url
"""


def test_the_order(sources: Callable[..., Sources]) -> None:
    everything = {
        "pypirc": PYPIRC,
        "shelf": Shelf({"shelved": "k"}),
        "trusted": Credentials("__token__", "minted"),
        "person": Person(),
    }

    found = [find(URL, sources(**everything), user="option", secret="o")]
    found.append(find(URL, sources(**everything)))
    everything["pypirc"] = ""
    found.append(find(URL, sources(**everything)))
    del everything["shelf"]
    found.append(find(URL, sources(**everything)))
    del everything["trusted"]
    found.append(find(URL, sources(**everything)))

    assert found == [
        Credentials("option", "o"),
        Credentials("in-pypirc", "100%s"),
        Credentials("shelved", "k"),
        Credentials("__token__", "minted"),
        Credentials("asked", "s"),
    ]


def test_a_secret_without_a_user_is_an_api_token(sources: Callable[..., Sources]) -> None:
    assert find(URL, sources(), secret="o") == Credentials("__token__", "o")


def test_a_user_without_a_secret_gets_no_other_users_secret(sources: Callable[..., Sources]) -> None:
    shelf = Shelf({"me": "mine", "other": "theirs"})

    assert find(URL, sources(pypirc=PYPIRC, shelf=shelf), user="me") == Credentials("me", "mine")
    assert find(URL, sources(pypirc=PYPIRC), user="in-pypirc") == Credentials("in-pypirc", "100%s")
    with pytest.raises(NotAllowedError):
        find(URL, sources(pypirc=PYPIRC, shelf=shelf), user="nobody")


def test_pypirc(sources: Callable[..., Sources]) -> None:
    assert find(URL, sources(pypirc=f"[x]\nrepository: {URL}\npassword: p")) == Credentials("__token__", "p")
    for useless in (f"[x]\nrepository: {URL}\nusername: u", "[x]\nrepository: https://i.example/\npassword: p"):
        with pytest.raises(NotAllowedError):
            find(URL, sources(pypirc=useless))


@pytest.mark.parametrize("content", [b"password = s3cret\n", b"[a]\ns3cret\n", b"[a]\n[a]\n", b"\xff"])
def test_a_pypirc_that_cannot_be_read_is_not_quoted(
    sources: Callable[..., Sources], tmp_path: Path, content: bytes
) -> None:
    (tmp_path / ".pypirc").write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        find(URL, sources())

    assert caught.value.where == str(tmp_path / ".pypirc")
    assert "s3cret" not in str(caught.value)


def test_a_pypirc_that_is_a_folder(sources: Callable[..., Sources], tmp_path: Path) -> None:
    (tmp_path / ".pypirc").mkdir()

    with pytest.raises(ConfigurationError):
        find(URL, sources())


def test_a_keyring_that_cannot_tell_is_asked_for_likely_users(sources: Callable[..., Sources]) -> None:
    shelf = Shelf({"__token__": "t", "last": "l"}, tells=False)
    made = sources(shelf=shelf)

    assert find(URL, made) == Credentials("__token__", "t")
    made.last_users.remember(URL, "last")
    assert find(URL, made) == Credentials("last", "l")
    assert find(URL, sources(shelf=Shelf({"": "anonymous"}))) == Credentials("__token__", "anonymous")


def test_a_person_is_asked_with_what_is_known(sources: Callable[..., Sources]) -> None:
    person = Person()
    made = sources(person=person)

    find(URL, made)
    made.last_users.remember(URL, "last")
    find(URL, made)
    find(URL, made, user="option")

    assert person.asked == [(URL, None), (URL, "last"), (URL, "option")]
    assert find(URL, sources(person=Person(user=""))) == Credentials("__token__", "s")


def test_where_trusted_publishing_is_refused_a_person_may_do_better(sources: Callable[..., Sources]) -> None:
    refused = NotAllowedError("no trust")

    assert find(URL, sources(trusted=refused, person=Person())) == Credentials("asked", "s")
    with pytest.raises(NotAllowedError, match="no trust"):
        find(URL, sources(trusted=refused))


@pytest.mark.parametrize("person", [None, Person(secret="")])
def test_nothing_found_names_the_url_and_the_ways(sources: Callable[..., Sources], person: Person | None) -> None:
    with pytest.raises(NotAllowedError) as caught:
        find(f"{URL}?key=s3cret", sources(person=person))

    assert caught.value.where == URL
    assert caught.value.exit_code == 4
    for way in ("--auth", "HATCH_INDEX_AUTH", "~/.pypirc", "keyring", "trusted publishing"):
        assert way in caught.value.hint


def test_a_url_with_a_password_is_refused(sources: Callable[..., Sources]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find("https://me:s3cret@i.example/upload/", sources(), secret="o")

    assert "s3cret" not in str(caught.value)


def test_the_last_users_are_kept_by_url(tmp_path: Path) -> None:
    users = LastUsers(tmp_path / "data" / "users.json")
    assert users.of(URL) is None

    users.remember(URL, "one")
    users.remember("https://other.example", "two")

    assert users.of("https://I.EXAMPLE/upload") == "one"
    assert LastUsers(users.path).of("https://other.example/") == "two"
    assert [path.name for path in users.path.parent.iterdir()] == ["users.json"]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"https://i.example/upload/": 1}'])
def test_a_damaged_file_of_last_users_knows_nobody_and_is_mended(tmp_path: Path, content: str) -> None:
    users = LastUsers(tmp_path / "users.json")
    users.path.write_text(content, encoding="utf-8")

    assert users.of(URL) is None
    users.remember(URL, "me")
    assert json.loads(users.path.read_text(encoding="utf-8")) == {URL: "me"}


def test_last_users_that_cannot_be_written_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    LastUsers(tmp_path / "data" / "users.json").remember(URL, "me")
    # a folder where the file should be: nothing of the attempt is left
    users = LastUsers(tmp_path / "users.json")
    users.path.mkdir()
    users.remember(URL, "me")
    assert users.of(URL) is None
    assert {path.name for path in tmp_path.iterdir()} == {"data", "users.json"}


def test_what_is_sent() -> None:
    basic = Credentials("__token__", "pä:ss").authorization
    scheme, _, encoded = basic.partition(" ")

    assert scheme == "Basic"
    assert base64.b64decode(encoded).decode() == "__token__:pä:ss"
    assert Credentials(None, "abc.def").authorization == "Bearer abc.def"


@pytest.mark.parametrize(
    ("user", "secret"), [("me", "s3cret\n"), ("m\re", "s3cret"), ("m:e", "s3cret"), (None, "s3 cret"), (None, "s3crét")]
)
def test_what_cannot_be_sent(user: str | None, secret: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Credentials(user, secret)

    assert secret not in str(caught.value)


@given(user=st.none() | st.text(), secret=st.text(min_size=8))
def test_credentials_are_a_header_or_refused_and_never_shown(user: str | None, secret: str) -> None:
    try:
        credentials = Credentials(user, secret)
    except ConfigurationError:
        return
    assert credentials.authorization.isascii()
    assert credentials.authorization.isprintable()
    assert repr(credentials) == f"Credentials(user={user!r})"


class Backend(KeyringBackend):
    """A backend of the real keyring."""

    priority = 1
    broken = False

    def get_password(self, service: str, username: str) -> str | None:
        """Return a secret that tells what was asked for."""
        if self.broken:
            raise RuntimeError("the vault is stuck")
        return f"secret of {username} at {service}"

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store nothing."""


@pytest.fixture
def backend() -> Iterator[Backend]:
    before = keyring.get_keyring()
    made = Backend()  # type: ignore[no-untyped-call] # its base class has no types
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def test_the_keyring_of_this_machine(backend: Backend) -> None:
    system = SystemKeyring()

    assert system.get_password(URL, "me") == f"secret of me at {URL}"
    found = system.get_credential(URL, "me")
    assert found is not None
    assert (found.username, found.password) == ("me", f"secret of me at {URL}")
    backend.broken = True
    assert system.get_password(URL, "me") is None
    assert system.get_credential(URL, "me") is None


def test_a_keyring_that_cannot_even_be_imported(tmp_path: Path) -> None:
    code = (
        "from hatch_staged.client.credentials import SystemKeyring as K\n"
        "print(K().get_password('https://i.example/', 'me'), K().get_credential('https://i.example/', None))"
    )
    variables = {**os.environ, "PYTHON_KEYRING_BACKEND": "no.such.Backend", "HOME": str(tmp_path)}

    ran = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)

    assert ran.stdout.split() == ["None", "None"]


def test_the_keyring_is_imported_when_it_is_asked() -> None:
    assert "keyring" not in vars(sys.modules["hatch_staged.client.credentials"])
