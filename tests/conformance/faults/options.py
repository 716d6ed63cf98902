"""Faults of what an index need not have: extensions of files, mechanisms of its own, previews."""

from __future__ import annotations

from tests.conformance.configurations import POOR, RICH
from tests.conformance.faults.changes import answer, instead_of, key, status, success, with_key, without
from tests.conformance.faults.means import ATTEST, EXTEND, FILE_BODIES, FILE_EXTEND, SESSION_BODIES, Exchange
from tests.conformance.faults.mutant import Mutant, mutant
from tests.conformance.faults.times import later


def _named(identifier: str) -> list[str]:
    return [identifier, "http-post-bytes"]


def _mechanism(name: str, identifier: str, *breaks: str) -> Mutant:
    return mutant(name, success(SESSION_BODIES, key("mechanisms", to=_named(identifier))), *breaks, where=RICH)


def _too_long(exchange: Exchange) -> None:
    if exchange.message.get("extend-for", 0) > 365 * 24 * 60 * 60:
        exchange.status = 409


def _as_asked(exchange: Exchange) -> None:
    """Say that it was extended as asked."""
    seconds = min(exchange.message["extend-for"], 10**9)
    exchange.answer = {**exchange.answer, "expires-at": later(exchange.answer["expires-at"], seconds)}


def _linked(links: dict[str, str]) -> dict[str, str]:
    return {**links, "extend": f"{links['session']}extend/"}


OPTIONS = (
    # Publishing Session Extension
    mutant("too long an extension is refused", answer(EXTEND, _too_long), "SESSION-EXTEND-07"),
    mutant("an extension is only said", success(EXTEND, _as_asked), "SESSION-EXTEND-08"),
    mutant("an extension is answered with something else", success(EXTEND, without("links")), "SESSION-EXTEND-06"),
    mutant("an extension is answered with 404", answer(EXTEND, status(404)), "SESSION-LINKS-04", "SESSION-EXTEND-03"),
    mutant(
        "there is a link to extend what is not extended",
        success(SESSION_BODIES, key("links", to=_linked)),
        "SESSION-LINKS-05",
        "SESSION-EXTEND-03",
        where=POOR,
    ),
    # File Upload Session Extension
    mutant(
        "an extension of a file is answered with 404",
        answer(FILE_EXTEND, status(404)),
        "FILE-LINKS-04",
        "FILE-EXTEND-03",
        where=RICH,
    ),
    mutant("too long an extension of a file is refused", answer(FILE_EXTEND, _too_long), "FILE-EXTEND-07", where=RICH),
    mutant("an extension of a file is only said", success(FILE_EXTEND, _as_asked), "FILE-EXTEND-08", where=RICH),
    mutant(
        "an extension of a file is answered with something else",
        success(FILE_EXTEND, without("links")),
        "FILE-EXTEND-06",
        where=RICH,
    ),
    # Server Specific File Upload Mechanisms
    _mechanism("a mechanism of the index's own has two parts", "vnd-fast", "MECHANISM-VENDOR-03"),
    _mechanism("a mechanism of the index's own has no prefix", "x-us-fast", "MECHANISM-VENDOR-04"),
    _mechanism("an operator has capitals", "vnd-Us-fast", "MECHANISM-VENDOR-05"),
    _mechanism("an implementation has an underscore", "vnd-us-very_fast", "MECHANISM-VENDOR-06"),
    mutant(
        "a mechanism of the index's own makes another version",
        success((*SESSION_BODIES, *FILE_BODIES), key("meta", "api-version", to="2.1")),
        "MECHANISM-06",
        where=RICH,
    ),
    # http-post-bytes
    mutant("attestations are promised and not taken", answer(ATTEST, status(404)), "HTTP-POST-BYTES-07"),
    mutant("anything is taken for an attestation", answer(ATTEST, instead_of(400, 204)), "HTTP-POST-BYTES-07"),
    # Previews
    mutant(
        "there is a token where there are no previews",
        success(SESSION_BODIES, with_key("session-token", "0" * 64)),
        "SESSION-RESPONSE-08",
        "SESSION-TOKEN-03",
        where=POOR,
    ),
    mutant(
        "there is a stage where there are no previews",
        success(SESSION_BODIES, key("links", to=lambda links: {**links, "stage": f"{links['session']}stage/"})),
        "SESSION-LINKS-12",
        "SESSION-TOKEN-03",
        where=POOR,
    ),
)
