"""The index in the words of OpenAPI 3.1: every route, what it takes, and what it answers.

The paths are those of `urls`, the schemas are made of the messages; a test holds that the routes of the application
are exactly these.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import msgspec

from hatch_staged import __version__
from hatch_staged.index import legacy, metrics, multipart, urls
from hatch_staged.index.negotiation import Format
from hatch_staged.protocol import messages, problems, simple

CONTENT_TYPE = "application/json"

#: Where `msgspec` looks for what a schema refers to.
_REFERENCE = "#/components/schemas/{name}"
_BYTES = "application/octet-stream"
_Schema = dict[str, Any]
_Content = dict[str, "type[msgspec.Struct] | _Schema"]

_TEXT: _Schema = {"type": "string"}
_BINARY: _Schema = {}  # OpenAPI 3.1: "the schema keyword can be omitted" for what is no text
_FORM: _Schema = {
    "type": "object",
    "properties": {
        ":action": {"const": "file_upload"},
        "protocol_version": {"const": "1"},
        "name": _TEXT,
        "version": _TEXT,
        "filetype": {"enum": list(legacy.FILE_TYPES.values())},
        **{digest: {"type": "string", "pattern": "^[0-9A-Fa-f]+$"} for digest in legacy.DIGESTS},
        "content": {"type": "string", "contentMediaType": _BYTES, "format": "binary"},
        "attestations": {"type": "string", "contentMediaType": CONTENT_TYPE},
    },
    "required": [":action", "protocol_version", "name", "version", "filetype", "content"],
}

_SESSION: _Content = {messages.CONTENT_TYPE: messages.Session}
_FILE: _Content = {messages.CONTENT_TYPE: messages.FileUploadSession}
_ACTION: _Content = {messages.CONTENT_TYPE: messages.Action}
_DOWNLOAD: _Content = {_BYTES: _BINARY}
_ATTESTATIONS: _Content = {CONTENT_TYPE: {"type": "array", "items": {"type": "object"}}}
_NOTHING: _Content = {}

#: a file, what belongs to it, a part of it, or nothing if the client has it already
_ANY_PART: dict[int, _Content] = {200: {**_DOWNLOAD, CONTENT_TYPE: {"type": "object"}}, 206: _DOWNLOAD, 304: _NOTHING}

_READING = (401, 403, 404)
_CHANGING = (401, 403, 404, 409)
#: what a body adds
_BODY = (400, 408, 413, 415)
#: what anything may end with
_ALWAYS = (500, 503)


def _pages(page: type[msgspec.Struct]) -> _Content:
    return {kind.value: page if kind is Format.JSON else _TEXT for kind in Format}


@dataclass(frozen=True)
class Operation:
    """A method of a path."""

    summary: str
    #: status code to what comes with it
    answers: dict[int, _Content]
    #: answered with problem details
    refused: tuple[int, ...] = ()
    takes: _Content | None = None
    #: whether it needs a token
    authorized: bool = False


def _authorized(summary: str, answers: dict[int, _Content], *refused: int, takes: _Content | None = None) -> Operation:
    body = () if takes is None else _BODY
    return Operation(summary, answers, (*refused, *body), takes, authorized=True)


_PROJECT = Operation(
    "List the published files of a project",
    {200: _pages(simple.ProjectPage), 301: _NOTHING, 304: _NOTHING},
    (404, 406),
)
_REDIRECT = Operation("Go to the same with a slash", {301: _NOTHING})

#: By path and method; where there is GET, there is HEAD.
OPERATIONS: dict[str, dict[str, Operation]] = {
    urls.UPLOAD: {
        "POST": _authorized(
            "Create a publishing session",
            {201: _SESSION},
            *(401, 403, 409),
            takes={messages.CONTENT_TYPE: messages.CreateSession},
        )
    },
    urls.SESSION: {
        "GET": _authorized("Return a publishing session", {200: _SESSION}, *_READING),
        "DELETE": _authorized("Cancel a publishing session", {200: _SESSION}, *_CHANGING),
    },
    urls.SESSION_FILES: {
        "POST": _authorized(
            "Create a file upload session",
            {202: _FILE},
            *(*_CHANGING, 422),
            takes={messages.CONTENT_TYPE: messages.CreateFile},
        )
    },
    urls.PUBLISH: {
        "POST": _authorized("Publish a session", {201: _SESSION, 202: _SESSION}, *_CHANGING, takes=_ACTION),
    },
    urls.EXTEND: {
        "POST": _authorized(
            "Extend a session", {200: _SESSION}, *_CHANGING, takes={messages.CONTENT_TYPE: messages.Extend}
        ),
    },
    urls.FILE: {
        "GET": _authorized("Return a file upload session", {200: _FILE}, *_READING),
        "DELETE": _authorized("Cancel or delete a file", {204: _NOTHING}, *_CHANGING),
    },
    urls.FILE_BYTES: {
        "POST": _authorized("Send the bytes of a file", {204: _NOTHING}, *_CHANGING, takes=_DOWNLOAD),
    },
    urls.FILE_ATTESTATIONS: {
        "POST": _authorized("Send the attestations of a file", {204: _NOTHING}, *_CHANGING, takes=_ATTESTATIONS),
    },
    urls.COMPLETE: {
        "POST": _authorized("Complete a file", {201: _FILE, 202: _FILE}, *_CHANGING, takes=_ACTION),
    },
    urls.LEGACY: {
        "POST": _authorized(
            "Publish one file (Upload 1.0)", {200: _NOTHING}, *(401, 403, 409), takes={multipart.CONTENT_TYPE: _FORM}
        ),
    },
    urls.SIMPLE: {"GET": Operation("List the projects", {200: _pages(simple.RootPage), 304: _NOTHING}, (406,))},
    urls.SIMPLE_PROJECT: {"GET": _PROJECT},
    urls.LEGACY_PROJECT: {"GET": _PROJECT},
    urls.PUBLISHED_FILE: {
        "GET": Operation("Download a published file, its metadata, or its provenance", _ANY_PART, (404, 416))
    },
    urls.STAGE: {
        "GET": Operation("List the project of a stage", {200: _pages(simple.RootPage)}, (404, 406)),
    },
    urls.STAGE_PROJECT: {
        "GET": Operation("List the files of a stage", {200: _pages(simple.ProjectPage), 301: _NOTHING}, (404, 406)),
    },
    urls.STAGED_FILE: {
        "GET": Operation("Download a file of a stage, its metadata, or its provenance", _ANY_PART, (404, 416))
    },
    **{
        path.rstrip("/"): {"GET": _REDIRECT}
        for path in (urls.SIMPLE, urls.SIMPLE_PROJECT, urls.STAGE, urls.STAGE_PROJECT)
    },
    urls.HOME: {"GET": Operation("Say what this is", {200: {"text/html": _TEXT}})},
    urls.HEALTH: {"GET": Operation("Say whether the database answers", {200: {CONTENT_TYPE: {"type": "object"}}})},
    urls.METRICS: {"GET": Operation("Show numbers to a monitor", {200: {metrics.CONTENT_TYPE: _TEXT}})},
    urls.OPENAPI: {"GET": Operation("Return this description", {200: {CONTENT_TYPE: {"type": "object"}}})},
}


def describe(base: str) -> bytes:
    """Return the description as JSON, of the index whose root has the URL `base` (without the last slash)."""
    structs = sorted(
        {kind for each in _operations() for kind in _structs(each)} | {problems.Problem},
        key=lambda kind: f"{kind.__module__}.{kind.__name__}",
    )
    schemas, components = msgspec.json.schema_components(structs, ref_template=_REFERENCE)
    schema_of = dict(zip(structs, schemas, strict=True))
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "hatch-staged index",
                "version": __version__,
                "description": "Upload 2.0 (PEP 694), Upload 1.0, and the simple repository API.",
            },
            "servers": [{"url": base}],
            "paths": {
                path: {
                    method.lower(): _operation(path, each, schema_of, body=method != "HEAD")
                    for method, each in _with_head(operations).items()
                }
                for path, operations in OPERATIONS.items()
            },
            "components": {
                "schemas": components,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "basic": {"type": "http", "scheme": "basic", "description": "The user is __token__."},
                },
            },
        }
    )


def _with_head(operations: dict[str, Operation]) -> dict[str, Operation]:
    return {**operations, "HEAD": operations["GET"]} if "GET" in operations else operations


def _operations() -> list[Operation]:
    return [each for operations in OPERATIONS.values() for each in operations.values()]


def _structs(operation: Operation) -> list[type[msgspec.Struct]]:
    contents = [*operation.answers.values(), operation.takes or {}]
    return [kind for content in contents for kind in content.values() if not isinstance(kind, dict)]


def _operation(
    path: str, operation: Operation, schema_of: dict[type[msgspec.Struct], _Schema], *, body: bool
) -> dict[str, Any]:
    def content(kinds: _Content) -> dict[str, Any]:
        described = {
            media_type: {"schema": kind if isinstance(kind, dict) else schema_of[kind]}
            for media_type, kind in kinds.items()
        }
        return {"content": described} if described and body else {}

    problem: _Content = {problems.CONTENT_TYPE: problems.Problem}
    answers = {**operation.answers, **dict.fromkeys(sorted({*operation.refused, *_ALWAYS}), problem)}
    parameters = [piece[1:-1] for piece in path.split("/") if piece.startswith("{")]
    return {
        "summary": operation.summary,
        **({"security": [{"bearer": []}, {"basic": []}]} if operation.authorized else {}),
        **({"parameters": [_parameter(name) for name in parameters]} if parameters else {}),
        **({"requestBody": {"required": True, **content(operation.takes)}} if operation.takes else {}),
        "responses": {
            str(code): {"description": HTTPStatus(code).phrase, **content(kinds)} for code, kinds in answers.items()
        },
    }


def _parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}
