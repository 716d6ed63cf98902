"""Requests on a wire: to whom the credentials go, what is made again, and what ends it."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import traceback
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.client.conftest import NOON, SECRET
from tests.client.proxy_server import ProxyServer
from tests.client.upload_server import DROP, TOKEN, UPLOAD_JSON, Reply, UploadServer, problem

from hatch_staged.client import transport as module
from hatch_staged.client.credentials import Credentials
from hatch_staged.client.transport import MAX_REDIRECTS, Repeat, Transport
from hatch_staged.client.upload_api import Client
from hatch_staged.client.waiting import Patience, Waiter
from hatch_staged.errors import ConfigurationError, ProtocolError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.client.conftest import Pauses

BASIC = "Basic X190b2tlbl9fOnB5cGktdmVyeXNlY3JldA=="


@pytest.fixture
def transport(index: UploadServer, pauses: Pauses) -> Iterator[Transport]:
    credentials = Credentials("__token__", SECRET)
    with Transport(index.endpoint, credentials, waiter=pauses.waiter(Patience(attempts=3))) as made:
        yield made


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("repeat", "status", "times"),
    [
        (Repeat.ALWAYS, 503, 3),
        (Repeat.ALWAYS, 502, 3),
        (Repeat.ALWAYS, 501, 1),
        (Repeat.ALWAYS, 404, 1),
        (Repeat.UNHEEDED, 429, 3),
        (Repeat.UNHEEDED, 503, 3),
        (Repeat.UNHEEDED, 500, 1),
        (Repeat.UNSENT, 503, 1),
        (Repeat.UNSENT, 429, 1),
    ],
)
def test_a_failing_index_is_asked_again_and_its_last_answer_counts(
    index: UploadServer, transport: Transport, pauses: Pauses, *, repeat: Repeat, status: int, times: int
) -> None:
    index.script("POST", "/any", *[problem(status, "Busy")] * 5)

    answer = transport.exchange("POST", f"{index.origin}/any", headers={}, content=b"{}", repeat=repeat)

    assert answer.status == status
    assert len(index.asked("POST", "/any")) == times
    assert pauses == [0.5, 1.0][: times - 1]


def test_an_index_that_recovers_is_no_failure(index: UploadServer, transport: Transport, pauses: Pauses) -> None:
    index.script("GET", "/any", DROP, Reply(503, headers={"Retry-After": "4"}), Reply(200, b"well"))

    answer = transport.fetch(f"{index.origin}/any", headers={})

    assert (answer.status, answer.body) == (200, b"well")
    assert pauses == [0.5, 4], "as long as it asks for"


def test_an_index_that_asks_for_a_long_pause_is_given_up(
    index: UploadServer, transport: Transport, pauses: Pauses
) -> None:
    index.script("GET", "/any", Reply(503, headers={"Retry-After": "3600"}))

    assert transport.fetch(f"{index.origin}/any", headers={}).status == 503
    assert pauses == []


@pytest.mark.parametrize(("repeat", "times"), [(Repeat.ALWAYS, 3), (Repeat.UNHEEDED, 1), (Repeat.UNSENT, 1)])
def test_a_connection_that_drops_leaves_it_open_what_the_index_did(
    index: UploadServer, transport: Transport, repeat: Repeat, times: int
) -> None:
    index.script("POST", "/any", *[DROP] * 5)

    with pytest.raises(UnreachableError, match="cannot be reached") as caught:
        transport.exchange("POST", f"{index.origin}/any", headers={}, content=b"{}", repeat=repeat)

    assert len(index.asked("POST", "/any")) == times
    assert caught.value.where == f"{index.origin}/any"
    assert caught.value.exit_code == 7


@pytest.mark.parametrize("repeat", Repeat)
def test_where_nobody_listens_any_request_is_made_again(pauses: Pauses, repeat: Repeat) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}/"

    with (
        Transport(endpoint, waiter=pauses.waiter()) as transport,
        pytest.raises(UnreachableError, match="refused") as caught,
    ):
        transport.exchange("POST", endpoint, headers={}, repeat=repeat)

    assert pauses == [0.5, 1.0, 2.0]
    # somebody may have been given the stage file of another machine's own index
    assert "the local index of another one cannot be reached from here" in caught.value.hint


def test_content_is_made_anew_for_each_attempt(index: UploadServer, transport: Transport) -> None:
    index.script("POST", "/any", DROP, Reply(200))

    transport.exchange(
        "POST",
        f"{index.origin}/any",
        headers={"Content-Length": "2"},
        content=lambda: iter([b"a", b"b"]),
        repeat=Repeat.ALWAYS,
    )

    assert [seen.body for seen in index.asked("POST", "/any")] == [b"ab", b"ab"]


def test_an_answer_that_breaks_off_is_no_answer(index: UploadServer, transport: Transport) -> None:
    index.script("GET", "/any", *[Reply(200, b"half", length=8)] * 3)

    with pytest.raises(UnreachableError):
        transport.fetch(f"{index.origin}/any", headers={})


def test_an_answer_in_a_broken_encoding_is_no_answer(index: UploadServer, transport: Transport, pauses: Pauses) -> None:
    index.script("GET", "/any", Reply(200, b"no gzip", {"Content-Encoding": "gzip"}))

    with pytest.raises(UnreachableError):
        transport.fetch(f"{index.origin}/any", headers={})

    assert pauses == [], "it would be no better the next time"


def test_an_answer_that_does_not_end_is_cut(index: UploadServer, transport: Transport) -> None:
    index.script("GET", "/any", Reply(200, b"x" * (module.MAX_BODY_SIZE + 1)))

    with pytest.raises(ProtocolError, match="more than"):
        transport.fetch(f"{index.origin}/any", headers={})


def test_how_long_an_answer_may_be_is_an_argument(index: UploadServer, pauses: Pauses) -> None:
    index.script("GET", "/any", Reply(200, b"x" * 10), Reply(200, b"x" * 11))
    url = f"{index.origin}/any"

    with Transport(index.endpoint, waiter=pauses.waiter(), max_body=10) as transport:
        assert transport.fetch(url, headers={}).body == b"x" * 10
        with pytest.raises(ProtocolError, match="more than 10 bytes"):
            transport.fetch(url, headers={})


class Drips:
    """A clock that goes on by so many `seconds` each time somebody looks at it."""

    def __init__(self, seconds: int = 20) -> None:
        self.seconds = seconds
        self.looks = 0

    def __call__(self) -> datetime:
        """Return the time."""
        self.looks += 1
        return NOON + timedelta(seconds=self.seconds * self.looks)


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_an_answer_that_drips_is_given_up(index: UploadServer, pauses: Pauses, *, status: int, encoding: str) -> None:
    # the beginning of a gzip file, whose content never comes
    body = b"\x1f\x8b\x08\x08\0\0\0\0\0\0" + b"name" * 1_000_000
    index.script("GET", "/any", Reply(status, body, {"Content-Encoding": encoding}))
    url = f"{index.origin}/any"

    with (
        Transport(index.endpoint, waiter=Waiter(sleep=pauses.append, now=Drips()), deadline=60) as transport,
        pytest.raises(UnreachableError, match="not complete after 60 seconds") as caught,
    ):
        transport.fetch(url, headers={})

    assert caught.value.where == url
    assert len(index.seen) == 1, "it would be no faster the next time"


def test_a_download_may_take_its_time(index: UploadServer, pauses: Pauses) -> None:
    index.script("GET", "/any", Reply(200, b"x" * 1_000_000))

    with (
        Transport(index.endpoint, waiter=Waiter(sleep=pauses.append, now=Drips()), deadline=60) as transport,
        transport.stream(f"{index.origin}/any", headers={}) as (_, pieces),
    ):
        assert b"".join(pieces) == b"x" * 1_000_000


def test_a_download_that_drips_is_given_up(index: UploadServer, pauses: Pauses) -> None:
    index.script("GET", "/any", Reply(200, b"x" * 1_000_000))
    url = f"{index.origin}/any"

    with (
        Transport(index.endpoint, waiter=Waiter(sleep=pauses.append, now=Drips(seconds=3600))) as transport,
        transport.stream(url, headers={}) as (_, pieces),
        pytest.raises(UnreachableError, match=r"too slow: \d+ bytes of a file in 3600 seconds") as caught,
    ):
        list(pieces)

    assert caught.value.where == url


def test_a_download_gives_pieces_as_they_are_and_fails_when_they_end(index: UploadServer, transport: Transport) -> None:
    index.script(
        "GET",
        "/any",
        Reply(200, b"as it is", {"Content-Encoding": "gzip"}),
        Reply(200, b"half", length=8),
        problem(404, "Gone"),
    )
    url = f"{index.origin}/any"

    with transport.stream(url, headers={}) as (answer, pieces):
        assert b"".join(pieces) == b"as it is"
        assert answer.body == b""
    assert index.seen[0].headers["accept-encoding"] == "identity"
    with transport.stream(url, headers={}) as (_, pieces), pytest.raises(UnreachableError):
        b"".join(pieces)
    with transport.stream(url, headers={}) as (answer, _):
        assert answer.status == 404
        assert b"Gone" in answer.body


def test_credentials_go_to_the_index_and_to_what_it_names_alone(
    index: UploadServer, other: UploadServer, transport: Transport
) -> None:
    with pytest.raises(ConfigurationError, match="does not belong to the index") as caught:
        transport.exchange("GET", f"{other.origin}/any", headers={}, repeat=Repeat.ALWAYS)
    assert caught.value.where == f"{other.origin}/any"
    assert other.seen == []

    transport.trust(f"{other.origin}/upload")
    for server in (index, other):
        transport.exchange("GET", f"{server.origin}/any", headers={}, repeat=Repeat.ALWAYS)
        transport.fetch(f"{server.origin}/any", headers={})

    assert [seen.headers.get("authorization") for seen in index.seen] == [BASIC, BASIC]
    assert [seen.headers.get("authorization") for seen in other.seen] == [BASIC, None]


def test_redirects_are_followed_without_credentials_for_strangers(
    index: UploadServer, other: UploadServer, transport: Transport
) -> None:
    index.script("GET", "^/one", Reply(302, headers={"Location": "/two"}))
    index.script("GET", "^/two", Reply(307, headers={"Location": f"{other.origin}/three"}))
    other.script("GET", "^/three", Reply(200, b"there"))

    answer = transport.fetch(f"{index.origin}/one", headers={})

    assert (answer.url, answer.body) == (f"{other.origin}/three", b"there")
    assert [seen.headers.get("authorization") for seen in index.seen] == [BASIC, BASIC]
    assert "authorization" not in other.seen[0].headers


def test_a_stranger_cannot_send_the_credentials_back_to_the_index(
    index: UploadServer, other: UploadServer, transport: Transport
) -> None:
    index.script("GET", "^/one", Reply(302, headers={"Location": f"{other.origin}/two"}))
    other.script("GET", "^/two", Reply(302, headers={"Location": f"{index.origin}/three"}))

    transport.fetch(f"{index.origin}/one", headers={})

    assert [(seen.path, "authorization" in seen.headers) for seen in index.seen] == [("/one", True), ("/three", False)]


def test_credentials_that_are_refused_are_not_sent_again(index: UploadServer, transport: Transport) -> None:
    for status in (401, 403):
        index.script("GET", "/any", problem(status, "No"))
        assert transport.exchange("GET", f"{index.origin}/any", headers={}, repeat=Repeat.ALWAYS).status == status

    assert len(index.seen) == 2


def test_requests_of_the_upload_api_follow_no_redirect(index: UploadServer, transport: Transport) -> None:
    index.script("POST", "/any", Reply(307, headers={"Location": "/elsewhere"}))

    assert transport.exchange("POST", f"{index.origin}/any", headers={}, repeat=Repeat.ALWAYS).status == 307
    assert len(index.seen) == 1


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://i.example/f", "http://i:99999999/"])
def test_a_redirect_to_something_else_is_not_followed(index: UploadServer, transport: Transport, target: str) -> None:
    index.script("GET", "/any", Reply(302, headers={"Location": target}))

    with pytest.raises(ProtocolError, match="URL"):
        transport.fetch(f"{index.origin}/any", headers={})


def test_a_server_outside_cannot_make_us_ask_one_that_only_we_reach(index: UploadServer, other: UploadServer) -> None:
    places = {"127.0.0.1": ["93.184.216.34"], "localhost": ["93.184.216.34", "127.0.0.1"]}
    inside = other.origin.replace("127.0.0.1", "localhost")
    index.script("GET", "^/in", *[Reply(302, headers={"Location": f"{inside}/there"})] * 3)
    index.script("GET", "^/out", Reply(302, headers={"Location": f"{other.origin}/there"}))
    index.script("GET", "^/nobody-knows", Reply(302, headers={"Location": f"{inside}/there"}))
    with Transport(index.endpoint, resolve=places.__getitem__) as transport:
        for ask in (transport.fetch, lambda url, headers: transport.stream(url, headers=headers).__enter__()):
            with pytest.raises(ProtocolError, match="into a private network is not followed"):
                ask(f"{index.origin}/in", headers={})
        assert other.seen == []
        assert transport.fetch(f"{index.origin}/out", headers={}).status == 404
    with Transport(index.endpoint, resolve=lambda _host: ["10.0.0.1"]) as transport:
        assert transport.fetch(f"{index.origin}/in", headers={}).url == f"{inside}/there", "the index is inside, too"
    with Transport(index.endpoint, resolve=lambda _host: []) as transport:
        # such as behind a proxy, which decides
        assert transport.fetch(f"{index.origin}/nobody-knows", headers={}).url == f"{inside}/there"


def test_redirects_end(index: UploadServer, transport: Transport) -> None:
    index.script("GET", "/any", *[Reply(301, headers={"Location": "/any"})] * 20)

    with pytest.raises(ProtocolError, match="more than 5 redirects"):
        transport.fetch(f"{index.origin}/any", headers={})

    assert len(index.seen) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("endpoint", ["i.example/upload/", "ftp://i.example/", "", "https://", "http://[bad"])
def test_an_endpoint_that_is_no_url(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="http or https"):
        Transport(endpoint)


def test_anonymous_requests(index: UploadServer, pauses: Pauses) -> None:
    with Transport(index.endpoint, waiter=pauses.waiter()) as transport:
        transport.exchange("GET", index.endpoint, headers={}, repeat=Repeat.ALWAYS)

    assert "authorization" not in index.seen[0].headers
    assert index.seen[0].headers["user-agent"].startswith("hatch-staged/")


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the proxies of whoever runs the tests out of them."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.usefixtures("no_proxies")
def test_no_proxy_stands_between_us_and_this_machine(
    index: UploadServer, secure: UploadServer, certificate: Path, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")

    for server in (index, secure):
        with Transport(server.endpoint, ca_cert=certificate, waiter=pauses.waiter()) as transport:
            assert transport.exchange("GET", server.endpoint, headers={}, repeat=Repeat.ALWAYS).status == 404


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_of_the_system_is_used(pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "http://index.example/upload/"
    with ProxyServer() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        with Transport(url, Credentials("__token__", SECRET), waiter=pauses.waiter()) as transport:
            assert transport.exchange("GET", url, headers={}, repeat=Repeat.ALWAYS).status == 200

    assert [(seen.method, seen.target) for seen in proxy.passed] == [("GET", url)]


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_sees_nothing_of_what_goes_through_its_tunnel(
    secure: UploadServer, certificate: Path, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://index.example/upload/"
    with ProxyServer(int(secure.origin.rpartition(":")[2])) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cret@{proxy.host}")
        credentials = Credentials("__token__", SECRET)
        with Transport(url, credentials, ca_cert=certificate, waiter=pauses.waiter()) as transport:
            assert transport.exchange("GET", url, headers={}, repeat=Repeat.ALWAYS).status == 404

    (passed,) = proxy.passed
    assert (passed.method, passed.target) == ("CONNECT", "index.example:443")
    assert passed.headers["proxy-authorization"] == "Basic bWU6czNjcmV0"
    assert "authorization" not in passed.headers
    assert secure.seen[0].headers["authorization"] == BASIC
    assert "proxy-authorization" not in secure.seen[0].headers


@pytest.mark.usefixtures("no_proxies")
def test_a_proxy_that_lets_nobody_through(pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://index.example/upload/"
    with ProxyServer(status=407) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cret@{proxy.host}")
        with (
            Transport(url, waiter=pauses.waiter()) as transport,
            pytest.raises(UnreachableError, match="407") as caught,
        ):
            transport.exchange("GET", url, headers={}, repeat=Repeat.UNSENT)

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.usefixtures("no_proxies")
@pytest.mark.parametrize("proxy", ["socks5://me:s3cret@127.0.0.1:1080", "ftp://me:s3cret@127.0.0.1"])
def test_a_proxy_that_cannot_be_used_is_a_mistake_in_the_system(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)

    with pytest.raises(ConfigurationError, match="proxy") as caught:
        Transport("https://index.example/")

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


def test_a_line_that_no_server_may_send_is_shown_without_secrets(index: UploadServer, transport: Transport) -> None:
    broken = Reply(307, headers={"Location": f"https://u:pw@i.example/\x00?token={SECRET}", "X-Odd": f"\x00{SECRET}"})
    for header in broken.headers:
        index.script("GET", "/any", Reply(307, headers={header: broken.headers[header]}))
        with pytest.raises(UnreachableError, match="illegal header") as caught:
            transport.exchange("GET", f"{index.origin}/any", headers={}, repeat=Repeat.UNSENT)
        assert not [secret for secret in (SECRET, "u:pw", "token=") if secret in caught.value.what]
        assert caught.value.what.isprintable()


def test_a_header_that_cannot_be_sent_is_not_shown(index: UploadServer, transport: Transport) -> None:
    with pytest.raises(UnreachableError) as caught:
        transport.fetch(index.endpoint, headers={"X-Odd": "s3cret\n"})

    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "files", [{"ca_cert": "no.pem"}, {"client_cert": "bad.pem"}, {"client_key": "key.pem"}], ids=str
)
def test_certificates_that_cannot_be_used(tmp_path: Path, files: dict[str, str]) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    paths = {option: tmp_path / name for option, name in files.items()}

    with pytest.raises(ConfigurationError) as caught:
        Transport("https://i.example/", **paths)  # type: ignore[arg-type] # mypy takes the values for any argument

    assert caught.value.where == str(next(iter(paths.values())))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Write a certificate and its key, signed by itself, into one file."""
    return write_certificate(tmp_path / "certificate.pem")


