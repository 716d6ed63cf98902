"""An identity becomes a token of the index, renewed in time, once for everybody, and shown to nobody."""

from __future__ import annotations

import json
import os
import sys
import traceback
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.client.upload_server import DROP, Reply, Seen, UploadServer, problem, reply

from hatch_staged.client import staging
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.progress import Silent
from hatch_staged.client.transport import Repeat, Transport
from hatch_staged.client.trusted_publishing import AUDIENCE, MINT_TOKEN, SERVICES, SystemAmbient, TrustedPublishing
from hatch_staged.client.upload_api import Client
from hatch_staged.errors import NotAllowedError, ProtocolError, UnreachableError
from hatch_staged.protocol.states import FileState
from hatch_staged.redaction import scrub

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.conftest import MakeRelease, Pauses

START = 1_800_000_000.0
JSON = "application/json"


class Job:
    """A CI service that vouches for this process: a new identity each time."""

    def __init__(self) -> None:
        self.audiences: list[str] = []

    def present(self) -> bool:
        """Say yes."""
        return True

    def identity(self, audience: str) -> str:
        """Return what proves it."""
        self.audiences.append(audience)
        return f"head.s3cret-identity-{len(self.audiences)}.signature"


class Seconds:
    """A clock that goes on by `step` each time somebody looks."""

    def __init__(self, step: float = 0) -> None:
        self.time = START
        self.step = step

    def __call__(self) -> float:
        """Return the seconds since the epoch."""
        self.time += self.step
        return self.time


class MintingServer(UploadServer):
    """An index with trusted publishing.

    With the `fatal` request for the bytes of a file all tokens that there are until then come to their end; no other
    token than one of its own is ever accepted.
    """

    def __init__(self, fatal: int = 0) -> None:
        super().__init__()
        self.fatal = fatal
        self.minted: list[str] = []
        self.accepted: set[str] = set()

    def _answer(self, seen: Seen) -> Reply:
        if seen.path == AUDIENCE:
            return reply(200, {"audience": "acme"}, JSON)
        if seen.path == MINT_TOKEN:
            token = f"pypi-s3cret-token-{len(self.minted) + 1}"
            self.minted.append(token)
            self.accepted.add(Credentials("__token__", token).authorization)
            return reply(200, {"success": True, "token": token}, JSON)
        if "/b/" in seen.path and len(self.asked("POST", "/b/")) == self.fatal:
            self.accepted.clear()
        sent = seen.headers.get("authorization", "")
        if sent not in self.accepted:
            return problem(403, f"Invalid or non-existent authentication information: {sent}")
        return super()._answer(seen)


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


class Take(Protocol):
    """Makes an authorizer for an index."""

    def __call__(self, index: UploadServer) -> TrustedPublishing:
        """Make it."""


@pytest.fixture
def take(job: Job, seconds: Seconds, pauses: Pauses) -> Take:
    def make(index: UploadServer) -> TrustedPublishing:
        return TrustedPublishing(
            index.endpoint, job, lambda: Transport(index.endpoint, waiter=pauses.waiter()), seconds
        )

    return make


def minting(index: UploadServer, *tokens: Reply | dict[str, object]) -> None:
    """Let `index` offer trusted publishing, and answer with `tokens`."""
    index.script("GET", AUDIENCE, *[reply(200, {"audience": "acme"}, JSON)] * 9)
    replies = [token if isinstance(token, Reply) else reply(200, token, JSON) for token in tokens]
    index.script("POST", MINT_TOKEN, *replies)


def begun(publishing: TrustedPublishing) -> TrustedPublishing:
    found = publishing.begin()
    assert found is publishing
    return publishing


def test_an_identity_is_exchanged_for_a_token(index: UploadServer, take: Take, job: Job) -> None:
    minting(index, {"success": True, "token": "t1"})

    publishing = begun(take(index))

    assert publishing.current() == Credentials("__token__", "t1")
    assert job.audiences == ["acme"]
    assert [(seen.method, seen.path) for seen in index.seen] == [("GET", AUDIENCE), ("POST", MINT_TOKEN)]
    assert json.loads(index.seen[1].body) == {"token": "head.s3cret-identity-1.signature"}
    assert index.seen[1].headers["content-type"] == JSON
    assert not any("authorization" in seen.headers for seen in index.seen)


