"""Faults of any answer: content types, versions, errors."""

from __future__ import annotations

import json

from tests.conformance.faults.changes import (
    answer,
    filled_in,
    header,
    key,
    refusal,
    request,
    status,
    success,
    without,
)
from tests.conformance.faults.means import CREATE, CREATE_FILE, LEGACY, SESSION_BODIES, STATUS, UPLOAD_API, Exchange
from tests.conformance.faults.mutant import mutant

from hatch_staged.protocol.messages import CONTENT_TYPE


def _any_content_type(exchange: Exchange) -> None:
    exchange.asked_headers["content-type"] = CONTENT_TYPE


def _any_version(exchange: Exchange) -> None:
    if "meta" in exchange.message:
        exchange.message = {**exchange.message, "meta": {"api-version": "2.0"}}


def _any_version_and_type(exchange: Exchange) -> None:
    _any_content_type(exchange)
    _any_version(exchange)


def _legacy_form(exchange: Exchange) -> None:
    if exchange.asked_headers.get("content-type", "").startswith("multipart/form-data"):
        exchange.status = 200


def _nothing_but_the_type(exchange: Exchange) -> None:
    if exchange.asked_headers.get("accept", "*/*") not in {"*/*", CONTENT_TYPE}:
        exchange.status = 406


def _as_html(exchange: Exchange) -> None:
    exchange.headers["content-type"] = "text/html"
    exchange.body = f"<html><body><h1>{exchange.status}</h1></body></html>".encode()


def _flat_errors(exchange: Exchange) -> None:
    if "errors" in exchange.answer:
        exchange.answer = {**exchange.answer, "errors": [each["message"] for each in exchange.answer["errors"]]}


def _other_status(exchange: Exchange) -> None:
    if exchange.answer:
        exchange.answer = {**exchange.answer, "status": 599}


def _bare_list(exchange: Exchange) -> None:
    exchange.body = json.dumps([exchange.answer]).encode()


def _unlike_errors(exchange: Exchange) -> None:
    exchange.answer = {"error": "it did not work", "code": "E17"}


ANSWERS = (
    # Versioning, content types
    mutant(
        "answers are application/json",
        success(SESSION_BODIES, header("content-type", "application/json")),
        "CONTENT-13",
        "CONTENT-01",
    ),
    mutant(
        "answers have no content type",
        success(SESSION_BODIES, header("content-type", None)),
        "CONTENT-13",
    ),
    mutant(
        "the minor version is in the content type",
        success(SESSION_BODIES, header("content-type", "application/vnd.pypi.upload.v2.0+json")),
        "CONTENT-04",
    ),
    mutant(
        "answers say that they are of version 3",
        success(SESSION_BODIES, key("meta", "api-version", to="3.0")),
        "VERSION-02",
    ),
    mutant(
        "the version is a number",
        success(CREATE, key("meta", "api-version", to=2.0)),
        "SESSION-RESPONSE-02",
    ),
    mutant("any content type is taken", request((CREATE, CREATE_FILE), _any_content_type), "CONTENT-02"),
    mutant("version 3 is spoken", request((CREATE, CREATE_FILE), _any_version_and_type), "VERSION-04"),
    mutant("the legacy API is at the same URL", answer(CREATE, _legacy_form), "CONTENT-06"),
    mutant(
        "the content type names no version",
        success(SESSION_BODIES, header("content-type", "application/vnd.pypi.upload+json")),
        "CONTENT-03",
    ),
    mutant(
        "version 3 is advertised",
        success(SESSION_BODIES, header("accept-post", "application/vnd.pypi.upload.v3+json")),
        "CONTENT-11",
    ),
    mutant("only the very media type may be accepted", answer(STATUS, _nothing_but_the_type), "CONTENT-08"),
    mutant("the legacy API is switched off", answer(LEGACY, status(410)), "VERSION-01"),
    # Errors
    mutant("errors are HTML", refusal(UPLOAD_API, _as_html), "ERROR-01", "ERROR-02", "ERROR-03"),
    mutant(
        "errors are of the media type of messages",
        refusal(UPLOAD_API, header("content-type", CONTENT_TYPE)),
        "ERROR-03",
    ),
    mutant("errors have a form of their own", refusal(UPLOAD_API, _unlike_errors), "ERROR-06"),
    mutant("errors are in a list", refusal(UPLOAD_API, _bare_list), "ERROR-02"),
    mutant("errors name another status", refusal(UPLOAD_API, _other_status), "ERROR-02"),
    mutant("errors have no status", refusal(UPLOAD_API, without("status")), "ERROR-06"),
    mutant("errors have no meta", refusal(UPLOAD_API, without("meta")), "ERROR-07"),
    mutant(
        "the meta of errors has no version",
        refusal(UPLOAD_API, without("meta", "api-version")),
        "ERROR-08",
    ),
    mutant("the errors of an error are words", refusal(UPLOAD_API, _flat_errors), "ERROR-09"),
    # What is asked
    mutant(
        "meta may be left out",
        request(CREATE, filled_in("meta", {"api-version": "2.0"})),
        "SESSION-CREATE-02",
    ),
    mutant("any version may be asked for", request(CREATE, _any_version), "SESSION-CREATE-03"),
    mutant(
        "a session need not have a name",
        request(CREATE, filled_in("name", "somebody")),
        "SESSION-CREATE-05",
    ),
    mutant(
        "a session need not have a version",
        request(CREATE, filled_in("version", "0")),
        "SESSION-CREATE-08",
    ),
    mutant(
        "meta has a key of the index's own",
        success((CREATE, STATUS), key("meta", to=lambda meta: {**meta, "pypi": {"color": "green"}})),
        "SESSION-META-02",
    ),
    mutant("errors have no title", refusal(UPLOAD_API, without("title")), "ERROR-05", "ERROR-06"),
)