def write_certificate(path: Path, *, passphrase: bytes | None = None) -> Path:
    """Write one for 127.0.0.1 and index.example."""
    names = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("index.example")]
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOON - timedelta(days=10_000))
        .not_valid_after(NOON + timedelta(days=10_000))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[UploadServer]:
    """Run an index with TLS that wants a certificate of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_OPTIONAL
    with UploadServer(context) as server:
        yield server


def test_tls_with_an_authority_and_a_certificate_of_our_own(
    secure: UploadServer, certificate: Path, pauses: Pauses
) -> None:
    with Transport(
        secure.endpoint, ca_cert=certificate, client_cert=certificate, client_key=certificate, waiter=pauses.waiter()
    ) as transport:
        assert transport.exchange("GET", secure.endpoint, headers={}, repeat=Repeat.ALWAYS).status == 404


@pytest.mark.parametrize("authority_given", [True, False])
def test_an_index_that_wants_a_certificate_gets_ours_if_it_was_given(
    certificate: Path, pauses: Pauses, monkeypatch: pytest.MonkeyPatch, *, authority_given: bool
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with UploadServer(context) as strict:
        for ours in (None, certificate, None):
            with Transport(
                strict.endpoint,
                ca_cert=certificate if authority_given else None,
                client_cert=ours,
                waiter=pauses.waiter(Patience(attempts=1)),
            ) as transport:
                if ours is None:
                    with pytest.raises(UnreachableError):
                        transport.exchange("GET", strict.endpoint, headers={}, repeat=Repeat.ALWAYS)
                else:
                    assert transport.exchange("GET", strict.endpoint, headers={}, repeat=Repeat.ALWAYS).status == 404
        assert len(strict.seen) == 1


def test_nobody_is_asked_for_the_passphrase_of_a_key(certificate: Path, tmp_path: Path) -> None:
    locked = write_certificate(tmp_path / "locked.pem", passphrase=b"s3cret")

    with pytest.raises(ConfigurationError, match="is encrypted"):
        Transport("https://index.example/", ca_cert=certificate, client_cert=locked)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the trust store is no file")
def test_the_trust_store_of_the_system_counts_unless_an_authority_is_given(
    secure: UploadServer, certificate: Path, tmp_path: Path, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Transport(secure.endpoint, waiter=pauses.waiter()) as transport:
        assert transport.exchange("GET", secure.endpoint, headers={}, repeat=Repeat.ALWAYS).status == 404
    another = write_certificate(tmp_path / "another.pem")
    with (
        Transport(secure.endpoint, ca_cert=another, waiter=pauses.waiter()) as transport,
        pytest.raises(UnreachableError, match=r"(?i)certificate"),
    ):
        transport.exchange("GET", secure.endpoint, headers={}, repeat=Repeat.ALWAYS)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigurationError) as caught:
        Transport(secure.endpoint)
    assert caught.value.where == "SSL_CERT_FILE"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the trust store is no file")
def test_the_trust_store_is_read_once(
    secure: UploadServer, certificate: Path, tmp_path: Path, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store.pem"
    store.write_bytes(certificate.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(store))
    for _ in range(2):
        with Transport(secure.endpoint, waiter=pauses.waiter()) as transport:
            assert transport.exchange("GET", secure.endpoint, headers={}, repeat=Repeat.ALWAYS).status == 404
        store.unlink(missing_ok=True)


def test_a_certificate_of_an_unknown_authority_ends_it_at_once(secure: UploadServer, pauses: Pauses) -> None:
    with (
        Transport(secure.endpoint, waiter=pauses.waiter()) as transport,
        pytest.raises(UnreachableError, match=r"(?i)certificate") as caught,
    ):
        transport.exchange("GET", secure.endpoint, headers={}, repeat=Repeat.ALWAYS)

    assert pauses == []
    assert "--ca-cert" in caught.value.hint


def test_nothing_leads_from_https_to_http(
    secure: UploadServer, index: UploadServer, certificate: Path, pauses: Pauses
) -> None:
    secure.script("GET", "/any", Reply(302, headers={"Location": f"{index.origin}/any"}))

    with Transport(secure.endpoint, ca_cert=certificate, waiter=pauses.waiter()) as transport:
        with pytest.raises(ProtocolError, match="from https to http"):
            transport.fetch(f"{secure.origin}/any", headers={})
        with pytest.raises(ProtocolError, match="without TLS"):
            transport.trust(index.endpoint)

    assert index.seen == []


def test_a_session_token_does_not_go_over_a_line_without_tls(
    secure: UploadServer, certificate: Path, pauses: Pauses
) -> None:
    clear = f"http://127.0.0.1/stage/{TOKEN}/simple/"
    told = json.dumps(secure.session() | {"status": "open"}).encode()
    with_stage = told.replace(f"{secure.origin}/stage/{TOKEN}/simple/".encode(), clear.encode())
    secure.script("POST", "/2.0/", Reply(201, with_stage, {"Content-Type": UPLOAD_JSON}))

    with (
        Client(Transport(secure.endpoint, ca_cert=certificate, waiter=pauses.waiter())) as client,
        pytest.raises(ProtocolError, match="without TLS") as caught,
    ):
        client.create_or_join("foo", "1.0")

    assert caught.value.where == "http://127.0.0.1/stage/***/simple/"