@pytest.mark.parametrize(
    "answer",
    [
        problem(404, "Not Found"),
        problem(401, "Log in"),
        Reply(405),
        Reply(302, headers={"Location": "/login"}),
        Reply(200, b"<html>", {"Content-Type": "text/html"}),
        Reply(200, b'{"audience": "\xff"}'),
        Reply(200, b'{"audience": "acme", "x": ' + b"[" * 100_000),
        reply(200, {}, JSON),
        reply(200, {"audience": ""}, JSON),
    ],
)
def test_an_index_that_does_not_offer_it_learns_nothing(
    index: UploadServer, take: Take, job: Job, answer: Reply
) -> None:
    index.script("GET", AUDIENCE, answer)

    assert take(index).begin() is None
    assert job.audiences == []
    assert len(index.seen) == 1


def test_an_index_that_has_it_disabled_says_so(index: UploadServer, take: Take) -> None:
    index.script("GET", AUDIENCE, reply(403, {"message": "Not for you"}, JSON))

    with pytest.raises(NotAllowedError, match=r"not enabled at this index \(403\): Not for you") as caught:
        take(index).begin()

    assert caught.value.where == f"{index.origin}{AUDIENCE}"


@pytest.mark.parametrize("audience", ["pypi", "testpypi", "sigstore"])
def test_an_index_that_would_be_this_job_elsewhere_learns_nothing(
    index: UploadServer, take: Take, job: Job, audience: str
) -> None:
    index.script("GET", AUDIENCE, reply(200, {"audience": audience}, JSON))

    with pytest.raises(NotAllowedError, match="identity that is for"):
        take(index).begin()

    assert job.audiences == []
    assert not index.asked("POST")


def test_an_index_that_is_down(index: UploadServer, take: Take) -> None:
    index.script("GET", AUDIENCE, *[Reply(503)] * 4)
    with pytest.raises(UnreachableError, match=r"kept failing at trusted publishing \(503\)"):
        take(index).begin()

    minting(index, Reply(500), DROP)
    for _ in range(2):
        with pytest.raises(UnreachableError):
            take(index).begin()
    assert len(index.asked("POST", MINT_TOKEN)) == 2, "PyPI takes an identity once"


def test_a_refusal_is_told_in_sentences_without_the_identity(index: UploadServer, take: Take) -> None:
    errors = [
        {"code": "invalid-publisher", "description": "no publisher for head.s3cret-identity-1.signature"},
        {"code": "odd-code"},
    ]
    minting(index, reply(422, {"message": "Token request failed", "errors": errors}, JSON))

    with pytest.raises(NotAllowedError) as caught:
        take(index).begin()

    assert caught.value.what == ("the index mints no token for this job (422): no publisher for ***; odd-code")
    assert "trusted publisher" in caught.value.hint
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"message": "Sorry"}', b'{"errors": [{}]}', b"\xff", b'{"x": ' + b"[" * 10**5]
)
def test_a_refusal_in_any_words(index: UploadServer, take: Take, body: bytes) -> None:
    minting(index, Reply(400, body))

    with pytest.raises(NotAllowedError, match=r"\(400\)"):
        take(index).begin()


@pytest.mark.parametrize(
    "answer", [Reply(200, b"<html>"), *(reply(200, body, JSON) for body in ({}, {"token": ""}, {"token": "s3cret\n"}))]
)
def test_an_answer_without_a_token(index: UploadServer, take: Take, answer: Reply) -> None:
    minting(index, answer)

    with pytest.raises(ProtocolError, match="no token") as caught:
        take(index).begin()

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("told", "life"),
    [
        ({}, 900),
        ({"expires": None}, 900),
        ({"expires": 3600}, 3600),
        ({"expires": -9999}, 900),
        ({"expires": 10**7}, 21_600),
        ({"expires": 10**400}, 21_600),
    ],
)
def test_a_token_is_renewed_while_it_has_minutes_to_live(
    index: UploadServer, take: Take, seconds: Seconds, told: dict[str, int | None], life: float
) -> None:
    told = {name: None if after is None else int(START) + after for name, after in told.items()}
    minting(index, {"token": "t1", **told}, {"token": "t2"})
    publishing = begun(take(index))

    seconds.time = START + life - 301
    assert publishing.current().secret == "t1"
    seconds.time = START + life - 300
    assert publishing.current().secret == "t2"
    assert len(index.asked("GET", AUDIENCE)) == 1


def test_a_token_that_cannot_be_renewed_is_used_until_the_index_refuses_it(
    index: UploadServer, take: Take, seconds: Seconds
) -> None:
    no = reply(422, {"errors": [{"description": "this identity was used already"}]}, JSON)
    minting(index, {"token": "t1"}, no, no, no, {"token": "t2"})
    publishing = begun(take(index))
    first = publishing.current()

    seconds.time = START + 700
    assert publishing.current() == publishing.current() == first
    assert len(index.asked("POST", MINT_TOKEN)) == 2, "not for each request"
    assert publishing.instead_of(first) is None, "it has not come to its end, so the refusal has another reason"
    seconds.time = START + 901
    with pytest.raises(NotAllowedError, match=r"has expired, and there is no other: .* used already"):
        publishing.instead_of(first)
    seconds.time = START + 1001
    assert publishing.current().secret == "t2"


def test_a_refused_token_is_renewed_unless_it_is_new(index: UploadServer, take: Take, seconds: Seconds) -> None:
    minting(index, {"token": "t1"}, {"token": "t2"})
    publishing = begun(take(index))
    first = publishing.current()

    assert publishing.instead_of(first) is None
    seconds.time = START + 60
    second = publishing.instead_of(first)
    assert second == Credentials("__token__", "t2")
    assert publishing.instead_of(first) == second, "who comes later gets the same"


def test_several_uploads_renew_once(take: Take, seconds: Seconds) -> None:
    with MintingServer() as index:
        publishing = begun(take(index))
        first = publishing.current()
        seconds.time = START + 800
        together = Barrier(8)

        def ask(n: int) -> Credentials | None:
            together.wait(timeout=10)
            return publishing.current() if n % 2 else publishing.instead_of(first)

        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(ask, range(8)))

    assert found == {Credentials("__token__", "pypi-s3cret-token-2")}
    assert len(index.minted) == 2


def test_a_request_is_made_again_with_a_new_token(
    index: UploadServer, take: Take, seconds: Seconds, pauses: Pauses
) -> None:
    minting(index, {"token": "t1"}, {"token": "t2"}, {"token": "t3"}, {"token": "t4"})
    index.script("POST", "/any", *[problem(401, "Expired"), Reply(200), *[problem(403, "No")] * 3])
    publishing = begun(take(index))
    headers = {"Content-Length": "2"}

    with Transport(index.endpoint, publishing, waiter=pauses.waiter()) as transport:
        # no token is new when it is refused
        seconds.step = 61

        def send() -> int:
            url = f"{index.origin}/any"
            return transport.exchange(
                "POST", url, headers=headers, content=lambda: iter([b"a", b"b"]), repeat=Repeat.UNSENT
            ).status

        assert (send(), send()) == (200, 403)

    sent = index.asked("POST", "/any")
    assert [seen.body for seen in sent] == [b"ab"] * 5
    assert [seen.headers["authorization"] for seen in sent] == [
        Credentials("__token__", token).authorization for token in ("t1", "t2", "t2", "t3", "t4")
    ]
    assert pauses == []
    assert len(index.asked("POST", MINT_TOKEN)) == 4, "each request is made again twice at most"
    assert scrub("t1, t2 and t4, not t0") == "***, *** and ***, not t0"


def test_a_long_upload_outlives_its_tokens(
    make_release: MakeRelease, job: Job, pauses: Pauses, capfd: pytest.CaptureFixture[str]
) -> None:
    names = [f"foo-1.0-{n}-py3-none-any.whl" for n in range(12)]
    release = make_release(*names, payload=os.urandom(300_000))
    advanced: dict[str, int] = {}

    class Counting(Silent):
        def advanced(self, artifact: object, n_bytes: int) -> None:
            name = getattr(artifact, "filename", "")
            advanced[name] = advanced.get(name, 0) + n_bytes

    with MintingServer(fatal=5) as index:
        # each look at the clock takes a minute: no token is new when it is refused, and some are old before
        publishing = TrustedPublishing(index.endpoint, job, lambda: Transport(index.endpoint), Seconds(61))
        transport = Transport(index.endpoint, begun(publishing), waiter=pauses.waiter())
        with Client(transport) as client:
            outcome = staging.stage(release, client, jobs=4, reporter=Counting())

    assert {name: file.status for name, file in outcome.session.files.items()} == dict.fromkeys(
        names, FileState.COMPLETED
    )
    assert index.minted[1:]
    assert len(index.asked("POST", "/b/")) > len(names), "some were sent again"
    assert advanced == {artifact.filename: artifact.size for artifact in release.artifacts}
    assert "s3cret" not in "".join(capfd.readouterr())


def test_no_error_shows_a_token_that_the_index_repeats(take: Take, pauses: Pauses) -> None:
    with MintingServer() as index:
        publishing = begun(take(index))
        index.accepted.clear()
        with Client(Transport(index.endpoint, publishing, waiter=pauses.waiter())) as client:
            index.script("POST", "/api", problem(403, f"{index.minted[0]} is no good"))
            for shown in (r"403\): \*\*\* is no good", r"information: Basic \*\*\*"):
                with pytest.raises(NotAllowedError, match=shown) as caught:
                    client.create_or_join("foo", "1.0")
                assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert "s3cret" not in repr(vars(publishing))


# The services that `id` knows


def jwt(audience: str) -> str:
    claims = urlsafe_b64encode(json.dumps({"aud": audience}).encode()).decode().rstrip("=")
    return f"e30.{claims}.s3cret-signature"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the CI service that runs the tests out of them."""
    for name in SERVICES:
        monkeypatch.delenv(name, raising=False)


def test_who_is_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    product = tmp_path / "product_name"
    ambient = SystemAmbient(product)
    assert not ambient.present()
    product.write_text("Laptop\n")
    assert not ambient.present()
    product.write_bytes(b"\xff")
    assert not ambient.present()
    product.write_text("Google Compute Engine\n")
    assert ambient.present()
    for name in SERVICES:
        monkeypatch.setenv(name, "true")
        assert SystemAmbient(tmp_path / "none").present(), name
        monkeypatch.delenv(name)


def test_github_actions(index: UploadServer, monkeypatch: pytest.MonkeyPatch) -> None:
    index.script(
        "GET",
        "^/github",
        *[
            reply(200, {"value": jwt("acme")}, JSON, Connection="close"),
            Reply(500, b"sorry", {"Connection": "close"}),
        ],
    )
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with pytest.raises(NotAllowedError, match="cannot prove its identity: GitHub: missing") as caught:
        SystemAmbient().identity("acme")
    assert "id-token: write" in caught.value.hint

    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret-request")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{index.origin}/github?a=1")
    assert SystemAmbient().identity("acme") == jwt("acme")
    assert index.seen[0].path == "/github?a=1&audience=acme"
    assert index.seen[0].headers["authorization"] == "bearer s3cret-request"
    with pytest.raises(NotAllowedError, match="500"):
        SystemAmbient().identity("acme")


def test_gitlab(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITLAB_CI", "true")
    with pytest.raises(NotAllowedError, match="ACME_EXAMPLE_ID_TOKEN") as caught:
        SystemAmbient().identity("acme.example")
    assert "id_tokens" in caught.value.hint

    monkeypatch.setenv("ACME_EXAMPLE_ID_TOKEN", jwt("acme.example"))
    assert SystemAmbient().identity("acme.example") == jwt("acme.example")
    for wrong in (jwt("other"), "s3cret"):
        monkeypatch.setenv("ACME_EXAMPLE_ID_TOKEN", wrong)
        with pytest.raises(NotAllowedError) as caught:
            SystemAmbient().identity("acme.example")
        assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.skipif(sys.platform == "win32", reason="the agents are shell scripts here")
@pytest.mark.parametrize(("variable", "program"), [("BUILDKITE", "buildkite-agent"), ("CIRCLECI", "circleci")])
def test_services_with_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, program: str) -> None:
    monkeypatch.setenv(variable, "true")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(NotAllowedError, match="could not find"):
        SystemAmbient().identity("acme")

    agent = tmp_path / program
    agent.write_text(f"#!/bin/sh\necho {jwt('acme')}\n")
    agent.chmod(0o700)
    assert SystemAmbient().identity("acme") == jwt("acme")


def test_whatever_goes_wrong_inside_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", "http://127.0.0.1:s3cret/")
    with pytest.raises(NotAllowedError, match="identity: LocationParseError") as caught:
        SystemAmbient().identity("acme")
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_nobody_vouches_outside_of_them() -> None:
    with pytest.raises(NotAllowedError, match="nobody vouches"):
        SystemAmbient().identity("acme")
